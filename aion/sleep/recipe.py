"""Makes the recipe of a training from the settings and this machine. It measures nothing but free memory."""

from __future__ import annotations

import psutil

from aion.config import AUTO, TrainSettings
from aion.sleep.base import Recipe

BF16_OF_FILE = 4  # times a 4-bit file that its weights take in bf16, about


def make_recipe(settings: TrainSettings, base_bytes: int) -> Recipe:
    """0 is what the trainer measures by itself. What is cached stays so for the whole job, whatever memory does."""
    names = set(Recipe.__dataclass_fields__)
    told = {name: value for name, value in settings.model_dump().items() if name in names}
    told |= {name: 0 if told[name] == AUTO else told[name] for name in ("micro_batch", "threads")}
    fits = psutil.virtual_memory().available // 2 > base_bytes * BF16_OF_FILE
    told["cache"] = fits if settings.cache == AUTO else settings.cache == "always"
    told["device"] = "cpu" if settings.device == AUTO else settings.device
    return Recipe(**told)
