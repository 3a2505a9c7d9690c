"""One night with a stub for training and everything else real: journal, job folders, blobs, rows.

    python -m tests.faults.night_writer FOLDER TAG

It goes on with the night that the folder holds, or begins it, and prints each candidate's id once it is durable. What
a server does with what a night tells is done here by the same code, in the same process.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from aion.config import load
from aion.records import Json, Lesson, LessonKind, Night, NightState, Theme
from aion.serve.night_take import Made, take_candidate
from aion.sleep.nights.door import Door
from aion.sleep.nights.journal import Journal
from aion.sleep.nights.workflow import Clock, Reporter, Workflow
from aion.store.sqlite import SqliteStore
from tests.faults.harness import Verdict
from tests.sleep.stub_night import THEMES, StubSteps, lessons

NIGHT = Night(id="night_1", owner="me", state=NightState.WAITING, reason="asked", asked=1.0, at=1.0)


class StoreDoor:
    """Takes what a night tells, as the server's routes do."""

    def __init__(self, store: SqliteStore, data: Path) -> None:
        self._store, self._data = store, data

    def tell(self, what: str, body: Json) -> Json:
        return cast("Json", getattr(self, f"_{what}")(body))

    def _progress(self, body: Json) -> Json:
        state = NightState(body["state"])
        before = self._store.nights.night(body["night"], owner=None)
        if before is None or before.state is not state:
            told = dataclasses.replace(NIGHT, state=state, candidates=tuple(body["candidates"]))
            self._store.nights.append_night(told).result()
        return {"cancel": False, "pause": False}

    def _arrangement(self, body: Json) -> Json:
        for one in body["themes"]:
            theme = Theme(id=one["id"], owner="me", name=one["name"], created=1.0, updated=1.0)
            self._store.nights.put_theme(theme).result()
        places = [
            Lesson(id=one["lesson"], owner="me", kind=LessonKind.TOLD, theme=one["theme"], sources=("turn_1",))
            for one in body["places"]
        ]
        return {"placed": self._store.nights.place_lessons(places, at=1.0).result()}

    def _candidates(self, body: Json) -> Json:
        kept = self._store.nights.add_candidate(take_candidate(self._data, self._store.blobs, Made(**body))).result()
        sys.stdout.write(kept.id + "\n")
        sys.stdout.flush()
        return {"id": kept.id}


def run(data: Path) -> None:
    """To the end of the night, from wherever it is."""
    store = SqliteStore(data)
    try:
        door = cast("Door", StoreDoor(store, data))
        found = store.nights.night(NIGHT.id, owner=None)
        if found is not None and found.state is NightState.DONE:
            return
        Workflow(
            night=NIGHT,
            steps=StubSteps(load({"data": str(data)}).settings, door),
            journal=Journal(data / "nights"),
            reporter=Reporter(door, NIGHT),
            clock=Clock(3600.0),
        ).run()
    finally:
        store.close()


def compare_night(folder: Path, acked: Sequence[str]) -> Verdict:
    """Go on with it, undisturbed; then hold what it left against what it had to leave."""
    run(folder)
    store = SqliteStore(folder, read_only=True)
    made = store.nights.candidates(owner=None)
    used = Counter(lesson for one in made for lesson in one.lessons)
    wanted = {lesson for theme in THEMES for lesson in lessons(theme)}
    findings = [f"{one.where}: {one.problem}" for one in store.verify()]
    night = store.nights.night(NIGHT.id, owner=None)
    store.close()
    if night is None or night.state is not NightState.DONE or len(night.candidates) != len(THEMES):
        findings.append(f"the night did not end well: {night}")
    findings += [f"lesson {lesson} was skipped" for lesson in wanted - set(used)]
    findings += [f"{one.theme} has the adapter {one.adapter}" for one in made if one.adapter != ADAPTERS.get(one.theme)]
    return Verdict(
        lost=tuple(set(acked) - {one.id for one in made}),
        doubled=tuple(lesson for lesson, times in used.items() if times > 1),
        findings=tuple(findings),
    )


# What an undisturbed night of two steps makes of each theme.
ADAPTERS = {
    "theme_1": "8294ca29e5e1cfe67fd576a8702c72ab6f8469ed706181a53e0a45bc634031d0",
    "theme_2": "aade368dc13c7856e315172e3aa5092b9eec153aaad2ebb6556494a27da994ab",
}


if __name__ == "__main__":
    os.environ.setdefault("STUB_STEPS", "2")
    run(Path(sys.argv[1]))
