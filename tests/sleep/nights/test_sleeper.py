"""The sleeper with a real server, and nights whose training is a stub: begun, killed, begun again, never done twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from aion.cli.companion import Companion
from aion.config import load
from aion.records import Candidate
from aion.sleep.nights.bandit import LONGEST_S, name_part, part_of
from aion.sleep.nights.journal import Journal
from aion.sleep.nights.sleeper import POSTPONED, Sleeper
from aion.store.sqlite import SqliteStore
from tests.proofs import share_of
from tests.serve.people import Person
from tests.serving import RunningServer, running, wait_until
from tests.sleep.stub_night import THEMES, lessons

STUB = (sys.executable, "-m", "tests.sleep.stub_night")
QUICK = {"sleep.quiet_s": 0.2, "sleep.disk_reserve_mb": 0, "model.source": "embedded"}


@contextmanager
def sleeping(server: RunningServer, **changes: Any) -> Iterator[Sleeper]:
    flags = {"data": str(server.data), **QUICK, **changes}
    sleeper = Sleeper(load(flags).settings, flags, argv=STUB)
    try:
        yield sleeper
    finally:
        sleeper.close()


@pytest.fixture
def up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningServer]:
    monkeypatch.setenv("STUB_STEPS", "3")
    with running(tmp_path / "data", {"sleep.quiet_s": 0.2, "sleep.disk_reserve_mb": 0}) as server:
        yield server


def teach(server: RunningServer) -> Person:
    """Somebody with something to learn, who asked for a night."""
    me = Person(server, server.control_token)
    me.remember("The name of my boat is Gaivota and it lies in Sines.")
    return me


def ask_night(me: Person, **body: Any) -> Any:
    return me.ask("POST", "/api/sleep/start", json=body).raise_for_status().json()


def drive(sleeper: Sleeper, until: Any, timeout: float = 30) -> None:
    deadline = time.monotonic() + timeout
    while not until():
        assert time.monotonic() < deadline, "waited in vain"
        assert sleeper.step()
        time.sleep(0.02)


def is_over(me: Person) -> bool:
    return bool(me.get("/api/sleep/status")["state"] == "awake")


def let_live(server: RunningServer, sleeper: Sleeper) -> None:
    """Until the night's process has come further than where it was begun, or to its end."""
    assert sleeper.child is not None
    child, began = sleeper.child, reached(server, sleeper.child.night.id)
    wait_until(lambda: reached(server, child.night.id) != began or child.process.poll() is not None, timeout=30)


def reached(server: RunningServer, night: str) -> list[str]:
    """What is kept of it: steps that were finished, and checkpoints."""
    nights = server.data / "nights"
    return [*Journal(nights).finished(night), *sorted(path.name for path in nights.glob(f"{night}/*/checkpoints/*"))]


def check_once(server: RunningServer, nights: int = 1) -> None:
    """P6: every lesson of every night is in exactly one candidate of it."""
    store = SqliteStore(server.data, read_only=True)
    used = Counter(
        (one.night, lesson) for one in store.nights.candidates(owner="me", limit=100_000) for lesson in one.lessons
    )
    assert set(used.values()) <= {1}
    assert len(used) == nights * sum(len(lessons(theme)) for theme in THEMES)
    assert list(store.verify()) == []
    store.close()


def test_a_night_that_was_asked_for_is_begun_and_leaves_its_candidates(up: RunningServer) -> None:
    me = teach(up)
    night = ask_night(me)
    with sleeping(up) as sleeper:
        drive(sleeper, lambda: is_over(me))
        sleeper.told = -1e9
        drive(sleeper, lambda: not (up.data / "nights" / night["id"]).exists())
    [told] = me.get("/api/sleep/nights")["data"]
    assert (told["state"], len(told["candidates"]), told["reason"]) == ("done", 2, "2 adapters")
    check_once(up)
    assert Counter((up.data / "steps.log").read_text().split("\n"))["train theme_1"] == 1


