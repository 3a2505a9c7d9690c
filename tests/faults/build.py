"""Compiles the libraries that disturb a disk, once per content of its sources; skips the test when it cannot.

It looks for no other compiler than cc and gcc, and downloads nothing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

POWERCUT = Path(__file__).with_name("powercut.c")
LEDGER = Path(__file__).with_name("powercut_ledger.h")
FAILDISK = Path(__file__).with_name("faildisk.c")
CACHE = Path(__file__).parent / "__pycache__"  # derived from the source beside it, and ignored by git for that reason
FLAGS = ("-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread")


def powercut_library() -> Path:
    return find_library(POWERCUT, LEDGER)


def faildisk_library() -> Path:
    return find_library(FAILDISK)


@cache
def find_library(source: Path, *more: Path) -> Path:
    """The path to preload; skips with the name of the missing package when there is no compiler."""
    if sys.platform != "linux" or sys.maxsize < 2**32:
        pytest.skip(f"the library {source.name} is written for 64-bit Linux")
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip(
            f"the library {source.name} needs a C compiler: install the package `gcc` (apt-get install gcc libc6-dev)"
        )
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in (source, *more)) + repr(FLAGS).encode()).hexdigest()
    library = CACHE / f"{source.stem}-{os.uname().machine}-{digest[:16]}.so"
    if not library.exists():
        compile_library(compiler, source, library)
    return library


def compile_library(compiler: str, source: Path, library: Path) -> None:
    library.parent.mkdir(exist_ok=True)
    part = library.with_suffix(f".{os.getpid()}")
    done = subprocess.run(
        [compiler, *FLAGS, "-o", str(part), str(source)], capture_output=True, text=True, check=False, timeout=60
    )
    if done.returncode != 0:
        raise AssertionError(f"{source.name} does not compile:\n{done.stderr}")
    part.replace(library)
