"""Exit codes, and one sentence for each way to go wrong."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

import aion as package
from aion.cli import main as door
from aion.cli.client import find_server
from aion.errors import BadInput
from tests.cli.conftest import Ran

Aion = Callable[..., Ran]
AION = [sys.executable, "-m", "aion.cli.main"]


def assert_refused(ran: Ran) -> None:
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.startswith("aion: ")
    assert ran.err.count("\n") == 1


def test_every_verb_has_its_file() -> None:
    for verb in door.VERBS:
        assert isinstance(importlib.import_module(f"aion.cli.{verb}").app, typer.Typer)


@pytest.mark.parametrize("verb", door.VERBS)
def test_every_verb_has_its_help(aion: Aion, verb: str) -> None:
    ran = aion(verb, "--help")
    assert ran.code == 0
    assert "--data" in ran.out or "COMMAND" in ran.out


def test_help_and_no_verb_list_the_verbs_without_loading_them(aion: Aion) -> None:
    assert aion() == aion("--help")
    assert all(f"  {verb} " in aion().out for verb in door.VERBS)
    code = "import sys; from aion.cli.main import main; main(['--help']); sys.exit('aion.config' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


def test_help_is_instant() -> None:
    def once() -> float:
        began = time.monotonic()
        subprocess.run([*AION, "--help"], check=True, capture_output=True)
        return time.monotonic() - began

    assert min(once() for _ in range(5)) < 0.5


def test_version_is_printed(aion: Aion) -> None:
    assert aion("--version") == Ran(0, f"{package.__version__}\n", "")


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["up", "--prot", "1"],
        ["up", "--port", "99999"],
        ["up", "--port", "x"],
        ["up", "--host", "example"],
        ["keys", "add"],
        ["keys", "add", "me", "--scope", "god"],
        ["keys", "add", "me", "--days", "0"],
        ["keys", "nonsense"],
        ["keys", "list"],
        ["keys", "add", "../../x"],
        ["keys", "revoke", "nobody"],
        ["verify"],
        ["export"],
        ["chat"],
        ["backup", "x.tar"],
        ["restore", "there-is-none.tar"],
        ["models", "pull", "nonsense"],
        ["config", "--data", __file__],
    ],
    ids=" ".join,
)
def test_a_refusal_is_exit_2_and_one_sentence(aion: Aion, words: list[str]) -> None:
    assert_refused(aion(*words))


@pytest.mark.parametrize("verb", ["up", "status", "config", "doctor", "verify", "export"])
def test_a_bad_configuration_is_told_by_every_verb(aion: Aion, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    monkeypatch.setenv("AION_SERVER__PROT", "1")
    ran = aion(verb)
    assert_refused(ran)
    assert "AION_SERVER__PROT" in ran.err


@pytest.mark.parametrize("content", [b"", b"this is no database at all" * 100], ids=["0 bytes", "not SQLite"])
def test_a_file_that_is_no_database_is_refused(aion: Aion, data: Path, content: bytes) -> None:
    data.mkdir()
    (data / "aion.db").write_bytes(content)
    for words in (["verify"], ["export"], ["keys", "list"], ["keys", "add", "me"]):
        assert_refused(aion(*words))


def test_a_database_from_the_future_is_refused(aion: Aion, data: Path) -> None:
    import apsw

    assert aion("keys", "add", "me").code == 0
    with apsw.Connection(str(data / "aion.db")) as connection:
        table = next(connection.execute("SELECT name FROM sqlite_master WHERE name LIKE '%migration%'"))[0]
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        last = list(next(connection.execute(f"SELECT * FROM {table} ORDER BY 1 DESC LIMIT 1")))
        last[0] = 9999
        connection.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(columns))})", last)
    for words in (["verify"], ["keys", "add", "me"]):
        assert_refused(aion(*words))


def test_an_unexpected_error_is_exit_1_with_a_hint(aion: Aion, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("aion.cli.status.find_server", explode)
    ran = aion("status")
    assert ran.code == 1
    assert "RuntimeError: boom" in ran.err
    assert "--trace" in ran.err
    assert "Traceback" not in ran.err
    with pytest.raises(RuntimeError):
        door.main(["--trace", "status"])


def test_a_sentence_of_several_lines_is_told_as_one(aion: Aion, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise BadInput("first\nsecond")

    monkeypatch.setattr("aion.cli.status.find_server", refuse)
    assert aion("status") == Ran(2, "", "aion: first second\n")


def test_the_first_ctrl_c_asks_and_the_second_ends_it() -> None:
    code = (
        "import sys, time\nfrom aion.cli import main as door, status\n"
        "def work(*_):\n"
        "    try:\n        print('working', flush=True); time.sleep(60)\n"
        "    finally:\n        print('cleaning', flush=True); time.sleep(60 * int(sys.argv[1]))\n"
        "status.find_server = work\n"
        "sys.exit(door.main(['status']))"
    )
    for seconds, presses, end in (("0", 1, 130), ("1", 2, -signal.SIGINT)):
        argv = [sys.executable, "-c", code, seconds]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            assert process.stdout is not None
            for _ in range(presses):
                process.stdout.readline()
                os.kill(process.pid, signal.SIGINT)
            assert process.wait(timeout=10) == end


def test_a_reader_that_has_enough_is_no_error(data: Path) -> None:
    command = f"{sys.executable} -m aion.cli.main config --markdown | head -n 1; echo ${{PIPESTATUS[0]}}"
    ran = subprocess.run(["bash", "-c", command], check=False, capture_output=True, text=True)
    assert ran.stdout.splitlines()[-1] == "0"
    assert ran.stderr == ""


def test_a_dead_servers_file_is_no_server(data: Path) -> None:
    (data / "run").mkdir(parents=True)
    file = data / "run" / "server.json"
    file.write_text('{"pid": 1, "boot_id": "another boot", "url": "http://127.0.0.1:1", "token": "x"}')
    assert find_server(data) is None
    file.write_text('{"pid": ')
    assert find_server(data) is None
