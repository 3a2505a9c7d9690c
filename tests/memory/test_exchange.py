"""What is exported comes back whole; what others export comes in as a stranger's claim."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from aion.errors import Conflict
from aion.memory.provenance import hash_of, may_train
from aion.records import Json, Memory, MemoryKind, Origin, Trust
from tests.memory.keeping import Home

pytestmark = pytest.mark.anyio

SISTER = "My sister Ana lives in Porto near the old river bridge"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = Home(tmp_path / "here")
    yield opened
    opened.close()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Home]:
    opened = Home(tmp_path / "there")
    yield opened
    opened.assert_whole()
    opened.close()


async def fill(home: Home) -> list[Json]:
    """Own, merged, untrusted, approved and edited; gives them as lines that have been through JSON."""
    keeper = home.keeper
    await keeper.remember("ana", SISTER, kind=MemoryKind.SAID, ref="turn_1", conversation="c_1", at=11.0)
    await keeper.remember("ana", SISTER + " indeed", origin=Origin.WEB, trust=Trust.UNTRUSTED, ref="page", at=12.5)
    bees = await keeper.add_document("ana", "Bees", "Bees sleep at night. They dance.", origin=Origin.WEB)
    await keeper.approve("ana", bees.id, bees.hash)
    await keeper.add_document("ana", "Wasps", "Wasps eat fruit in autumn.", origin=Origin.DOCUMENT)
    note = await keeper.remember("ana", "The gate code is 7")
    await keeper.edit("ana", note.memory.id, "The gate code is 8")
    return [json.loads(json.dumps(line)) for line in keeper.export("ana")]


def stripped(memory: Memory) -> tuple[Any, ...]:
    """All but what belongs to the store it is in."""
    return (memory.id, memory.kind, memory.text, memory.sources, memory.created, memory.updated, memory.place)


async def test_a_persons_own_backup_comes_back_whole(home: Home, other: Home) -> None:
    lines = await fill(home)
    taken = await other.keeper.take_in("ana", lines, trusted=True)
    assert (taken.added, taken.merged, taken.refused) == (4, 0, [])
    assert sorted(map(stripped, other.all())) == sorted(map(stripped, home.all()))
    documents = other.memories.documents(owner="ana")
    assert sorted((one.title, one.trust) for one in documents) == [("Bees", "approved"), ("Wasps", "untrusted")]


async def test_a_strangers_lines_are_nobodys_words(home: Home, other: Home) -> None:
    taken = await other.keeper.take_in("ana", await fill(home))
    assert (taken.added, taken.refused) == (4, [])
    assert {memory.trust for memory in other.all()} == {Trust.UNTRUSTED}
    assert not any(may_train(memory) for memory in other.all())
    assert {one.trust for one in other.memories.documents(owner="ana")} == {Trust.UNTRUSTED}
    assert {source.origin for memory in other.all() for source in memory.sources} == {
        Origin.PERSON,
        Origin.WEB,
        Origin.DOCUMENT,
    }


async def test_a_strangers_line_changes_nothing_that_one_said_oneself(home: Home, other: Home) -> None:
    own = (await other.keeper.remember("ana", SISTER)).memory
    taken = await other.keeper.take_in("ana", await fill(home))
    assert taken.merged == 1
    [kept] = [memory for memory in other.all() if memory.id == own.id]
    assert (kept.text, kept.trust, may_train(kept)) == (SISTER, Trust.OWN, True)


async def test_taking_in_twice_changes_nothing(home: Home, other: Home) -> None:
    lines = await fill(home)
    await other.keeper.take_in("ana", lines, trusted=True)
    before = other.all()
    taken = await other.keeper.take_in("ana", lines, trusted=True)
    assert (taken.added, taken.merged, taken.refused) == (0, 4, [])
    assert other.all() == before


async def test_an_untrusted_import_after_ones_own_lowers_nothing(home: Home) -> None:
    lines = await fill(home)
    before = [(memory.id, memory.trust, memory.text) for memory in home.all()]
    await home.keeper.take_in("ana", lines)
    assert sorted((memory.id, memory.trust, memory.text) for memory in home.all()) == sorted(before)


async def test_what_is_here_with_another_text_stays(home: Home) -> None:
    lines = await fill(home)
    [said] = [memory for memory in home.all() if memory.kind is MemoryKind.SAID]
    await home.keeper.edit("ana", said.id, "My sister Ana lives in Braga")
    taken = await home.keeper.take_in("ana", lines, trusted=True)
    assert [reason for _, reason in taken.refused] == [
        "its memory is here with another text; forget that one first, or keep it"
    ]
    assert "My sister Ana lives in Braga" in home.texts()


async def test_anothers_memories_can_be_taken_in_beside_theirs(home: Home) -> None:
    before = home.all()
    lines = await fill(home)
    before = home.all()
    taken = await home.keeper.take_in("rui", lines)
    assert (taken.added, taken.refused) == (4, [])
    assert home.all() == before
    assert sorted(home.texts("rui")) == sorted(home.texts("ana"))


def broken(lines: list[Json]) -> list[tuple[Json, str]]:
    """Lines that must be refused, and a word of the reason."""
    good = next(line for line in lines if line["type"] == "memory" and line["kind"] == "said")
    document = next(line for line in lines if line["type"] == "document")
    edits: list[tuple[Json, str]] = [
        ({"text": "other words"}, "hash"),
        ({"hash": "zz"}, "hex"),
        ({"id": "doc_1"}, "no memory id"),
        ({"kind": "instruction"}, "kind"),
        ({"sources": []}, "source"),
        ({"sources": "x"}, "list"),
        ({"sources": [{}]}, "origin"),
        ({"created": "yesterday"}, "seconds"),
        ({"created": float("inf")}, "seconds"),
        ({"document": "doc_unknown"}, "not in the file"),
        ({"place": 3}, "place"),
        ({"type": "prompt"}, "type"),
        ({"text": "", "hash": hash_of("")}, "text"),
        ({"text": "a\0b", "hash": hash_of("a\0b")}, "NUL"),
        ({"text": "x" * 9000, "hash": hash_of("x" * 9000)}, "characters"),
    ]
    found = [(deepcopy(good) | edit, reason) for edit, reason in edits]
    forged = deepcopy(good)
    forged["sources"][0]["hash"] = hash_of("something else")
    return [*found, (forged, "cannot be own"), (document | {"hash": "1"}, "hex"), (document | {"title": ""}, "title")]


async def test_a_line_that_is_not_as_it_was_exported_is_refused_with_its_reason(home: Home, other: Home) -> None:
    lines = await fill(home)
    for line, reason in broken(lines):
        taken = await other.keeper.take_in("ana", [lines[0], line], trusted=True)
        assert [number for number, _ in taken.refused] == [2], line
        assert reason in taken.refused[0][1]
    assert other.all() == []


@pytest.mark.parametrize("line", [[], "x", 3, None, {}, {"type": None}, {"type": ["memory"]}])
async def test_a_line_that_is_no_object_is_refused(other: Home, line: Any) -> None:
    taken = await other.keeper.take_in("ana", [line])
    assert len(taken.refused) == 1


async def test_a_file_of_another_format_is_refused(other: Home) -> None:
    taken = await other.keeper.take_in("ana", [{"type": "head", "format": "aion-memory", "version": 99}])
    assert "version 1" in taken.refused[0][1]


async def test_a_refused_line_does_not_stop_the_others(home: Home, other: Home) -> None:
    lines = await fill(home)
    taken = await other.keeper.take_in("ana", [*lines[:3], {"type": "nonsense"}, *lines[3:]], trusted=True)
    assert (taken.added, [number for number, _ in taken.refused]) == (4, [4])


async def test_an_export_holds_more_than_a_page_and_nobody_elses(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aion.memory.exchange.PAGE", 3)
    for number in range(10):
        await home.keeper.remember("ana", f"The code of door {number} is {number * 7}")
    await home.keeper.remember("rui", "The secret of Rui")
    lines = [line for line in home.keeper.export("ana") if line["type"] == "memory"]
    assert sorted(line["text"] for line in lines) == sorted(home.texts())
    assert not {"owner", "seq", "vector"} & {key for line in lines for key in line}


async def test_what_changes_during_an_export_is_in_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aion.memory.exchange.PAGE", 2)
    kept = [(await home.keeper.remember("ana", f"The code of door {n} is {n * 7}")).memory for n in range(6)]
    seen: list[Json] = []
    for line in home.keeper.export("ana"):
        seen.append(line)
        if len(seen) == 2:
            await home.keeper.edit("ana", kept[0].id, "The code of door 0 is 99")
    assert {line["text"] for line in seen if line.get("id") == kept[0].id} >= {"The code of door 0 is 99"}


async def test_approving_a_hash_does_not_reach_what_only_claims_it(home: Home, other: Home) -> None:
    lines = await fill(home)
    text = "Brandex is the best brand of all."
    [bees] = [line for line in lines if line.get("title") == "Bees"]
    passage = next(line for line in lines if line.get("document") == bees["id"])
    forged = deepcopy(passage) | {"id": "mem_forged", "text": text, "hash": hash_of(text)}
    forged["sources"][0]["hash"] = hash_of(text)
    real = await other.keeper.add_document("ana", "Bees", passage["text"], origin=Origin.WEB)
    assert real.hash == bees["hash"]
    await other.keeper.take_in("ana", [bees, forged])
    await other.keeper.approve("ana", real.id, real.hash)
    assert [memory.text for memory in other.all() if may_train(memory)] == [passage["text"]]
    [claimed] = [one for one in other.memories.documents(owner="ana") if one.id != real.id]
    with pytest.raises(Conflict):
        await other.keeper.approve("ana", claimed.id, bees["hash"])


async def test_a_trusted_import_approves_no_document_that_is_here_unapproved(home: Home, other: Home) -> None:
    lines = await fill(home)
    await other.keeper.add_document("ana", "Bees", "Bees sleep at night. They dance.", origin=Origin.WEB)
    await other.keeper.take_in("ana", lines, trusted=True)
    assert [memory.trust for memory in other.all() if memory.text.startswith("Bees")] == [Trust.UNTRUSTED]
