"""What the file may look like at start: each way it can be wrong, and migrations killed at each statement."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from aion.errors import AionError, BadConfig, Conflict, Corrupt, StorageFailed
from aion.store import night_rows, rows, schema, statements
from aion.store.database import DATABASE, applied, fetch, open_reader, open_writer
from aion.store.schema import MIGRATIONS
from aion.store.sqlite import SqliteStore
from tests.store.children import NEXT, start
from tests.store.examples import fill_folder, find_damage, make_turn
from tests.store.night_examples import make_candidate, make_theme

# The SHA-256 of each released migration: one that is edited would leave older databases behind for ever.
RELEASED = ("ad4180ee9028d24f926bf6f97cff75de059308f26839fa7e58fcaaf8a6f39fb3",)


def change(sql: str) -> Callable[[Path], None]:
    """A database of AION's that was changed behind its back."""

    def make(path: Path) -> None:
        fill_folder(path.parent)
        connection = apsw.Connection(str(path))
        connection.execute(sql)
        connection.close()

    return make


def other_program(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE bookmarks (url)")
    connection.close()


def log_alone(path: Path) -> None:
    path.with_name(DATABASE + "-wal").write_bytes(b"x" * 4096)


BAD_FILES: dict[str, tuple[Callable[[Path], object], type[AionError], str]] = {
    "empty": (Path.touch, Corrupt, "aion restore"),
    "text": (lambda path: path.write_text("Dear diary, " * 500), Corrupt, "not an SQLite database.*aion restore"),
    "ten bytes": (lambda path: path.write_bytes(b"SQLite for"), Corrupt, "aion restore"),
    "folder": (Path.mkdir, BadConfig, "must be a file"),
    "another program's": (other_program, BadConfig, "another program"),
    "newer": (
        change("INSERT INTO migrations VALUES (99, 'later', 0)"),
        BadConfig,
        "schema 99, newer .* install the AION",
    ),
    "no migrations": (change("DELETE FROM migrations"), Corrupt, "aion restore"),
    "another list": (change("UPDATE migrations SET name = 'x'"), Corrupt, "aion restore"),
}


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("case", BAD_FILES)
def test_a_file_that_cannot_be_used_is_refused_and_left_as_it_is(tmp_path: Path, case: str, read_only: bool) -> None:
    make, kind, message = BAD_FILES[case]
    path = tmp_path / DATABASE
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(kind, match=message):
        SqliteStore(tmp_path, read_only=read_only)
    assert before is None or path.read_bytes() == before


def test_a_log_without_its_database_is_not_replayed_into_a_new_one(tmp_path: Path) -> None:
    log_alone(tmp_path / DATABASE)
    with pytest.raises(Corrupt, match="aion restore"):
        SqliteStore(tmp_path)
    assert not (tmp_path / DATABASE).exists()


def test_a_file_cut_in_half_is_found(tmp_path: Path) -> None:
    fill_folder(tmp_path, count=50)
    size = (tmp_path / DATABASE).stat().st_size
    os.truncate(tmp_path / DATABASE, size // 2)
    assert "aion restore" in find_damage(tmp_path)[0]


def test_a_file_that_may_not_be_written_is_refused() -> None:
    with tempfile.TemporaryDirectory() as name:
        data = Path(name)
        fill_folder(data)
        data.chmod(0o755)
        (data / DATABASE).chmod(0o444)
        child = start("open_as_nobody", data)
        told = child.communicate(timeout=60)[0]
    assert told.startswith("BadConfig")
    assert "give this user the right to write it" in told


def test_reading_alone_makes_no_database(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="aion up"):
        SqliteStore(tmp_path, read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_the_database_and_its_log_belong_to_their_owner_alone(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "data")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").iterdir()}
    store.close()
    assert modes == dict.fromkeys((DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"), 0o600)
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_the_database_is_opened_as_safely_as_promised(tmp_path: Path) -> None:
    connection = open_writer(tmp_path)
    found = {name: connection.pragma(name) for name in ("journal_mode", "synchronous", "foreign_keys", "fullfsync")}
    connection.close()
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "fullfsync": 1}


@pytest.mark.parametrize(
    ("version", "fits"), [("3.51.2", False), ("3.40.1", False), ("3.51.3", True), ("3.100.0", True)]
)
def test_an_sqlite_that_can_lose_rows_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, fits: bool
) -> None:
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: version)
    if fits:
        open_writer(tmp_path).close()
        return
    with pytest.raises(BadConfig, match=version):
        open_writer(tmp_path)
    assert not (tmp_path / DATABASE).exists()


def test_an_older_schema_is_migrated_by_the_writer_and_refused_by_a_reader(tmp_path: Path) -> None:
    turns = fill_folder(tmp_path)
    newer = (*MIGRATIONS, NEXT)
    with pytest.raises(BadConfig, match="`aion up` migrates it"):
        open_reader(tmp_path, newer)
    connection = open_writer(tmp_path, newer)
    assert fetch(connection, "SELECT turn, mood FROM moods ORDER BY turn") == [(turn.id, "calm") for turn in turns]
    connection.close()
    open_reader(tmp_path, newer).close()


def test_a_database_of_the_first_release_is_brought_up_with_its_turns(tmp_path: Path) -> None:
    turn = make_turn()
    encoded = rows.encode_turn(turn)
    connection = open_writer(tmp_path, MIGRATIONS[:1])
    nodes = [(node.hash, node.parent, node.owner, node.likeness, node.body) for node in encoded.nodes]
    connection.executemany(statements.INSERT_MESSAGE, nodes)
    connection.execute(statements.INSERT_TURN, encoded.turn)
    connection.executemany(statements.INSERT_ANSWER, encoded.answers)
    connection.close()
    store = SqliteStore(tmp_path)
    assert store.turns(owner=None) == store.experience.unobserved() == [turn]
    assert list(store.verify()) == []
    assert store.forget_conversation(turn.conversation, owner=turn.owner).result().turns == (turn.id,)
    store.close()


def test_what_nights_learned_is_kept_when_each_attempt_gets_a_ledger_of_its_own(tmp_path: Path) -> None:
    theme, made = make_theme(), make_candidate()
    connection = open_writer(tmp_path, MIGRATIONS[:15])
    connection.execute(statements.PUT_THEME, night_rows.encode_theme(theme))
    connection.execute(statements.INSERT_CANDIDATE, night_rows.encode_candidate(made))
    learned = [(made.night, lesson, made.id) for lesson in made.lessons]
    connection.executemany("INSERT INTO candidate_lessons (night, lesson, candidate) VALUES (?, ?, ?)", learned)
    connection.executemany(statements.INSERT_LEARNED_FROM, [(made.id, ref) for ref in made.sources])
    connection.close()
    store = SqliteStore(tmp_path)
    assert store.nights.learned(owner="ana") == {*made.lessons}
    assert list(store.verify()) == []
    with pytest.raises(Conflict):
        store.nights.add_candidate(replace(made, id="cand_2")).result()
    store.close()


def test_a_migration_that_fails_leaves_nothing(tmp_path: Path) -> None:
    fill_folder(tmp_path)
    broken = schema.Migration(NEXT.number, "broken", (*NEXT.statements, "INSERT INTO nowhere VALUES (1)"))
    with pytest.raises(StorageFailed, match="nowhere"):
        open_writer(tmp_path, (*MIGRATIONS, broken))
    reader = open_reader(tmp_path)
    assert applied(reader) == [(migration.number, migration.name) for migration in MIGRATIONS]
    assert not reader.table_exists("main", "moods")
    reader.close()


def test_a_database_killed_while_it_is_made_is_whole_or_absent(tmp_path: Path) -> None:
    kills = int(start("create_killed", tmp_path).communicate(timeout=60)[0])
    assert kills > sum(len(migration.statements) for migration in MIGRATIONS)
    seen = set()
    for count in range(kills + 1):
        data = tmp_path / str(count)
        seen.add((data / DATABASE).exists())
        store = SqliteStore(data)
        assert list(store.verify()) == []
        store.close()
        assert [path.name for path in data.iterdir()] == [DATABASE]
    assert seen == {True, False}


def test_a_migration_killed_at_each_statement_is_old_or_new(tmp_path: Path) -> None:
    kills = int(start("migrate_killed", tmp_path).communicate(timeout=60)[0])
    assert kills > len(NEXT.statements)
    turns = SqliteStore(tmp_path / "filled", read_only=True).turns(owner=None)
    seen = set()
    for count in range(kills + 1):
        connection = apsw.Connection(str(tmp_path / str(count) / DATABASE))
        numbers = [number for number, _ in applied(connection)]
        columns = {row[1] for row in fetch(connection, "PRAGMA table_info(turns)")}
        assert [NEXT.number in numbers, "mood" in columns] == [connection.table_exists("main", "moods")] * 2
        connection.close()
        seen.add(len(numbers))
        connection = open_writer(tmp_path / str(count), (*MIGRATIONS, NEXT))
        assert fetch(connection, "SELECT turn FROM moods ORDER BY turn") == [(turn.id,) for turn in turns]
        assert fetch(connection, "PRAGMA integrity_check") == [("ok",)]
        connection.close()
    assert seen == {len(MIGRATIONS), NEXT.number}


def test_migrations_are_numbered_without_gaps() -> None:
    assert [migration.number for migration in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))


def test_no_released_migration_was_edited() -> None:
    found = tuple(hashlib.sha256("\n".join(migration.statements).encode()).hexdigest() for migration in MIGRATIONS)
    assert found[: len(RELEASED)] == RELEASED, (
        "correct a released migration by a later one; add the hash of a new one here"
    )
