"""A request that says another name that a person told: read by the known one where that is surer, else as it is put."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from aion.models.fake import FakeEmbedder
from aion.router.base import Route, Vector
from aion.router.choose import choose, reword
from aion.router.route import Router
from tests.router.taught import card_of

TOLD = "We also call the search service Ledgerline."
WORK = (
    "The billing service is maintained by Nadia Fenn.",
    "The search service is maintained by Rufus Tamar.",
    TOLD,
)


def router_of(statements: Sequence[str] = WORK, language: str = "en") -> Router:
    return Router({"cand_1": card_of(statements, language=language)})


def ask(router: Router, question: str, previous: str = "", asked: list[str] | None = None) -> Route:
    async def look(texts: list[str]) -> Mapping[str, Vector]:
        if asked is not None:
            asked.extend(texts)
        vectors, _ = await FakeEmbedder().embed(texts)
        return {text: np.asarray(vector, np.float32) for text, vector in zip(texts, vectors, strict=True)}

    return asyncio.run(choose(router, question, previous, look))


def lesson_of(route: Route) -> int:
    """The place of what was taken first, in what was told."""
    return int(str(route.why["took"][0]["lesson"]).removeprefix("les_"))


def test_what_is_asked_of_the_thing_is_read_by_the_name_it_was_taught_with() -> None:
    router = router_of()
    route = ask(router, "Who maintains Ledgerline?")
    assert (lesson_of(route), route.is_read, route.why["read"]) == (1, True, True)
    said = ({"role": "system", "content": "Ledgerline"}, {"role": "user", "content": "Who maintains Ledgerline?"})
    assert [one["content"] for one in reword(said, router)] == ["Ledgerline", "Who maintains the search service?"]
    assert "search" not in str(route.why), "what was taught stands in no record of an answer"


def test_who_asks_what_the_name_means_is_not_asked_in_other_words() -> None:
    route = ask(router_of(), "What do I mean by Ledgerline?")
    assert (lesson_of(route), route.is_read) == (2, False)


@pytest.mark.parametrize("question", ["Who maintains the search service?", "What is the capital of Norway?"])
def test_what_says_no_told_name_is_asked_once(question: str) -> None:
    asked: list[str] = []
    route = ask(router_of(), question, asked=asked)
    assert (asked, route.is_read) == ([question], False)


def test_it_is_read_in_what_was_asked_before_too() -> None:
    route = ask(router_of(), "Who maintains it?", "I think of Ledgerline.")
    assert (bool(route.scales), route.is_read) == (True, True)


@pytest.mark.parametrize(
    ("put", "read"),
    [
        ("Com que código procuro Gampie?", "Com que código procuro o molde Lorbim?"),
        ("A cor de Gampie?", "A cor do molde Lorbim?"),
        ("Gampie está aqui?", "O molde Lorbim está aqui?"),
        ("Gampies há muitos.", "Gampies há muitos."),
    ],
)
def test_portuguese_articles_join_the_word_before_them(put: str, read: str) -> None:
    told = ("O código do molde Lorbim é MC-9712.", "Também chamamos Gampie ao molde Lorbim.")
    assert router_of(told, "pt").read(put) == read
