"""One .tar file of a data folder, taken while the server writes, and its way back. Models are not in it.

The archive holds `aion.db` (one consistent moment), `blobs/ab/cdef...`, `aion.toml` if there is one, and last
`manifest.json` with the SHA-256 of each and the schema's number: an archive that was cut short has no manifest.
It holds everything people said, and the secrets of aion.toml, so it is readable by its owner alone.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import apsw

from aion.config import CONFIG_FILE
from aion.errors import BadConfig, BadInput, Conflict, Corrupt
from aion.store.blobs import BLOBS, BlobStore, copy_hashed
from aion.store.database import DATABASE, applied, open_reader
from aion.store.faults import rewording, rewording_os
from aion.store.files import make_folder, put_in_place, sync_file, sync_folder
from aion.store.lock import DataLock
from aion.store.schema import MIGRATIONS
from aion.store.sqlite import SqliteStore

MANIFEST = "manifest.json"
FORMAT = 1
STAGING = ".restore-"
SMALLEST_PAGE = 512
PLAIN_MEMBERS = {DATABASE, CONFIG_FILE, MANIFEST}
BLOB_MEMBER = re.compile(rf"{BLOBS}/[0-9a-f]{{2}}/[0-9a-f]{{62}}")


def write_backup(data: Path, target: Path) -> None:
    """Write the archive under its name once it is whole; replaces one of that name."""
    if not target.parent.is_dir():
        raise BadInput(f"there is no folder {target.parent} to write the backup into; create it first")
    with rewording_os(), rewording(), tempfile.TemporaryDirectory(dir=target.parent, prefix=".backup-") as name:
        folder = Path(name)  # on the same disk as the target, and entered by its owner alone
        schema = _copy_database(data, folder / DATABASE)
        archive = folder / "archive"
        with archive.open("xb") as file:
            _write_archive(file, schema, [(DATABASE, folder / DATABASE), *_others(data)])
            os.fsync(file.fileno())
        archive.chmod(0o600)
        put_in_place(archive, target)


def restore_backup(archive: Path, data: Path, *, replace: bool = False) -> None:
    """Prove the whole archive, then put it in place; the database is renamed last, and only then is it restored."""
    with DataLock(data), rewording_os():
        if (data / DATABASE).exists() and not replace:
            raise Conflict(
                f"{data} already has a database; pass --replace to put the backup in its place, "
                "which keeps the old one beside it, or restore into another folder",
                code="already_exists",
            )
        for leftover in data.glob(STAGING + "*"):
            shutil.rmtree(leftover)  # of a restore that was killed
        with tempfile.TemporaryDirectory(dir=data, prefix=STAGING) as name:
            staged = Path(name)
            _extract(archive, staged)
            _prove(staged)
            _install(staged, data)


def _copy_database(data: Path, target: Path) -> int:
    """A copy as of one moment; writers go on meanwhile. Returns the number of its schema."""
    source, copy = open_reader(data), apsw.Connection(str(target))
    try:
        with copy.backup("main", source, "main") as backup:
            backup.step(-1)
        return len(applied(copy))
    finally:
        copy.close()
        source.close()


def _others(data: Path) -> Iterator[tuple[str, Path]]:
    if (data / CONFIG_FILE).is_file():
        yield CONFIG_FILE, data / CONFIG_FILE
    blobs = BlobStore(data / BLOBS)
    for name in blobs:
        yield f"{BLOBS}/{name[:2]}/{name[2:]}", blobs.path(name)


def _write_archive(file: IO[bytes], schema: int, members: list[tuple[str, Path]]) -> None:
    hashes: dict[str, str] = {}
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, path in members:
            with path.open("rb") as source:
                reader = _HashingReader(source)
                tar.addfile(_entry(name, os.fstat(source.fileno()).st_size), reader)
            hashes[name] = reader.hexdigest()
            if name.startswith(BLOBS) and name.replace("/", "") != BLOBS + hashes[name]:
                raise Corrupt(f"{name} is not what was written, so it cannot be backed up; run `aion verify`")
        manifest = json.dumps({"format": FORMAT, "schema": schema, "sha256": hashes}, indent=1).encode()
        tar.addfile(_entry(MANIFEST, len(manifest)), io.BytesIO(manifest))
    file.flush()


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = size, 0o600, int(time.time())
    return entry


class _HashingReader:
    """Hashes what the archive takes, so that both come from the same reading."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._hasher = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self._source.read(size)
        self._hasher.update(chunk)
        return chunk

    def hexdigest(self) -> str:
        return self._hasher.hexdigest()


