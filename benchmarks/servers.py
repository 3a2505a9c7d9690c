"""Starts what the benchmarks talk to, each as a process of its own: the canned engine, AION, and LiteLLM's proxy.

LiteLLM gets a virtual environment of its own under the cache folder, and never stands in AION's: releases 1.82.7 and
1.82.8 stole credentials, so the version is pinned. It runs as its documentation advises for speed: one worker, no
database, no telemetry, quiet logs, and a master key, because AION checks a key too. Each process has a session of its
own, because Linux shares the processor among sessions before it does among processes.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import canned_engine
from tests.serving import RunningServer, start_server

LITELLM = "1.106.2"  # the newest whose requirements the package index could meet when this was written
LITELLM_KEY = "sk-benchmark-only"
LITELLM_START_S = 120.0
QUIET = {
    "LITELLM_LOG": "ERROR",
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it downloads a price list
    "NO_PROXY": "127.0.0.1",
}
CONFIG = """
model_list:
  - model_name: aion
    litellm_params: {{model: openai/{model}, api_base: "{url}/v1", api_key: none}}
litellm_settings: {{telemetry: false, num_retries: 0, set_verbose: false}}
general_settings: {{master_key: {key}, disable_spend_logs: true}}
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """A server to be measured."""

    name: str
    url: str
    key: str
    model: str
    pid: int = 0  # of the process that serves, where there is one


@contextmanager
def canned() -> Iterator[Peer]:
    """The canned engine, which every other peer stands before."""
    argv = [sys.executable, "-m", "benchmarks.canned_engine"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Peer("engine", process.stdout.readline().decode().strip(), "none", canned_engine.MODEL, process.pid)
        finally:
            process.stdin.close()
            process.wait(10)


@contextmanager
def aion(cache: Path, flags: Mapping[str, Any]) -> Iterator[tuple[Peer, RunningServer]]:
    """AION on a fresh data folder, on the disk of the cache: a store in memory would not be durable."""
    cache.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=cache, prefix="data-") as folder:
        server = start_server(Path(folder) / "data", flags)
        try:
            yield Peer("AION", server.url, server.key, "aion", server.process.pid), server
        finally:
            server.stop()


@contextmanager
def litellm(cache: Path, engine: Peer) -> Iterator[Peer]:
    """LiteLLM's proxy before the engine."""
    python = _install_litellm(cache / f"litellm-{LITELLM}")
    port = free_port()
    config = cache / "litellm.yaml"
    config.write_text(CONFIG.format(url=engine.url, model=engine.model, key=LITELLM_KEY))
    argv = [str(python), str(python.parent / "litellm"), "--config", str(config), "--host", "127.0.0.1"]
    environ = {name: value for name, value in os.environ.items() if "KEY" not in name} | QUIET
    with (cache / "litellm.log").open("wb") as log:
        process = subprocess.Popen(
            [*argv, "--port", str(port)], env=environ, stdout=log, stderr=log, start_new_session=True
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/health/liveliness", LITELLM_START_S, process)
        yield Peer("LiteLLM", f"http://127.0.0.1:{port}", LITELLM_KEY, "aion", process.pid)
    finally:
        process.terminate()
        process.wait(20)


def _install_litellm(folder: Path) -> Path:
    """Its python. A mark says that the installation was finished."""
    python = folder / "bin" / "python"
    if not (folder / "installed").exists():
        print(f"  installing litellm[proxy]=={LITELLM} into {folder} ...", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet"]
        subprocess.run([*pip, "install", f"litellm[proxy]=={LITELLM}"], check=True)
        (folder / "installed").touch()
    return python


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(url: str, seconds: float, process: subprocess.Popen[bytes]) -> None:
    """Until a GET is answered with 200."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as reply:
                if reply.status == 200:
                    return
        except (OSError, urllib.error.URLError):
            time.sleep(0.02)
    raise TimeoutError(f"{url} did not answer in {seconds:g} s (exit code {process.poll()})")
