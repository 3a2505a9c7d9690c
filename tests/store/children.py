"""Programs that tests start in order to kill or restrict them: `python -m tests.store.children NAME FOLDER`."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import apsw

from aion.errors import AionError, StorageFull
from aion.records import Answer, Json, new_id
from aion.store.database import open_writer
from aion.store.schema import MIGRATIONS, Migration
from aion.store.sqlite import SqliteStore
from tests.store.examples import fill_folder, make_audit, make_turn

ROOT = Path(__file__).parents[2]
NOBODY = 65534

NEXT = Migration(
    len(MIGRATIONS) + 1,
    "moods",
    (
        "ALTER TABLE turns ADD COLUMN mood TEXT",
        "UPDATE turns SET mood = 'calm'",
        "CREATE TABLE moods (turn TEXT PRIMARY KEY REFERENCES turns (id), mood TEXT NOT NULL)",
        "INSERT INTO moods (turn, mood) SELECT id, mood FROM turns",
    ),
)


def start(name: str, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.store.children", name, str(folder)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def append(data: Path) -> None:
    """Four threads say `start ID` before they append a turn, and `ack ID` once it is acknowledged; for ever."""
    store = SqliteStore(data)

    def work(number: int) -> None:
        history: tuple[Json, ...] = ()
        while True:
            history = (*history[-6:], {"role": "user", "content": f"{number}: {len(history)} " + "words " * 50})
            said = {"role": "assistant", "content": "more words " * 50}
            turn = make_turn(id=new_id("turn"), messages=history, answers=(Answer(message=said, finish="stop"),))
            os.write(1, f"start {turn.id}\n".encode())
            store.append_turn(turn).result()
            os.write(1, f"ack {turn.id}\n".encode())

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(4)]
    for thread in threads:
        thread.start()
    threads[0].join()


def create_killed(folder: Path) -> None:
    """Create a database in FOLDER/0, FOLDER/1, ... each killed one statement later, until one is finished."""
    _kill_at_each_statement(folder, lambda data: open_writer(data).close())


def migrate_killed(folder: Path) -> None:
    """The same for a second migration of a filled database."""
    fill_folder(folder / "filled")

    def run(data: Path) -> None:
        open_writer(data, (*MIGRATIONS, NEXT)).close()

    _kill_at_each_statement(folder, run, template=folder / "filled")


def write_beyond_limit(data: Path) -> None:
    """A file size limit stands for a quota: SQLite calls both an input/output error."""
    store = SqliteStore(data)
    store.append_audit(make_audit(id="audit_1")).result()
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
    gate = threading.Event()
    assert store._writer is not None
    store._writer.submit(lambda _: gate.wait(10))  # so that the next two wait and are committed together
    large = store.append_audit(make_audit(id="audit_2", subject="x" * 600_000))
    small = store.append_audit(make_audit(id="audit_3"))
    gate.set()
    told = large.exception()
    small.result()
    store.close()
    sys.stdout.write("full" if isinstance(told, StorageFull) else repr(told))


def open_as_nobody(data: Path) -> None:
    if os.getuid() == 0:  # who may write everything
        os.setuid(NOBODY)
    try:
        SqliteStore(data).close()
    except AionError as error:
        sys.stdout.write(f"{type(error).__name__} {error}")


def _kill_at_each_statement(folder: Path, run: Callable[[Path], None], template: Path | None = None) -> None:
    for count in range(1000):
        data = folder / str(count)
        if template is not None:
            shutil.copytree(template, data)
        child = os.fork()  # nothing here has started a thread
        if child == 0:
            _kill_this_process_at(count)
            run(data)
            os._exit(0)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != -signal.SIGKILL:
            sys.stdout.write(str(count))
            return


def _kill_this_process_at(count: int) -> None:
    left = iter(range(count))

    def kill(_cursor: apsw.Cursor, _sql: str, _given: object) -> bool:
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return True

    def watch(connection: apsw.Connection) -> None:
        connection.exec_trace = kill

    apsw.connection_hooks.append(watch)


PROGRAMS = {
    program.__name__: program for program in (append, create_killed, migrate_killed, write_beyond_limit, open_as_nobody)
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](Path(sys.argv[2]))
