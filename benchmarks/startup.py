"""How long `aion up` takes until GET /health says ok: on a fresh data folder, on later starts, and with cold caches.

The command line is the real one, with the embedded base and embedder; making the virtual environment is not part of
it. "Cold" means that the pages of the installation, of Python and of the data folder were given back to the system
before the start, which leaves those that other programs are using right now: the megabytes read from disk tell.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import aion
from benchmarks.servers import free_port, wait_for
from benchmarks.tools import Figure, median, parse_options, print_head, print_load, print_table, rounds_for

LONGEST_S = 300.0
BLOCK = 512  # bytes that a unit of ru_inblock stands for


@dataclass(frozen=True, slots=True)
class Start:
    """One start."""

    seconds: float
    cpu_s: float  # of all its processes, until they were stopped
    read_mib: float


def start_once(data: Path) -> Start:
    port = free_port()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    argv = [sys.executable, "-m", "aion.cli.main", "up", "--data", str(data), "--port", str(port), "--no-browser"]
    begin = time.monotonic()
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(f"http://127.0.0.1:{port}/health", LONGEST_S, process)
        seconds = time.monotonic() - begin
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Start(seconds, cpu, (after.ru_inblock - before.ru_inblock) * BLOCK / (1 << 20))


def give_back_pages(folders: Sequence[Path]) -> None:
    """Ask the system to forget what it keeps of these files in memory."""
    os.sync()
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                descriptor = os.open(path, os.O_RDONLY)
                try:
                    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                finally:
                    os.close(descriptor)


def measure(data: Path, options: Namespace) -> list[Figure]:
    least = 2 if options.quick else 5
    installation = [Path(sys.prefix), Path(aion.__file__).parent, Path(os.__file__).parent]
    give_back_pages(installation)
    first = start_once(data)
    warm = [start_once(data) for _ in rounds_for(options.seconds, least=least)]
    cold = []
    for _ in range(least):
        give_back_pages([*installation, data])
        cold.append(start_once(data))
    return [
        Figure(f"first start, cold ({first.read_mib:.0f} MiB read)", first.seconds, "s"),
        *figures_of("later start, warm", warm),
        *figures_of("later start, cold", cold),
    ]


def figures_of(name: str, starts: Sequence[Start]) -> list[Figure]:
    read = median([start.read_mib for start in starts])
    return [
        Figure(f"{name}, median of {len(starts)} ({read:.0f} MiB read)", median([s.seconds for s in starts]), "s", 15),
        Figure(f"{name}, slowest", max(start.seconds for start in starts), "s", 15),
        Figure(f"{name}, CPU time of all processes", median([start.cpu_s for start in starts]), "s"),
    ]


def main() -> None:
    assert __doc__
    options = parse_options(__doc__, seconds=0.0)
    print_head(__doc__)
    options.cache.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=options.cache, prefix="data-") as folder:
        figures = measure(Path(folder) / "data", options)
    print_load("after")
    print_table(figures)


if __name__ == "__main__":
    main()
