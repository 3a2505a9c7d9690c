"""From anything that was said, noted or read to the adapters that learned from it."""

from __future__ import annotations

from pathlib import Path

from aion.gate.lineage import find_learners
from aion.store.sqlite import SqliteStore
from tests.store.examples import make_turn
from tests.store.memory_examples import make_feedback
from tests.store.served_examples import put_candidate


def test_adapters_are_found_by_turn_feedback_memory_document_and_conversation(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    store.append_turn(make_turn(id="turn_1", conversation="conv_1")).result()
    edit = store.experience.add_feedback(make_feedback("turn_1")).result()
    old = put_candidate(store, "old", sources=("turn_1", "mem_1"), created=10.0)
    new = put_candidate(store, "new", night="night_2", sources=(edit.id, "doc_1"), created=20.0)

    def learners(ref: str, owner: str = "ana") -> list[str]:
        return [one.id for one in find_learners(store, ref, owner=owner)]

    assert learners("conv_1") == [new.id, old.id]
    assert (learners("turn_1"), learners("mem_1")) == ([old.id], [old.id])
    assert (learners(edit.id), learners("doc_1")) == ([new.id], [new.id])
    assert learners("conv_2") == learners("conv_1", owner="bob") == []
    store.close()
