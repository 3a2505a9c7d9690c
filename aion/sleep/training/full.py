"""Tells an error that means a full disk from all others, whoever raised it; it frees nothing."""

from __future__ import annotations

import errno

from safetensors import SafetensorError

from aion.errors import StorageFull

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
CODES = tuple(f"(os error {number})" for number in sorted(FULL))  # as Rust writes them


def is_disk_full(error: BaseException) -> bool:
    """Also when it is why another error was raised. safetensors tells the number in words alone."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, StorageFull) or (isinstance(seen, OSError) and seen.errno in FULL):
            return True
        if isinstance(seen, SafetensorError) and any(code in str(seen) for code in CODES):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
