"""`aion models`: what models are here, and `aion models pull` to download one ahead of its use."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from aion.cli.client import find_server
from aion.cli.options import AsJson, Data, read_settings
from aion.cli.output import print_json, print_table
from aion.cli.progress import StartProgress
from aion.errors import BadInput
from aion.models.catalog import ListedModel, LocalModel, fetch_local, list_models
from aion.records import Json

app = typer.Typer(name="models", help="List the models, or download one.", invoke_without_command=True)


@app.callback()
def models(context: typer.Context, data: Data = None, as_json: AsJson = False) -> None:
    """List the models that are here, and which ones the running server, or else the settings, use."""
    if context.invoked_subcommand is not None:
        if data is not None or as_json:
            raise BadInput(f"write the options behind `aion models {context.invoked_subcommand}`")
        return
    settings = read_settings(data).settings
    if (server := find_server(settings.data)) is not None:
        settings = read_settings(data, server.sources).settings
    found = [describe(model) for model in list_models(settings)]
    if as_json:
        print_json(found)
        return
    columns = ("used", "role", "source", "architecture", "context", "MiB", "problem")
    print_table(columns, [_row(model) for model in found])


@app.command("pull")
def pull(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="hf:owner/name:file")],
    embedder: Annotated[bool, typer.Option("--embedder", help="It gives vectors, for embedder.source.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Download a model, check its hash, and print the source to give to `aion up --model`."""
    if not source.startswith("hf:"):
        raise BadInput(f"only hf:owner/name:file can be pulled, not {source!r}; a file or a server needs no download")
    settings = read_settings(data).settings
    progress = StartProgress()

    def report(message: str, done: int, total: int) -> None:
        progress.show({"stage": "model", "message": message, "done": done, "total": total})

    try:
        model: LocalModel = asyncio.run(fetch_local(source, settings, report, role="embedder" if embedder else "base"))
    finally:
        progress.close()
    if as_json:
        print_json({"source": model.source, "path": str(model.path), "sha256": model.sha256})
    else:
        print(model.source)


def describe(model: ListedModel) -> Json:
    header = model.header
    return {
        "role": model.role,
        "source": model.source,
        "active": model.active,
        "path": None if model.path is None else str(model.path),
        "bytes": model.size,
        "architecture": header.architecture if header else None,
        "context": header.context_length if header else None,
        "problem": model.problem,
    }


def _row(model: Json) -> list[object]:
    size = f"{model['bytes'] / (1 << 20):.0f}" if model["bytes"] else ""
    known = [model[part] or "" for part in ("architecture", "context")]
    return ["*" if model["active"] else "", model["role"], model["source"], *known, size, model["problem"]]
