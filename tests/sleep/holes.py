"""Fills the heap with holes, as a training leaves it, and reads how much a process holds. It frees nothing itself."""

from __future__ import annotations

import platform

import psutil
import pytest

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator keeps less, and is not asked")

PARTS, BYTES = 20_000, 4_000  # less than an allocator maps by itself: they lie in its heap
MB = 1e6


def held_mb() -> float:
    return float(psutil.Process().memory_info().rss / MB)


def leave_holes() -> list[bytearray]:
    """Takes 80 MB and frees them, but for one part in a thousand, which hold the heap where it is."""
    taken = [bytearray(BYTES) for _ in range(PARTS)]
    return taken[999::1000]


def leave_ring() -> None:
    """80 MB that nobody holds but themselves."""
    ring: list[object] = [bytearray(BYTES) for _ in range(PARTS)]
    ring.append(ring)
