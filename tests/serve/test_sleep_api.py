"""Nights and themes over HTTP: who may ask, what is refused with which code, and what a night hands over."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from aion.store.blobs import BLOBS, BlobStore
from aion.store.lock import began_at
from aion.store.sqlite import SqliteStore
from tests.serve.people import Person, join
from tests.serving import RunningServer, running, wait_until

BASE = "b" * 64


@pytest.fixture
def up(tmp_path: Path) -> Iterator[RunningServer]:
    flags = {"sleep.quiet_s": 0.2, "sleep.disk_reserve_mb": 0, "model.source": "fake:0.05"}
    with running(tmp_path / "data", flags) as server:
        yield server


def tell(server: RunningServer, place: str, **body: Any) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {server.control_token}"}
    return httpx2.post(f"{server.url}/api/sleep/{place}", json=body, headers=headers, timeout=30)


def progress(server: RunningServer, night: Any, state: str, **more: Any) -> Any:
    body = {"night": night["id"], "owner": night["owner"], "asked": night["asked"], "state": state, **more}
    return tell(server, "progress", **body).raise_for_status().json()


def arrange(server: RunningServer, ana: Person, *lessons: str, theme: str = "theme_1", read: float = 0.0) -> None:
    """As a night would, of lessons that come from what Ana said; `read`: when it saw the theme changed last."""
    themes = [{"id": theme, "name": "Boats", "vector": [1.0, 0.0], "embedder": "e" * 64, "read": read}]
    places = [{"lesson": id_, "theme": theme, "sources": [ana.turn]} for id_ in lessons]
    tell(server, "arrangement", owner="ana", themes=themes, places=places).raise_for_status()


def start(person: Person, **body: Any) -> httpx2.Response:
    return person.ask("POST", "/api/sleep/start", json=body)


def test_a_night_is_asked_for_once_and_can_be_cancelled(up: RunningServer) -> None:
    ana, eva = join(up, "ana"), join(up, "eva")
    asked = start(ana, minutes=5)
    assert asked.status_code == 202
    assert (asked.json()["state"], asked.json()["minutes"]) == ("waiting", 5)
    for person in (ana, eva):
        again = start(person)
        assert (again.status_code, again.json()["error"]["code"]) == (409, "already_running")
    assert eva.ask("POST", "/api/sleep/cancel").status_code == 404
    assert ana.ask("POST", "/api/sleep/cancel").json()["state"] == "cancelled"
    assert ana.get("/api/sleep/status")["state"] == "awake"
    assert [night["state"] for night in ana.get("/api/sleep/nights")["data"]] == ["cancelled"]
    assert eva.get("/api/sleep/nights")["data"] == []
    assert start(eva).status_code == 202


def test_who_has_nothing_to_learn_is_told_so(up: RunningServer) -> None:
    new = Person(up, up.add_key("new"))
    reply = start(new)
    assert (reply.status_code, reply.json()["error"]["code"]) == (422, "nothing_to_learn")
    looked = {"lessons": 0, "lessons_learned": 3, "at": time.time()}
    tell(up, "sleeper", owners={"new": looked}).raise_for_status()
    assert start(new).status_code == 422
    assert start(new, force=True).status_code == 202


def test_what_the_sleeper_has_not_seen_yet_may_be_something_to_learn(up: RunningServer) -> None:
    new = Person(up, up.add_key("new"))
    seen = {"lessons": 0, "at": time.time(), "why_not": "there is nothing new to learn"}
    tell(up, "sleeper", owners={"new": seen}).raise_for_status()
    assert start(new).status_code == 422
    assert new.get("/api/sleep/status")["why_not"] == "there is nothing new to learn"
    new.remember("My boat is called Gaivota.")
    assert "something happened since it last looked" in new.get("/api/sleep/status")["why_not"]
    assert start(new).status_code == 202


def test_the_plan_says_where_what_waits_is_from_and_to_its_owner_alone(up: RunningServer) -> None:
    ana, eva = join(up, "ana"), join(up, "eva")
    note = ana.remember("My boat is called Gaivota.")
    forgotten = {"kind": "told", "sources": ["mem_gone"]}
    waiting = [{"kind": "told", "sources": [note["id"]]}, {"kind": "edit", "sources": [ana.turn]}, forgotten]
    tell(up, "sleeper", owners={"ana": {"lessons": 30, "waiting": waiting, "at": time.time()}}).raise_for_status()
    plan = ana.get("/api/sleep/plan")
    assert plan["lessons"] == 30
    found = [(one["kind"], one["origin"]["kind"], one["origin"]["id"]) for one in plan["data"]]
    assert found == [("told", "memory", note["id"]), ("edit", "conversation", ana.conversation)]
    assert plan["data"][0]["origin"]["title"] == "My boat is called Gaivota."
    assert eva.get("/api/sleep/plan") == {"lessons": 0, "at": None, "data": []}
    refused = tell(up, "sleeper", owners={"ana": {"waiting": [{"kind": "guessed", "sources": []}]}})
    assert refused.status_code == 400


def test_a_night_that_does_not_fit_the_disk_says_what_it_needs(up: RunningServer) -> None:
    ana = join(up, "ana")
    tell(up, "sleeper", owners={"ana": {"lessons": 3, "disk_needed": 1 << 50}}).raise_for_status()
    reply = start(ana, force=True)
    assert (reply.status_code, reply.json()["error"]["code"]) == (507, "disk_full")
    message = reply.json()["error"]["message"]
    assert "needs 1073741824 MiB" in message
    assert re.search(r"\d+ MiB are free; free some first", message)
    assert ana.get("/api/sleep/nights")["data"] == [], "nothing was begun"
    assert ana.get("/api/sleep/status")["state"] == "awake"


def test_status_tells_how_the_night_goes_and_is_awake_after_it(up: RunningServer) -> None:
    ana, eva = join(up, "ana"), join(up, "eva")
    night = start(ana).json()
    doing = {"step": 3, "steps": 40, "loss": 1.5, "tokens_per_s": 120.0, "eta_s": 60.0, "peak_bytes": 1 << 30}
    wait_until(lambda: progress(up, night, "training", doing=doing) == {"cancel": False, "pause": False}, timeout=30)
    status = ana.get("/api/sleep/status")
    assert (status["state"], status["step"], status["steps"], status["loss"]) == ("training", 3, 40, 1.5)
    for step, loss in ((4, 1.25), (4, 1.25), (5, 0.0)):  # a step that was told twice, and one without a loss
        progress(up, night, "training", doing=doing | {"step": step, "loss": loss})
    assert ana.get("/api/sleep/status")["losses"] == [[3, 1.5], [4, 1.25]]
    progress(up, night, "training", doing=doing | {"step": 1, "loss": 2.5})
    assert ana.get("/api/sleep/status")["losses"] == [[1, 2.5]], "another theme's training begins anew"
    assert "step" not in eva.get("/api/sleep/status")
    progress(up, night, "done", reason="2 adapters", candidates=["cand_1"])
    assert ana.get("/api/sleep/status")["state"] == "awake"
    [told] = ana.get("/api/sleep/nights")["data"]
    assert (told["state"], told["reason"], told["candidates"]) == ("done", "2 adapters", ["cand_1"])


def test_a_cancelled_night_is_told_to_end(up: RunningServer) -> None:
    ana = join(up, "ana")
    night = start(ana).json()
    progress(up, night, "preparing")
    ana.ask("POST", "/api/sleep/cancel").raise_for_status()
    assert progress(up, night, "training")["cancel"]
    assert ana.get("/api/sleep/nights")["data"][0]["state"] == "cancelled"


def test_nobody_but_the_server_s_own_night_may_tell_these_things(up: RunningServer) -> None:
    for place in ("sleeper", "progress", "arrangement", "candidates"):
        reply = httpx2.post(f"{up.url}/api/sleep/{place}", json={}, headers=up.headers)
        assert reply.status_code in (400, 403)
    body: dict[str, Any] = {"owners": {}}
    assert httpx2.post(f"{up.url}/api/sleep/sleeper", json=body, headers=up.headers).status_code == 403


def test_a_request_stops_the_night_and_it_goes_on_by_itself(up: RunningServer) -> None:
    ana = join(up, "ana")
    night = start(ana).json()
    with subprocess.Popen([sys.executable, "-c", "import time\nwhile True: time.sleep(0.01)"]) as child:
        try:
            progress(up, night, "training", pid=child.pid, began=began_at(child.pid), may_stop=True)
            ana.say("Are you there?")
            assert ana.get("/api/sleep/status")["state"] == "paused"
            assert Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
            wait_until(lambda: ana.get("/api/sleep/status")["state"] == "training")
        finally:
            child.kill()
    states = [one["interruptions"] for one in ana.get("/api/sleep/nights")["data"]]
    assert states == [1]


HELD = """
import time
from aion.sleep.nights.hold import Hold
Hold().install()
print("ready", flush=True)
while True:
    print("works", flush=True)
    time.sleep(0.01)
