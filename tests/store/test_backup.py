"""A backup taken while the server writes restores, and an archive that was tampered with does not."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import stat
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from aion.errors import AionError, BadConfig, BadInput, Conflict, Corrupt
from aion.store.backup import restore_backup, write_backup
from aion.store.blobs import BlobStore
from aion.store.database import DATABASE
from aion.store.lock import DataLock
from aion.store.sqlite import SqliteStore
from tests.store.children import start
from tests.store.examples import fill, fill_folder
from tests.store.memory_examples import EMBEDDER, fill_experience

Members = dict[str, bytes]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with rows, a blob and a configuration."""
    data = tmp_path / "data"
    fill_folder(data)
    with closing(SqliteStore(data)) as store:
        fill_experience(store)
    BlobStore(data / "blobs").put(b"hello")
    (data / "aion.toml").write_text("[server]\nport = 9000\n")
    return data


@pytest.fixture
def archive(data: Path, tmp_path: Path) -> Path:
    write_backup(data, tmp_path / "backup.tar")
    return tmp_path / "backup.tar"


def content(data: Path) -> object:
    store = SqliteStore(data)
    memories, experience = store.memories, store.experience
    found = (
        (store.turns(owner=None, limit=10_000), store.keys(), store.audit()),
        (memories.listed(owner=None), memories.documents(owner=None), memories.search(["boat"], owner="ana", limit=9)),
        (memories.embedded(owner="ana", embedder=EMBEDDER), memories.version(owner="ana")),
        (experience.feedback(owner=None), experience.experiences(owner=None), experience.clusters(owner="ana")),
        (experience.calibration(owner="ana"), experience.samples(since=0.0, until=9.0)),
    )
    assert list(store.verify()) == []
    store.close()
    return found


def test_a_backup_restores_everything(data: Path, archive: Path, tmp_path: Path) -> None:
    restore_backup(archive, tmp_path / "new" / "data")
    restored = tmp_path / "new" / "data"
    assert content(restored) == content(data)
    assert (restored / "aion.toml").read_text() == (data / "aion.toml").read_text()
    [name] = list(BlobStore(restored / "blobs"))
    assert BlobStore(restored / "blobs").get(name) == b"hello"
    assert {path.name for path in restored.iterdir()} == {DATABASE, "aion.toml", "blobs", "lock"}


def test_a_backup_is_readable_by_its_owner_alone_and_leaves_nothing_else(archive: Path, tmp_path: Path) -> None:
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"data", "backup.tar"}


def test_a_backup_taken_while_another_process_writes_holds_all_that_was_acknowledged(tmp_path: Path) -> None:
    child = start("append", tmp_path / "data")
    assert child.stdout is not None
    acknowledged: set[str] = set()
    for number in range(3):
        while len(acknowledged) < 50 * (number + 1):
            word, turn_id = child.stdout.readline().split()
            acknowledged |= {turn_id} if word == "ack" else set()
        write_backup(tmp_path / "data", tmp_path / f"{number}.tar")
        assert child.poll() is None, "the child must still be writing, or the test shows nothing"
        restore_backup(tmp_path / f"{number}.tar", tmp_path / str(number))
        store = SqliteStore(tmp_path / str(number))
        assert acknowledged <= {turn.id for turn in store.turns(owner=None, limit=100_000)}
        assert list(store.verify()) == []
        store.close()
    child.kill()
    child.communicate()


def test_a_folder_with_a_database_is_only_replaced_when_told_to(data: Path, archive: Path) -> None:
    before = content(data)
    with pytest.raises(Conflict, match="--replace"):
        restore_backup(archive, data)
    assert content(data) == before


def test_what_is_replaced_is_kept_aside_with_all_its_rows(archive: Path, tmp_path: Path) -> None:
    """Also rows that were still in the log, as after a kill."""
    writing = SqliteStore(tmp_path / "writing")
    turns = fill(writing)
    killed = tmp_path / "killed"
    shutil.copytree(tmp_path / "writing", killed)
    writing.close()
    (killed / "aion.toml").write_text("# mine\n")
    restore_backup(archive, killed, replace=True)
    assert content(killed) == content(tmp_path / "data")
    [old] = killed.glob("aion.db.replaced-*")
    (tmp_path / "old").mkdir()
    old.rename(tmp_path / "old" / DATABASE)
    store = SqliteStore(tmp_path / "old")
    assert store.turns(owner=None) == turns
    store.close()
    assert [path.read_text() for path in killed.glob("aion.toml.replaced-*")] == ["# mine\n"]


@pytest.mark.parametrize("damaged", [b"", b"not a database"])
def test_a_damaged_database_can_be_replaced(archive: Path, tmp_path: Path, damaged: bytes) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / DATABASE).write_bytes(damaged)
    (broken / f"{DATABASE}-wal").write_bytes(b"old log")
    restore_backup(archive, broken, replace=True)
    assert content(broken) == content(tmp_path / "data")
    kept = sorted(path.read_bytes() for path in broken.glob(f"{DATABASE}.replaced-*"))
    assert kept == sorted([damaged, b"old log"])


