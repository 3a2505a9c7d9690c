"""Damage that is made on purpose is found and named, and is never served."""

from __future__ import annotations

import random
import shutil
import threading
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import apsw
import pytest

from aion.errors import AionError, Conflict, Corrupt
from aion.store import served_rows, statements
from aion.store.database import DATABASE
from aion.store.night_rows import proven
from aion.store.rows import to_json
from aion.store.sqlite import SqliteStore
from tests.store.examples import fill_folder, find_damage
from tests.store.memory_examples import EMBEDDER, fill_experience, put
from tests.store.served_examples import examine, make_promotion, make_verdict, put_candidate

SEED = 20261121
FLIPS = 60


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        (b'{"content":"answer 3"', b'{"content":"answer 8"', "message "),
        (b'{"content":"question 2"', b'{"content":"question 7"', "message "),
        (b'{"temperature":0.7}', b'{"temperature":0.9}', "turn "),
        (b"key_1", b"key_2", "audit entry "),
        (b"anauser", b"evauser", "key "),
    ],
)
def test_a_changed_value_is_found(tmp_path: Path, old: bytes, new: bytes, where: str) -> None:
    fill_folder(tmp_path)
    content = (tmp_path / DATABASE).read_bytes()
    assert old in content
    (tmp_path / DATABASE).write_bytes(content.replace(old, new, 1))
    [found] = find_damage(tmp_path)
    assert found.startswith(where)
    assert "it is not what was written" in found


@pytest.mark.parametrize(
    ("sql", "where"),
    [
        ("DELETE FROM messages WHERE parent IS NULL", "messages row"),
        ("DELETE FROM answers WHERE turn = (SELECT MAX(turn) FROM answers)", "turn turn_"),
        ("UPDATE messages SET likeness = x'00' WHERE parent IS NULL", "message "),
        ("UPDATE answers SET finish = 'length' WHERE turn = (SELECT MAX(turn) FROM answers)", "turn turn_"),
        ("DELETE FROM turns WHERE id = (SELECT MAX(id) FROM turns)", "answers row"),
        ("DROP INDEX turns_by_owner", "schema"),
        ("UPDATE turns SET error = CAST(x'ff' AS TEXT)", "database"),
    ],
)
def test_a_change_behind_the_stores_back_is_found(tmp_path: Path, sql: str, where: str) -> None:
    fill_folder(tmp_path)
    connection = apsw.Connection(str(tmp_path / DATABASE))
    connection.execute(sql)
    connection.close()
    assert any(found.startswith(where) for found in find_damage(tmp_path))


TAMPERINGS = {
    "turn_steps": ("steps = replace(steps, 'used', 'none')", "steps of turn "),
    "turn_inputs": ("ref = 'mem_other'", "steps of turn "),
    "memories text": ("text = replace(text, 'Gaivota', 'Saudade')", "memory "),
    "memories seq": ("seq = seq + 1", "words of memories"),
    "memories trust": ("embedder = ''", "memory "),
    "memory_sources trust": ("trust = 'approved'", "memory "),
    "memory_sources at": ("at = at + 1", "memory "),
    "memory_vectors": ("vector = x'0000000000000000'", "vector of memory "),
    "memory_vectors length": ("vector = x'000000'", "vector of memory "),
    "memory_versions": ("version = version - 1", "memories' version of "),
    "pins": ("at = at + 1", "pin of memory "),
    "documents": ("trust = 'approved'", "document "),
    "feedback": ("body = replace(body, '1.0', '0.9')", "feedback "),
    "superseded": ("feedback = later", "feedback "),
    "unlearned": ("owner = 'eva'", "unlearned "),
    "experiences": ("priority = priority + 1", "experience of turn "),
    "experiences body": ("body = replace(body, '0.5', '0.6')", "experience of turn "),
    "clusters": ("body = replace(body, 'boats', 'boots')", "cluster "),
    "places": ("vector = x'0000000000000000'", "place of turn "),
    "calibrations": ("at = at + 1", "calibration "),
    "samples": ("body = replace(body, '12.5', '92.5')", "sample "),
    "themes": ("body = replace(body, 'Boats', 'Boots')", "theme "),
    "lessons": ("moved = 1", "the place of lesson "),
    "quarantine": ("body = replace(body, 'step 3', 'step 4')", "quarantine of lesson "),
    "nights": ("body = replace(body, 'done', 'failed')", "state of night"),
    "candidates": ("created = created + 1", "candidate "),
    "candidate_lessons": ("lesson = 'lesson_other'", "candidate "),
    "candidate_sources": ("ref = 'turn_other'", "candidate "),
    "verdicts": ("body = replace(body, '0.875', '0.975')", "verdict, number 1"),
    "promotions": ("body = replace(body, 'it passed', 'it is so')", "promotion, number 1"),
    "suite": ("body = replace(body, 'Gaivota', 'Saudade')", "question of a person's own, item_1"),
    "titles": ("title = 'Boots'", "name of conversation, number 1"),
    "memory_words_docsize": ("sz = x'07'", "words of memories"),
    "memory_words_config": ("v = 0 WHERE k = 'secure-delete'", "words of memories"),
    "memory_words_data": ("block = replace(block, 'boat', 'boot') WHERE instr(block, 'boat')", "words of memories"),
    "memory_words_data totals": ("block = x'0707' WHERE id = 1", "words of memories"),
    "sqlite_sequence": ("seq = 0", "words of memories"),
}


