"""A disk that is full: answers are refused rather than given and lost, reading goes on, and it recovers by itself."""

from __future__ import annotations

from pathlib import Path

import httpx2
import psutil
import pytest

from tests.serving import RunningServer, running

UNLIMITED = psutil.RLIM_INFINITY if hasattr(psutil, "RLIM_INFINITY") else -1


def ask(server: RunningServer, text: str) -> httpx2.Response:
    body = {"messages": [{"role": "user", "content": text}], "max_tokens": 8}
    return httpx2.post(f"{server.url}/v1/chat/completions", json=body, headers=server.headers, timeout=30)


def recorded(server: RunningServer) -> int:
    return len(httpx2.get(f"{server.url}/api/export", headers=server.headers).text.splitlines())


@pytest.mark.skipif(not hasattr(psutil.Process, "rlimit"), reason="file size limits of a running process need Linux")
@pytest.mark.parametrize("log_too", [False, True], ids=["", "log-on-it"])
def test_a_full_disk_refuses_turns_and_loses_none(tmp_path: Path, *, log_too: bool) -> None:
    if log_too:
        (tmp_path / "data.log").symlink_to("/dev/full")
    with running(tmp_path / "data") as server:
        assert ask(server, "before").status_code == 200
        process = psutil.Process(server.process.pid)
        process.rlimit(psutil.RLIMIT_FSIZE, (4096, UNLIMITED))  # no file of it may grow any more
        refused = ask(server, "while full")
        assert (refused.status_code, refused.json()["error"]["code"]) == (507, "disk_full")
        assert recorded(server) == 1, "reading works, and what was acknowledged is there"
        assert httpx2.get(f"{server.url}/health").status_code == 200
        process.rlimit(psutil.RLIMIT_FSIZE, (UNLIMITED, UNLIMITED))
        assert ask(server, "after").status_code == 200
        assert recorded(server) == 2
