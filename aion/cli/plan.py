"""`aion plan`: what a night would take on this machine, before it begins: memory and time, and whether there is enough.

It opens the base and measures a layer of it for some seconds; it needs no running server, and changes nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from typing import Annotated

import psutil
import typer

from aion.cli.asking import whose
from aion.cli.options import AsJson, Data, read_settings
from aion.cli.output import note, print_json, print_table
from aion.cli.stored import read_store
from aion.config import Settings
from aion.errors import BadConfig, BadInput
from aion.models.catalog import LocalModel, resolve_model
from aion.records import Json
from aion.sleep.base import Recipe
from aion.sleep.dataset import build_dataset
from aion.sleep.lessons import collect_lessons
from aion.sleep.offline import keep_offline
from aion.sleep.phrasing.make import prompt_of
from aion.sleep.plan import SPARE, Plan, predict
from aion.sleep.recipe import make_recipe

TEMPLATE = 32  # tokens that a chat template and the system message add to an example, about
LETTERS = 3.5  # of a token, about
MB = 1e6

app = typer.Typer()


@app.command("plan")
def plan(
    *,
    tokens: Annotated[
        int | None,
        typer.Option("--tokens", min=1, help="Tokens to learn, else what is due.", show_default=False),
    ] = None,
    rank: Annotated[int | None, typer.Option("--rank", help="4, 8 or 16.", show_default=False)] = None,
    length: Annotated[int | None, typer.Option("--length", min=64, help="Tokens of a row.", show_default=False)] = None,
    micro_batch: Annotated[
        int | None, typer.Option("--micro-batch", min=1, max=4, help="Rows at once.", show_default=False)
    ] = None,
    device: Annotated[str | None, typer.Option("--device", help="cpu, cuda ...", show_default=False)] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Predict what learning would take here."""
    flags = {
        "train.rank": rank,
        "train.length": length,
        "train.micro_batch": micro_batch,
        "train.device": device,
    }
    settings = read_settings(data, flags).settings
    model = _find_model(settings)
    recipe = make_recipe(settings.train, model.path.stat().st_size)
    recipe = replace(recipe, micro_batch=recipe.micro_batch or 1, threads=recipe.threads or _cores())
    wanted = tokens if tokens is not None else count_due(settings)
    told = _tell(_measure(model, recipe, wanted), recipe, wanted)
    if as_json:
        print_json(told)
        return
    sizes = [*told["parts"].items(), ("peak", told["peak_bytes"])]
    print_table(("", "MB"), [[name, f"{size / MB:.0f}"] for name, size in sizes])
    pace = f"{told['steps']} steps, {told['tokens_per_s']:.0f} tokens/s"
    note(f"{told['tokens']} tokens, {pace}: {_duration(told['seconds'])}")
    note(told["advice"])


def count_due(settings: Settings) -> int:
    """Tokens of everything that could be learned now, by the letters of its examples."""
    with read_store(settings) as store:
        lessons = collect_lessons(store, whose(everyone=False) or "", source_share=settings.train.source_share)
    placed = {one.id: "due" for one in lessons.lessons}
    made = build_dataset(lessons, theme="due", placed=placed, settings=settings.train)
    return sum(int((len(prompt_of(one)) + len(one.answer)) / LETTERS) + TEMPLATE for one in made.trained)


def _find_model(settings: Settings) -> LocalModel:
    found = asyncio.run(resolve_model(settings, lambda *_, **__: None))
    if not isinstance(found, LocalModel):
        raise BadConfig("the model is served elsewhere, so it cannot be trained here; serve a GGUF file with --model")
    return found


def _measure(model: LocalModel, recipe: Recipe, tokens: int) -> Plan:
    keep_offline()
    try:
        import peft  # noqa: F401, PLC0415 - what a training holds before it opens anything

        from aion.sleep.probe import probe_base  # noqa: PLC0415 - torch
    except ImportError as error:
        raise BadInput(f"training needs {error.name}, which is not installed; run `make install` again") from None
    return predict(probe_base(model.path, recipe), recipe, tokens)


def _tell(made: Plan, recipe: Recipe, tokens: int) -> Json:
    free = psutil.virtual_memory().available
    told = asdict(made) | {"tokens": tokens, "free_bytes": free, "device": recipe.device, "threads": recipe.threads}
    return told | {"fits": made.peak_bytes < free * (1 - SPARE), "advice": _advise(made, free, tokens)}


def _advise(made: Plan, free: int, tokens: int) -> str:
    if not tokens:
        return "there is nothing to learn yet: correct an answer, or tell AION something"
    if made.peak_bytes < free * (1 - SPARE):
        return f"it fits: {free / MB:.0f} MB are free"
    smaller = "set train.cache to never" if made.cache else "lower train.length or train.micro_batch"
    return f"it needs {made.peak_bytes / MB:.0f} MB and {free / MB:.0f} MB are free: {smaller}"


def _cores() -> int:
    return psutil.cpu_count(logical=False) or 1


def _duration(seconds: float) -> str:
    return f"about {seconds / 60:.0f} minutes" if seconds >= 90 else f"about {seconds:.0f} seconds"
