"""One writer for each data folder, by a lock that the kernel takes back when its process dies. It guards no reader."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from aion.errors import BadConfig, Conflict
from aion.store.files import make_folder

LOCK = "lock"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
MOUNTS = Path("/proc/mounts")
NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs"}


class DataLock:
    """`with DataLock(data):` for as long as this process may write; makes the folder when there is none."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._descriptor: int | None = None

    def acquire(self) -> None:
        try:
            make_folder(self._data)
            refuse_network(self._data)
            descriptor = os.open(self._data / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise BadConfig(
                f"{self._data} cannot be written ({error.strerror}); give this user the right, or pass another --data"
            ) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _read_holder(descriptor)
            os.close(descriptor)
            raise Conflict(
                f"AION already runs on {self._data}, as {holder}; stop it first, or pass another --data",
                code="already_running",
            ) from None
        with suppress(
            OSError
        ):  # only the message of the next one needs it: a full disk must not keep AION from starting
            _write_holder(descriptor)
        self._descriptor = descriptor

    def release(self) -> None:
        """The file stays: to remove it would let two processes lock two files of one name."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            fcntl.flock(
                self._descriptor, fcntl.LOCK_UN
            )  # at once, even if a child has a copy until it starts its program
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> DataLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def boot_id() -> str:
    """What tells this run of the machine from the one before, where process numbers meant other processes."""
    try:
        return BOOT_ID.read_text("ascii").strip()
    except OSError:
        return ""  # not Linux


def began_at(pid: int) -> int:
    """Start of a process in clock ticks since boot, which no later one of its number shares; 0 when it is not told."""
    with suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[19])
    return 0


def refuse_network(data: Path, mounts: Path = MOUNTS) -> None:
    """A write-ahead log on a network file system loses rows, so such a folder is refused where it can be seen."""
    kind = _file_system(data.resolve(), mounts)
    if kind in NETWORK:
        raise BadConfig(f"{data} lies on a network file system ({kind}), where rows can be lost; choose a local disk")


def _file_system(path: Path, mounts: Path) -> str | None:
    """The type of the mount that `path` lies on; None where the system does not tell."""
    try:
        lines = mounts.read_text("utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    found = [(Path(_unescape(point)), kind) for _, point, kind, *_ in (line.split(" ") for line in lines)]
    on_the_way = [
        (len(point.parts), place, kind) for place, (point, kind) in enumerate(found) if path.is_relative_to(point)
    ]
    return max(on_the_way)[2] if on_the_way else None  # the deepest, and of those the one mounted last


def _unescape(point: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        point = point.replace(code, character)
    return point


def _read_holder(descriptor: int) -> str:
    try:
        holder = json.loads(os.pread(descriptor, 1024, 0))
        return f"process {int(holder['pid'])}"
    except (ValueError, KeyError, TypeError):
        return "another process"  # it has only just taken the lock


def _write_holder(descriptor: int) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "boot_id": boot_id()}).encode(), 0)
