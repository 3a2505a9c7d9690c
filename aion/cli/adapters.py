"""`aion adapters`: lists what nights made, takes in others, and turns PEFT folders and GGUF LoRAs into each other.

What it takes in is a candidate like those of nights: nobody has examined it, so nothing is served by that. This and
what changes what is served (serving.py) need a running server; the rest reads the data folder, with or without one.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from gguf.constants import GGMLQuantizationType

from aion.cli import serving
from aion.cli.asking import find_running, whose
from aion.cli.client import find_server
from aion.cli.imports import hand_over
from aion.cli.options import AsJson, Data, read_settings, require_folder
from aion.cli.output import moment, note, print_json, print_table
from aion.cli.stored import read_store
from aion.errors import BadInput, Conflict, NotFound
from aion.gate.lineage import find_learners
from aion.gate.state import standing_of
from aion.models.adapters.convert import read_adapter, save_gguf, save_peft
from aion.models.adapters.describe import Description, describe_adapter
from aion.models.adapters.lora import Lora
from aion.models.adapters.served import ServedBase, read_served
from aion.models.catalog import LocalModel, resolve_model
from aion.records import Candidate, Json
from aion.serve.keys import CONTROL_OWNER
from aion.sleep.training.shrink import shrink
from aion.store.base import Store
from aion.store.blobs import BLOBS, BlobStore

MOST = 1000

app = typer.Typer(name="adapters", help="List adapters, choose what is served, take it back, import and export.")
app.command("promote")(serving.promote)
app.command("rollback")(serving.roll_back)
app.command("retire")(serving.retire)


class Kind(StrEnum):
    """How the numbers of a GGUF LoRA are stored."""

    F32 = "f32"
    F16 = "f16"
    BF16 = "bf16"
    Q8_0 = "q8_0"  # where rows are whole blocks of 32; f16 elsewhere


Source = Annotated[Path, typer.Argument(metavar="SOURCE", help="A GGUF LoRA, or a folder that PEFT wrote.")]
Made = Annotated[str, typer.Argument(metavar="SOURCE", help="The same, or the id of an adapter that a night made.")]
Target = Annotated[Path, typer.Argument(metavar="TARGET", help="NAME.gguf for a GGUF LoRA, else a folder for PEFT.")]
BaseFile = Annotated[Path | None, typer.Option("--base", help="The model's GGUF; else the one that is served.")]
StoredAs = Annotated[Kind, typer.Option("--kind", help="How a GGUF LoRA holds its numbers.")]


@app.command("list")
def list_made(
    *,
    everyone: Annotated[bool, typer.Option("--everyone", help="Those of all people.")] = False,
    source: Annotated[
        str,
        typer.Option("--from", help="Those of yours that learned from this turn, note, document or conversation."),
    ] = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show the adapters that nights made, the newest first."""
    with read_store(read_settings(data).settings) as store:
        if source:
            found = find_learners(store, source, owner=CONTROL_OWNER)
        else:
            found = store.nights.candidates(owner=whose(everyone), limit=MOST)
        told = [_stand(store, one) for one in found]
    if as_json:
        print_json([dataclasses.asdict(one) | more for one, more in zip(found, told, strict=True)])
        return
    rows = [
        [
            *(one.id, one.owner, more["theme_name"] or one.theme, more["state"], _facts(more["scores"]), one.night),
            *(one.base[:12], f"{one.size >> 10}", moment(one.created)),
        ]
        for one, more in zip(found, told, strict=True)
    ]
    print_table(("id", "owner", "theme", "state", "facts", "night", "base", "KiB", "made"), rows)


def _stand(store: Store, made: Candidate) -> Json:
    """What became of it since it was made."""
    verdict = store.served.verdict(made.id, owner=made.owner)
    theme = store.nights.theme(made.theme, owner=made.owner)
    return {
        "theme_name": theme.name if theme is not None else "",
        "state": standing_of(made, verdict, store.served.promotion(owner=made.owner)).value,
        "scores": dict(verdict.scores) if verdict is not None else {},
        "reasons": list(verdict.reasons) if verdict is not None else [],
    }


def _facts(scores: Json) -> str:
    """Of what is new in it, how much was known before and is known with it."""
    tonight = scores.get("tonight") or {}
    return f"{tonight['before']} -> {tonight['after']} of {tonight['items']}" if tonight.get("items") else ""


@app.command("inspect")
def inspect(source: Made, data: Data = None, as_json: AsJson = False) -> None:
    """Show what an adapter's files say of themselves."""
    found = describe_adapter(_find_made(source, data))
    if as_json:
        print_json(dataclasses.asdict(found))
    else:
        print("\n".join(f"{name}: {value}" for name, value in _lines(found)))


