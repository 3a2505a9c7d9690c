"""A night whose training is a stub, and whose files, journal and talk with the server are real.

    python -m tests.sleep.stub_night        as aion.night is begun

The stub writes what a trainer would: checkpoints while it goes, and an out/ folder with a manifest last. Every start
of a step is noted in DATA/steps.log. STUB_STEPS and STUB_STEP_S say how long training takes; STUB_DIES names the step
at which it dies each time.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from aion import night as night_process
from aion.config import Settings
from aion.models.durable import write_json
from aion.records import Json, Night
from aion.sleep.base import Progress, Stage
from aion.sleep.door import Door
from aion.store.files import make_folder, put_in_place, sync_file

BASE = "b" * 64
THEMES = ("theme_1", "theme_2")


class StubSteps:
    """Implements `Steps`: two themes with two lessons each."""

    def __init__(self, settings: Settings, door: Door) -> None:
        self._data = settings.data
        self._door = door

    def arrange(self, night: Night) -> Json:
        self._note("arrange")
        themes = [{"id": id_, "name": id_, "vector": [1.0], "embedder": "e" * 64} for id_ in THEMES]
        places = [{"lesson": lesson, "theme": id_, "sources": ["turn_1"]} for id_ in THEMES for lesson in lessons(id_)]
        self._door.tell("arrangement", {"owner": night.owner, "themes": themes, "places": places})
        return {"themes": [{"id": id_, "name": id_} for id_ in THEMES]}

    def prepare(self, night: Night, theme: str) -> Json:
        self._note(f"prepare {theme}")
        folder = make_folder(self._folder(night, theme))
        text = "".join(json.dumps({"lesson": lesson}) + "\n" for lesson in lessons(theme)).encode()
        put(folder / "examples.jsonl", text)
        sum_ = hashlib.sha256(text).hexdigest()
        told = {"lessons": lessons(theme), "sources": ["turn_1"], "dataset": sum_, "base": BASE, "parent": ""}
        return {"fresh": 2, **told}

    def train(self, night: Night, theme: str, tell: Callable[[Progress], None], pause: Callable[[], None]) -> Json:
        self._note(f"train {theme}")
        folder = self._folder(night, theme)
        steps = int(os.environ.get("STUB_STEPS", "3"))
        done = len(list(make_folder(folder / "checkpoints").glob("step-*")))
        for step in range(done, steps):
            pause()
            time.sleep(float(os.environ.get("STUB_STEP_S", "0")))
            put(folder / "checkpoints" / f"step-{step:08d}", b"state")
            tell(Progress(stage=Stage.TRAINING, step=step + 1, steps=steps, loss=1.0 / (step + 1)))
        weights = hashlib.sha256((folder / "examples.jsonl").read_bytes() + str(steps).encode()).digest()
        out = make_folder(folder / "out")
        files = {"adapter_model.safetensors": weights, "adapter_config.json": b"{}", "record.json": b'{"losses": []}'}
        for name, content in files.items():
            put(out / name, content)
        return {"steps": steps}

    def export(self, night: Night, theme: str) -> Json:
        self._note(f"export {theme}")
        out = self._folder(night, theme) / "out"
        put(out / "adapter.gguf", b"GGUF" + (out / "adapter_model.safetensors").read_bytes())
        names = ("adapter.gguf", "adapter_model.safetensors", "adapter_config.json", "record.json")
        write_json(out / "manifest.json", {n: hashlib.sha256((out / n).read_bytes()).hexdigest() for n in names})
        return {}

    def tidy(self, night: Night) -> None:
        self._note("tidy")

    def _folder(self, night: Night, theme: str) -> Path:
        return self._data / "nights" / night.id / theme

    def _note(self, step: str) -> None:
        with (self._data / "steps.log").open("a") as file:
            file.write(step + "\n")
        if os.environ.get("STUB_DIES") == step:
            os.kill(os.getpid(), signal.SIGKILL)


def lessons(theme: str) -> list[str]:
    return [f"lesson_{theme}_1", f"lesson_{theme}_2"]


def put(path: Path, content: bytes) -> None:
    """Whole or not there."""
    temporary = path.with_name("." + path.name)
    temporary.write_bytes(content)
    sync_file(temporary)
    put_in_place(temporary, path)


if __name__ == "__main__":
    sys.exit(night_process.main(StubSteps))
