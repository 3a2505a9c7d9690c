"""The whole way, once: `aion up` with the fake model in processes of its own, and the verbs beside it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

AION = [sys.executable, "-m", "aion.cli.main"]


@dataclass(frozen=True)
class Up:
    """A running `aion up` and what it printed."""

    process: subprocess.Popen[str]
    data: Path
    url: str
    key: str
    curl: str

    def run(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*AION, *words], input=stdin, capture_output=True, text=True, check=False, env=environ(self.data)
        )

    @property
    def server_pid(self) -> int:
        return int(json.loads((self.data / "run" / "server.json").read_text())["pid"])


def environ(data: Path) -> dict[str, str]:
    rest = {name: value for name, value in os.environ.items() if not name.startswith("AION_")}
    return rest | {
        "AION_DATA": str(data),
        "AION_MODEL__SOURCE": "fake",
        "AION_EMBEDDER__SOURCE": "fake",
        "AION_HUB__TOKEN": "canary-secret",
    }


@contextmanager
def start(data: Path) -> Iterator[Up]:
    argv = [*AION, "up", "--port", "0", "--no-browser"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=environ(data)) as process:
        assert process.stdout is not None
        url, key, curl = [process.stdout.readline().strip() for _ in range(3)]
        try:
            yield Up(process, data, url.split()[-1], key.split()[-1], curl.removeprefix("Try it: "))
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(timeout=15)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with start(tmp_path_factory.mktemp("running") / "data") as running:
        yield running


def test_health_is_ok_when_the_address_is_shown(up: Up) -> None:
    with urllib.request.urlopen(f"{up.url}/health") as reply:
        assert json.load(reply) == {"status": "ok"}


def test_the_first_key_works(up: Up) -> None:
    request = urllib.request.Request(f"{up.url}/v1/models", headers={"Authorization": f"Bearer {up.key}"})
    with urllib.request.urlopen(request) as reply:
        assert "aion" in [model["id"] for model in json.load(reply)["data"]]


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
def test_the_line_works_when_pasted(up: Up) -> None:
    ran = subprocess.run(["bash", "-c", f"{up.curl} --silent"], capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout)["choices"][0]["message"]["content"]


def test_keys_add_prints_only_a_key_that_works_at_once(up: Up) -> None:
    ran = up.run("keys", "add", "someone")
    assert re.fullmatch(r"aion-[0-9a-f]{12}-[\w-]{43}\n", ran.stdout)
    request = urllib.request.Request(f"{up.url}/v1/models", headers={"Authorization": f"Bearer {ran.stdout.strip()}"})
    with urllib.request.urlopen(request) as reply:
        assert reply.status == 200


def test_keys_list_and_revoke_work_beside_the_server(up: Up) -> None:
    key_id = up.run("keys", "add", "leaver").stdout.split("-")[1]
    assert up.run("keys", "revoke", key_id).returncode == 0
    rows = json.loads(up.run("keys", "list", "--json").stdout)
    assert [row["state"] for row in rows if row["id"] == key_id] == ["revoked"]


def test_chat_from_a_pipe_answers_and_export_has_the_turn(up: Up) -> None:
    ran = up.run("chat", stdin="what a day\n")
    assert ran.returncode == 0
    assert ran.stdout.strip()
    turns = [json.loads(line) for line in up.run("export").stdout.splitlines()]
    assert any("what a day" in json.dumps(turn["messages"]) for turn in turns)
    assert up.run("export", "--owner", "nobody").stdout == ""


def test_status_tells_where_it_runs(up: Up) -> None:
    told = json.loads(up.run("status", "--json").stdout)
    assert (told["running"], told["url"], told["status"]) == (True, up.url, "ok")
    assert f"pid {up.server_pid}" in up.run("status").stdout


def test_verify_finds_nothing_wrong_beside_the_server(up: Up) -> None:
    ran = up.run("verify", "--json")
    assert (ran.returncode, json.loads(ran.stdout)) == (0, [])


def test_a_backup_is_taken_beside_the_server_and_restores_elsewhere(up: Up, tmp_path: Path) -> None:
    assert up.run("chat", stdin="keep this\n").returncode == 0
    file, elsewhere = str(tmp_path / "aion.tar"), str(tmp_path / "elsewhere")
    assert up.run("backup", file).returncode == 0
    assert up.run("restore", file, "--data", elsewhere).returncode == 0
    assert "keep this" in up.run("export", "--data", elsewhere).stdout
    assert up.run("restore", file, "--data", elsewhere).returncode == 2
    assert up.run("restore", file, "--data", elsewhere, "--replace").returncode == 0


def test_a_second_start_is_refused_with_the_address(up: Up) -> None:
    ran = up.run("up")
    assert ran.returncode == 2
    assert f"already running (pid {up.server_pid}) at {up.url}" in ran.stderr


def test_no_secret_is_in_the_environment_or_the_arguments_of_the_server(up: Up) -> None:
    server = psutil.Process(up.server_pid)
    for process in [server, *server.children(recursive=True)]:
        assert "canary-secret" not in " ".join([*process.environ().values(), *process.cmdline()])


def test_the_control_token_is_for_the_owner_alone(up: Up) -> None:
    assert (up.data / "run" / "server.json").stat().st_mode & 0o077 == 0


def test_a_killed_server_comes_back_and_a_stopped_one_leaves_nothing(tmp_path: Path) -> None:
    with start(tmp_path / "data") as up:
        before = up.server_pid
        os.kill(before, signal.SIGKILL)
        assert up.process.stdout is not None
        while "answers again" not in up.process.stdout.readline():
            pass
        assert up.server_pid != before
        began = time.monotonic()
        up.process.terminate()
        assert up.process.wait(timeout=15) == 0
        assert time.monotonic() - began < 10
        assert not (up.data / "run" / "server.json").exists()


def test_a_killed_supervisor_takes_the_server_along(tmp_path: Path) -> None:
    with start(tmp_path / "data") as up:
        server = psutil.Process(up.server_pid)
        up.process.kill()
        assert psutil.wait_procs([server], timeout=10)[1] == []


def test_an_open_door_without_a_key_is_refused(tmp_path: Path) -> None:
    ran = subprocess.run(
        [*AION, "up", "--host", "0.0.0.0", "--port", "0"],
        capture_output=True,
        text=True,
        check=False,
        env=environ(tmp_path / "data"),
    )
    assert ran.returncode == 2
    assert "binding to 0.0.0.0 needs an API key" in ran.stderr