@app.command("import")
def take_in(
    source: Source,
    target: Annotated[
        Path | None, typer.Argument(metavar="[TARGET]", help="Only write it there: NAME.gguf, or a folder for PEFT.")
    ] = None,
    *,
    name: Annotated[str | None, typer.Option("--name", help="Of its theme; else the name of the file.")] = None,
    base: BaseFile = None,
    unknown: Annotated[bool, typer.Option("--base-unknown", help="Its base is not named in it, but is this.")] = False,
    kind: StoredAs = Kind.F32,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Check somebody's adapter against the model, and take it in as one that nobody has examined yet."""
    if target is None and (base is not None or kind is not Kind.F32):
        raise BadInput("--base and --kind go with a TARGET; what is taken in is for the model that is served, as f32")
    if target is not None and name is not None:
        raise BadInput("--name is for an adapter that is taken in; leave the TARGET out")
    served = _find_base(base, data)
    lora = read_adapter(_require_source(source), served, unknown=unknown)
    if target is not None:
        _tell(_write(lora, target, served, kind), target, as_json)
        return
    told = hand_over(find_running(data), read_settings(data).settings.data, lora, served, (name or source.stem)[:80])
    if as_json:
        print_json(told)
    else:
        print(f"took in {told['id']} as theme {told['theme']}; nobody has examined it yet, so it is not served")


@app.command("export")
def export(
    source: Made,
    target: Target,
    *,
    base: BaseFile = None,
    kind: StoredAs = Kind.F32,
    rank: Annotated[int, typer.Option("--rank", min=0, max=1024, help="Highest rank to keep; 0: all.")] = 0,
    error: Annotated[
        float, typer.Option("--error", min=0, max=0.99, help="Drop ranks while a change stays within this share.")
    ] = 0.0,
    prune: Annotated[float, typer.Option("--prune", min=0, max=0.99, help="Share of the numbers to set to 0.")] = 0.0,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Write an adapter of this model for PEFT, vLLM or llama.cpp; smaller when that is asked for."""
    served = _find_base(base, data)
    lora = read_adapter(_find_made(source, data), served)
    if rank or error or prune:
        smaller = shrink(lora, rank=rank, error=error, share=prune)
        note(f"the largest error of a change is {smaller.worst:.4f} of it; examine the smaller adapter before use")
        lora = smaller.lora
    _tell(_write(lora, target, served, kind), target, as_json)


def _require_source(source: Path) -> Path:
    if not source.exists():
        raise NotFound(f"there is no {str(source)!r}; name a GGUF LoRA or a folder that PEFT wrote")
    return source


def _find_made(source: str, data: Path | None) -> Path:
    """A path, or where the adapter of that id is kept."""
    if Path(source).exists():
        return Path(source)
    settings = read_settings(data).settings
    if settings.data.is_dir():
        with read_store(settings) as store:
            if (made := store.nights.candidate(source, owner=None)) is not None:
                return BlobStore(settings.data / BLOBS).path(made.adapter)
    raise NotFound(f"there is no {source!r}; name a GGUF LoRA, a folder that PEFT wrote, or an id of `adapters list`")


def _find_base(path: Path | None, data: Path | None) -> ServedBase:
    """The model an adapter has to fit: a named file, or what is served, or else set."""
    if path is not None:
        with _require_source(path).open("rb") as file:
            return read_served(path, hashlib.file_digest(file, "sha256").hexdigest())
    settings = read_settings(data).settings
    require_folder(settings)
    if (server := find_server(settings.data)) is not None:
        settings = read_settings(data, server.sources).settings
    model = asyncio.run(resolve_model(settings))
    if not isinstance(model, LocalModel):
        raise BadInput(f"the model is {model.source!r}, whose file is elsewhere; name its GGUF with --base")
    return read_served(model.path, model.sha256)


def _write(lora: Lora, target: Path, base: ServedBase, kind: Kind) -> Lora:
    if target.exists():
        raise Conflict(f"{str(target)!r} exists; name another target, or remove it")
    if target.suffix.lower() == ".gguf":
        save_gguf(lora, target, base, GGMLQuantizationType[kind.name])
    elif kind is not Kind.F32:
        raise BadInput("--kind is for GGUF; a PEFT folder holds f32: name a target that ends with .gguf")
    else:
        save_peft(lora, target, base)
    return lora


def _tell(lora: Lora, target: Path, as_json: bool) -> None:
    found = describe_adapter(target)
    if as_json:
        print_json({"target": str(target), **dataclasses.asdict(found)})
        return
    marks = lora.marks
    print(f"{target}: {len(found.modules)} modules, rank {found.rank}, {found.size / 1024:.0f} KiB, for {marks.base}")
    if marks.assumed:
        note("that it is for this model is your word: its file did not say")


def _lines(found: Description) -> list[tuple[str, object]]:
    marks = found.marks
    ranks = f"{found.rank}" + (f" (and {', '.join(map(str, found.other_ranks))})" if found.other_ranks else "")
    lines: list[tuple[str, object]] = [
        ("form", found.form),
        ("architecture", found.architecture),
        ("rank", ranks),
        ("alpha", f"{found.alpha:g}"),
        ("modules", f"{len(found.modules)} ({', '.join(sorted({one.rpartition('.')[2] for one in found.modules}))})"),
        ("numbers", f"{found.parameters} as {', '.join(found.kinds)}, {found.size} bytes"),
        ("base", (marks.base or "not named") + (" (by a person's word)" if marks.assumed else "")),
        ("theme", marks.theme),
        ("night", marks.night),
        ("dataset", marks.dataset),
    ]
    return [line for line in lines if line[1]]
