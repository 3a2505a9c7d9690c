"""How verbs print: JSON when asked, tables for people, plain lines where nobody looks. It decides nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table


def print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on a terminal; tab-separated lines, easy to cut, anywhere else."""
    if not sys.stdout.isatty():
        for row in [columns, *rows]:
            print("\t".join(str(cell) for cell in row))
        return
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    Console(markup=False, highlight=False).print(table)


def console(*, stderr: bool = False) -> Console:
    """A console that adds no markup, no colours of its own, and no line breaks where nobody looks."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, markup=False, highlight=False, soft_wrap=not stream.isatty())


def note(sentence: str) -> None:
    """Tell the person something that is not the result."""
    print(sentence, file=sys.stderr, flush=True)


def moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def shorten(text: str, most: int = 80) -> str:
    """One line of at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def number(value: float | None, digits: int = 2) -> str:
    """Nothing for what is not known."""
    return "" if value is None else f"{value:.{digits}f}"