def _extract(archive: Path, staged: Path) -> None:
    """Write the members, each under a name that this file chose, and prove their hashes by the manifest."""
    hashes: dict[str, str] = {}
    limit = archive.stat().st_size if archive.is_file() else 0
    with _reading(archive) as tar:
        for entry in tar:
            _check_entry(entry, hashes, limit)
            source = tar.extractfile(entry)
            if source is None:
                raise Corrupt(f"{entry.name!r} in the backup is not a file; take another backup")
            path = staged / entry.name
            make_folder(path.parent)
            with path.open("xb") as file:
                path.chmod(0o600)
                hashes[entry.name] = copy_hashed(source, file)
                file.flush()
                os.fsync(file.fileno())
    _check_manifest(staged, hashes)


@contextmanager
def _reading(archive: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(archive, mode="r:") as tar:
            yield tar
    except FileNotFoundError:
        raise BadInput(f"there is no backup at {archive}") from None
    except (tarfile.TarError, EOFError) as error:
        raise Corrupt(f"{archive} is not a whole backup ({error}); take another one") from None


def _check_entry(entry: tarfile.TarInfo, seen: dict[str, str], limit: int) -> None:
    """Only plain files of the expected names, once each, and no larger than the archive says they can be."""
    plain = entry.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not entry.issparse() and entry.size <= limit
    expected = entry.name in PLAIN_MEMBERS or BLOB_MEMBER.fullmatch(entry.name)
    if not plain or not expected or entry.name in seen:
        raise Corrupt(f"{entry.name[:80]!r} does not belong in a backup, so all of it is refused; take another one")


def _check_manifest(staged: Path, hashes: dict[str, str]) -> None:
    hashes.pop(MANIFEST, None)
    try:
        manifest = json.loads((staged / MANIFEST).read_bytes())
        format_, schema, expected = manifest["format"], int(manifest["schema"]), manifest["sha256"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        raise Corrupt("the backup has no readable manifest, so it was cut short; take another one") from None
    if format_ != FORMAT:
        raise Corrupt(f"the backup has format {format_!r}, this AION reads {FORMAT}; use the AION that wrote it")
    if schema > len(MIGRATIONS):
        raise BadConfig(
            f"the backup is at schema {schema}, newer than this AION, which knows {len(MIGRATIONS)}; "
            "restore it with the AION that wrote it, or a newer one"
        )
    if expected != hashes or DATABASE not in hashes:
        raise Corrupt("the backup does not hold what its manifest says; take another one")


def _prove(staged: Path) -> None:
    """Bring the staged copy to this AION's schema and prove every row and blob of it."""
    store = SqliteStore(staged)
    try:
        finding = next(store.verify(), None)
    finally:
        store.close()
    if finding is not None:
        raise Corrupt(f"the backup is damaged ({finding.where}: {finding.problem}); take another one")
    sync_file(staged / DATABASE)


def _install(staged: Path, data: Path) -> None:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    source, target = BlobStore(staged / BLOBS), BlobStore(data / BLOBS)
    for name in source:
        make_folder(target.path(name).parent)
        put_in_place(source.path(name), target.path(name))
    if (staged / CONFIG_FILE).exists():
        _keep_aside(data / CONFIG_FILE, stamp)
        put_in_place(staged / CONFIG_FILE, data / CONFIG_FILE)
    _empty_log(data)
    _keep_aside(data / DATABASE, stamp)
    put_in_place(staged / DATABASE, data / DATABASE)


def _keep_aside(path: Path, stamp: str) -> None:
    """Give the old file a second name, so that there is no moment without a file under the first."""
    aside = path.with_name(f"{path.name}.replaced-{stamp}")
    if path.exists():
        aside.hardlink_to(path)
    log = path.with_name(path.name + "-wal")
    if log.exists():  # only beside a database that SQLite could not read
        log.replace(aside.with_name(aside.name + "-wal"))
    path.with_name(path.name + "-shm").unlink(missing_ok=True)
    sync_folder(path.parent)


def _empty_log(data: Path) -> None:
    """Bring the old database's log into it: a log that stayed would be replayed into the new one."""
    path = data / DATABASE
    if not path.is_file() or path.stat().st_size < SMALLEST_PAGE:
        return  # SQLite would take it for a new database and delete the log, which somebody may still want
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
    except apsw.Error:
        return  # too damaged to be read, which may be why a backup is restored: the log is kept beside it as it is