def test_a_night_killed_at_random_goes_on_and_nothing_is_doubled(
    up: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_STEP_S", "0.1")
    monkeypatch.setenv("STUB_STEPS", "8")
    me, draw, kills = teach(up), random.Random(20_261_121), 0
    ask_night(me)
    with sleeping(up) as sleeper:
        deadline = time.monotonic() + 60
        while not is_over(me) and time.monotonic() < deadline:
            sleeper.step()
            if sleeper.child is not None and kills < 6:
                let_live(up, sleeper)
                time.sleep(draw.uniform(0, 0.4))
                os.kill(sleeper.child.process.pid, signal.SIGKILL)
                sleeper.child.process.wait()
                kills += 1
            time.sleep(0.02)
    assert kills >= 2
    assert me.get("/api/sleep/nights")["data"][0]["state"] == "done"
    check_once(up)


def test_a_night_that_dies_at_the_same_place_is_given_up(up: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUB_DIES", "export theme_1")
    me = teach(up)
    ask_night(me)
    with sleeping(up) as sleeper:
        drive(sleeper, lambda: is_over(me))
    [night] = me.get("/api/sleep/nights")["data"]
    assert (night["state"], "3 times at the same place" in night["reason"]) == ("failed", True)


def test_lessons_that_break_a_training_are_put_aside_and_tried_again_only_when_released(
    up: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_DIVERGES", "lesson_theme_1_1")
    me = teach(up)
    with sleeping(up) as sleeper:
        for released in (False, False, True):
            if released:
                monkeypatch.setenv("STUB_DIVERGES", "")
                wish = {"lessons": ["lesson_theme_1_1"]}
                me.ask("POST", "/api/sleep/release", json=wish).raise_for_status()
            ask_night(me, force=True)
            drive(sleeper, lambda: is_over(me))
            [aside] = me.get("/api/sleep/quarantine")["data"] or [None]
            assert (aside is None) == released
    nights = me.get("/api/sleep/nights")["data"][::-1]
    assert [one["reason"] for one in nights] == ["2 adapters; 1 lesson put aside", "2 adapters", "2 adapters"]
    store = SqliteStore(up.data, read_only=True)
    learned = [set(store.nights.candidates(owner="me", theme="theme_1", night=one["id"])[0].lessons) for one in nights]
    store.close()
    assert learned == [{"lesson_theme_1_2"}, {"lesson_theme_1_2"}, set(lessons("theme_1"))]
    trained = Counter((up.data / "steps.log").read_text().split("\n"))["train theme_1"]
    assert trained == 4, "the first night tried twice, those after it did not try what was put aside"


def test_a_theme_too_long_for_one_night_is_finished_in_several(
    up: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_STEP_S", "0.2")
    monkeypatch.setenv("STUB_STEPS", "8")
    me, nights = teach(up), 0
    tell_theme(up, "theme_1")
    with sleeping(up) as sleeper:
        while not made_by(up, "theme_1"):
            ask_night(me, theme="theme_1", minutes=0.012, force=True)
            drive(sleeper, lambda: is_over(me))
            nights += 1
            kept = list((up.data / "nights" / "kept").glob("theme_1/checkpoints/step-*"))
            assert len(kept) >= min(nights, 8) or made_by(up, "theme_1"), "each night adds to what is kept"
            assert nights <= 8
    reasons = [one["reason"] for one in me.get("/api/sleep/nights")["data"]]
    assert reasons[0] == "1 adapter"
    assert set(reasons[1:]) == {"its time was up; 0 of 1 themes are done; 1 theme to go on with next night"}
    assert nights >= 2
    assert list((up.data / "nights" / "kept").iterdir()) == []


def test_a_cancelled_night_keeps_its_work_and_a_failed_one_does_not(
    up: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_STEP_S", "0.1")
    monkeypatch.setenv("STUB_STEPS", "1000")
    me, kept = teach(up), up.data / "nights" / "kept" / "theme_1"
    with sleeping(up) as sleeper:
        ask_night(me)
        drive(sleeper, lambda: me.get("/api/sleep/status").get("step", 0) >= 2)
        me.ask("POST", "/api/sleep/cancel").raise_for_status()
        sleeper.told = -1e9
        drive(sleeper, kept.exists)
        monkeypatch.setenv("STUB_DIES", "export theme_1")
        monkeypatch.setenv("STUB_STEPS", "3")
        night = ask_night(me)
        drive(sleeper, lambda: is_over(me))
        sleeper.told = -1e9
        drive(sleeper, lambda: not (up.data / "nights" / night["id"]).exists())
    assert me.get("/api/sleep/nights")["data"][0]["state"] == "failed"
    assert not kept.exists(), "what may be the reason of a failure is not gone on with"


def test_a_disk_that_fills_in_the_night_ends_it_in_words_and_the_next_one_goes_on(
    up: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_FULL", "theme_2")
    me = teach(up)
    with sleeping(up) as sleeper:
        ask_night(me)
        drive(sleeper, lambda: is_over(me))
        [night] = me.get("/api/sleep/nights")["data"]
        assert night["state"] == "failed"
        assert "the disk is full" in night["reason"]
        assert "the next night goes on from where this one was" in night["reason"]
        assert (bool(made_by(up, "theme_1")), made_by(up, "theme_2")) == (True, [])
        assert (up.data / "nights" / "kept" / "theme_2" / "checkpoints" / "step-00000000").exists()
        monkeypatch.setenv("STUB_FULL", "")
        tell_theme(up, "theme_2")
        ask_night(me, theme="theme_2", force=True)
        drive(sleeper, lambda: is_over(me))
    assert [one.lessons for one in made_by(up, "theme_2")] == [tuple(lessons("theme_2"))]
    check_once(up)


def wait_for_words(sleeper: Sleeper, me: Person, words: str) -> None:
    drive(sleeper, lambda: words in me.get("/api/sleep/status")["why_not"])


def tell(server: RunningServer, night: dict[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {server.control_token}"}
    httpx2.post(f"{server.url}/api/sleep/progress", json=night, headers=headers).raise_for_status()


def tell_theme(server: RunningServer, theme: str) -> None:
    """So that somebody may ask for it before a night has arranged anything."""
    [memory] = Person(server, server.control_token).get("/api/memory?limit=1")["data"]
    told = {
        "owner": "me",
        "themes": [{"id": theme, "name": theme, "vector": [1.0], "embedder": "e" * 64}],
        "places": [{"lesson": lessons(theme)[0], "theme": theme, "sources": [memory["id"]]}],
    }
    headers = {"Authorization": f"Bearer {server.control_token}"}
    httpx2.post(f"{server.url}/api/sleep/arrangement", json=told, headers=headers).raise_for_status()


def made_by(server: RunningServer, theme: str) -> list[Candidate]:
    store = SqliteStore(server.data, read_only=True)
    found = store.nights.candidates(owner="me", theme=theme)
    store.close()
    return found


def test_a_cancelled_night_loses_its_process_even_when_it_is_stopped(
    up: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_STEP_S", "0.2")
    monkeypatch.setenv("STUB_STEPS", "1000")
    me = teach(up)
    ask_night(me)
    with sleeping(up) as sleeper:
        drive(sleeper, lambda: me.get("/api/sleep/status")["state"] == "training")
        assert sleeper.child is not None
        child = sleeper.child.process
        os.kill(child.pid, signal.SIGSTOP)
        me.ask("POST", "/api/sleep/cancel").raise_for_status()
        drive(sleeper, lambda: sleeper.child is None)
    assert child.returncode == -signal.SIGKILL
    assert me.get("/api/sleep/nights")["data"][0]["state"] == "cancelled"


def test_a_night_ends_with_its_server_and_goes_on_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_STEP_S", "0.1")
    monkeypatch.setenv("STUB_STEPS", "20")
    flags = {"sleep.disk_reserve_mb": 0, "sleep.quiet_s": 0.2}
    with running(tmp_path / "data", flags) as server, sleeping(server) as sleeper:
        me = teach(server)
        ask_night(me)
        drive(sleeper, lambda: me.get("/api/sleep/status").get("step", 0) >= 2)
        assert sleeper.child is not None
        child = sleeper.child.process
        os.kill(child.pid, signal.SIGSTOP)
        server.stop(signal.SIGKILL)
        wait_until(lambda: sleeper.step() and sleeper.child is None)
        assert child.returncode == -signal.SIGKILL
        before = len(list(tmp_path.glob("data/nights/*/theme_1/checkpoints/*")))
        with running(tmp_path / "data", flags) as again:
            me = Person(again, again.control_token)
            drive(sleeper, lambda: is_over(me))
            check_once(again)
        assert before >= 2


def test_training_is_interrupted_by_a_request_and_counts_it(up: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUB_STEP_S", "0.1")
    monkeypatch.setenv("STUB_STEPS", "10")
    me = teach(up)
    ask_night(me)
    with sleeping(up) as sleeper:
        drive(sleeper, lambda: me.get("/api/sleep/status")["state"] == "training")
        me.say("Are you there?")
        assert me.get("/api/sleep/status")["state"] == "paused"
        drive(sleeper, lambda: is_over(me))
    [night] = me.get("/api/sleep/nights")["data"]
    assert (night["state"], night["interruptions"]) == ("done", 1)


def test_a_night_that_has_told_nothing_yet_is_held_still_too(up: RunningServer) -> None:
    me = teach(up)
    ask_night(me)
    with sleeping(up) as sleeper:
        sleeper.argv = (sys.executable, "-c", "while True: pass")
        drive(sleeper, lambda: sleeper.child is not None)
        assert sleeper.child is not None
        me.say("Are you there?")
        state = Path(f"/proc/{sleeper.child.process.pid}/stat")
        assert state.read_text().rpartition(")")[2].split()[0] == "T"
        wait_until(lambda: state.read_text().rpartition(")")[2].split()[0] == "R")


def test_it_falls_asleep_by_itself_when_there_is_a_reason(up: RunningServer) -> None:
    me = teach(up)
    eager = {"sleep.idle_minutes": 0, "sleep.experiences": 1, "sleep.priority": 0, "sleep.idle_percent": 100}
    with sleeping(up, **eager) as sleeper:
        sleeper.step()
        assert me.get("/api/sleep/status")["state"] == "awake", "there is no experience yet"
        me.wait_for_experience(me.say("The harbour of Sines is deep.")["aion"]["turn_id"])
        sleeper.checked = -1e9  # an hour later
        drive(sleeper, (up.data / "steps.log").exists)
        drive(sleeper, lambda: is_over(me))
        sleeper.checked = -1e9
        sleeper.step()
        sleeper.step()
        assert "cooldown" in me.get("/api/sleep/status")["why_not"]
    [night] = me.get("/api/sleep/nights")["data"]
    assert (night["state"], len(night["candidates"])) == ("done", 2)


def test_triggers_that_are_changed_while_it_runs_count_at_once(up: RunningServer) -> None:
    me, admin = teach(up), Person(up, up.key)
    me.wait_for_experience(me.say("The harbour of Sines is deep.")["aion"]["turn_id"])
    with sleeping(up) as sleeper:
        wait_for_words(sleeper, me, "the last request was 0 min ago (from 10)")
        for values, told in (
            ({"sleep.idle_minutes": 0, "sleep.idle_percent": 100}, "there is no reason yet"),
            ({"sleep.auto": False}, "sleep.auto is off"),
        ):
            admin.ask("PUT", "/api/settings", json={"values": values}).raise_for_status()
            sleeper.told = -1e9  # some seconds later
            wait_for_words(sleeper, me, told)
        eager = {"sleep.auto": None, "sleep.experiences": 1, "sleep.priority": 0}
        admin.ask("PUT", "/api/settings", json={"values": eager}).raise_for_status()
        sleeper.told = -1e9
        drive(sleeper, (up.data / "steps.log").exists)
        drive(sleeper, lambda: is_over(me))
    assert me.get("/api/sleep/nights")["data"][0]["state"] == "done"


def test_a_night_goes_by_what_its_server_goes_by_and_not_by_what_waits_for_a_start(
    up: RunningServer, tmp_path: Path
) -> None:
    me, admin, told = teach(up), Person(up, up.key), tmp_path / "told"
    values = {"model.system_prompt": "Sing.", "train.rank": 4}
    admin.ask("PUT", "/api/settings", json={"values": values}).raise_for_status()
    ask_night(me)
    with sleeping(up) as sleeper:
        assert sleeper.settings.model.system_prompt == "Sing.", "it was begun anew, and has read the file"
        sleeper.argv = (sys.executable, "-c", f"import sys; open({str(told)!r}, 'w').write(sys.stdin.readline())")
        drive(sleeper, lambda: told.exists() and told.read_text().endswith("\n"))
        assert sleeper.settings.model.system_prompt == "auto"
    flags = json.loads(told.read_text())["flags"]
    assert (flags["model.system_prompt"], flags["train.rank"], flags["data"]) == ("auto", 4, str(up.data))


def test_a_night_is_put_off_to_a_better_hour_but_never_for_longer_than_a_day(
    up: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    me, now = teach(up), time.localtime().tm_hour
    worth: dict[str, float] = {}
    monkeypatch.setattr("aion.sleep.nights.sleeper.accepted_gain", lambda _store: worth.get)
    for number, hour in enumerate([now, (now + 12) % 24] * 5):
        night = {"night": f"night_{number}", "owner": "me", "asked": float(number)}
        candidate, body = f"cand_{number}", {"why": "experiences", "backlog": 1, "hour": hour, "minutes": 10.0}
        tell(up, {**night, "state": "preparing"})
        tell(up, {**night, "state": "done", "candidates": [candidate], "body": body})
        worth[candidate] = 0.0 if hour == now else 5.0
    me.wait_for_experience(me.say("The harbour of Sines is deep.")["aion"]["turn_id"])
    eager = {"sleep.idle_minutes": 0, "sleep.experiences": 1, "sleep.priority": 0, "sleep.idle_percent": 100}
    eager |= {"sleep.cooldown_hours": 0}
    for age, awake in ((0, True), (LONGEST_S - 7200, True), (LONGEST_S, False)):
        journal = Journal(up.data / "nights")
        if age:  # a sleeper that was begun again remembers since when
            assert abs(float(journal.noted(POSTPONED, "me") or 0) - time.time()) < 60
            journal.note(POSTPONED, "me", repr(time.time() - age))
        with sleeping(up, **eager) as sleeper:
            if awake:
                left = f"it begins in {24 - age / 3600:.0f} h at the latest"
                wait_for_words(sleeper, me, f"0.5 a minute, those {name_part(part_of(now))} 0; {left}")
            else:
                drive(sleeper, (up.data / "steps.log").exists)
                latest = max(me.get("/api/sleep/nights")["data"], key=lambda one: one["asked"])
                assert "it has been postponed for a day" in latest["reason"]
        if age:
            journal.note(POSTPONED, "me", repr(time.time()))


def test_the_sleeper_ends_with_whoever_started_it(up: RunningServer, tmp_path: Path) -> None:
    companion = Companion({"data": str(up.data), **QUICK})
    companion.begin()
    me = Person(up, up.control_token)
    wait_until(lambda: me.get("/api/sleep/status")["why_not"] == "there is nothing new to learn", timeout=60)
    assert companion._child is not None
    companion.close()
    assert companion._child.returncode == 0


def test_the_sleeper_loads_no_torch() -> None:
    code = "import sys, aion.sleep.nights.sleeper, aion.night; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_a_data_folder_it_ends(tmp_path: Path) -> None:
    flags = {"data": str(tmp_path / "gone"), **QUICK}
    assert not Sleeper(load(flags).settings, flags, argv=STUB).step()


@pytest.mark.proof
def test_a_thousand_kills(up: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """P5 and P6, long: nights killed anywhere all come to their end, each lesson in exactly one candidate of each."""
    monkeypatch.setenv("STUB_STEP_S", "0.02")
    me, draw, kills, nights = teach(up), random.Random(7), 0, 0
    with sleeping(up) as sleeper:
        while kills < share_of(1000):
            night = ask_night(me, force=True)
            kills += kill_on_its_way(up, me, sleeper, draw)
            nights += 1
            assert me.get("/api/sleep/nights?limit=1")["data"][0]["state"] == "done", night
            check_once(up, nights)
    print(f"\n{kills} kills in {nights} nights, all done")


def kill_on_its_way(up: RunningServer, me: Person, sleeper: Sleeper, draw: random.Random) -> int:
    """Up to its end; at most twice in a row before it came further, since three times would end it."""
    kills = in_vain = 0
    while not is_over(me):
        sleeper.step()
        if sleeper.child is None:
            time.sleep(0.02)
            continue
        child, began = sleeper.child, far_as(up)
        if in_vain == 2 or draw.random() < 0.7:
            wait_until(lambda: far_as(up) != began or child.process.poll() is not None, timeout=60)  # noqa: B023 - at once
        time.sleep(draw.uniform(0.0, 0.5))
        in_vain = in_vain + 1 if far_as(up) == began else 0
        if child.process.poll() is None:
            os.kill(child.process.pid, signal.SIGKILL)
            child.process.wait()
            kills += 1
    return kills


def far_as(up: RunningServer) -> list[str]:
    """Steps that are noted, and checkpoints: what counts as having come further."""
    journal = Journal(up.data / "nights")
    nights = [path for path in (up.data / "nights").glob("night_*") if path.is_dir()]
    done = [f"{path.name} {name}" for path in nights for name in journal.finished(path.name)]
    return sorted([*done, *(str(path) for path in up.data.glob("nights/*/*/checkpoints/*"))])