@pytest.mark.parametrize("case", TAMPERINGS)
def test_a_row_of_what_is_remembered_that_was_changed_is_found(tmp_path: Path, case: str) -> None:
    change, where = TAMPERINGS[case]
    with closing(SqliteStore(tmp_path)) as store:
        fill_experience(store)
    assert find_damage(tmp_path) == []
    connection = apsw.Connection(str(tmp_path / DATABASE))
    connection.execute(f"UPDATE {case.split(maxsplit=1)[0]} SET {change}")
    assert connection.changes() > 0
    connection.close()
    assert any(found.startswith(where) for found in find_damage(tmp_path)), find_damage(tmp_path)


@pytest.mark.parametrize(
    ("sql", "where"),
    [
        ("DELETE FROM turn_inputs", "steps of turn "),
        ("DELETE FROM turn_steps", "steps of turn "),
        ("DELETE FROM superseded", "feedback "),
        ("DELETE FROM clusters", "place of turn "),
        ("DELETE FROM memory_sources", "memory "),
        ("DELETE FROM memory_vectors", "memory "),
        ("DELETE FROM memory_words_docsize", "words of memories"),
        ("UPDATE memories SET id = 'mem_other'", "pin of memory "),
        ("INSERT INTO memory_words (rowid, terms) VALUES (99, 'deadbeefboat')", "words of memories"),
        ("INSERT INTO memory_vectors VALUES (99, x'00000000', x'00')", "memory_vectors row 99"),
        ("DELETE FROM memories", "memory_sources row"),
    ],
)
def test_what_belongs_together_and_does_not_agree_is_found(tmp_path: Path, sql: str, where: str) -> None:
    with closing(SqliteStore(tmp_path)) as store:
        fill_experience(store)
    connection = apsw.Connection(str(tmp_path / DATABASE))
    connection.execute(sql)
    connection.close()
    assert any(found.startswith(where) for found in find_damage(tmp_path)), find_damage(tmp_path)


def write_promotion(store: SqliteStore, connection: apsw.Connection, *adapters: str, **changes: Any) -> None:
    """Behind the store's back, with a digest that fits; it follows the newest unless told otherwise."""
    newest = store.served.promotion(owner="ana")
    told = make_promotion(*adapters, **{"follows": newest.id if newest else "", **changes})
    connection.execute(statements.INSERT_PROMOTION, served_rows.encode_promotion(told))


def test_a_promotion_of_what_may_not_be_served_is_found(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path)) as store, closing(apsw.Connection(str(tmp_path / DATABASE))) as connection:
        examine(store, "good")
        examine(store, "hers", owner="eva")
        bad = put_candidate(store, "bad")
        store.served.add_verdict(make_verdict(bad, ship=False)).result()
        put_candidate(store, "new")
        write_promotion(store, connection, "cand_good")
        assert list(store.verify()) == []
        for number, name in enumerate(("cand_bad", "cand_new", "cand_hers", "cand_nobody")):
            which = {"trial": (name,)} if number % 2 else {"adapters": (name,)}
            write_promotion(store, connection, **which)
        write_promotion(store, connection, "cand_good", follows="promotion_other")
        found = [finding.where for finding in store.verify()]
    assert found == [f"promotion, number {number}" for number in range(2, 7)]


def test_a_retired_adapter_that_is_still_served_is_found(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path)) as store, closing(apsw.Connection(str(tmp_path / DATABASE))) as connection:
        made = examine(store, "good")
        write_promotion(store, connection, made.id)
        store.served.retire([made.id], reason="", actor="ana", at=1.0).result()
        assert list(store.verify()) == []
        write_promotion(store, connection, made.id)
        assert [finding.where for finding in store.verify()] == ["promotion, number 3"]


def test_a_verdict_about_something_else_than_its_candidate_is_found_and_lets_nothing_through(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path)) as store, closing(apsw.Connection(str(tmp_path / DATABASE))) as connection:
        verdict = make_verdict(put_candidate(store, "good"), adapter="9" * 64)
        connection.execute(statements.INSERT_VERDICT, served_rows.encode_verdict(verdict))
        with pytest.raises(Conflict, match="has not been examined"):
            store.served.append_promotion(make_promotion(verdict.candidate)).result()
        assert [finding.where for finding in store.verify()] == ["verdict, number 1"]


