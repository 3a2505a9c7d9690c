"""Shows how a start goes: one line with a bar on a terminal, plain lines elsewhere, and at the end how to use it.

The result (address, key, curl line) goes to stdout, everything else to stderr.
"""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from aion.cli.output import console
from aion.records import Json


class StartProgress:
    """Shows the events of one start or download."""

    def __init__(self, data_flag: Sequence[str] = (), model: str = "aion") -> None:
        self._console = console(stderr=True)
        self._bar: Progress | None = None
        self._data_flag = data_flag
        self._model = model
        self._last = ""
        self._was_ready = False

    def show(self, event: Json) -> None:
        stage = event.get("stage")
        if stage == "ready":
            self._end_bar()
            self._welcome(str(event.get("url")), event.get("first_key"), str(event.get("panel") or ""))
        elif stage in ("failed", "gave_up", "restarting", "stopping"):
            self._end_bar()
            print(f"aion: {event.get('message')}", file=sys.stderr, flush=True)
        elif stage != "listening" and event.get("message"):
            self._advance(str(event["message"]), event.get("done"), event.get("total"))

    def close(self) -> None:
        self._end_bar()

    def _advance(self, message: str, done: object, total: object) -> None:
        if not self._console.is_terminal:
            if message != self._last:
                print(message, file=sys.stderr, flush=True)
            self._last = message
            return
        if self._bar is None:
            columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._bar.start()
            self._bar.add_task(message, total=None)
        amount = float(total) if isinstance(total, int | float) and total else None  # unknown: the bar only moves
        at = float(done) if isinstance(done, int | float) else 0.0
        self._bar.update(self._bar.task_ids[0], description=message, total=amount, completed=at)

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _welcome(self, url: str, first_key: object, panel: str) -> None:
        if self._was_ready:
            print(f"AION answers again at {url}", flush=True)
            return
        self._was_ready = True
        key = first_key if isinstance(first_key, str) else None
        print(welcome(url, key, self._model, self._data_flag, panel), flush=True)


def welcome(url: str, first_key: str | None, model: str, data_flag: Sequence[str], panel: str = "") -> str:
    """What a person needs to begin: the address, a key or how to make one, a line to paste, and where to click."""
    aion = shlex.join([_own_name(), "keys", "add"])
    flags = "".join(f" {shlex.quote(word)}" for word in data_flag)
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "What is the capital of France?"}]})
    bearer = first_key or f"$({aion} terminal{flags})"
    lines = [
        f"AION answers at {url}",
        f"Your API key, shown only now: {first_key}" if first_key else f"A new API key: {aion} NAME{flags}",
        f'Try it: curl {url}/v1/chat/completions -H "Authorization: Bearer {bearer}"'
        f" -H 'Content-Type: application/json' -d {shlex.quote(body)}",
        "Ctrl-C stops it.",
        *([f"Open AION in a browser; this link signs you in once, within ten minutes: {panel}"] if panel else []),
    ]
    return "\n".join(lines)


def _own_name() -> str:
    """`aion` where the shell would find this very installation, else its whole path."""
    own = Path(sys.executable).parent / "aion"
    found = shutil.which("aion")
    return "aion" if found and Path(found).resolve() == own.resolve() else str(own)
