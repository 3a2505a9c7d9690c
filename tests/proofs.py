"""How much of a long proof is run: all of it, or with PROOF_SHARE=0.1 a tenth. It decides nothing else.

All of those of sleep take about an hour of one core that has nothing else to do.
"""

from __future__ import annotations

import os


def share_of(count: int) -> int:
    return max(1, round(count * float(os.environ.get("PROOF_SHARE", "1"))))


def spread_over(count: int) -> range:
    """Numbers from 1 to `count`, evenly far from each other."""
    return range(1, count + 1, max(1, count // share_of(count)))
