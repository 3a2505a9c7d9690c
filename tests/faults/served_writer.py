"""Changes what one person is served, in six steps, and prints the number of each once it is durable.

    python -m tests.faults.served_writer FOLDER TAG

FOLDER holds three candidates, or what a cut left of the steps since. An adapter is examined in the step that first
serves it; whoever was cut off tells that again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from aion.records import Move, Promotion
from aion.store.sqlite import SqliteStore
from tests.faults.harness import Verdict
from tests.store.served_examples import make_promotion, make_verdict, put_candidate

NAMES = ("one", "two", "three")
RETIRED = "cand_one"
# What is served after each step: the move, the adapters, the trial.
STEPS: tuple[tuple[Move, tuple[str, ...], tuple[str, ...]], ...] = (
    (Move.PROMOTE, ("cand_one",), ()),
    (Move.TRY, ("cand_one",), ("cand_one", "cand_two")),
    (Move.PROMOTE, ("cand_one", "cand_two"), ()),
    (Move.TRY, ("cand_one", "cand_two"), ("cand_one", "cand_two", "cand_three")),
    (Move.RETIRE, ("cand_two",), ()),
    (Move.ROLL_BACK, (), ()),
)


def prepare(folder: Path) -> None:
    """What a night hands over, before anybody examined it."""
    store = SqliteStore(folder)
    for name in NAMES:
        put_candidate(store, name)
    store.close()


def run(folder: Path, tell: Callable[[str], None] = lambda _: None) -> None:
    """The steps that are left. `tell` hears of each that is durable."""
    store = SqliteStore(folder)
    try:
        for number in range(len(store.served.promotions(owner="ana")), len(STEPS)):
            _step(store, number)
            tell(str(number))
    finally:
        store.close()


def _step(store: SqliteStore, number: int) -> None:
    move, adapters, trial = STEPS[number]
    if move is Move.RETIRE:
        store.served.retire([RETIRED], reason="forgotten", actor="ana", at=1.0).result()
        return
    for id_ in sorted({*adapters, *trial}):
        candidate = store.nights.candidate(id_, owner="ana")
        assert candidate is not None
        if not candidate.retired:
            store.served.add_verdict(make_verdict(candidate, id=f"verdict_{id_}")).result()
    newest = store.served.promotion(owner="ana")
    row = make_promotion(
        *adapters,
        id=f"promotion_{number}",
        move=move,
        trial=trial,
        share=0.5 if trial else 0.0,
        follows=newest.id if newest else "",
    )
    store.served.append_promotion(row).result()


def compare_served(folder: Path, acked: Sequence[str]) -> Verdict:
    """Each step is as if it never was or whole, and none is missing; then the rest of them can still be made."""
    rows, findings = read_served(folder)
    lost = [number for number in acked if int(number) >= len(rows)]
    if len(rows) > len(acked) + 1:
        findings.append(f"{len(rows)} steps are there and {len(acked)} were acknowledged")
    run(folder)
    after, later = read_served(folder)
    if after[: len(rows)] != rows:
        findings.append("what was there changed")
    return Verdict(
        lost=tuple(lost),
        doubled=tuple(row.id for row in after[len(STEPS) :]),
        findings=(*findings, *later, *([] if len(after) >= len(STEPS) else ["the steps cannot be ended"])),
    )


def read_served(folder: Path) -> tuple[list[Promotion], list[str]]:
    """The rows, the oldest first, and what is wrong with them."""
    store = SqliteStore(folder)
    rows = store.served.promotions(owner="ana")[::-1]
    found = [f"{one.where}: {one.problem}" for one in store.verify()]
    made = store.nights.candidate(RETIRED, owner="ana")
    store.close()
    if [(row.move, row.adapters, row.trial) for row in rows] != list(STEPS[: len(rows)]):
        found.append(f"what is served is not what was asked: {rows}")
    if made is None or made.retired != any(row.move is Move.RETIRE for row in rows):
        found.append("a candidate is retired and served, or neither")
    return rows, found


def say(number: str) -> None:
    sys.stdout.write(number + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    run(Path(sys.argv[1]), say)
