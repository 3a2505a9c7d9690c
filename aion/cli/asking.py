"""One request to the running server of a data folder, for verbs that need nothing else. It prints nothing.

What a verb asks, it asks as the person at this machine, who is an administrator: lists name that person, else they
would hold everyone's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from aion.cli.client import Running, call, require_server
from aion.cli.options import read_settings
from aion.records import Json
from aion.serve.keys import CONTROL_OWNER

PATIENCE_S = 300.0  # a long text is embedded piece by piece


def find_running(data: Path | None) -> Running:
    return require_server(read_settings(data).settings.data)


def ask(server: Running, method: str, path: str, body: Json | None = None, /, **query: str | int | None) -> Any:
    """The JSON of the reply; queries that are None are left out."""
    given = {name: str(value) for name, value in query.items() if value is not None}
    return call(server, method, path + ("?" + urlencode(given) if given else ""), body, timeout=PATIENCE_S)


def place(route: str, *ids: str) -> str:
    """A route with its ids put in, whatever signs they hold."""
    return route.format(*(quote(id_, safe="") for id_ in ids))


def whose(everyone: bool) -> str | None:
    """Whom a list is about."""
    return None if everyone else CONTROL_OWNER
