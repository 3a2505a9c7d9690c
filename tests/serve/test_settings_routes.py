"""Settings over HTTP: what is shown, what is refused, what is written, and what counts at once."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from aion import config
from tests.serve.people import Person
from tests.serving import RunningServer, running

CANARY = "canary-secret"
BEGIN = f"""# of this machine
[hub]
token = "{CANARY}" # from a friend

[sleep]
experiences = 40
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data = tmp_path_factory.mktemp("settings") / "data"
    data.mkdir(mode=0o700)
    (data / "aion.toml").write_text(BEGIN)
    before = os.environ.get("AION_LOG__LEVEL")
    os.environ["AION_LOG__LEVEL"] = "warning"
    try:
        with running(data) as up:
            yield up
    finally:
        os.environ.pop("AION_LOG__LEVEL") if before is None else os.environ.update(AION_LOG__LEVEL=before)


@pytest.fixture
def admin(server: RunningServer) -> Iterator[Person]:
    """With the file as it was at the start, before and after."""
    yield (person := Person(server, server.key))
    (server.data / "aion.toml").write_text(BEGIN)
    put(person, {"sleep.experiences": 40}).raise_for_status()  # takes the rest from the file again


def put(person: Person, values: dict[str, Any]) -> httpx2.Response:
    return person.ask("PUT", "/api/settings", json={"values": values})


def shown(person: Person) -> dict[str, Any]:
    return {one["key"]: one for one in person.get("/api/settings")["data"]}


def text_of(server: RunningServer) -> str:
    return (server.data / "aion.toml").read_text()


def test_every_setting_is_shown_with_its_value_and_where_it_is_from(admin: Person) -> None:
    found = shown(admin)
    assert list(found) == [key for key, _, _ in config.fields()]
    sources = {key: found[key]["source"] for key in ("sleep.experiences", "log.level", "server.port", "gate.auto")}
    assert list(sources.values()) == ["file", "environment", "flag", "default"]
    assert (found["sleep.experiences"]["value"], found["sleep.experiences"]["default"]) == (40, 50)
    assert found["learning.tau"]["limits"] == {"ge": 0, "le": 1}
    assert found["train.rank"]["choices"] == [4, 8, 16]
    kinds = {"bool", "integer", "number", "choice", "list", "secret", "text"}
    assert {one["kind"] for one in found.values()} == kinds


def test_a_change_is_written_beside_what_stands_there(server: RunningServer, admin: Person) -> None:
    done = put(admin, {"learning.tau": 0.5, "engine.slots": 2, "sleep.experiences": 30})
    assert done.json() == {"in_force": ["learning.tau", "sleep.experiences"], "restart": ["engine.slots"]}
    written = text_of(server)
    assert written.startswith(BEGIN.replace("40", "30"))
    assert tomllib.loads(written)["engine"] == {"slots": 2}
    found = shown(admin)
    assert (found["learning.tau"]["value"], found["learning.tau"]["waits"]) == (0.5, False)
    slots = found["engine.slots"]
    assert (slots["value"], slots["next"], slots["waits"], slots["source"]) == (4, 2, True, "file")


def test_none_goes_back_to_the_default_and_takes_the_line_away(server: RunningServer, admin: Person) -> None:
    put(admin, {"engine.slots": 2}).raise_for_status()
    assert put(admin, {"engine.slots": None, "sleep.experiences": None}).json()["restart"] == []
    assert "slots" not in text_of(server)
    assert "experiences" not in text_of(server)
    assert shown(admin)["sleep.experiences"]["value"] == 50


@pytest.mark.parametrize(
    ("values", "status", "param", "told"),
    [
        ({"learning.tau": 7}, 400, "learning.tau", "learning.tau is 7 (from this change): Input should be less than"),
        ({"gate.auto": False, "log.json_lines": "maybe"}, 400, "log.json_lines", "'maybe'"),
        ({"sleep.window": "3-5"}, 400, "sleep.window", "'3-5'"),
        ({"train.rank": 5}, 400, "train.rank", "4, 8 or 16"),
        ({"engine.threads": 0}, 400, "engine.threads", "auto or between 1 and 4096"),
        ({"server.host": "example"}, 400, "server.host", "must be an IP address"),
        ({"hub.endpoint": "http://hub.example"}, 400, None, "would travel unencrypted"),
        ({"sleep.hours": 7}, 400, "sleep.hours", "'sleep.hours' is not a setting"),
        ({"sleep": {"auto": True}}, 400, "values.sleep.auto", ""),
        ({"sleep": 1}, 400, "sleep", "is not a setting"),
        ({}, 400, "values", ""),
        ({"log.level": "info"}, 409, "log.level", "the variable AION_LOG__LEVEL"),
        ({"server.port": 1}, 409, "server.port", "given by a flag"),
        ({"data": "/elsewhere"}, 409, "data", "AION_DATA"),
    ],
)
def test_what_is_not_sound_changes_nothing(
    server: RunningServer, admin: Person, values: dict[str, Any], status: int, param: str | None, told: str
) -> None:
    before = admin.get("/api/settings")
    refused = put(admin, {"gate.trial_hours": 1, **values} if values else values)
    error = refused.json()["error"]
    assert refused.status_code == status
    assert told in error["message"]
    assert param is None or error["param"].startswith(param.split(".auto")[0])
    assert text_of(server) == BEGIN
    assert admin.get("/api/settings") == before


