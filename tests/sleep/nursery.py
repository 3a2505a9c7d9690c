"""Trains job folders in children that die on the way, until one comes to the end; prints how many died.

    python -m tests.sleep.nursery at-random SEED LONGEST FOLDER [FOLDER ...]
    python -m tests.sleep.nursery at-files FIRST FOLDER [FOLDER ...]

At random: each child is killed within LONGEST seconds, a little more each time, until one was faster. At files: the
first child of the N-th folder kills itself at its (FIRST + N)-th work on files, and the next one is left alone. All
that is slow to import is imported once, before the first fork. It judges nothing.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
from pathlib import Path

import torch

from aion.sleep.training.train import train
from tests.sleep.small_jobs import ignore

ALONE = 1 << 30  # more works on files than any training has
WORKS = ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.listdir", "os.scandir", "tempfile.mkstemp")


def live(folder: Path, works: int) -> None:
    """One child; never returns. It dies at the work on files that comes after so many."""
    left = iter(range(works))

    def count(event: str, arguments: tuple[object, ...]) -> None:
        if event in WORKS and is_inside(folder, arguments) and next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    try:
        train(folder, tell=ignore)
    except BaseException as error:  # noqa: BLE001 - a child says why, whatever it was
        print(f"failed: {error!r}", file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)


def is_inside(folder: Path, arguments: tuple[object, ...]) -> bool:
    """What is opened by number or beside the folder is not the job's."""
    return isinstance(arguments[0], str | Path) and str(arguments[0]).startswith(str(folder))


def raise_child(folder: Path, *, works: int = ALONE, seconds: float | None = None) -> bool:
    """Whether it came to its end before it died."""
    pid = os.fork()
    if pid == 0:
        live(folder, works)
    killer = threading.Timer(seconds or 0.0, os.kill, (pid, signal.SIGKILL))
    if seconds is not None:
        killer.start()
    _, status = os.waitpid(pid, 0)
    killer.cancel()
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit("a child failed by itself")
    return os.WIFEXITED(status)


def kill_at_random(seed: int, longest: float, folders: list[Path]) -> int:
    draw, kills = random.Random(seed), 0
    for folder in folders:
        life = longest
        while not raise_child(folder, seconds=draw.uniform(0.0, life)):
            kills += 1
            life *= 1.05  # on a machine that got slower none would ever come further
    return kills


def kill_at_files(first: int, folders: list[Path]) -> int:
    kills = 0
    for number, folder in enumerate(folders, first):
        kills += not raise_child(folder, works=number)
        raise_child(folder)
    return kills


def main(how: str, *given: str) -> None:
    torch.set_num_threads(1)
    if how == "at-random":
        print(kill_at_random(int(given[0]), float(given[1]), [Path(name) for name in given[2:]]))
    else:
        print(kill_at_files(int(given[0]), [Path(name) for name in given[1:]]))


if __name__ == "__main__":
    main(*sys.argv[1:])
