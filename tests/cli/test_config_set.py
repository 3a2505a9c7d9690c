"""Settings changed from the command line: in the file when nothing runs, and through the server when one does."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from aion.store.sqlite import SqliteStore
from tests.cli.canned_server import serve
from tests.cli.conftest import Ran

Aion = Callable[..., Ran]


def test_a_setting_is_written_and_taken_away_again(aion: Aion, data: Path) -> None:
    assert aion("config", "set", "sleep.idle_percent", "20") == Ran(
        0, "", "sleep.idle_percent counts from the next start on\n"
    )
    assert (data / "aion.toml").read_text() == "[sleep]\nidle_percent = 20.0\n"
    assert json.loads(aion("config", "reset", "sleep.idle_percent", "--json").out)["restart"] == ["sleep.idle_percent"]
    assert (data / "aion.toml").read_text() == "[sleep]\n"
    with closing(SqliteStore(data, read_only=True)) as store:
        acts = [(one.act, one.subject, one.actor) for one in store.audit()]
    assert acts == [("settings.reset", "sleep.idle_percent", "me"), ("settings.set", "sleep.idle_percent", "me")]


@pytest.mark.parametrize(
    ("key", "typed", "line"),
    [
        ("sleep.auto", "false", "auto = false"),
        ("train.rank", "16", "rank = 16"),
        ("engine.threads", "2", "threads = 2"),
        ("engine.threads", "auto", 'threads = "auto"'),
        ("server.allowed_hosts", "a.example, b.example", 'allowed_hosts = ["a.example", "b.example"]'),
        ("server.allowed_hosts", '["a.example"]', 'allowed_hosts = ["a.example"]'),
        ("model.system_prompt", "[1, 2]", 'system_prompt = "[1, 2]"'),
    ],
)
def test_what_is_typed_is_read_by_the_kind_of_its_setting(
    aion: Aion, data: Path, key: str, typed: str, line: str
) -> None:
    assert aion("config", "set", key, typed).code == 0
    assert (data / "aion.toml").read_text().splitlines()[1] == line


def test_a_secret_may_come_by_standard_input_and_is_not_said(
    aion: Aion, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("canary\n"))
    ran = aion("config", "set", "hub.token", "-")
    assert (ran.code, "canary" in ran.out + ran.err) == (0, False)
    assert 'token = "canary"' in (data / "aion.toml").read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["set", "sleep.idle_percent", "0"], "sleep.idle_percent is '0'"),
        (["set", "sleep.hours", "1"], "is not a setting"),
        (["reset", "sleep.hours"], "is not a setting"),
        (["set", "log.level", "info"], "the variable AION_LOG__LEVEL"),
        (["reset", "data"], "AION_DATA"),
        (["set", "sleep.auto"], "VALUE"),
    ],
)
def test_what_is_not_sound_is_refused_in_one_sentence(
    aion: Aion, data: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], told: str
) -> None:
    monkeypatch.setenv("AION_LOG__LEVEL", "debug")
    ran = aion("config", *words)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert told in ran.err
    assert not (data / "aion.toml").exists()


def test_a_file_that_keeps_aion_from_starting_is_mended(aion: Aion, data: Path) -> None:
    data.mkdir()
    (data / "aion.toml").write_text("[engine]\nslots = 900 # too many\nbatch = 64\n")
    assert aion("config").code == 2
    assert aion("config", "set", "engine.batch", "32").code == 2
    assert aion("config", "reset", "engine.slots").code == 0
    assert (data / "aion.toml").read_text() == "[engine]\nbatch = 64\n"


def test_a_running_server_does_it_and_says_what_counts(aion: Aion, data: Path) -> None:
    with serve(data) as server:
        server.replies["PUT /api/settings"] = (200, {"in_force": ["sleep.auto"], "restart": []})
        assert aion("config", "set", "sleep.auto", "false").err == "sleep.auto counts from now on\n"
        assert aion("config", "reset", "sleep.auto").code == 0
        bodies = [body for _, body, _ in server.asked]
    assert bodies == [{"values": {"sleep.auto": "false"}}, {"values": {"sleep.auto": None}}]
    assert not (data / "aion.toml").exists()
