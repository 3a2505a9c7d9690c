"""`aion up`: checks what can be checked at once, then supervises the server, and the sleeper beside it.

It does not load a model or open the store: the server does.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from aion import config
from aion.cli.client import find_server
from aion.cli.companion import Companion
from aion.cli.options import Data, read_settings
from aion.cli.ports import require_port
from aion.cli.progress import StartProgress
from aion.cli.supervisor import Supervisor
from aion.errors import Conflict
from aion.records import Json

SERVER = (sys.executable, "-m", "aion.cli.server_process")

app = typer.Typer()


@app.command("up")
def up(
    data: Data = None,
    port: Annotated[int | None, typer.Option("--port", help="Port to listen on; 0 takes a free one.")] = None,
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on.")] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="embedded, FILE.gguf, hf:owner/name:file or openai:URL.")
    ] = None,
    browser: Annotated[  # noqa: ARG001 - a promise to scripts; nothing is ever opened unasked
        bool, typer.Option("--open/--no-browser", help="Open the page in a browser, where there is one.")
    ] = False,
) -> None:
    """Start AION and keep it running until Ctrl-C."""
    flags = {"server.port": port, "server.host": host, "model.source": model and _absolute(model)}
    settings = read_settings(data, flags).settings
    running = find_server(settings.data)
    if running is not None:
        raise Conflict(f"AION is already running (pid {running.pid}) at {running.url}; stop it, or name another --data")
    require_port(settings.server.host, settings.server.port)
    progress = StartProgress([] if data is None else ["--data", str(data)], settings.model.name)
    inherited, environ = config.split_environment()
    given = {key: value for key, value in flags.items() if value is not None} | {"data": str(settings.data)}
    sleeper = Companion(inherited | given, environ=environ)

    def show(event: Json) -> None:
        if event.get("stage") == "ready":
            sleeper.begin()
        progress.show(event)

    try:
        code = Supervisor(SERVER, given, show, environ=environ, inherited=inherited).run()
    finally:
        sleeper.close()
        progress.close()
    raise typer.Exit(code)


def _absolute(source: str) -> str:
    """A file is named from where the person stands; what starts with a scheme is not a file."""
    return str(Path(source).absolute()) if source.endswith(".gguf") and ":" not in source else source
