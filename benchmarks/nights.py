"""The product's proof: days of facts that nobody can guess, a sleep each night, and what is known each morning.

    python benchmarks/nights.py --data FOLDER                          ten days, five themes, 12 facts a day
    python benchmarks/nights.py --data FOLDER --themes 1               ten nights within one theme
    python benchmarks/nights.py --data FOLDER --days 1 --facts 200     200 facts in one night
    python benchmarks/nights.py --data FOLDER --awake --peers memory naive replay    the peers by themselves
    python benchmarks/nights.py --data FOLDER --measure --peers naive replay         of the nights slept so far
    python benchmarks/nights.py --data FOLDER --quick                  two nights of three facts: to see that it runs

AION is spoken to through its public HTTP API alone: facts are told in chat, remembered, or taught by putting a wrong
answer right. Each morning a copy of it is examined: with recall switched off (`off`), on (`on`), and on but without any
adapter (`memory`: base and memory alone); where asked for, also what memory finds, without an answer (`found`). In the
same run, on the same questions: one naive adapter trained nightly (`naive`), and the same with replay (`replay`). The
same folder goes on where a run stopped.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.nightly.course import Course, Plan, line_of
from benchmarks.nightly.person import FOUND
from benchmarks.nightly.score import Morning, compare_memory, figures_of
from benchmarks.tools import default_cache, print_head, print_load, print_table

PRODUCT = ("off", "on", "memory")
EVERYONE = (*PRODUCT, "naive", "replay")
LISTED = (*EVERYONE, FOUND)


def parse() -> tuple[Plan, argparse.Namespace]:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of the run; without one it is thrown away in the end")
    parser.add_argument("--from-day", type=int, default=0, help="measure again from this day's morning on")
    parser.add_argument("--days", type=int, default=10)
    parser.add_argument("--themes", type=int, default=5)
    parser.add_argument("--facts", type=int, default=12, help="told a day")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--general", type=int, default=1000, help="general questions, of those that there are")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="ask all but `off` every Nth morning alone")
    parser.add_argument("--peers", nargs="+", choices=LISTED, default=list(EVERYONE))
    parser.add_argument("--awake", action="store_true", help="AION never sleeps: for memory, naive and replay alone")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings of AION, train.epochs=1")
    parser.add_argument("--measure", action="store_true", help="live no day: others may be at it in the same folder")
    parser.add_argument("--show", action="store_true", help="measure nothing, show what the folder holds")
    parser.add_argument("--quick", action="store_true", help="two nights of three facts; not to quote")
    options = parser.parse_args()
    if options.quick:
        options.days, options.themes, options.facts, options.general = 2, 1, 3, 8
    sizes = {name: getattr(options, name) for name in ("seed", "days", "themes", "facts", "general", "every")}
    flags = dict(one.split("=", 1) for one in options.set)
    return Plan(**sizes, peers=tuple(options.peers), awake=options.awake, flags=flags), options


def print_results(mornings: list[Morning]) -> None:
    """Every morning, then each peer beside the goals."""
    for one in sorted(mornings, key=lambda one: (LISTED.index(one.peer), one.day)):
        print(line_of(one))
    for figures in (*(figures_of(mornings, peer) for peer in LISTED), compare_memory(mornings)):
        if figures:
            print_table(figures)


def main() -> None:
    assert __doc__
    plan, options = parse()
    meter = print_head(__doc__)
    cache = default_cache()
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="nights-") as folder:
        course = Course(plan, options.data or Path(folder))
        if options.show:
            mornings = course.mornings()
        else:
            mornings = course.measure() if options.measure else course.run(options.from_day)
    print_load("while measuring", meter)
    print_results(mornings)


if __name__ == "__main__":
    main()
