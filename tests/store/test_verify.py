"""Damage that is made on purpose is found and named, and is never served."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import apsw
import pytest

from aion.errors import AionError, Corrupt
from aion.store.database import DATABASE
from aion.store.sqlite import SqliteStore
from tests.store.examples import fill_folder, find_damage

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
    assert find_damage(tmp_path)[0].startswith(where)


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
    fill_folder(tmp_path / "good", count=100)
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
    assert found > FLIPS // 6, "the flips hit nothing but free space"


def has_damage(data: Path) -> bool:
    try:
        return find_damage(data) != []
    except AionError:
        return True


def read_all(data: Path) -> object:
    store = SqliteStore(data)
    everything = (store.turns(owner=None, limit=1000), store.keys(), store.audit(limit=1000))
    store.close()
    return everything
