"""What is forgotten is in none of the store's files, not even as bytes that no row uses any more."""

from __future__ import annotations

import random
import time
from pathlib import Path

import apsw
import pytest
import structlog

from aion.records import Answer, Entity
from aion.store import writer
from aion.store.database import DATABASE
from aion.store.sqlite import SqliteStore
from tests.store.examples import make_turn
from tests.store.memory_examples import (
    make_cluster,
    make_document,
    make_experience,
    make_feedback,
    make_memory,
    make_source,
    put,
)

CANARY = "zqxjkvwy"
WORDS = ("boat", "harbour", "rope", "anchor", "sail", "mast", "keel", "tide", "gull", "storm", "lamp", "net")


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path)


def add_all(store: SqliteStore, conversation: str, document: str, secret: str, chance: random.Random) -> None:
    """A turn, its memory, feedback and experience, and a passage; `secret` stands wherever a person's words do."""
    words = " ".join(chance.choices(WORDS, k=chance.randrange(5, 60)))
    said = {"role": "assistant", "content": f"{secret} {words}"}
    turn = make_turn(
        conversation=conversation,
        messages=({"role": "user", "content": f"{words} {secret} {chance.random()}"},),
        answers=(Answer(message=said, finish="stop"),),
        params={"stop": secret},
        steps={"context": {"summary": f"{words} {secret}"}},
    )
    store.append_turn(turn).result()
    store.experience.add_feedback(make_feedback(turn.id, text=f"{secret} {words}")).result()
    entity = Entity(text=secret, key=secret, kind="name", weight=1.0)
    theme = f"cluster-{conversation}"
    store.experience.put_experience(make_experience(turn.id, theme=theme, entities=(entity,), reason=words)).result()
    store.experience.put_cluster(make_cluster(id=theme, name=secret)).result()
    source = make_source(ref=turn.id, conversation=conversation, text="")
    terms = f"{words} {secret}{chance.randrange(3)} {secret}"
    put(store, text=f"{words} {secret}", entities=(secret,), sources=(source,), terms=terms)
    store.name_conversation(conversation, f"about {secret}", owner="ana").result()
    title = make_document(id=document, title=secret)
    store.memories.put_document(title).result()
    passage = make_source(ref=document, conversation="", text="")
    put(store, text=f"{secret} {words}", document=document, place=secret, sources=(passage,), terms=terms)


def bytes_of(data: Path) -> bytes:
    return (data / DATABASE).read_bytes() + (data / f"{DATABASE}-wal").read_bytes()


def test_a_forgotten_word_is_in_no_byte_of_the_files(store: SqliteStore, tmp_path: Path) -> None:
    chance = random.Random(20261121)
    for number in range(150):
        secret, name = (CANARY, "secret") if number % 7 == 3 else (f"plain{number}", f"{number % 11}")
        add_all(store, f"conv_{name}", f"doc_{name}", secret, chance)
    assert CANARY.encode() in bytes_of(tmp_path)
    for name in ("1", "secret", "4"):
        store.forget_conversation(f"conv_{name}", owner="ana").result()
        store.memories.remove_document(f"doc_{name}", owner="ana").result()
    assert CANARY.encode() not in bytes_of(tmp_path)
    assert (tmp_path / f"{DATABASE}-wal").stat().st_size == 0
    assert list(store.verify()) == []
    assert len(store.turns(owner="ana", limit=1000)) > 50
    store.close()


def test_what_rows_left_when_they_were_moved_is_overwritten_and_does_not_come_back(
    store: SqliteStore, tmp_path: Path
) -> None:
    """Long before the word is forgotten, its row is moved: the copy that stays behind lies between other rows."""
    chance = random.Random(20261121)
    for number in range(200):
        secret, name = (CANARY, "secret") if number % 3 == 1 else (f"plain{number}", f"{number}")
        add_all(store, f"conv_{name}", f"doc_{name}", secret, chance)
    store.memories.remove_document("doc_secret", owner="ana").result()
    for number in range(0, 200, 3):
        store.forget_conversation(f"conv_{number}", owner="ana").result()
    store.forget_conversation("conv_secret", owner="ana").result()
    assert CANARY.encode() not in bytes_of(tmp_path)
    for memory in store.memories.listed(owner="ana", limit=1000)[::2]:
        put(store, memory)
    assert CANARY.encode() not in bytes_of(tmp_path)
    assert list(store.verify()) == []
    store.close()


@pytest.mark.parametrize("how", ["removed", "edited", "reworded"])
def test_a_word_of_one_memory_goes_with_it(store: SqliteStore, tmp_path: Path, how: str) -> None:
    chance = random.Random(7)
    for number in range(200):
        put(store, text=f"plain {number}", terms=" ".join(chance.sample(WORDS, 5)))
    other = make_source(ref="turn_2", conversation="conv_2", text="in other words")
    memory = make_memory(text=f"the word is {CANARY}", entities=(CANARY,), sources=(make_source(), other))
    put(store, memory, terms=f"{CANARY} boat")
    put(store, make_memory(id="mem_last", sources=(make_source(conversation="conv_3"),)))
    if how == "removed":
        store.memories.remove([memory.id], owner="ana").result()
    elif how == "edited":
        put(store, make_memory(id=memory.id, text="nothing", entities=()), terms="nothing")
        store.memories.remove(["mem_last"], owner="ana").result()
    else:
        store.forget_conversation("conv_1", owner="ana").result()
    assert CANARY.encode() not in bytes_of(tmp_path)
    assert list(store.verify()) == []
    store.close()


def test_a_log_that_a_long_read_holds_is_emptied_once_it_ends(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "ERASE_AGAIN_SECONDS", 0.01)
    assert store._writer is not None
    store._writer._connection.set_busy_timeout(10)
    memory = put(store, text=CANARY, terms=CANARY)
    reader = apsw.Connection(str(tmp_path / DATABASE))
    reader.execute("BEGIN")
    reader.execute("SELECT COUNT(*) FROM memories").fetchall()
    with structlog.testing.capture_logs() as logs:
        assert store.memories.remove([memory.id], owner="ana").result(10).memories == (memory.id,)
    assert [entry["event"] for entry in logs] == ["store.log_not_emptied"]
    assert store.memories.get(memory.id, owner=None) is None
    assert CANARY.encode() in bytes_of(tmp_path)
    reader.close()
    _wait_until_empty(tmp_path / f"{DATABASE}-wal")
    assert CANARY.encode() not in bytes_of(tmp_path)
    store.close()


def _wait_until_empty(log: Path) -> None:
    deadline = time.monotonic() + 10
    while log.stat().st_size:
        assert time.monotonic() < deadline, "the log was not emptied"
        time.sleep(0.01)
