"""The gate over the router that serves: cards of a night's examples, and choices over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from aion.gate.general import general_items
from aion.gate.routing import CardRouting
from aion.models.fake import FakeEmbedder
from aion.records import Json
from aion.router.card import RouteCard
from aion.router.route import Strategy
from tests.gate.classroom import FIRST, lessons_about, make_base, make_entrant

pytestmark = pytest.mark.anyio
ROOMS = lessons_about(FIRST, "theme_work")


async def test_a_card_leads_to_what_was_taught_and_leaves_general_questions(tmp_path: Path) -> None:
    entrant = make_entrant(tmp_path, make_base(tmp_path), ROOMS)
    routing = CardRouting(FakeEmbedder())
    card = await routing.make(entrant.candidate, entrant.examples(), b"")
    chooser = routing.open({"cand_new": card})
    assert await chooser.pick("Who maintains the billing room?", "") == {"cand_new": 1.0}
    picked = [await chooser.pick(one.question, "") for one in general_items()]
    assert not any(picked)


async def test_a_card_without_a_lesson_leads_nobody_to_it(tmp_path: Path) -> None:
    entrant = make_entrant(tmp_path, make_base(tmp_path), ROOMS)
    routing = CardRouting(FakeEmbedder())
    card = await routing.make(entrant.candidate, entrant.examples(), b"")
    chooser = routing.open({"cand_new": routing.leave_out(card, {ROOMS[0].id})})
    assert await chooser.pick("Who maintains the billing room?", "") == {}
    assert await chooser.pick("Who maintains the search room?", "") == {"cand_new": 1.0}


async def test_the_probe_is_kept_with_the_card(tmp_path: Path) -> None:
    entrant = make_entrant(tmp_path, make_base(tmp_path), ROOMS)
    routing = CardRouting(FakeEmbedder())
    card = await routing.make(entrant.candidate, entrant.examples(), b"")
    probed = RouteCard.from_bytes(routing.add_probe(card, {"taught": "Rufus."}))
    assert dict(probed.probe) == {"taught": "Rufus."}
    assert replace(probed, probe={}).to_bytes() == card


async def test_a_router_that_goes_by_the_bases_word_gets_it_once(tmp_path: Path) -> None:
    entrant = make_entrant(tmp_path, make_base(tmp_path), ROOMS)
    routing, told = CardRouting(FakeEmbedder(), Strategy.MODEL), []

    async def ask(messages: Sequence[Json]) -> str:
        told.append(messages)
        return "0"

    card = await routing.make(entrant.candidate, entrant.examples(), b"")
    asked = "Who maintains the billing room?"
    for _ in range(2):
        assert await routing.open({"cand_new": card}, ask=ask).pick(asked, "") == {}
        assert await routing.open({"cand_new": card}).pick(asked, "") == {"cand_new": 1.0}
    assert len(told) == 1


class Counting(FakeEmbedder):
    """Counts the texts it was given."""

    count = 0

    async def embed(self, texts):  # type: ignore[no-untyped-def]
        self.count += len(texts)
        return await super().embed(texts)


async def test_no_text_is_embedded_twice_and_none_is_too_long() -> None:
    embedder = Counting(context=4)
    routing = CardRouting(embedder)
    long = "one two three four five six seven eight"
    found = await routing.embed([long, "one two", ""])
    assert all(len(one) == embedder.card.dimensions for one in found.values())
    assert found[""].sum() == 0.0
    assert found[long].sum() != 0.0
    asked = embedder.count
    assert (await routing.embed([long]))[long] is found[long]
    assert embedder.count == asked


async def test_what_names_nothing_is_not_embedded_and_what_it_hangs_on_is(tmp_path: Path) -> None:
    entrant = make_entrant(tmp_path, make_base(tmp_path), ROOMS)
    embedder = Counting()
    routing = CardRouting(embedder)
    chooser = routing.open({"cand_new": await routing.make(entrant.candidate, entrant.examples(), b"")})
    asked, first = embedder.count, "Who maintains the billing room?"
    assert await chooser.pick("What is tea?", "") == {}
    assert embedder.count == asked
    assert await chooser.pick("And who maintains it now?", "What of the billing room?") == {"cand_new": 1.0}
    assert await chooser.pick(first, "") == {"cand_new": 1.0}
    assert embedder.count == asked + 3
