"""Says in Portuguese the reasons that verdicts and promotions hold in English; what it does not know stays English.

Pure: a table of sentences with their numbers taken over. A test holds each sentence of decide.py and trial.py to it.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources

NUMBER = r"([\d.]+%?)"


def in_portuguese(reason: str) -> str:
    for pattern, sentence in _table():
        if found := pattern.fullmatch(reason):
            return sentence.format(*found.groups())
    return reason


@cache
def _table() -> tuple[tuple[re.Pattern[str], str], ...]:
    """In the order of the file."""
    text = (resources.files("aion.gate") / "data" / "reasons_pt.toml").read_text("utf-8")
    return tuple((re.compile(re.escape(one).replace(r"\*", NUMBER)), said) for one, said in tomllib.loads(text).items())
