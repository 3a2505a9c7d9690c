"""`aion adapters promote | rollback | retire`: changes what is served; needs a running server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aion.cli.asking import ask, find_running, place
from aion.cli.options import AsJson, Data
from aion.cli.output import print_json
from aion.records import Json

Adapter = Annotated[str, typer.Argument(metavar="ADAPTER", help="Its id, see `aion adapters list`.")]


def promote(
    adapter: Adapter,
    share: Annotated[
        float, typer.Option("--share", min=0, max=1, help="Part of the conversations that get it first; 0: all.")
    ] = 0.0,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Serve an adapter that passed its examination."""
    _tell(data, place("/api/adapters/{}/promote", adapter), {"share": share}, as_json)


def roll_back(
    to: Annotated[str, typer.Argument(metavar="[TO]", help="A night or a promotion; else the one before.")] = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Serve again what was served before."""
    _tell(data, "/api/adapters/rollback", {"to": to}, as_json)


def retire(adapter: Adapter, data: Data = None, as_json: AsJson = False) -> None:
    """Serve an adapter no longer; its files stay."""
    _tell(data, place("/api/adapters/{}/retire", adapter), None, as_json)


def _tell(data: Path | None, path: str, body: Json | None, as_json: bool) -> None:
    row = ask(find_running(data), "POST", path, body)
    if as_json:
        print_json(row)
        return
    served = ", ".join(row["trial"] or row["adapters"]) or "the base alone"
    on_trial = f" (on trial, in {row['share']:.0%} of the conversations)" if row["trial"] else ""
    print(f"served from now on: {served}{on_trial}")
