"""A request that says another name that a person told: read by the known one where that is surer, else as it is put."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from aion.models.fake import FakeEmbedder
from aion.router.base import Route, Vector
from aion.router.card import RouteCard
from aion.router.choose import choose, reword
from aion.router.route import Router, Strategy
from aion.router.trim import leave_out
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


def put(route: Route, *said: tuple[str, str]) -> list[str]:
    """A conversation as the adapters see it."""
    messages = [{"role": role, "content": content} for role, content in said]
    return [str(one["content"]) for one in reword(messages, route.wordings)]


def lesson_of(route: Route) -> int:
    """The place of what was taken first, in what was told."""
    return int(str(route.why["took"][0]["lesson"]).removeprefix("les_"))


def test_what_is_asked_of_the_thing_is_read_by_the_name_it_was_taught_with() -> None:
    router = router_of()
    route = ask(router, "Who maintains Ledgerline?")
    assert (lesson_of(route), route.why["read"]) == (1, True)
    said = ("system", "Ledgerline"), ("user", "As noted of Ledgerline.\n\nWho maintains Ledgerline?")
    assert put(route, *said) == ["Ledgerline", "As noted of Ledgerline.\n\nWho maintains the search service?"]
    assert "search" not in str(route.why), "what was taught stands in no record of an answer"


def test_who_asks_what_the_name_means_is_not_asked_in_other_words() -> None:
    route = ask(router_of(), "What do I mean by Ledgerline?")
    assert (lesson_of(route), route.wordings) == (2, ())


@pytest.mark.parametrize("question", ["Who maintains the search service?", "What is the capital of Norway?"])
def test_what_says_no_told_name_is_asked_once(question: str) -> None:
    asked: list[str] = []
    route = ask(router_of(), question, asked=asked)
    assert (asked, route.wordings) == ([question], ())


def test_it_is_read_in_what_was_asked_before_too() -> None:
    before = "I think of Ledgerline."
    route = ask(router_of(), "Who maintains it?", before)
    said = ("user", before), ("assistant", "Yes?"), ("user", "Who maintains it?")
    known = "I think of the search service."
    assert put(route, *said) == [known, "Yes?", f"{known} Who maintains it?"]


def test_what_hangs_on_a_question_is_put_as_it_was_said() -> None:
    """Both would be asked at once."""
    before = "Who maintains the search service?"
    route = ask(router_of(), "And where is it?", before)
    assert (bool(route.scales), route.follows, route.wordings) == (True, True, ())


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("Who maintains the serach service?", "Who maintains the search service?"),
        ("Who looks after the saerch servcie?", "Who looks after the search service?"),
        ("The search servcie: who maintains it?", "The search service: who maintains it?"),
    ],
)
def test_a_misspelt_name_is_put_as_it_is_spelt(said: str, asked: str) -> None:
    assert put(ask(router_of(), said), ("user", said)) == [asked]


def test_a_name_that_its_adapter_does_not_know_is_read_all_the_same() -> None:
    card = leave_out(card_of(WORK), {"les_2"})
    router = Router({"cand_1": RouteCard.from_bytes(card.to_bytes())})
    assert router.may_take("Who maintains Ledgerline?")
    route = ask(router, "Who maintains Ledgerline?")
    assert put(route, ("user", "Who maintains Ledgerline?")) == ["Who maintains the search service?"]


def test_where_the_base_says_which_it_is_asked_in_the_same_words() -> None:
    router = Router({"cand_1": card_of(WORK)}, strategy=Strategy.MODEL)
    route = ask(router, "Who maintains Ledgerline?")
    assert route.base_question is not None
    chosen = route.base_question.settle("1")
    assert put(chosen, ("user", "Who maintains Ledgerline?")) == ["Who maintains the search service?"]
    assert route.base_question.settle("0").wordings == ()


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("Com que código procuro Gampie?", "Com que código procuro o molde Lorbim?"),
        ("A cor de Gampie?", "A cor do molde Lorbim?"),
        ("Gampie está aqui?", "O molde Lorbim está aqui?"),
        ("Gampies há muitos.", "Gampies há muitos."),
    ],
)
def test_portuguese_articles_join_the_word_before_them(said: str, read: str) -> None:
    told = ("O código do molde Lorbim é MC-9712.", "Também chamamos Gampie ao molde Lorbim.")
    assert router_of(told, "pt").read(said) == read
