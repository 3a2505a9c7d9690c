"""Trains a job folder in children that are killed at random moments until one comes to the end; prints the kills.

    python -m tests.sleep.nursery SEED LONGEST FOLDER [FOLDER ...]

All that is slow to import is imported once, before the first fork. It judges nothing.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
from pathlib import Path

import torch

from aion.sleep.train import train
from tests.sleep.small_jobs import ignore


def live(folder: Path) -> None:
    """One child; never returns."""
    try:
        train(folder, tell=ignore)
    except BaseException as error:  # noqa: BLE001 - a child says why, whatever it was
        print(f"failed: {error!r}", file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)


def raise_child(folder: Path, seconds: float) -> bool:
    """Whether it came to its end before it was killed."""
    pid = os.fork()
    if pid == 0:
        live(folder)
    timer = threading.Timer(seconds, os.kill, (pid, signal.SIGKILL))
    timer.start()
    _, status = os.waitpid(pid, 0)
    timer.cancel()
    timer.join()
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit("a child failed by itself")
    return os.WIFEXITED(status)


def main(seed: int, longest: float, folders: list[Path]) -> None:
    torch.set_num_threads(1)
    draw, kills = random.Random(seed), 0
    for folder in folders:
        while not raise_child(folder, draw.uniform(0.0, longest)):
            kills += 1
    print(kills)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), [Path(name) for name in sys.argv[3:]])
