"""`aion status`: whether AION runs on a data folder, where, and with which models. Exit 1 when it does not run."""

from __future__ import annotations

import typer

from aion.cli.client import Running, call, find_server
from aion.cli.options import AsJson, Data, read_settings
from aion.cli.output import print_json
from aion.errors import AionError
from aion.records import Json

app = typer.Typer()


@app.command("status")
def status(data: Data = None, as_json: AsJson = False) -> None:
    """Say whether AION runs, where, and with which model. Exit 1 when it does not run."""
    settings = read_settings(data).settings
    server = find_server(settings.data)
    found: Json = {"running": server is not None, "data": str(settings.data)}
    if server is not None:
        found |= {"pid": server.pid, "url": server.url, **ask_server(server)}
    if as_json:
        print_json(found)
    elif server is None:
        print(f"not running on {settings.data}; start it with `aion up`")
    else:
        print(f"running (pid {server.pid}) at {server.url}: {found['status']}\ndata: {settings.data}")
        for part in ("model", "embedder"):
            if part in found:
                print(f"{part}: {found[part]['name']} ({found[part]['source']})")
    raise typer.Exit(0 if server else 1)


def ask_server(server: Running) -> Json:
    """What it says of itself; a server that cannot answer yet says why instead."""
    try:
        return dict(call(server, "GET", "/api/status", timeout=5))
    except AionError as error:
        return {"status": error.message}
