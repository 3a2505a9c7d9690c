"""Measures what this machine does at a moment: processors, memory, disk, engines, GPU and energy, where readable.

What cannot be read is left out, and never guessed. Only local files and the graphics driver's own library are asked.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import psutil

from aion.serve.telemetry.gpu import NvidiaGpus

POWERCAP = Path("/sys/class/powercap")


class Machine:
    """Remembers what counters showed before, because shares and energy are what came since."""

    def __init__(self, data: Path, *, powercap: Path = POWERCAP) -> None:
        self._data = data
        self._powercap = powercap
        self._gpus = NvidiaGpus()
        self._times: tuple[float, float] | None = None
        self._energy: dict[str, float] = {}  # joules, by counter

    def measure(self) -> dict[str, float]:
        memory = psutil.virtual_memory()
        server = psutil.Process()
        counters = {
            **read_rapl(self._powercap),
            **{f"gpu:{name}": value for name, value in self._gpus.joules().items()},
        }
        found = {
            "memory_bytes": float(memory.total - memory.available),
            "disk_used_bytes": float(shutil.disk_usage(self._data).used),
            "server_rss_bytes": float(server.memory_info().rss),
            "engine_rss_bytes": float(_memory_of_children(server)),
            **self._gpus.load(),
            **self._used_since(counters),
        }
        share = self._busy_since()
        return found if share is None else found | {"cpu_percent": share}

    def _busy_since(self) -> float | None:
        """Percent of all processors' time since the measurement before; None for the first."""
        times = psutil.cpu_times()
        idle = float(times.idle + getattr(times, "iowait", 0.0))
        guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)  # they are in user, too
        total = float(sum(times) - guests)
        before, self._times = self._times, (total, idle)
        if before is None or total <= before[0]:
            return None
        return round(min(100.0, max(0.0, 100 * (1 - (idle - before[1]) / (total - before[0])))), 2)

    def _used_since(self, counters: dict[str, float]) -> dict[str, float]:
        """Joules since the measurement before, of processors and of GPUs. A counter that began anew is left out."""
        used: dict[str, float] = {}
        for name, value in counters.items():
            before = self._energy.get(name)
            if before is not None and value >= before:
                kind = "gpu_energy_joules" if name.startswith("gpu:") else "energy_joules"
                used[kind] = round(used.get(kind, 0.0) + value - before, 3)
        self._energy = counters
        return used

    def close(self) -> None:
        self._gpus.close()


def read_rapl(powercap: Path) -> dict[str, float]:
    """Joules counted by each processor package; empty where the kernel has none, or lets only root read them."""
    found: dict[str, float] = {}
    for zone in sorted(powercap.glob("intel-rapl:*")):
        with contextlib.suppress(OSError, ValueError):
            if (zone / "name").read_text().startswith("package"):  # its parts are in it; psys holds it again
                found[zone.name] = int((zone / "energy_uj").read_text()) / 1e6
    return found


def _memory_of_children(server: psutil.Process) -> int:
    total = 0
    for child in server.children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it ended meanwhile
            total += child.memory_info().rss
    return total
