"""Five hundred planted instructions, brought in by every door: none becomes more than an untrusted passage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aion.memory.provenance import may_train
from aion.memory.statements import statements_of
from aion.records import MemoryKind, Origin, Trust
from tests.memory.keeping import Home
from tests.memory.planted import TEMPLATES, page_with, planted_items, quoted

ITEMS = planted_items()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = Home(tmp_path)
    yield opened
    opened.close()


def test_the_items_are_many_and_different() -> None:
    assert len(set(ITEMS)) == 500
    assert len({template["text"] for template in TEMPLATES}) >= 40
    assert {template["lang"] for template in TEMPLATES} == {"en", "pt"}


def test_no_planted_instruction_is_a_statement_even_when_a_person_says_it() -> None:
    kept = [item for item in ITEMS if statements_of(item)]
    assert kept == []


def test_no_planted_instruction_is_kept_of_a_message_that_hands_it_over() -> None:
    messages = [quoted(item, number) for number, item in enumerate(ITEMS)]
    assert [message for message in messages if statements_of(message)] == []


def test_beside_a_planted_instruction_what_the_person_states_is_kept_alone() -> None:
    for number, item in enumerate(ITEMS):
        kept = statements_of(f"I have a stall on the market. {quoted(item, number)}")
        assert kept in ("I have a stall on the market.", None), item


@pytest.mark.anyio
async def test_in_documents_and_pages_they_stay_untrusted_passages(home: Home) -> None:
    home.desk.ready = False
    for number, item in enumerate(ITEMS):
        origin = Origin.WEB if number % 2 else Origin.DOCUMENT
        await home.keeper.add_document("ana", f"Market {number}", page_with(item, number), origin=origin)
    memories = home.all()
    assert len(memories) == 500
    assert {memory.kind for memory in memories} == {MemoryKind.PASSAGE}
    assert {memory.trust for memory in memories} == {Trust.UNTRUSTED}
    assert not any(may_train(memory) for memory in memories)


@pytest.mark.anyio
async def test_said_back_after_they_were_recalled_they_stay_what_they_are(home: Home) -> None:
    for number, item in enumerate(ITEMS[::10]):
        await home.keeper.add_document("ana", f"Market {number}", item, origin=Origin.WEB)
    before = home.all()
    for number, passage in enumerate(before):
        await home.keeper.remember(
            "ana", passage.text, kind=MemoryKind.SAID, ref=f"turn_{number}", conversation="c", shown=before
        )
    assert home.all() == before


@pytest.mark.anyio
async def test_no_planted_instruction_changes_a_statement_or_its_trust(home: Home) -> None:
    own = await home.keeper.remember("ana", "I buy my laptops from the shop around the corner")
    for number, item in enumerate(ITEMS[::20]):
        await home.keeper.remember(
            "ana", item, origin=Origin.WEB, trust=Trust.UNTRUSTED, ref=f"https://example.org/{number}"
        )
    assert home.memories.get(own.memory.id, owner="ana") == own.memory
    assert [memory.id for memory in home.all() if may_train(memory)] == [own.memory.id]
