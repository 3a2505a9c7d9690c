"""The sleeper: a light process beside the server that decides when a night begins, begins it, and looks after it.

    python -m aion.sleep.nights.sleeper        flags on stdin, which then stays open as a life line, as the server's do

It reads rows and never writes them; what is to be kept, it asks the server for. A night is a child of its own at the
lowest priority. It ends when the server or the data folder goes away, when it is cancelled, and when the sleeper ends;
what was interrupted is begun again, and goes on from where it was. Three deaths at the same place end it for good.
It loads no torch.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace

import structlog

from aion.config import Settings, load
from aion.config.log import configure_log
from aion.errors import AionError, BadConfig, Conflict, Unavailable
from aion.models.catalog import LocalModel, resolve_embedder, resolve_model
from aion.records import Json, Night, NightState, new_id
from aion.sleep.nights.bandit import LONGEST_S, Bandit
from aion.sleep.nights.door import Door, find_door
from aion.sleep.nights.journal import JOBS, Journal
from aion.sleep.nights.kept import NIGHTS, drop_old, keep_unfinished, list_done
from aion.sleep.nights.outlook import OVER, Base, collect_facts
from aion.sleep.nights.priority import stand_back
from aion.sleep.nights.reward import accepted_gain, read_outcomes
from aion.sleep.nights.when import Decision, Facts, Why, decide
from aion.store.base import Store
from aion.store.changes import changed_since
from aion.store.database import DATABASE
from aion.store.lock import began_at
from aion.store.sqlite import SqliteStore

NIGHT = (sys.executable, "-m", "aion.night")
POSTPONED = "postponed"  # in the journal, beside the nights: owner and since when
AT_THE_MACHINE = "me"  # whom the command line speaks for
POLL_S = 0.5
HEARTBEAT_S = 5.0
REFRESH_S = 20.0
TRY_AGAIN_S = 60.0
STRIKES = 3
NICE = 10  # counting lessons takes a while, and may not keep anybody waiting
NEVER = -1e9
MOST_WORDS = 500  # that the server takes as a reason
MOST_SOURCES = 8  # of one lesson that waits: enough to find where it is from
log = structlog.get_logger()


@dataclass(slots=True)
class Child:
    """A night's process."""

    night: Night
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """Also when it is stopped. Its engine ends with its life line."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self.process.stdin is not None:
            with suppress(OSError):
                self.process.stdin.close()


@dataclass(slots=True)
class Sleeper:
    """One for each data folder. `step` is called again and again and never waits for long."""

    settings: Settings
    flags: Json
    argv: Sequence[str] = NIGHT
    child: Child | None = None
    outlooks: dict[str, Json] = field(default_factory=dict)
    checked: float = NEVER
    told: float = NEVER
    weighs: float = NEVER  # when a night that waits is looked at again
    weighing: str = ""
    idle_s: float = 0.0
    base: Base | None = None
    served: Json = field(default_factory=dict)  # settings, as the server has them

    def step(self) -> bool:
        """Look once at everything; False when there is no data folder any more."""
        if not (self.settings.data / DATABASE).exists():
            self.close()
            return False
        door = find_door(self.settings.data)
        if door is None:
            self.close()
            return True
        try:
            with self._store() as store:
                self._attend(door, store)
        except AionError as error:
            log.warning("sleeper.waits", code=error.code, reason=error.message)
        return True

    def close(self) -> None:
        """Whatever it was doing, it goes on from there once it is begun again."""
        if self.child is not None:
            self.child.kill()
            self.child = None

    def _attend(self, door: Door, store: Store) -> None:
        now = time.monotonic()
        beats = now - self.told >= HEARTBEAT_S
        if beats:  # first: whatever goes wrong after it, the server knows that somebody is there
            self._beat(door)
        nights = store.nights.nights(owner=None, limit=50)
        night = next((one for one in nights if one.state not in OVER), None)
        self._watch(night)
        if beats:
            self._refresh(store)
            self._check_disk_of(nights)
            self._forget_notes(store)
        if self.child is not None:
            return
        if night is not None:
            self._take_up(door, store, night)
        elif now - self.checked >= self.settings.sleep.check_minutes * 60 or not self.outlooks:
            self.checked = now
            self._look_for_reasons(door, store)

    def _beat(self, door: Door) -> bool:
        """Say that somebody is there. Gives whether a night would have to wait, because somebody is answered."""
        told = door.tell("sleeper", {"owners": self.outlooks, "pid": os.getpid()})
        self.idle_s, self.told = float(told["idle_s"]), time.monotonic()
        self._adopt(told["settings"])
        return bool(told["pause"])

    def _adopt(self, served: Json) -> None:
        """What the server goes by counts here and for its nights, whatever aion.toml says by now; own flags stay."""
        if served == self.served:
            return
        settings = load(served | self.flags).settings
        if (settings.model, settings.embedder) != (self.settings.model, self.settings.embedder):
            self.base = None
        self.served, self.settings = served, settings
        self.checked = NEVER  # what was no reason may be one

    def _watch(self, night: Night | None) -> None:
        """Whether the child is still wanted, and still there."""
        if self.child is None:
            return
        if night is None or night.id != self.child.night.id:
            self.close()  # cancelled, or over
        elif (code := self.child.process.poll()) is not None:
            log.warning("sleeper.night_ended", code=code, night=night.id)
            self.close()

    def _take_up(self, door: Door, store: Store, night: Night) -> None:
        """Begin the night that somebody asked for, or go on with one that was interrupted."""
        if night.state is NightState.WAITING:
            if time.monotonic() < self.weighs and self.weighing == night.id:
                return
            self.weighs, self.weighing = time.monotonic() + HEARTBEAT_S, night.id
            try:
                facts = self._collect(store, night.owner, asked=night)
            except (Unavailable, Conflict) as error:  # a model that cannot be brought now may be brought later
                self.weighs = time.monotonic() + TRY_AGAIN_S
                self._note_trouble(store, night.owner, error, lead="the night waits, and is tried again in a minute: ")
                return
            except AionError as error:
                self._note_trouble(store, night.owner, error)
                self._tell_failed(door, night, error.message)  # while it waits, nobody else may ask for one
                return
            decision = decide(facts, self.settings.sleep)
            self._note(night.owner, facts, decision)
            if not facts.lessons and not (facts.forced and facts.lessons_learned):
                self._tell_failed(door, night, decision.why_not)
                return
            if not decision.sleep:
                return
        self._begin(door, night)

    def _begin(self, door: Door, night: Night) -> None:
        if self._beat(door):
            return
        process = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=sys.stderr, start_new_session=True)
        self.child = Child(night, process)
        try:
            self._tell_begun(door, night, process.pid)
        except AionError:
            self.close()  # what nobody could hold still does not begin
            raise
        journal = Journal(self.settings.data / NIGHTS)
        if journal.count_attempt(night.id, self._mark(journal, night)) > STRIKES:
            self.close()
            self._tell_failed(door, night, f"it died {STRIKES} times at the same place")
        elif process.stdin is not None:
            with suppress(OSError):  # it died already: the next look will see that
                told = {"flags": self.served | self.flags, "night": asdict(night)}
                process.stdin.write(json.dumps(told).encode() + b"\n")
                process.stdin.flush()

    def _tell_begun(self, door: Door, night: Night, pid: int) -> None:
        """The server may stop it from now on, while it loads what it needs: until it tells of itself."""
        told: Json = {"night": night.id, "owner": night.owner, "state": "preparing", "reason": night.reason}
        told |= {"asked": night.asked, "minutes": night.minutes, "theme": night.theme or None, "body": dict(night.body)}
        door.tell("progress", told | {"pid": pid, "began": began_at(pid), "may_stop": True})

    def _mark(self, journal: Journal, night: Night) -> str:
        """How far it is: steps that were finished, and checkpoints."""
        folder = self.settings.data / NIGHTS / night.id
        checkpoints = sorted(path.name for path in folder.glob("*/checkpoints/*"))
        return json.dumps([journal.finished(night.id), checkpoints])

    def _look_for_reasons(self, door: Door, store: Store) -> None:
        """Of one person after the other: what is wrong with the rows of one keeps nobody else from learning."""
        keys = store.keys()
        owners = {key.owner for key in keys} | set(store.memories.owners()) | {AT_THE_MACHINE}
        for owner in sorted(owners):
            try:
                facts, decision = self._weigh(store, owner)
            except AionError as error:
                self._note_trouble(store, owner, error)
                continue
            self._note(owner, facts, decision)
            if decision.sleep:
                self._start(door, owner, facts, decision)
                return

    def _weigh(self, store: Store, owner: str) -> tuple[Facts, Decision]:
        facts = self._collect(store, owner)
        decision = decide(facts, self.settings.sleep)
        if decision.sleep:
            decision = self._ask_bandit(store, owner, facts, decision)
        elif decision.why is Why.NONE:
            self._put_off(owner, "")  # another reason is put off anew
        return facts, decision

    def _refresh(self, store: Store) -> None:
        """What there is to learn, of those who said or changed something since it was counted."""
        for owner, told in list(self.outlooks.items()):
            try:
                if time.time() - told["at"] > REFRESH_S and changed_since(store, owner, told["at"], told["version"]):
                    facts = self._collect(store, owner)
                    self._note(owner, facts, decide(facts, self.settings.sleep))
            except AionError as error:
                self._note_trouble(store, owner, error)

    def _collect(self, store: Store, owner: str, asked: Night | None = None) -> Facts:
        return collect_facts(store, self.settings, owner, self._find_base(), idle_s=self.idle_s, asked=asked)

    def _ask_bandit(self, store: Store, owner: str, facts: Facts, decision: Decision) -> Decision:
        """What is put off stands in the journal: a sleeper begun again does not put it off anew."""
        now = time.time()
        since = float(Journal(self.settings.data / NIGHTS).noted(POSTPONED, owner) or now)
        outcomes = read_outcomes(store.nights.nights(owner=None, limit=1000), accepted_gain(store))
        hour = datetime.datetime.now().astimezone().hour
        advice = Bandit(outcomes).advise(decision.why, facts.lessons, hour, postponed_s=now - since)
        self._put_off(owner, "" if advice.now else repr(since))
        if advice.now:
            return replace(decision, reason=f"{decision.reason}; {advice.words}")
        left = max(0.0, LONGEST_S - (now - since)) / 3600
        return replace(decision, sleep=False, why_not=f"{advice.words}; it begins in {left:.0f} h at the latest")

    def _put_off(self, owner: str, since: str) -> None:
        journal = Journal(self.settings.data / NIGHTS)
        if (journal.noted(POSTPONED, owner) or "") != since:
            journal.note(POSTPONED, owner, since)

    def _start(self, door: Door, owner: str, facts: Facts, decision: Decision) -> None:
        """The row first: from then on the night is begun again until it is over."""
        now = time.time()
        context = {"why": decision.why.value, "backlog": facts.lessons, "hour": time.localtime(now).tm_hour}
        night = new_id("night")
        body = {"night": night, "owner": owner, "state": "waiting", "reason": decision.reason, "asked": now}
        door.tell("progress", body | {"body": context})

    def _note(self, owner: str, facts: Facts, decision: Decision) -> None:
        self.outlooks[owner] = {
            "lessons": facts.lessons,
            "waiting": [{"kind": one.kind.value, "sources": one.sources[:MOST_SOURCES]} for one in facts.waiting],
            "lessons_learned": facts.lessons_learned,
            "disk_needed": facts.disk_needed,
            "reason": decision.reason,
            "why_not": decision.why_not,
            "at": facts.at,
            "version": facts.version,
        }
        self.told = NEVER  # the next look tells it

    def _note_trouble(self, store: Store, owner: str, error: AionError, lead: str = "") -> None:
        """Why somebody cannot be looked at stands where the reasons stand."""
        at, version = time.time(), 0
        with suppress(AionError):  # one that cannot be read either is none
            version = store.memories.version(owner=owner)
        log.warning("sleeper.cannot_look", code=error.code, reason=error.message)
        self._note(
            owner, Facts(at=at, version=version), Decision(sleep=False, why_not=f"{lead}{error.message}"[:MOST_WORDS])
        )

    def _tell_failed(self, door: Door, night: Night, reason: str) -> None:
        body = {"night": night.id, "owner": night.owner, "state": "failed", "asked": night.asked}
        door.tell("progress", body | {"reason": reason[:MOST_WORDS], "body": dict(night.body)})

    def _check_disk_of(self, nights: Sequence[Night]) -> None:
        """Remove the folders of nights that are over, but not of one that is not known.

        What a night that failed has trained is not gone on with: it may be why. A full disk is no such reason, and
        that night has put its work aside by itself.
        """
        place = self.settings.data / NIGHTS
        for night in nights:
            if night.state not in OVER or not (place / night.id).is_dir():
                continue
            if night.state is NightState.FAILED:
                shutil.rmtree(place / night.id, ignore_errors=True)
            else:
                keep_unfinished(place, night.id, done=list_done(Journal(place).finished(night.id)))
        drop_old(place)

    def _forget_notes(self, store: Store) -> None:
        """Of nights that are over and have no folder any more, or never had one."""
        place = self.settings.data / NIGHTS
        if self.child is not None or not (place / JOBS).exists():
            return  # a night that is held still may hold its notes, too
        journal = Journal(place)
        for id_ in journal.nights():
            night = store.nights.night(id_, owner=None)
            if night is not None and night.state in OVER and not (place / id_).is_dir():
                journal.forget(id_)

    def _find_base(self) -> Base:
        if self.base is None:
            found = asyncio.run(resolve_model(self.settings))
            if not isinstance(found, LocalModel):
                raise BadConfig("the model is on another server, where no adapter can be trained; serve a GGUF here")
            if self.settings.embedder.source.startswith("hf:"):
                asyncio.run(resolve_embedder(self.settings))  # a night would die for want of it
            self.base = Base(found.sha256, found.path.stat().st_size)
        return self.base

    @contextmanager
    def _store(self) -> Iterator[Store]:
        store = SqliteStore(self.settings.data, read_only=True)
        try:
            yield store
        finally:
            store.close()


def main() -> int:
    life_line = os.dup(0)
    line = bytearray()
    while (byte := os.read(life_line, 1)) not in (b"", b"\n"):
        line += byte
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    stand_back(NICE)
    flags = dict(json.loads(line)["flags"])
    ending = threading.Event()
    threading.Thread(target=_await_end, args=(life_line, ending), daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    settings = load(flags).settings
    configure_log(settings.log)
    return look_after(Sleeper(settings, flags), ending)


def look_after(sleeper: Sleeper, ending: threading.Event) -> int:
    """Until it is told to end, or there is no data any more."""
    try:
        while not ending.is_set() and sleeper.step():
            ending.wait(POLL_S)
    finally:
        sleeper.close()
    return 0


def _await_end(life_line: int, ending: threading.Event) -> None:
    while os.read(life_line, 4096):
        pass
    ending.set()


if __name__ == "__main__":
    sys.exit(main())
