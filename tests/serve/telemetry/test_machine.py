"""What is measured of the machine, from counters laid out by hand and from this very one."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from aion.serve.telemetry.gpu import NvidiaGpus
from aion.serve.telemetry.machine import Machine, read_rapl


def lay_zone(powercap: Path, zone: str, name: str, joules: float) -> None:
    (powercap / zone).mkdir(exist_ok=True)
    (powercap / zone / "name").write_text(name)
    (powercap / zone / "energy_uj").write_text(str(int(joules * 1e6)))


@pytest.fixture
def powercap(tmp_path: Path) -> Path:
    folder = tmp_path / "powercap"
    folder.mkdir()
    return folder


class FakeNvml:
    """The driver's library with two GPUs, of which the second tells no energy."""

    def __init__(self) -> None:
        self.millijoules = 5000

    def __getattr__(self, name: str) -> Any:
        return {
            "nvmlInit_v2": lambda: 0,
            "nvmlShutdown": lambda: 0,
            "nvmlDeviceGetCount_v2": lambda count: self.tell(count, "value", 2),
            "nvmlDeviceGetHandleByIndex_v2": lambda place, device: self.tell(device, "value", place + 1),
            "nvmlDeviceGetMemoryInfo": lambda device, memory: self.tell(memory, "used", 1000 * device.value),
            "nvmlDeviceGetUtilizationRates": lambda device, use: self.tell(use, "gpu", 40 // device.value),
            "nvmlDeviceGetTotalEnergyConsumption": self.tell_energy,
        }[name]

    def tell_energy(self, device: Any, millijoules: Any) -> int:
        return self.tell(millijoules, "value", self.millijoules) if device.value == 1 else 3

    @staticmethod
    def tell(reference: Any, name: str, value: int) -> int:
        setattr(reference._obj, name, value)
        return 0


def test_packages_are_read_and_their_parts_are_not_counted_twice(powercap: Path) -> None:
    lay_zone(powercap, "intel-rapl:0", "package-0", 10.5)
    lay_zone(powercap, "intel-rapl:0:0", "core", 4)
    lay_zone(powercap, "intel-rapl:1", "psys", 99)
    assert read_rapl(powercap) == {"intel-rapl:0": 10.5}
    assert read_rapl(powercap / "nowhere") == {}


def test_energy_is_what_came_since_and_a_counter_that_began_anew_is_left_out(tmp_path: Path, powercap: Path) -> None:
    machine = Machine(tmp_path, powercap=powercap)
    lay_zone(powercap, "intel-rapl:0", "package-0", 100)
    lay_zone(powercap, "intel-rapl:1", "package-1", 50)
    assert "energy_joules" not in machine.measure()
    lay_zone(powercap, "intel-rapl:0", "package-0", 160)
    lay_zone(powercap, "intel-rapl:1", "package-1", 3)
    assert machine.measure()["energy_joules"] == 60


def test_processors_are_busy_by_what_came_since(
    tmp_path: Path, powercap: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(tmp_path, powercap=powercap)
    made = psutil.cpu_times()
    zero = dict.fromkeys(made._fields, 0.0)
    readings = [zero | {"user": 10.0, "idle": 10.0}, zero | {"user": 13.0, "idle": 17.0, "guest": 3.0}]
    monkeypatch.setattr(psutil, "cpu_times", lambda: type(made)(**readings.pop(0)))
    assert "cpu_percent" not in machine.measure()
    assert machine.measure()["cpu_percent"] == 30.0


def test_this_machine_can_be_measured(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        found = machine.measure()
        child.communicate(b"\n")
    for name in ("memory_bytes", "disk_used_bytes", "server_rss_bytes", "engine_rss_bytes"):
        assert found[name] > 0
    machine.close()


def test_gpus_are_added_up_and_what_one_does_not_tell_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: FakeNvml())
    gpus = NvidiaGpus()
    assert gpus.load() == {"gpu_memory_bytes": 3000.0, "gpu_percent": 40.0}
    assert gpus.joules() == {"0": 5.0}
    gpus.close()
    assert (gpus.load(), gpus.joules()) == ({}, {})


def test_the_energy_of_gpus_stands_by_itself(tmp_path: Path, powercap: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = FakeNvml()
    monkeypatch.setattr(ctypes, "CDLL", lambda _: nvml)
    machine = Machine(tmp_path, powercap=powercap)
    machine.measure()
    nvml.millijoules += 2500
    found = machine.measure()
    assert (found["gpu_energy_joules"], found.get("energy_joules")) == (2.5, None)


def test_without_the_drivers_library_there_is_no_gpu() -> None:
    gpus = NvidiaGpus("libno-such-thing.so.1")
    assert (gpus.load(), gpus.joules()) == ({}, {})
    gpus.close()


def test_a_driver_that_does_not_start_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(nvmlInit_v2=lambda: 9))
    assert NvidiaGpus().load() == {}