def test_a_running_server_keeps_its_folder(data: Path, archive: Path) -> None:
    with DataLock(data), pytest.raises(Conflict) as refused:
        restore_backup(archive, data, replace=True)
    assert refused.value.code == "already_running"


def test_a_damaged_blob_is_not_backed_up_as_if_it_were_whole(data: Path, tmp_path: Path) -> None:
    blobs = BlobStore(data / "blobs")
    blobs.path(next(iter(blobs))).write_bytes(b"hellp")
    with pytest.raises(Corrupt, match="aion verify"):
        write_backup(data, tmp_path / "backup.tar")
    assert {path.name for path in tmp_path.iterdir()} == {"data"}


def test_a_folder_without_a_database_or_target_is_told(data: Path, tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="aion up"):
        write_backup(tmp_path / "none", tmp_path / "backup.tar")
    with pytest.raises(BadInput, match="create it first"):
        write_backup(data, tmp_path / "none" / "backup.tar")
    with pytest.raises(BadInput, match="there is no backup"):
        restore_backup(tmp_path / "none.tar", tmp_path / "new")


def without_manifest(members: Members) -> None:
    del members["manifest.json"]


def of_a_newer_schema(members: Members) -> None:
    members["manifest.json"] = json.dumps({**json.loads(members["manifest.json"]), "schema": 99}).encode()


def with_another_toml(members: Members) -> None:
    members["aion.toml"] = b"[server]\nhost = '0.0.0.0'\n"


def without_its_blob(members: Members) -> None:
    del members[next(name for name in members if name.startswith("blobs/"))]


def with_a_stranger(name: str) -> Callable[[Members], None]:
    def change(members: Members) -> None:
        members[name] = b"x"

    return change


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (without_manifest, Corrupt),
        (of_a_newer_schema, BadConfig),
        (with_another_toml, Corrupt),
        (without_its_blob, Corrupt),
        (with_a_stranger("../evil"), Corrupt),
        (with_a_stranger("/tmp/evil"), Corrupt),
        (with_a_stranger("blobs/../../evil"), Corrupt),
        (with_a_stranger("aion.db-wal"), Corrupt),
        (with_a_stranger("blobs/ab/" + "c" * 62), Corrupt),
        (with_a_stranger("aion.db\n"), Corrupt),
    ],
)
def test_an_archive_that_was_changed_is_refused_whole(
    archive: Path, tmp_path: Path, change: Callable[[Members], None], kind: type[AionError]
) -> None:
    with tarfile.open(archive) as tar:
        members = {entry.name: tar.extractfile(entry).read() for entry in tar}  # type: ignore[union-attr]  # plain files
    change(members)
    refuse(pack([(tarfile.TarInfo(name), content) for name, content in members.items()]), tmp_path, kind)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_only_plain_files_are_taken_from_an_archive(tmp_path: Path, kind: bytes) -> None:
    entry = tarfile.TarInfo(DATABASE)
    entry.type, entry.linkname = kind, "/etc/passwd"
    refuse(pack([(entry, b"")]), tmp_path, Corrupt)


def test_a_member_may_come_once(archive: Path, tmp_path: Path) -> None:
    refuse(pack([(tarfile.TarInfo("aion.toml"), b"a"), (tarfile.TarInfo("aion.toml"), b"b")]), tmp_path, Corrupt)


def test_an_archive_cut_anywhere_is_refused(archive: Path, tmp_path: Path) -> None:
    whole = archive.read_bytes()
    used = whole.rstrip(b"\0")
    for length in (0, 10, 512, 5000, len(used) // 2, len(used) - 600, len(used) - 1):
        refuse(whole[:length], tmp_path, Corrupt)


def test_what_is_no_plain_tar_is_refused(archive: Path, tmp_path: Path) -> None:
    refuse(gzip.compress(archive.read_bytes()), tmp_path, Corrupt)
    refuse(b"Dear diary, " * 1000, tmp_path, Corrupt)


def test_a_damaged_archive_leaves_the_old_database_in_place(data: Path, archive: Path) -> None:
    before = content(data)
    archive.write_bytes(archive.read_bytes().replace(b'"answer 3"', b'"answer 8"'))
    with pytest.raises(Corrupt):
        restore_backup(archive, data, replace=True)
    assert content(data) == before
    assert list(data.glob("*replaced*")) == []


def pack(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for entry, body in members:
            entry.size = len(body)
            tar.addfile(entry, io.BytesIO(body))
    return buffer.getvalue()


def refuse(archive: bytes, tmp_path: Path, kind: type[AionError]) -> None:
    """The archive is refused, and the folder holds nothing of it."""
    (tmp_path / "bad.tar").write_bytes(archive)
    with pytest.raises(kind):
        restore_backup(tmp_path / "bad.tar", tmp_path / "fresh")
    assert [path.name for path in (tmp_path / "fresh").iterdir()] == ["lock"]
    assert not (tmp_path / "evil").exists()
