"""The days of one run, one after the other: teach, sleep, measure; kept so that a run can be taken up where it stopped.

`state.json` says what was done, `mornings.jsonl` what each peer knew, `answers.jsonl` every answer. What was begun and
not finished is begun again: a thing told twice is one thing to AION. It prints one line for each peer and morning.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aion.records import Json
from benchmarks.nightly.causes import describe_night, find_cause
from benchmarks.nightly.exams import Question, general_questions, is_searched, make_questions
from benchmarks.nightly.home import Home
from benchmarks.nightly.peers import PEERS, Nightly, ask_base, with_answers
from benchmarks.nightly.person import FOUND, MODES, Person
from benchmarks.nightly.score import Morning, Share, count, judge
from benchmarks.nightly.values import holds
from benchmarks.nightly.world import make_world

TOKENS = 48  # of an answer
NIGHT_S = 6 * 3600.0
MEASURING = {"peers": None, "every": None}  # what of a plan may differ when a run goes on
ALWAYS = "off"  # the peer that is asked on every morning
SLEEPING = {"off", "on"}  # peers that serve what AION's nights make
BRIEF = ("last", "earlier", "systems", "names", "missed", "changed", "general")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run is. The same plan goes on with what its folder holds; another one is refused."""

    seed: int = 1
    days: int = 10
    themes: int = 5
    facts: int = 12
    general: int = 1000  # general questions, of those that there are
    every: int = 1  # all peers but `off` are asked on the first, every Nth and the last morning
    peers: tuple[str, ...] = ("off", "on", "memory", "naive", "replay")
    awake: bool = False  # AION is told everything and never sleeps: for peers that do not serve what its nights make
    flags: dict[str, Any] = field(default_factory=dict)  # AION's settings, over those of home.py


