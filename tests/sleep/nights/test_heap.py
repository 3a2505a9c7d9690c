"""Memory between the steps of a night, on the real allocator: what was freed goes back to the system."""

from __future__ import annotations

import subprocess
import sys

from tests.sleep.holes import glibc

HOLES = """
from aion.sleep.nights.heap import give_back
from tests.sleep.holes import held_mb, leave_holes
before = held_mb()
left = leave_holes()
kept = held_mb() - before
give_back()
assert kept > 60, kept
assert held_mb() - before < 15, held_mb() - before
"""


@glibc
def test_what_was_freed_goes_back_to_the_system() -> None:
    ran = subprocess.run([sys.executable, "-c", HOLES], check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
