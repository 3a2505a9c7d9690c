"""What `aion up` refuses before it starts anything, and what it says once the server is ready."""

from __future__ import annotations

import json
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from aion.cli import progress
from aion.cli.progress import StartProgress, welcome
from aion.records import Json
from tests.cli.canned_server import serve
from tests.cli.conftest import Ran

Aion = Callable[..., Ran]


def test_a_second_start_on_the_same_data_is_refused(aion: Aion, data: Path) -> None:
    with serve(data):
        ran = aion("up")
    assert ran.code == 2
    assert "already running (pid" in ran.err
    assert "http://127.0.0.1:" in ran.err


def test_a_taken_port_is_refused_by_name(aion: Aion, data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = aion("up", "--port", str(port))
    assert ran.code == 2
    assert f"port {port} " in ran.err
    assert "--port" in ran.err
    assert not data.exists()


def test_an_address_of_another_machine_is_refused(aion: Aion) -> None:
    ran = aion("up", "--host", "192.0.2.1")
    assert ran.code == 2
    assert "--host" in ran.err


def show(*events: Json, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    shown = StartProgress(["--data", "/some where"], "aion")
    for event in events:
        shown.show(event)
    shown.close()
    told = capsys.readouterr()
    return told.out, told.err


def test_the_first_key_is_shown_with_a_line_that_can_be_pasted(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = show({"stage": "ready", "url": "http://127.0.0.1:8420", "first_key": "aion-abc"}, capsys=capsys)
    line = next(line for line in out.splitlines() if "curl " in line)
    words = shlex.split(line[line.index("curl ") :])
    assert words[1] == "http://127.0.0.1:8420/v1/chat/completions"
    assert "Authorization: Bearer aion-abc" in words
    assert json.loads(words[-1])["model"] == "aion"


def test_a_start_ends_with_a_link_to_the_panel(capsys: pytest.CaptureFixture[str]) -> None:
    link = "http://127.0.0.1:8420/panel/enter#code"
    out, _ = show({"stage": "ready", "url": "http://127.0.0.1:8420", "panel": link}, capsys=capsys)
    assert out.splitlines()[-1].endswith(link)


def test_without_a_new_key_the_line_makes_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_own_name", lambda: "echo")
    text = welcome("http://127.0.0.1:8420", None, "aion", ["--data", "/some where"])
    assert "A new API key: echo keys add NAME --data '/some where'" in text
    line = next(line for line in text.splitlines() if "curl " in line)
    pasted = line[line.index("curl ") :].replace("curl", "printf '%s\\n'", 1)
    words = subprocess.run(["bash", "-c", pasted], check=True, capture_output=True, text=True).stdout
    assert "Authorization: Bearer keys add terminal --data /some where" in words


def test_where_nobody_looks_there_are_no_bars_and_no_colours(capsys: pytest.CaptureFixture[str]) -> None:
    steps: list[Json] = [
        {"stage": "model", "message": "loading the model", "done": done, "total": 2} for done in (0, 1, 2)
    ]
    out, err = show(*steps, {"stage": "failed", "message": "no"}, capsys=capsys)
    assert out == ""
    assert err == "loading the model\naion: no\n"


def test_a_restart_does_not_greet_twice(capsys: pytest.CaptureFixture[str]) -> None:
    ready: Json = {"stage": "ready", "url": "http://127.0.0.1:8420", "first_key": None}
    out, err = show(ready, {"stage": "restarting", "message": "it died"}, ready, capsys=capsys)
    assert out.count("curl") == 1
    assert out.endswith("AION answers again at http://127.0.0.1:8420\n")
    assert "it died" in err


def test_the_servers_process_is_not_started_by_hand() -> None:
    argv = [sys.executable, "-m", "aion.cli.server_process"]
    ran = subprocess.run(argv, input=b"nonsense\n", capture_output=True, check=False)
    assert ran.returncode == 2
    assert "aion up" in json.loads(ran.stdout)["message"]
