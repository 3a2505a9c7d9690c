"""`aion keys`: adds, lists and revokes API keys, through the running server or, when none runs, in the store itself.

`add` prints the key alone on stdout, this once: AION keeps only its hash.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import quote

import typer

from aion.app import open_data
from aion.cli.client import Running, call
from aion.cli.options import AsJson, Data, read_settings
from aion.cli.output import note, print_json, print_table
from aion.cli.stored import read_store
from aion.cli.writing import act
from aion.records import Json, Key, Scope
from aion.serve.keys import CONTROL_OWNER

DAY_S = 86400

app = typer.Typer(name="keys", help="Add, list and revoke API keys.")


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="Whom the key belongs to.")],
    scope: Annotated[Scope, typer.Option("--scope", help="user uses the models; admin does everything.")] = Scope.USER,
    days: Annotated[int | None, typer.Option("--days", min=1, max=36500, help="Days until it expires.")] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it alone on stdout."""

    def by_server(server: Running) -> Json:
        return dict(call(server, "POST", "/api/keys", {"owner": name, "scope": scope.value, "expires_days": days}))

    def by_hand() -> Json:
        expires = None if days is None else time.time() + days * DAY_S
        with open_data(settings) as opened:
            key, text = asyncio.run(opened.keys.create(name, scope, expires, actor=CONTROL_OWNER))
        return describe(key) | {"key": text}

    settings = read_settings(data).settings
    made = act(settings.data, by_server, by_hand)
    if as_json:
        print_json(made)
    else:
        print(made["key"])


@app.command("list")
def list_keys(data: Data = None, as_json: AsJson = False) -> None:
    """Show every key, without its secret."""
    with read_store(read_settings(data).settings) as store:
        stored = store.keys()
    keys = [describe(key) for key in stored if not key.session]
    if as_json:
        print_json(keys)
        return
    columns = ("id", "owner", "scope", "created", "expires", "state")
    print_table(columns, [[_cell(key, column) for column in columns] for key in keys])


@app.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID")], data: Data = None) -> None:
    """End a key at once."""

    def by_server(server: Running) -> None:
        call(server, "DELETE", f"/api/keys/{quote(key_id, safe='')}")

    def by_hand() -> None:
        with open_data(settings) as opened:
            asyncio.run(opened.keys.revoke(key_id, actor=CONTROL_OWNER))

    settings = read_settings(data).settings
    act(settings.data, by_server, by_hand)
    note(f"key {key_id} is revoked")


def describe(key: Key) -> Json:
    return key.public() | {"state": _state(key)}


def _state(key: Key) -> str:
    if key.revoked is not None:
        return "revoked"
    return "expired" if key.expires is not None and key.expires <= time.time() else "active"


def _cell(key: Json, column: str) -> str:
    value = key[column]
    if isinstance(value, float):
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return "" if value is None else str(value)