def test_a_verdict_that_calls_unlearned_what_was_never_taught_is_found(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path)) as store, closing(apsw.Connection(str(tmp_path / DATABASE))) as connection:
        verdict = make_verdict(put_candidate(store, "good"), unlearned=("lesson_other",))
        connection.execute(statements.INSERT_VERDICT, served_rows.encode_verdict(verdict))
        assert [finding.where for finding in store.verify()] == ["verdict, number 1"]


def test_a_verdict_from_before_it_said_what_is_unlearned_is_read(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path)) as store, closing(apsw.Connection(str(tmp_path / DATABASE))) as connection:
        verdict = make_verdict(put_candidate(store, "good"))
        told = {name: value for name, value in asdict(verdict).items() if name != "unlearned"}
        row = proven(verdict.id, verdict.owner, verdict.candidate, verdict.night, to_json(told))
        connection.execute(statements.INSERT_VERDICT, row)
        assert store.served.verdict(verdict.candidate, owner="ana") == verdict
        assert store.nights.learned(owner="ana") == {"lesson_good"}
        assert list(store.verify()) == []


def test_a_damaged_memory_or_vector_is_never_served(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path)) as store:
        memory = put(store)
    connection = apsw.Connection(str(tmp_path / DATABASE))
    connection.execute("UPDATE memories SET text = replace(text, 'boat', 'boot')")
    connection.execute("UPDATE memory_vectors SET vector = x'0000000000000000'")
    connection.close()
    with closing(SqliteStore(tmp_path)) as store:
        with pytest.raises(Corrupt, match="aion restore"):
            store.memories.fetch([memory.seq], owner="ana")
        with pytest.raises(Corrupt, match="aion restore"):
            store.memories.vectors([memory.seq], owner="ana", embedder=EMBEDDER)


def test_a_proof_beside_a_writer_finds_nothing_wrong(tmp_path: Path) -> None:
    """Rows that are replaced and removed between two reads of the proof are not damage."""
    with closing(SqliteStore(tmp_path)) as store:
        stop = threading.Event()
        writer = threading.Thread(target=replace_and_forget, args=(store, stop))
        writer.start()
        found = [finding for _ in range(15) for finding in store.verify()]
        stop.set()
        writer.join()
    assert found == []


def replace_and_forget(store: SqliteStore, stop: threading.Event) -> None:
    while not stop.is_set():
        fill_experience(store)
        for memory in store.memories.listed(owner="ana", limit=3):
            put(store, memory)
        store.forget_conversation("conv_1", owner="ana").result()


def test_a_damaged_message_is_never_served(tmp_path: Path) -> None:
    fill_folder(tmp_path)
    content = (tmp_path / DATABASE).read_bytes()
    (tmp_path / DATABASE).write_bytes(content.replace(b'"answer 3"', b'"answer 8"'))
    store = SqliteStore(tmp_path)
    with pytest.raises(Corrupt, match="aion restore"):
        store.turns(owner="ana")
    assert len(store.turns(owner="ana", limit=3)) == 3
    store.close()


def test_a_damaged_blob_is_found(tmp_path: Path) -> None:
    fill_folder(tmp_path)
    store = SqliteStore(tmp_path)
    name = store.blobs.put(b"hello")
    store.blobs.path(name).write_bytes(b"hellp")
    assert [finding.where for finding in store.verify()] == [f"blob {name}"]
    store.close()


def test_any_flipped_byte_is_found_or_changes_nothing_that_is_kept(tmp_path: Path) -> None:
    fill_folder(tmp_path / "good", count=20)
    with closing(SqliteStore(tmp_path / "good")) as store:
        for _ in range(30):
            fill_experience(store)
    whole = read_all(tmp_path / "good")
    content = (tmp_path / "good" / DATABASE).read_bytes()
    chance = random.Random(SEED)
    found = 0
    for place in chance.sample(range(len(content)), FLIPS):
        data = tmp_path / "flipped"
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir()
        flipped = bytes([content[place] ^ (1 << chance.randrange(8))])
        (data / DATABASE).write_bytes(content[:place] + flipped + content[place + 1 :])
        damaged = has_damage(data)
        found += damaged
        assert damaged or read_all(data) == whole, f"byte {place} of seed {SEED}"
    assert found > FLIPS // 4, "the flips hit nothing but free space"


def has_damage(data: Path) -> bool:
    try:
        return find_damage(data) != []
    except AionError:
        return True


def read_all(data: Path) -> object:
    with closing(SqliteStore(data)) as store:
        memories, experience = store.memories, store.experience
        return (
            (store.turns(owner=None, limit=1000), store.keys(), store.audit(limit=1000)),
            (memories.listed(owner=None, limit=1000), memories.documents(owner=None, limit=1000)),
            (memories.embedded(owner="ana", embedder=EMBEDDER), memories.search(["boat"], owner="ana", limit=1000)),
            (experience.feedback(owner=None), experience.experiences(owner=None, limit=1000)),
            (experience.clusters(owner="ana"), experience.calibration(owner="ana")),
            experience.samples(since=0.0, until=9.0),
        )
