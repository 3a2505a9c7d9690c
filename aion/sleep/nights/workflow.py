"""The steps of a night in their order, each done once: what they tell, how long they may take, and how they end.

It knows neither torch nor the process it runs in: what a step does is given to it. Rows are the server's to write.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from aion.errors import AionError, Diverged, Failed, StorageFull, Unavailable
from aion.records import Json, Night, NightState
from aion.sleep.nights.door import Door
from aion.sleep.nights.hold import Hold
from aion.sleep.nights.journal import Journal
from aion.sleep.nights.report import Fate, NightReport, ThemeReport
from aion.sleep.training.base import Ended, Progress, Stage
from aion.sleep.training.device import CPU

SPENT = "spent"  # in the journal
TELL_EVERY_S, NOTE_EVERY_S = 1.0, 30.0
WAIT_S = 0.2
STOPPED_S = 5.0  # longer between two layers: it was stopped
STRIKES = 3  # trainings of a theme that broke off, and the theme is left alone for the night
ATTEMPTS = 8  # with those that began anew because something was forgotten
SAFE = re.compile(r"[A-Za-z0-9_-]{1,80}")


class Over(Ended):
    """The night ends before its work does: cancelled, or its time is up."""

    def __init__(self, state: NightState, reason: str) -> None:
        super().__init__(reason)
        self.state, self.reason = state, reason


class TimeUp(Over):
    """Its minutes are spent; what it has done counts."""

    def __init__(self) -> None:
        super().__init__(NightState.DONE, "its time was up")


class Gone(Ended):
    """The job of a theme is there no more: something in it was forgotten, and the server has removed it."""


class Steps(Protocol):
    """The work of a night. Each may be done again after it was cut short, and says its result in small JSON."""

    def arrange(self, night: Night) -> Json:
        """Find what there is to learn and sort it: {"themes": ids of those due, most due first, "backlog": lessons}."""
        ...

    def name_theme(self, night: Night, theme: str) -> str:
        """For people; names may be forgotten at any time, so they stand in no journal."""
        ...

    def prepare(self, night: Night, theme: str) -> Json:
        """Write the job folder: {"fresh": n, "lessons", "sources", "dataset", "base", "parent"}.

        With fresh 0 there is nothing to train. "taken_up": it was kept from an earlier night; "thrown_away": why a job
        that was kept is not.
        """
        ...

    def stands(self, night: Night, theme: str) -> bool:
        """Whether the job folder is there and whole."""
        ...

    def find_lessons(self, night: Night, theme: str, sequences: Sequence[int]) -> list[str]:
        """Ids of the lessons that these sequences of the job teach."""
        ...

    def train(
        self,
        night: Night,
        theme: str,
        tell: Callable[[Progress], None],
        pause: Callable[[], None],
        asked: Callable[[], bool],
    ) -> Json:
        """`asked`: whether the memory of a GPU is needed; what is there leaves it before `pause` is called."""
        ...

    def export(self, night: Night, theme: str) -> Json: ...

    def tidy(self, night: Night, done: Collection[str]) -> list[str]:
        """Remove the job folders of a night that is over; gives the themes of unfinished jobs it keeps for the next."""
        ...


class Examiner(Protocol):
    """Judges what nights made. It fails closed: what it cannot examine stays unexamined, and unserved."""

    def find_due(self, night: Night) -> list[str]:
        """Candidates of this person that nobody has examined, in the order to do it."""
        ...

    def examine(self, night: Night, candidate: str, tell: Callable[[str, int, int], None]) -> Json:
        """Hand over a verdict: {"theme", "ship", "reasons", "chance"}. `tell`: which exam, and how far of how much.

        "chance": what it was refused for may be gone when the same is learned with another seed.
        """
        ...


@dataclass(slots=True)
class Reporter:
    """Tells the server where the night is, and learns from its replies whether to wait or to end."""

    door: Door
    night: Night
    may_stop: bool = False  # by the kernel: while it trains on a processor, and holds no database open
    state: NightState = NightState.PREPARING
    doing: dict[str, Any] = field(default_factory=dict)
    waits: bool = False
    told: float = 0.0
    began: int = 0
    hold: Hold = field(default_factory=Hold)

    def tell(
        self, state: NightState, *, reason: str = "", candidates: tuple[str, ...] = (), body: Json | None = None
    ) -> None:
        self.state = state
        told = {
            "night": self.night.id,
            "owner": self.night.owner,
            "state": state.value,
            "reason": reason or self.night.reason,
            "asked": self.night.asked,
            "minutes": self.night.minutes,
            "theme": self.night.theme or None,
            "pid": os.getpid(),
            "began": self.began,
            "may_stop": self.may_stop and state is NightState.TRAINING,
            "doing": self.doing,
            "candidates": list(candidates),
            "body": dict(self.night.body) if body is None else body,
        }
        with self.hold.after():
            reply = self.door.tell("progress", told)
        self.told = time.monotonic()
        self.waits = bool(reply["pause"])
        if reply["cancel"]:
            raise Over(NightState.CANCELLED, "cancelled")

    def begin(self) -> None:
        """First of all: from its reply on the server asks by signal, and whoever is answered is waited for."""
        with contextlib.suppress(Over):  # the workflow asks again, and ends as it should
            self.tell(NightState.PREPARING)
            self.wait()

    def follow(self, progress: Progress) -> None:
        """At most once a second; the trainer calls it after each step."""
        keys = ("step", "steps", "loss", "tokens_per_s", "eta_s", "peak_bytes")
        self.doing |= {key: getattr(progress, key) for key in keys} | {"stage": progress.stage.value}
        if time.monotonic() - self.told >= TELL_EVERY_S:
            self.tell(NightState.TRAINING)

    def follow_exam(self, exam: str, done: int, total: int) -> None:
        """At most once a second."""
        self.doing |= {"stage": exam, "step": done, "steps": total}
        if time.monotonic() - self.told >= TELL_EVERY_S:
            self.tell(NightState.EXAMINING)

    def leave_training(self) -> None:
        """Before a database is read, the server must know that it may not stop this process."""
        if self.may_stop:
            self.may_stop = False
            self.tell(NightState.PREPARING)

    def wait(self) -> None:
        """While somebody is answered and the kernel does not hold this process still; asks again until it may go on."""
        while self.asked():
            time.sleep(WAIT_S)
            self.tell(self.state)

    def asked(self) -> bool:
        """Whether to wait: the server answered so, or said so by signal."""
        return self.waits or self.hold.asked


@dataclass(slots=True)
class Clock:
    """Minutes that a night may train; what it waits does not count, and being stopped shows as one long moment.

    What it has spent stands in the journal, so that a night begun again has no more time than one that was not.
    """

    limit_s: float
    journal: Journal | None = None
    night: str = ""
    spent_s: float = 0.0
    worked_s: float = 0.0  # with what comes before and after training
    noted_s: float = 0.0
    stepped: bool = False  # a night that has made no step goes on until it has, however short it was to be
    last: float = field(default_factory=time.monotonic)

    def restore(self) -> None:
        found = self.journal.noted(self.night, SPENT) if self.journal is not None else None
        if found is not None:
            self.spent_s, self.worked_s = (float(one) for one in found.split())
            self.noted_s = self.worked_s

    def tick(self, *, waiting: bool = False) -> None:
        """While it trains."""
        gone = self._pass()
        if not waiting and gone < STOPPED_S:
            self.spent_s += gone
            self.worked_s += gone
        self._note(NOTE_EVERY_S)
        if self.stepped and self.spent_s > self.limit_s:
            raise TimeUp

    def work(self) -> None:
        """After a step that was not training."""
        self.worked_s += self._pass()
        self._note(0.0)

    def _pass(self) -> float:
        now = time.monotonic()
        gone, self.last = now - self.last, now
        return gone

    def _note(self, after_s: float) -> None:
        if self.journal is not None and self.worked_s - self.noted_s >= after_s:
            self.journal.note(self.night, SPENT, f"{self.spent_s:.3f} {self.worked_s:.3f}")
            self.noted_s = self.worked_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A night with what it needs."""

    night: Night
    steps: Steps
    journal: Journal
    reporter: Reporter
    clock: Clock
    examiner: Examiner | None = None

    def run(self) -> dict[str, str]:
        """All steps that are not noted yet; gives the candidate of each theme."""
        report = NightReport(self.night)
        state, early = NightState.DONE, ""
        try:
            self.reporter.tell(NightState.PREPARING)
            arranged = self._once("arrange", lambda: self.steps.arrange(self.night))
            report.backlog, report.themes = arranged["backlog"], [ThemeReport(one) for one in arranged["themes"]]
            for theme in report.themes:
                self._learn(theme)
        except Over as over:
            state, early = over.state, over.reason
        kept = self._once("tidy", lambda: {"kept": self._tidy(report)})["kept"]
        report.note_kept(kept)
        if state is NightState.DONE:
            state = self._examine(report, again=not early)
        if state is NightState.DONE:
            with contextlib.suppress(Over):  # cancelled in the last moment: the server knows
                body = report.body(self.clock.worked_s / 60)
                self.reporter.tell(state, reason=report.words(early), candidates=report.candidates(), body=body)
        self.journal.forget(self.night.id)
        return {one.theme: one.candidate for one in report.themes if one.candidate}

    def _examine(self, report: NightReport, *, again: bool) -> NightState:
        """Whatever waits for a verdict gets one, and what may be served is, by one change.

        `again`: whether there is time to make once more what may have been refused by chance. Nothing waits for that.
        """
        if self.examiner is None:
            return NightState.DONE
        try:
            judged = self._judge_due(report, "due", but=())
            self._promote(report, "promote", judged)
            if again and (themes := report.worth_another()):
                self._learn_again(report, themes)
                self._promote(report, "promote again", self._judge_due(report, "due again", but=judged))
        except Over as over:
            return over.state
        return NightState.DONE

    def _judge_due(self, report: NightReport, mark: str, *, but: Collection[str]) -> list[str]:
        self.reporter.leave_training()
        self.reporter.doing = {}
        self.reporter.tell(NightState.EXAMINING)
        found = self._once(mark, lambda: {"candidates": self._find_due()})["candidates"]
        due = [one for one in found if one not in but]
        for candidate in due:
            self.reporter.doing = self._name(report, candidate)
            report.note_verdict(candidate, self._judge(candidate))
        return due

    def _promote(self, report: NightReport, mark: str, judged: Sequence[str]) -> None:
        told = {"owner": self.night.owner, "night": self.night.id, "candidates": list(judged)}
        report.note_served(self._once(mark, lambda: self.reporter.door.tell("promotion", told)))

    def _learn_again(self, report: NightReport, themes: Sequence[ThemeReport]) -> None:
        """Until the time is up: what was made by then is examined, and the next night goes on with the rest."""
        for theme in themes:
            theme.first = theme.candidate
        with contextlib.suppress(TimeUp):
            for theme in themes:
                self._learn(theme, after=ATTEMPTS)
        report.note_kept(self._tidy(report))

    def _name(self, report: NightReport, candidate: str) -> dict[str, Any]:
        """For those who watch; one of an earlier night has no name here."""
        theme = next((one.theme for one in report.themes if one.candidate == candidate), "")
        return {"theme": theme, "theme_name": self.steps.name_theme(self.night, theme)} if theme else {}

    def _find_due(self) -> list[str]:
        return self.examiner.find_due(self.night) if self.examiner is not None else []

    def _judge(self, candidate: str) -> Json:
        """Fails closed: without a verdict nothing is served."""
        examiner = self.examiner
        if examiner is None:
            return {}
        try:
            return self._once(
                f"examine {candidate}",
                lambda: examiner.examine(self.night, candidate, self.reporter.follow_exam),
            )
        except (Over, Unavailable, StorageFull):
            raise
        except AionError as error:
            return {"ship": False, "reasons": [f"it could not be examined: {error.message}"]}

    def _tidy(self, report: NightReport) -> list[str]:
        return self.steps.tidy(self.night, [one.theme for one in report.themes if one.fate is Fate.LEARNED])

    def _learn(self, theme: ThemeReport, after: int = 0) -> None:
        """Train it, again without lessons that a training broke off at, and no more than so often.

        `after`: attempts at an adapter that stands already.
        """
        name, strikes = theme.theme, 0
        if not SAFE.fullmatch(name):
            raise Failed(f"theme {name!r} has an id that cannot name a folder")
        for number in range(after + 1, after + ATTEMPTS + 1):
            mark = name if number == 1 else f"{name} {number}"
            failed = self.journal.result(self.night.id, f"give up {mark}") or self._attempt(theme, mark)
            if failed is None:
                return
            strikes += bool(failed["strike"])
            theme.put_aside += len(failed["lessons"])
            theme.fate, theme.reason = Fate.LEFT_ALONE, failed["reason"]
            if strikes == STRIKES or (failed["strike"] and not failed["lessons"]):
                return

    def _attempt(self, theme: ThemeReport, mark: str) -> Json | None:
        """None when it is done; else what was noted of why it is not."""
        theme.fate = Fate.BEGUN_AGAIN
        try:
            self._make(theme, mark)
            return None
        except Over:
            raise
        except Diverged as error:
            found = self._put_aside(theme.theme, error)
        except Exception as error:
            if not self._was_taken_away(theme.theme, mark, error):
                raise
            found = {"strike": False, "lessons": [], "reason": "something in it was forgotten again and again"}
        return self._once(f"give up {mark}", lambda: found)

    def _was_taken_away(self, theme: str, mark: str, error: Exception) -> bool:
        """Whether the job's folder is gone, which explains the error: forgetting removes it, whoever works there."""
        if isinstance(error, (Unavailable, StorageFull)) or self.steps.stands(self.night, theme):
            return False
        was_prepared = self.journal.result(self.night.id, f"prepare {mark}") is not None
        return was_prepared or isinstance(error, FileNotFoundError)

    def _make(self, theme: ThemeReport, mark: str) -> None:
        name = theme.theme
        self.reporter.leave_training()
        self.reporter.doing = {"theme": name, "theme_name": self.steps.name_theme(self.night, name)}
        self.reporter.tell(NightState.PREPARING)
        prepared = self._once(f"prepare {mark}", lambda: self.steps.prepare(self.night, name) | {"at": time.time()})
        theme.taken_up, theme.thrown_away = bool(prepared.get("taken_up")), str(prepared.get("thrown_away", ""))
        if (aside := prepared.get("aside", {})).get("lessons"):
            self._tell_aside(name, aside["lessons"], aside["reason"])
            theme.put_aside += len(aside["lessons"])
        if not prepared["fresh"]:
            theme.fate = Fate.NOTHING_NEW
            return
        device = prepared.get("device", CPU)
        self.reporter.doing |= {"device": device, "device_reason": prepared.get("device_reason", "")}
        self.reporter.tell(NightState.TRAINING)
        self.clock.work()
        self._once(f"train {mark}", lambda: self._train(name, on_processor=device == CPU))
        self.reporter.tell(NightState.EXPORTING)
        self._once(f"export {mark}", lambda: self.steps.export(self.night, name))
        told = {key: prepared[key] for key in ("lessons", "sources", "dataset", "base", "parent")}
        told |= {"owner": self.night.owner, "night": self.night.id, "theme": name, "created": prepared["at"]}
        taken = self._once(f"hand over {mark}", lambda: self.reporter.door.tell("candidates", told))
        theme.fate, theme.reason, theme.candidate = Fate.LEARNED, "", str(taken["id"])

    def _train(self, theme: str, *, on_processor: bool) -> Json:
        """Whoever forgets does not wait for the training: it sees that its job is gone."""
        self.reporter.may_stop = False

        def pause() -> None:
            if not self.steps.stands(self.night, theme):
                raise Gone
            self._pause()

        def tell(progress: Progress) -> None:
            self.clock.stepped = self.clock.stepped or progress.stage is Stage.TRAINING
            if on_processor and not self.reporter.may_stop:  # from here on it reads no database
                self.reporter.may_stop, self.reporter.told = True, 0.0
            self.reporter.follow(progress)

        with self._deferred(on_processor=on_processor):
            return self.steps.train(self.night, theme, tell, pause, self.reporter.asked)

    @contextlib.contextmanager
    def _deferred(self, *, on_processor: bool) -> Iterator[None]:
        """On a GPU it is not held still wherever it is: it waits between two layers, when it has left the GPU."""
        if on_processor:
            yield
            return
        with self.reporter.hold.after():
            yield

    def _put_aside(self, theme: str, error: Diverged) -> Json:
        """The lessons in question, durably with the server; none where the training broke off at no lesson."""
        lessons = self.steps.find_lessons(self.night, theme, error.sequences)
        reason = error.message.partition(", with")[0]
        if lessons:
            self._tell_aside(theme, lessons, reason)
        return {"strike": True, "lessons": lessons, "reason": reason}

    def _tell_aside(self, theme: str, lessons: Sequence[str], reason: str) -> None:
        told = {"owner": self.night.owner, "night": self.night.id, "theme": theme}
        self.reporter.door.tell("quarantine", told | {"lessons": list(lessons), "reason": reason})

    def _once(self, name: str, work: Callable[[], Json]) -> Json:
        result = self.journal.once(self.night.id, name, lambda: self.reporter.hold.try_again(work))
        self.clock.work()
        return result

    def _pause(self) -> None:
        self.clock.tick()
        if self.reporter.asked():
            self.reporter.wait()
            self.clock.tick(waiting=True)
