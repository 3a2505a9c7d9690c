"""Gives memory back to the system between the steps of a night. It knows nothing of what the memory was used for.

An allocator keeps what was freed for itself: a training leaves hundreds of megabytes of it, which the engines of the
next step would have to do without.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import suppress


def give_back() -> None:
    """What nobody holds any more, and on Linux every free page of the heap."""
    gc.collect()
    if sys.platform == "linux":
        with suppress(AttributeError):  # only glibc keeps so much, and only glibc has this
            ctypes.CDLL(None).malloc_trim(0)