class Course:
    """One run in its folder."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        if plan.awake and SLEEPING & set(plan.peers):
            raise SystemExit(f"who never sleeps has no adapters: leave {' and '.join(sorted(SLEEPING))} out of --peers")
        folder.mkdir(parents=True, exist_ok=True)
        self.plan, self.folder = plan, folder
        self.world = make_world(plan.seed, days=plan.days, themes=plan.themes, facts=plan.facts)
        self.home = Home(folder, plan.flags)
        self._state = self._load_state()

    def run(self, from_day: int = 0) -> list[Morning]:
        """From where it stopped, or again from a day on: what came after the morning before it is undone."""
        if from_day:
            self._go_back(from_day - 1)
        self._meet_base()
        for day in range(1, self.plan.days + 1):
            self._live(day)
            self._measure(day)
        return self.mornings()

    def measure(self) -> list[Morning]:
        """The nights that were slept so far; it lives none, so that another process may go on with the run."""
        for day in range(1, self._state.get("slept", 0) + 1):
            self._measure(day)
        return self.mornings()

    def mornings(self) -> list[Morning]:
        if not self._mornings.exists():
            return []
        return [_morning_of(json.loads(line)) for line in self._mornings.read_text("utf-8").splitlines()]

    @property
    def _mornings(self) -> Path:
        return self.folder / "mornings.jsonl"

    def _meet_base(self) -> None:
        """Day 0: what the base says to general questions, before anything was told."""
        if "general" in self._state:
            return
        asked = general_questions()[: self.plan.general]
        with self.home.examined(0) as person:
            self._note(general={one: person.ask([_user(one)], "base", tokens=TOKENS).text for one in asked})

    def _live(self, day: int) -> None:
        if self._state.get("slept", 0) >= day:
            return
        began = time.monotonic()
        with self.home.living() as person:
            if self._state.get("taught", 0) < day:
                told = {fact.key: person.teach(fact) for fact in self.world.taught_on(day)}
                self._note(taught=day, told=self._state.get("told", {}) | told)
            taught = time.monotonic()
            night = self._sleep(person)
        night |= {"teaching_s": round(taught - began), "sleeping_s": round(time.monotonic() - taught)}
        self.home.keep(day)
        self._note(slept=day, nights=self._state.get("nights", {}) | {str(day): night})
        fates = ", ".join(f"{number} {name}" for name, number in night["fates"].items()) or "nothing learned"
        print(f"  day {day:2}  {night['state']}, {fates}, ", end="")
        print(f"{night['teaching_s']} s to teach, {night['sleeping_s']} s asleep  {night['reason']}", flush=True)

    def _sleep(self, person: Person) -> Json:
        ended: Json = {"state": "awake", "reason": "as asked"} if self.plan.awake else person.sleep(NIGHT_S)
        return ended | describe_night(person.reports(), person.adapters())

    def _measure(self, day: int) -> None:
        done = {one.peer for one in self.mornings() if one.day == day}
        left = [one for one in self.plan.peers if one not in done and (one == ALWAYS or self._is_measured(day))]
        questions = make_questions(self.world, day, self._state["general"], whole=day == self.plan.days)
        for mode in (one for one in left if one in MODES):
            with self.home.examined(day) as person:
                self._sit(mode, day, questions, person)
        if FOUND in left:
            with self.home.examined(day) as person:
                self._look(day, [one for one in questions if is_searched(one)], person)
        for name in self.plan.peers:
            if name in PEERS:
                self._sit_peer(name, day, questions if name in left else [])

    def _is_measured(self, day: int) -> bool:
        return day in {1, self.plan.days} or day % self.plan.every == 0

    def _sit(self, mode: str, day: int, questions: Sequence[Question], person: Person) -> None:
        night, told = self._state["nights"][str(day)], self._state["told"]
        causes: Counter[str] = Counter()

        def ask(question: Question) -> tuple[str, Json]:
            reply = person.ask(question.messages, mode, tokens=TOKENS)
            note: Json = {"adapters": reply.adapters, "route": reply.route}
            if question.fact and mode != "memory" and not holds(reply.text, question.wanted):
                note["cause"] = find_cause([told[question.fact]], night["adapters"], reply.adapters)
                causes[f"{question.exam}: {note['cause']}"] += 1
            return reply.text, note

        self._record(mode, day, questions, ask, night=lambda: night | {"causes": dict(causes)}, began=time.monotonic())

    def _look(self, day: int, questions: Sequence[Question], person: Person) -> None:
        def find(question: Question) -> tuple[str, Json]:
            return person.recall(question.messages[-1]["content"]).text, {}

        self._record(FOUND, day, questions, find, night=dict, began=time.monotonic())

    def _sit_peer(self, name: str, day: int, questions: Sequence[Question]) -> None:
        """It sleeps every night, and is asked where there are questions."""
        flags = self.plan.flags.items()
        given = {key.removeprefix("train."): value for key, value in flags if key.startswith("train.")}
        peer = Nightly(name, self.folder / "peers" / name, given)
        night = peer.sleep(day, self.home.kept(day))
        if questions:
            asked = with_answers(questions, self._peers_general(questions))
            began = time.monotonic()
            answers = iter(peer.ask(day, asked, TOKENS))
            self._record(name, day, asked, lambda _: (next(answers), {}), night=lambda: night, began=began)

    def _peers_general(self, questions: Sequence[Question]) -> dict[str, str]:
        """What their engine says by itself; in a file of its own, as another process may be writing the state."""
        path = self.folder / "peers_general.json"
        if not path.exists():
            general = [one for one in questions if one.exam == "general"]
            said = zip(general, ask_base(general, TOKENS), strict=True)
            _write(path, {one.messages[0]["content"]: text for one, text in said})
        found: dict[str, str] = json.loads(path.read_text("utf-8"))
        return found

    def _record(
        self,
        peer: str,
        day: int,
        questions: Sequence[Question],
        ask: Callable[[Question], tuple[str, Json]],
        *,
        night: Callable[[], Json],
        began: float,
    ) -> None:
        """Answers first, then the morning: a line that is there is whole."""
        taught, judged, lines = self._taught(day), [], []
        for question in questions:
            text, told = ask(question)
            judged.append(judge(question, text, taught))
            asked = [one["content"] for one in question.messages]
            lines.append(
                {"peer": peer, "day": day, "asked": asked, "answer": text} | dataclasses.asdict(judged[-1]) | told
            )
        self._append("answers.jsonl", lines)
        morning = Morning(peer=peer, day=day, shares=count(judged), night=night())
        self._append("mornings.jsonl", [dataclasses.asdict(morning)])
        print(f"{line_of(morning)}  {time.monotonic() - began:.0f} s for {len(questions)}", flush=True)

    def _taught(self, day: int) -> list[str]:
        return [one.value for one in self.world.facts if one.day <= day]

    def _append(self, name: str, lines: Sequence[Json]) -> None:
        with (self.folder / name).open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(one, ensure_ascii=False) + "\n" for one in lines)

    def _go_back(self, day: int) -> None:
        if day >= self._state.get("slept", 0):
            raise SystemExit(f"{self.folder} has no night after day {day}: it goes on by itself without --from-day")
        self.home.go_back(day)
        for folder in self.folder.glob("peers/*/*"):
            if int(folder.name) > day:
                shutil.rmtree(folder)
        kept = [one for one in self.mornings() if one.day <= day]
        self._mornings.unlink(missing_ok=True)
        self._append("mornings.jsonl", [dataclasses.asdict(one) for one in kept])
        self._note(taught=day, slept=day)

    def _load_state(self) -> Json:
        path, plan = self.folder / "state.json", json.loads(json.dumps(dataclasses.asdict(self.plan) | MEASURING))
        state: Json = json.loads(path.read_text("utf-8")) if path.exists() else {"plan": plan}
        if state["plan"] != plan:
            raise SystemExit(f"{self.folder} holds the run {state['plan']}, not {plan}: take another folder")
        return state

    def _note(self, **done: Any) -> None:
        self._state |= done
        _write(self.folder / "state.json", self._state)


def _write(path: Path, data: Json) -> None:
    new = path.with_suffix(".new")
    new.write_text(json.dumps(data, ensure_ascii=False, indent=1), "utf-8")
    new.replace(path)


def line_of(morning: Morning) -> str:
    found = [f"{name} {morning.shares[name].share:.2f}" for name in BRIEF if name in morning.shares]
    if "changed/old" in morning.shares:
        found.append(f"old {morning.shares['changed/old'].share:.2f}")
    return f"  day {morning.day:2} {morning.peer:7} " + "  ".join(found)


def _morning_of(line: Json) -> Morning:
    return Morning(**line | {"shares": {name: Share(**share) for name, share in line["shares"].items()}})


def _user(text: str) -> Json:
    return {"role": "user", "content": text}
