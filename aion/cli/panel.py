"""`aion panel`: a link that signs a browser in, once."""

from __future__ import annotations

import typer

from aion.cli.client import call, find_server
from aion.cli.options import AsJson, Data, read_settings
from aion.cli.output import note, print_json
from aion.errors import Unavailable

app = typer.Typer()


@app.command("panel")
def panel(data: Data = None, as_json: AsJson = False) -> None:
    """Print a link to the panel; whoever opens it first, within ten minutes, is signed in as you."""
    server = find_server(read_settings(data).settings.data)
    if server is None:
        raise Unavailable("AION is not running here; start it with `aion up`, or name its --data")
    made = call(server, "POST", "/api/sessions/link")
    link = f"{server.url}/panel/enter#{made['code']}"
    if as_json:
        print_json({"link": link, "expires_s": made["expires_s"]})
        return
    print(link)
    note("works once, within ten minutes")
