"""What SQLite and the disk say, said in the words of `aion.errors`; no other file of the store catches and rewords."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from aion.errors import AionError, BadInput, Corrupt, StorageFailed, StorageFull, Unavailable

NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
RESTORE = "run `aion verify` to see what is damaged and `aion restore` to go back to a backup"


def reworded(error: apsw.Error, connection: apsw.Connection | None = None) -> AionError:
    """The error of our tree for one of SQLite's; `connection` tells apart a full disk from a broken one."""
    if is_full(error, connection):
        return StorageFull("there is no space left for AION's data; free some and try again. Reading still works")
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return Unavailable("the database is held by another process; try again in a second", retry_after=1)
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return Corrupt(f"the database is damaged ({error}); {RESTORE}")
    return StorageFailed(f"the database failed ({type(error).__name__}: {error}); see the log, then restart AION")


def reworded_os(error: OSError) -> AionError:
    """The same for a file operation."""
    if error.errno in NO_SPACE:
        return StorageFull("there is no space left for AION's data; free some and try again. Reading still works")
    return StorageFailed(f"a file of AION's data could not be used ({error.strerror}); check the disk and its rights")


def unwritable(error: UnicodeEncodeError) -> BadInput:
    """Half of a surrogate pair came in as an id or a name."""
    return BadInput(f"{error.object[:80]!a} holds a character that no database keeps; remove it")


def is_full(error: apsw.Error, connection: apsw.Connection | None) -> bool:
    """SQLite calls a full quota, or a file at its limit, an input/output error: the system's own number tells."""
    if isinstance(error, apsw.FullError):
        return True
    written = isinstance(error, apsw.IOError) and code_of(error) == apsw.SQLITE_IOERR_WRITE
    return written and connection is not None and connection.system_errno in NO_SPACE


def is_fatal(error: apsw.Error, connection: apsw.Connection | None) -> bool:
    """Whether nothing may be acknowledged any more: what the disk holds is no longer known."""
    broken = isinstance(error, apsw.IOError | apsw.CorruptError | apsw.NotADBError)
    return broken and not is_full(error, connection)


def code_of(error: apsw.Error) -> int:
    """SQLite's extended result code, which apsw sets on the errors that have one."""
    return getattr(error, "extendedresult", apsw.SQLITE_ERROR)


@contextmanager
def rewording() -> Iterator[None]:
    """Raise SQLite's errors as ours."""
    try:
        yield
    except apsw.Error as error:
        raise reworded(error) from error
    except UnicodeEncodeError as error:
        raise unwritable(error) from None
    except UnicodeDecodeError as error:
        raise Corrupt(f"the database holds text that nobody wrote ({error.reason}); {RESTORE}") from error


@contextmanager
def rewording_os() -> Iterator[None]:
    """Raise errors of file operations as ours."""
    try:
        yield
    except OSError as error:
        raise reworded_os(error) from error
