"""A night whose training is a stub, and whose files, journal and talk with the server are real.

    python -m tests.sleep.stub_night        as aion.night is begun

The stub writes what a trainer would: checkpoints while it goes, and an out/ folder with a manifest last. Every start
of a step is noted in DATA/steps.log. STUB_STEPS and STUB_STEP_S say how long training takes; STUB_DIES names the step
at which it dies each time, STUB_DIVERGES the lessons at which a training breaks off, STUB_FULL the theme at whose
second checkpoint the disk is full.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from aion import night as night_process
from aion.config import Settings
from aion.errors import Diverged
from aion.models.durable import write_json
from aion.records import Json, Night
from aion.sleep.nights.door import Door
from aion.sleep.nights.kept import PREPARED, is_prepared, keep_unfinished, note_prepared, take_up
from aion.sleep.training.base import Progress, Stage
from aion.sleep.training.jobs import read_object
from aion.store.files import make_folder, put_in_place, sync_file
from aion.store.sqlite import SqliteStore

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
        source = self._find_source(night.owner)
        places = [{"lesson": lesson, "theme": id_, "sources": source} for id_ in THEMES for lesson in lessons(id_)]
        self._door.tell("arrangement", {"owner": night.owner, "themes": themes, "places": places})
        return {"themes": [night.theme] if night.theme else list(THEMES), "backlog": 4}

    def name_theme(self, night: Night, theme: str) -> str:
        return theme

    def prepare(self, night: Night, theme: str) -> Json:
        self._note(f"prepare {theme}")
        folder, wanted = self._folder(night, theme), self._wanted(night, theme)
        taken_up = take_up(self._data / "nights", night.id, theme)
        told = read_object(folder / PREPARED) if is_prepared(folder) else {}
        if told.get("lessons") == wanted:
            return told | {"taken_up": taken_up}
        shutil.rmtree(folder, ignore_errors=True)
        return self._write(make_folder(folder), night, wanted) | {"thrown_away": "it was another" if taken_up else ""}

    def stands(self, night: Night, theme: str) -> bool:
        return is_prepared(self._folder(night, theme))

    def find_lessons(self, night: Night, theme: str, sequences: Sequence[int]) -> list[str]:
        lines = (self._folder(night, theme) / "examples.jsonl").read_text().split("\n")
        return [json.loads(lines[number])["lesson"] for number in sequences]

    def _find_source(self, owner: str) -> list[str]:
        """Something that is there: without it the server takes no lesson."""
        store = SqliteStore(self._data, read_only=True)
        found = [memory.id for memory in store.memories.listed(owner=owner, limit=1)]
        store.close()
        return found

    def _wanted(self, night: Night, theme: str) -> list[str]:
        store = SqliteStore(self._data, read_only=True)
        aside = {one.lesson for one in store.nights.quarantined(owner=night.owner)}
        store.close()
        return [lesson for lesson in lessons(theme) if lesson not in aside]

    def _write(self, folder: Path, night: Night, wanted: list[str]) -> Json:
        text = "".join(json.dumps({"lesson": lesson}) + "\n" for lesson in wanted).encode()
        put(folder / "examples.jsonl", text)
        sum_ = hashlib.sha256(text).hexdigest()
        told: Json = {"lessons": wanted, "sources": ["turn_1"], "dataset": sum_, "base": BASE, "parent": ""}
        told |= {"fresh": len(wanted), "owner": night.owner}
        note_prepared(folder, told)
        return told

    def train(
        self,
        night: Night,
        theme: str,
        tell: Callable[[Progress], None],
        pause: Callable[[], None],
        asked: Callable[[], bool],
    ) -> Json:
        self._note(f"train {theme}")
        folder = self._folder(night, theme)
        steps = int(os.environ.get("STUB_STEPS", "3"))
        bad = [n for n, one in enumerate(self._wanted(night, theme)) if one in os.environ.get("STUB_DIVERGES", "")]
        if bad:
            raise Diverged(f"the loss of step 1 of {steps} is not a number, with the sequences 0", sequences=bad)
        done = len(list(make_folder(folder / "checkpoints").glob("step-*")))
        for step in range(done, steps):
            pause()
            time.sleep(float(os.environ.get("STUB_STEP_S", "0")))
            if os.environ.get("STUB_FULL") == theme and step == 1:
                raise OSError(errno.ENOSPC, "No space left on device")
            put(make_folder(folder / "checkpoints" / f"step-{step:08d}") / "manifest.json", b"{}")
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

    def tidy(self, night: Night, done: Collection[str]) -> list[str]:
        self._note("tidy")
        return keep_unfinished(self._data / "nights", night.id, done=done)

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
    sys.exit(night_process.main(StubSteps, lambda *_: None))
