"""What NVIDIA's GPUs do, asked of the library that comes with their driver. Without that library there are none.

It only reads. Other makers' GPUs are not measured.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

LIBRARY = "libnvidia-ml.so.1"


class _Memory(ctypes.Structure):
    """nvmlMemory_t, in bytes."""

    _fields_ = [("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong)]


class _Utilization(ctypes.Structure):
    """nvmlUtilization_t, in percent."""

    _fields_ = [("gpu", ctypes.c_uint), ("memory", ctypes.c_uint)]


class NvidiaGpus:
    """The GPUs of this machine; a question that a GPU does not answer is left out."""

    def __init__(self, library: str = LIBRARY) -> None:
        self._nvml = _open(library)
        self._devices = [] if self._nvml is None else list(self._find(self._nvml))

    def load(self) -> dict[str, float]:
        """The busiest GPU's percent and the memory used on all of them, in bytes; empty without a GPU."""
        if self._nvml is None:
            return {}
        found: dict[str, float] = {}
        for device in self._devices:
            memory, use = _Memory(), _Utilization()
            if self._nvml.nvmlDeviceGetMemoryInfo(device, ctypes.byref(memory)) == 0:
                found["gpu_memory_bytes"] = found.get("gpu_memory_bytes", 0.0) + memory.used
            if self._nvml.nvmlDeviceGetUtilizationRates(device, ctypes.byref(use)) == 0:
                found["gpu_percent"] = max(found.get("gpu_percent", 0.0), float(use.gpu))
        return found

    def joules(self) -> dict[str, float]:
        """What each GPU has used since its driver was loaded."""
        if self._nvml is None:
            return {}
        found: dict[str, float] = {}
        for place, device in enumerate(self._devices):
            millijoules = ctypes.c_ulonglong()
            if self._nvml.nvmlDeviceGetTotalEnergyConsumption(device, ctypes.byref(millijoules)) == 0:
                found[str(place)] = millijoules.value / 1000
        return found

    def close(self) -> None:
        if self._nvml is not None:
            self._nvml.nvmlShutdown()
            self._nvml = None

    @staticmethod
    def _find(nvml: ctypes.CDLL) -> Iterator[ctypes.c_void_p]:
        count = ctypes.c_uint()
        if nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)) != 0:
            return
        for place in range(count.value):
            device = ctypes.c_void_p()
            if nvml.nvmlDeviceGetHandleByIndex_v2(place, ctypes.byref(device)) == 0:
                yield device


def _open(library: str) -> ctypes.CDLL | None:
    try:
        nvml = ctypes.CDLL(library)
        return nvml if nvml.nvmlInit_v2() == 0 else None
    except (OSError, AttributeError):
        return None  # no driver, or one too old to ask