def test_a_value_from_elsewhere_is_said_to_be_so(admin: Person) -> None:
    found = shown(admin)
    assert "AION_LOG__LEVEL" in found["log.level"]["why_not"]
    assert "a flag" in found["server.port"]["why_not"]
    assert found["gate.auto"]["why_not"] == ""


def test_a_secret_does_not_follow_an_address_that_somebody_changes(server: RunningServer, admin: Person) -> None:
    elsewhere = "https://elsewhere.invalid"
    refused = put(admin, {"hub.endpoint": elsewhere})
    assert (refused.status_code, refused.json()["error"]["param"]) == (409, "hub.token")
    assert text_of(server) == BEGIN
    for token in ("another", None):
        put(admin, {"hub.endpoint": elsewhere, "hub.token": token}).raise_for_status()
        assert CANARY not in text_of(server)


def test_secrets_are_never_sent_nor_named(server: RunningServer, admin: Person) -> None:
    assert shown(admin)["hub.token"]["value"] == "***"
    assert shown(admin)["model.api_key"]["value"] is None
    replies = [admin.ask("GET", "/api/settings"), put(admin, {"model.api_key": "canary-other"})]
    replies += [put(admin, {"hub.token": "canary-third", "gate.trial_hours": -1}), admin.ask("GET", "/api/audit")]
    assert [one.status_code for one in replies] == [200, 200, 400, 200]
    assert "canary" not in "".join(one.text for one in replies)
    assert 'api_key = "canary-other"' in text_of(server)
    assert shown(admin)["model.api_key"]["next"] == "***"
    log = server.data.parent / f"{server.data.name}.log"
    assert "canary" not in log.read_text()


def test_each_change_stands_in_the_audit_log_by_its_name(server: RunningServer, admin: Person) -> None:
    def entries() -> list[tuple[str, str, str]]:
        rows = admin.get("/api/audit?limit=1000")["data"]
        return [(row["act"], row["subject"], row["actor"]) for row in rows if row["act"].startswith("settings.")]

    before = len(entries())
    put(admin, {"gate.trial_hours": 2, "sleep.experiences": 40}).raise_for_status()  # the second is so already
    put(admin, {"gate.trial_hours": None}).raise_for_status()
    put(admin, {"gate.trial_hours": -2})
    assert entries()[: len(entries()) - before] == [
        ("settings.reset", "gate.trial_hours", "me"),
        ("settings.set", "gate.trial_hours", "me"),
    ]


def test_whoever_is_no_administrator_neither_sees_nor_changes_settings(server: RunningServer) -> None:
    user = Person(server, server.add_key("user"))
    assert user.ask("GET", "/api/settings").status_code == 403
    assert put(user, {"sleep.auto": False}).status_code == 403
    assert text_of(server) == BEGIN


def test_changes_at_the_same_time_are_all_kept(server: RunningServer, admin: Person) -> None:
    wishes = [{"train.seed": number, f"memory.{key}": 0.5} for number, key in enumerate(("floor", "ema_c"))]
    wishes += [{"cache.entries": number} for number in range(1, 9)]
    wishes += [{"gate.auto": False}, {"gate.trial_share": 0.5}, {"engine.slots": 2}, {"answer.max_choices": 2}]
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda values: put(admin, values).status_code, wishes))
    assert set(done) == {200}
    written = tomllib.loads(text_of(server))
    assert written["memory"] == {"floor": 0.5, "ema_c": 0.5}
    assert written["gate"] == {"auto": False, "trial_share": 0.5}
    assert (written["engine"], written["answer"]) == ({"slots": 2}, {"max_choices": 2})
    assert written["sleep"] == {"experiences": 40}


def test_a_file_that_is_being_written_by_hand_is_not_touched(server: RunningServer, admin: Person) -> None:
    (server.data / "aion.toml").write_text("[sleep\n")
    assert "not valid TOML" in admin.get("/api/settings")["problem"]
    refused = put(admin, {"sleep.auto": False})
    assert refused.status_code == 400
    assert "not valid TOML" in refused.json()["error"]["message"]
    assert text_of(server) == "[sleep\n"


def test_what_cannot_be_changed_without_loss_is_refused(server: RunningServer, admin: Person) -> None:
    text = "sleep = { auto = true, experiences = 40 }\n"
    (server.data / "aion.toml").write_text(text)
    refused = put(admin, {"sleep.auto": False})
    assert (refused.status_code, refused.json()["error"]["param"]) == (409, "sleep.auto")
    assert text_of(server) == text


def test_what_waits_is_taken_at_the_next_start(tmp_path: Path) -> None:
    with running(tmp_path / "data") as first:
        person = Person(first, first.key)
        assert put(person, {"answer.max_choices": 3}).json()["restart"] == ["answer.max_choices"]
        assert first.stop() == 0
    with running(tmp_path / "data") as second:
        found = shown(Person(second, first.key))["answer.max_choices"]
        assert (found["value"], found["source"], found["waits"]) == (3, "file", False)


def test_a_threshold_counts_for_the_next_answer(admin: Person) -> None:
    labels = []
    for tau in (0.0, 1.0):
        put(admin, {"learning.tau": tau}).raise_for_status()
        turn = admin.say(f"the hive at {tau}")["aion"]["turn_id"]
        labels.append(admin.wait_for_experience(turn)["label"])
    assert labels == ["reliable", "hesitant"]


def test_a_quiet_spell_is_as_long_as_it_was_set_a_moment_ago(admin: Person) -> None:
    put(admin, {"sleep.quiet_s": 77}).raise_for_status()
    assert admin.ask("POST", "/api/sleep/hush").json() == {"quiet_s": 77.0}
