"""Chooses what a training runs on: a GPU that has room for it beside the engine, else the processor, and says why.

What devices there are is told by a table, so that a choice can be tested without one. torch is loaded only where a
driver for GPUs is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aion.config import AUTO
from aion.errors import BadInput

CPU: Final = "cpu"
DRIVERS: Final = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")  # NVIDIA's, the same inside WSL, AMD's
SPARE: Final = 256 << 20  # bytes of a GPU that stay free, for the screen and what comes and goes
MB: Final = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One that torch can train on besides the processor."""

    name: str  # torch's, as cuda:0
    title: str  # for people
    free_bytes: int  # now, with everything that runs
    total_bytes: int


@dataclass(frozen=True, slots=True)
class Choice:
    """Where a training runs, and why there."""

    device: str
    reason: str


Table = Callable[[], Sequence[Device]]


def list_devices() -> Sequence[Device]:
    """GPUs that torch sees, those of AMD under the same name; none where there is no driver."""
    if not any(Path(one).exists() for one in DRIVERS):
        return ()
    import torch  # noqa: PLC0415 - an optional heavy backend

    if not torch.cuda.is_available():
        return ()
    found = []
    for number in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(number)
        title = torch.cuda.get_device_name(number)
        found.append(Device(name=f"cuda:{number}", title=title, free_bytes=free, total_bytes=total))
    return found


def choose_device(wanted: str, needed: int, table: Table = list_devices) -> Choice:
    """`needed`: bytes a training would take of a GPU. Raises BadInput for a device that is not there."""
    if wanted == CPU:
        return Choice(CPU, "train.device is cpu")
    devices = table()
    if wanted != AUTO:
        return _find(wanted, devices)
    if not devices:
        return Choice(CPU, "torch sees no GPU here")
    best = max(devices, key=lambda one: one.free_bytes)
    told = f"training needs {needed / MB:.0f} MB, and {best.title} has {best.free_bytes / MB:.0f} MB free"
    if best.free_bytes - SPARE < needed:
        return Choice(CPU, f"{told} of {best.total_bytes / MB:.0f}, {SPARE / MB:.0f} of which stay free")
    return Choice(best.name, told)


def _find(wanted: str, devices: Sequence[Device]) -> Choice:
    named = next((one for one in devices if wanted in (one.name, one.name.partition(":")[0])), None)
    if named is None:
        seen = ", ".join(one.name for one in devices) or "no GPU"
        raise BadInput(
            f"train.device is {wanted!r}, and torch sees {seen} here; set it to auto or cpu", code="no_such_device"
        )
    return Choice(named.name, f"train.device is {wanted}")
