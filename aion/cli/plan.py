"""`aion plan`: what a night would take on this machine, before it begins: memory and time, and whether there is enough.

It opens the base and measures some layers of it for some seconds; it needs no running server, and changes nothing. What
a GPU would have to hold is computed from shapes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
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
from aion.records import Example, ExampleKind, Json
from aion.sleep.lessons.phrasing.make import prompt_of
from aion.sleep.nights.ahead import look_ahead
from aion.sleep.training.base import Recipe, times_seen
from aion.sleep.training.device import CPU, SPARE, Choice, Device, list_devices
from aion.sleep.training.offline import keep_offline
from aion.sleep.training.plan import SPARE as SPARE_SHARE
from aion.sleep.training.plan import Plan, Sample, count_tries, predict
from aion.sleep.training.recipe import choose_recipe
from aion.sleep.training.room import plan_room, read_shape

TEMPLATE = 30  # tokens that a chat template and the system message add to an example, about
ANCHOR = 26  # tokens of the base's own answer to a general question, about
LETTERS = 3.5  # of a token, about
MB = 1e6

app = typer.Typer()


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """The memory a training would be in."""

    peak_bytes: int
    free_bytes: int
    spare_bytes: int  # of the free, to be left alone
    parts: dict[str, int]

    @property
    def fits(self) -> bool:
        return self.peak_bytes <= self.free_bytes - self.spare_bytes


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
    model = find_model(settings)
    devices = list_devices() if settings.train.device != CPU else ()
    recipe, choice = choose_recipe(settings.train, model.path, lambda: devices)
    tries, recipe = count_tries(recipe, _cores()), replace(recipe, threads=recipe.threads or _cores())
    trainings = [tokens] if tokens is not None else count_due(settings, model.sha256)
    made = _measure(model, recipe, trainings, tries, Sample(anchors=settings.train.anchors))
    here = next((one for one in devices if one.name == choice.device), None)
    room = weigh(made, recipe, model, here)
    if as_json:
        print_json(as_told(made, recipe, choice, room, trainings))
        return
    for line in tell(made, recipe, choice, room, trainings):
        print(line)
    note("where the memory goes:")
    print_table(("", "MB"), [[name, f"{size / MB:.0f}"] for name, size in room.parts.items()])


def find_model(settings: Settings) -> LocalModel:
    """Raises BadConfig for a model that cannot be trained here, BadInput for rows it cannot read."""
    found = asyncio.run(resolve_model(settings, lambda *_, **__: None))
    if not isinstance(found, LocalModel):
        raise BadConfig("the model is served elsewhere, so it cannot be trained here; serve a GGUF file with --model")
    most = found.header.context_length
    if most and settings.train.length > most:
        raise BadInput(
            f"rows of {settings.train.length} tokens were asked for, and {found.path.name} reads {most} at most; "
            f"set train.length to {most} or less"
        )
    return found


def count_due(settings: Settings, base: str) -> list[int]:
    """Tokens of what a night would learn and repeat now, for each theme, by the letters of its examples."""
    owner = whose(everyone=False) or ""
    with read_store(settings) as store:
        due = look_ahead(store, owner, base=base, settings=settings)
    return [sum(guess_tokens(one) for one in made.trained) for made in due]


def guess_tokens(example: Example) -> int:
    answer = ANCHOR if example.kind is ExampleKind.ANCHOR else len(example.answer) / LETTERS
    return int(len(prompt_of(example)) / LETTERS + answer) + TEMPLATE


def weigh(made: Plan, recipe: Recipe, model: LocalModel, device: Device | None) -> Room:
    """On a processor what was measured; on a GPU what its shapes say."""
    if device is not None:
        parts = plan_room(read_shape(model.path), recipe)
        return Room(peak_bytes=sum(parts.values()), free_bytes=device.free_bytes, spare_bytes=SPARE, parts=parts)
    free = psutil.virtual_memory().available
    spare = int(free * SPARE_SHARE)
    return Room(peak_bytes=made.peak_bytes, free_bytes=free, spare_bytes=spare, parts=dict(made.parts))


def tell(made: Plan, recipe: Recipe, choice: Choice, room: Room, trainings: Sequence[int]) -> list[str]:
    """For people: what it is, what it takes, and whether there is room."""
    threads = f", {recipe.threads} thread{'s' * (recipe.threads != 1)}" if choice.device == CPU else ""
    held = "dense weights" if made.cache else "weights read from their blocks"
    rows = f"rows of {min(recipe.length, recipe.tokens_per_step)} tokens, {made.micro_batch} at once"
    tokens, themes = sum(trainings), f" in {len(trainings)} themes" * (len(trainings) > 1)
    times = sum(one * times_seen(recipe, one) for one in trainings) / max(1, tokens)
    return [
        f"learning    {tokens:,} tokens{themes} {times:.2g} times: rank {recipe.rank}, {rows}, {held}",
        f"runs on     {choice.device}{threads}: {choice.reason}",
        f"memory      {room.peak_bytes / MB:,.0f} MB at most, of {room.free_bytes / MB:,.0f} MB that are free",
        f"duration    {say_duration(made.seconds)}: {made.steps:,} steps, {made.tokens_per_s:.0f} tokens/s",
        f"so          {advise(made, recipe, room, tokens)}",
    ]


def as_told(made: Plan, recipe: Recipe, choice: Choice, room: Room, trainings: Sequence[int]) -> Json:
    tokens = sum(trainings)
    told = asdict(made) | {"peak_bytes": room.peak_bytes, "parts": room.parts, "free_bytes": room.free_bytes}
    told |= {
        "tokens": tokens,
        "trainings": list(trainings),
        "rank": recipe.rank,
        "length": recipe.length,
        "threads": recipe.threads,
    }
    told |= {"device": choice.device, "device_reason": choice.reason}
    return told | {"fits": room.fits, "advice": advise(made, recipe, room, tokens)}


def advise(made: Plan, recipe: Recipe, room: Room, tokens: int) -> str:
    if not tokens:
        return "there is nothing to learn now: correct an answer, or tell AION something"
    if room.fits:
        return "it fits"
    missing = room.peak_bytes - (room.free_bytes - room.spare_bytes)
    return f"it does not fit, {missing / MB:,.0f} MB are missing: {_shrink(made, recipe)}"


def _shrink(made: Plan, recipe: Recipe) -> str:
    """The next thing to change, the cheapest first."""
    if made.cache:
        return "set train.cache to never"
    if made.micro_batch > 1:
        return "set train.micro_batch to 1"
    if min(recipe.length, recipe.tokens_per_step) > 128:
        return "lower train.length or train.tokens_per_step"
    if recipe.rank > 4:
        return "lower train.rank"
    return "serve a smaller model, or close other programs"


def _measure(model: LocalModel, recipe: Recipe, trainings: Sequence[int], tries: int, sample: Sample) -> Plan:
    keep_offline()
    try:
        import peft  # noqa: F401, PLC0415 - what a training holds before it opens anything

        from aion.sleep.training.probe import probe_base  # noqa: PLC0415 - torch
    except ImportError as error:
        raise BadInput(f"training needs {error.name}, which is not installed; run `make install` again") from None
    return predict(probe_base(model.path, recipe, sample), recipe, trainings, tries=tries)


def _cores() -> int:
    return psutil.cpu_count(logical=False) or 1


def say_duration(seconds: float) -> str:
    if seconds < 90:
        return f"about {seconds:.0f} seconds"
    minutes = round(seconds / 60)
    return f"about {minutes} minutes" if minutes < 90 else f"about {seconds / 3600:.1f} hours"
