"""Keeps what a training imports from fetching code: bitsandbytes gets kernels from a hub while it is imported.

PEFT imports bitsandbytes wherever that is installed, so this comes before PEFT. It cuts no connection and hides nothing
from other processes.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, Final, cast

KERNELS: Final = "kernels"  # the package that fetches them
NOTED: Final = "bitsandbytes.backends.cpu.ops"  # logs a warning that it did without


def keep_offline() -> None:
    """From now on `kernels` counts as not installed."""
    sys.modules.setdefault(KERNELS, cast(Any, None))
    logging.getLogger(NOTED).setLevel(logging.ERROR)
