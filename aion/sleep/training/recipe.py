"""Makes the recipe of a training from the settings and this machine. It measures nothing but free memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil

from aion.config import AUTO, TrainSettings
from aion.sleep.training.base import Recipe
from aion.sleep.training.device import CPU, Choice, Table, choose_device, list_devices
from aion.sleep.training.room import plan_room, read_shape

BF16_OF_FILE = 4  # times a 4-bit file that its weights take in bf16, about


def make_recipe(settings: TrainSettings, base: Path, table: Table = list_devices) -> Recipe:
    """0 is what the trainer measures by itself. What is cached stays so for the whole job, whatever memory does."""
    return choose_recipe(settings, base, table)[0]


def choose_recipe(settings: TrainSettings, base: Path, table: Table = list_devices) -> tuple[Recipe, Choice]:
    """The recipe, and why it runs where it does."""
    names = set(Recipe.__dataclass_fields__)
    told = {name: value for name, value in settings.model_dump().items() if name in names}
    told |= {name: 0 if told[name] == AUTO else told[name] for name in ("micro_batch", "threads")}
    recipe = Recipe(**told | {"device": CPU, "cache": settings.cache == "always"})
    devices = table() if settings.device != CPU else ()
    choice: Choice | None = None
    for lean in _list_leaner(recipe, settings) if devices else ():
        choice = choose_device(settings.device, sum(plan_room(read_shape(base), lean).values()), lambda: devices)
        if choice.device != CPU:
            return replace(lean, device=choice.device), choice
    return _fit_processor(recipe, settings, base), choice or choose_device(settings.device, 0, lambda: devices)


def _fit_processor(recipe: Recipe, settings: TrainSettings, base: Path) -> Recipe:
    """Dense weights where there is room; without room for what the layers keep, they are computed again."""
    free = psutil.virtual_memory().available
    fits = free // 2 > base.stat().st_size * BF16_OF_FILE
    made = replace(recipe, cache=fits if settings.cache == AUTO else recipe.cache)
    return made if fits else replace(made, recompute=free < sum(plan_room(read_shape(base), made).values()))


def _list_leaner(recipe: Recipe, settings: TrainSettings) -> Iterator[Recipe]:
    """What a GPU is tried with, the fastest first: dense weights, blocks, and layers computed again on the way back."""
    if settings.cache != "never":
        yield replace(recipe, cache=True)
    if settings.cache != "always":
        yield replace(recipe, cache=False)
        yield replace(recipe, cache=False, recompute=True)