"""


def test_a_night_that_prepares_holds_itself_still_from_the_moment_somebody_is_about_to_ask(
    up: RunningServer, tmp_path: Path
) -> None:
    ana, words = join(up, "ana"), tmp_path / "words"
    night = start(ana).json()
    with words.open("wb") as out, subprocess.Popen([sys.executable, "-c", HELD], stdout=out) as child:
        try:
            wait_until(lambda: words.stat().st_size > 20)
            progress(up, night, "preparing", pid=child.pid, began=began_at(child.pid), may_stop=False)
            assert ana.get("/api/sleep/status")["state"] == "preparing"
            ana.ask("POST", "/api/sleep/hush").raise_for_status()
            assert ana.get("/api/sleep/status")["state"] == "paused"
            wait_until(lambda: ana.get("/api/sleep/status")["state"] == "preparing")
            said = words.stat().st_size
            wait_until(lambda: words.stat().st_size > said)
        finally:
            child.kill()


def test_a_night_that_is_always_interrupted_asks_for_a_window_and_works_on_in_it(up: RunningServer) -> None:
    ana = join(up, "ana")
    for _ in range(3):
        assert not ana.get("/api/sleep/status")["wants_window"]
        night = start(ana, force=True).json()
        with subprocess.Popen([sys.executable, "-c", "import time\nwhile True: time.sleep(0.01)"]) as child:
            progress(up, night, "training", pid=child.pid, began=began_at(child.pid), may_stop=True)
            ana.say("Are you there?")
            child.kill()
        progress(up, night, "done", reason="its time was up")
    status = ana.get("/api/sleep/status")
    assert (status["wants_window"], status["starved_nights"]) == (True, 3)
    assert ana.ask("POST", "/api/sleep/window", json={"minutes": 5}).status_code == 403
    own = Person(up, up.control_token)
    assert own.ask("POST", "/api/sleep/window", json={"minutes": 5}).json() == {"window_s": 300.0, "night": None}
    night = start(ana, force=True).json()
    with subprocess.Popen([sys.executable, "-c", "import time\nwhile True: time.sleep(0.01)"]) as child:
        progress(up, night, "training", pid=child.pid, began=began_at(child.pid), may_stop=True)
        ana.say("Are you there?")
        assert ana.get("/api/sleep/status")["state"] == "training"
        child.kill()
    progress(up, night, "done", candidates=["cand_1"])
    status = ana.get("/api/sleep/status")
    assert (status["starved_nights"], status["window_s"] > 200) == (0, True)


def test_themes_are_named_pinned_and_merged_by_their_owner(up: RunningServer) -> None:
    ana, eva = join(up, "ana"), join(up, "eva")
    arrange(up, ana, "lesson_1", "lesson_2")
    arrange(up, ana, "lesson_3", theme="theme_2")
    named = ana.ask("POST", "/api/themes", json={"theme": "theme_1", "name": " The fleet ", "pinned": True}).json()
    assert (named["name"], named["named"], named["pinned"], named["lessons"]) == ("The fleet", True, True, 2)
    arrange(up, ana, read=named["updated"])
    assert ana.get("/api/themes")["data"][0]["name"] == "The fleet", "a night renames no theme that a person named"
    merged = ana.ask("POST", "/api/themes", json={"theme": "theme_2", "merge_into": "theme_1"}).json()
    assert (merged["id"], merged["lessons"]) == ("theme_1", 3)
    assert [theme["id"] for theme in ana.get("/api/themes")["data"]] == ["theme_1"]
    refused = {
        404: (eva, {"theme": "theme_1", "name": "Mine"}),
        409: (ana, {"theme": "theme_2", "name": "Again"}),
        400: (ana, {"theme": "theme_1"}),
    }
    for status, (who, body) in refused.items():
        assert who.ask("POST", "/api/themes", json=body).status_code == status
    assert eva.get("/api/themes")["data"] == []


def test_lessons_in_quarantine_are_told_to_their_owner_who_releases_them(up: RunningServer) -> None:
    ana, eva = join(up, "ana"), join(up, "eva")
    arrange(up, ana, "lesson_1", "lesson_2")
    told = {"owner": "ana", "night": "night_1", "theme": "theme_1", "reason": "the loss of step 3 is not a number"}
    reply = tell(up, "quarantine", **told, lessons=["lesson_1", "lesson_2", "lesson_9"])
    assert reply.json() == {"lessons": 2}
    assert (
        httpx2.post(f"{up.url}/api/sleep/quarantine", json=told | {"lessons": []}, headers=up.headers).status_code
        == 403
    )
    assert [(one["lesson"], one["reason"]) for one in ana.get("/api/sleep/quarantine")["data"]] == [
        ("lesson_1", told["reason"]),
        ("lesson_2", told["reason"]),
    ]
    assert eva.get("/api/sleep/quarantine")["data"] == []
    wish = {"lessons": ["lesson_1"]}
    assert eva.ask("POST", "/api/sleep/release", json=wish).status_code == 404
    assert ana.ask("POST", "/api/sleep/release", json=wish).json() == {"released": ["lesson_1"]}
    assert [one["lesson"] for one in ana.get("/api/sleep/quarantine")["data"]] == ["lesson_2"]


def make_job(up: RunningServer, night: str, theme: str = "theme_1") -> tuple[Path, dict[str, Any]]:
    """A finished job folder, and what the night tells of it."""
    folder = up.data / "nights" / night / theme
    (folder / "out").mkdir(parents=True)
    files = {
        "adapter.gguf": b"GGUF...",
        "adapter_model.safetensors": b"weights",
        "adapter_config.json": b'{"r": 8}',
        "record.json": b'{"losses": [2.0, 0.5]}',
    }
    for name, content in files.items():
        (folder / "out" / name).write_bytes(content)
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    (folder / "out" / "manifest.json").write_text(json.dumps(sums))
    (folder / "examples.jsonl").write_bytes(b'{"id": "ex_1"}\n')
    dataset = hashlib.sha256(b'{"id": "ex_1"}\n').hexdigest()
    told = {"night": night, "theme": theme, "base": BASE, "dataset": dataset, "created": 5.0}
    return folder, told | {"owner": "ana", "lessons": ["lesson_1"], "sources": ["turn_1"]}


def test_what_matters_to_a_candidate_is_kept_with_it_and_so_is_its_parent(up: RunningServer) -> None:
    ana = join(up, "ana")
    night = start(ana).json()["id"]
    arrange(up, ana, "lesson_1")
    folder, told = make_job(up, night)
    importance = folder / "out" / "importance.safetensors"
    importance.write_bytes(b"how much")
    sums = json.loads((folder / "out" / "manifest.json").read_text())
    sums[importance.name] = hashlib.sha256(b"something else").hexdigest()
    (folder / "out" / "manifest.json").write_text(json.dumps(sums))
    assert tell(up, "candidates", **told).status_code >= 400
    importance.write_bytes(b"something else")
    made = tell(up, "candidates", **told | {"parent": "cand_0"}).raise_for_status().json()
    with closing(SqliteStore(up.data, read_only=True)) as store:
        candidate = store.nights.candidate(made["id"], owner="ana")
        assert candidate is not None
        assert (candidate.parent, store.blobs.get(candidate.importance)) == ("cand_0", b"something else")


def test_a_candidate_is_handed_over_once_with_all_its_files(up: RunningServer) -> None:
    ana = join(up, "ana")
    night = start(ana).json()["id"]
    arrange(up, ana, "lesson_1")
    _, told = make_job(up, night)
    first = tell(up, "candidates", **told)
    assert first.status_code == 200, first.text
    assert tell(up, "candidates", **told).json() == first.json()
    blobs = BlobStore(up.data / BLOBS)
    assert blobs.get(first.json()["adapter"]) == b"GGUF..."
    assert blobs.get(told["dataset"]) == b'{"id": "ex_1"}\n'


def link(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parents[1] / "examples.jsonl")


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a file that is not the one summed": lambda f: (f / "out" / "adapter.gguf").write_bytes(b"GGUF!!!"),
    "examples of another night": lambda f: (f / "examples.jsonl").write_bytes(b"{}\n"),
    "no manifest": lambda f: (f / "out" / "manifest.json").unlink(),
    "a manifest that is none": lambda f: (f / "out" / "manifest.json").write_text("[]"),
    "a sum that is a path": lambda f: (f / "out" / "manifest.json").write_text(
        (f / "out" / "manifest.json").read_text().replace(hashlib.sha256(b"weights").hexdigest(), "../../../keys")
    ),
    "a link in place of a file": lambda f: link(f / "out" / "record.json"),
    "no folder": shutil.rmtree,
}


def test_a_damaged_job_is_refused_and_leaves_no_row(up: RunningServer) -> None:
    ana = join(up, "ana")
    night = start(ana).json()["id"]
    arrange(up, ana, "lesson_1")
    for what, damage in DAMAGE.items():
        folder, told = make_job(up, night)
        damage(folder)
        assert tell(up, "candidates", **told).status_code >= 400, what
        shutil.rmtree(up.data / "nights")
    _, told = make_job(up, night)
    for name in ("night", "theme"):
        for value in ("..", "../..", "a/b", ""):
            assert tell(up, "candidates", **told | {name: value}).status_code == 400
    assert tell(up, "candidates", **told | {"night": "night_0"}).status_code == 404
    assert tell(up, "candidates", **told).status_code == 200, "and whole again it is taken"


def test_a_night_asked_for_survives_a_restart(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        night = start(join(server, "ana")).json()
        key = server.key
    with running(tmp_path / "data") as server:
        server.key = key
        headers = {"Authorization": f"Bearer {key}"}
        found = httpx2.get(f"{server.url}/api/sleep/status", headers=headers).json()
    assert (found["night"], found["state"]) == (night["id"], "waiting")
    assert found["since"] <= time.time()
