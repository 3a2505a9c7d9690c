"""AION as it stands in one folder: up with its sleeper to be taught, or a copy of it without one to be examined.

Exams are sat by a copy, because AION learns from whatever it is asked: the one that is taught never hears a question of
an exam. The key of the first start is kept beside the data, so that a run can be taken up again.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aion.cli.companion import Companion
from benchmarks.nightly.person import Person
from tests.serving import start_server

FLAGS = {
    "model.source": "embedded",
    "embedder.source": "embedded",
    "context.recall_items": 5,
    "memory.from_chat": True,
    "sleep.auto": False,
    "sleep.quiet_s": 0.5,
    "log.level": "warning",
}
EXAM = {"gate.trial_hours": 0}  # its questions again and again are no sign that a person is not content
START_S = 300.0
LASTING = frozenset(("blobs", "models"))


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of one run."""

    folder: Path
    flags: Mapping[str, Any] = field(default_factory=dict)  # over the usual ones

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @contextmanager
    def living(self) -> Iterator[Person]:
        """The one that is taught and sleeps."""
        with self._up(self.data, FLAGS | dict(self.flags)) as person:
            companion = Companion({"data": str(self.data), "server.port": 0, **FLAGS, **self.flags})
            companion.begin()
            try:
                yield person
            finally:
                companion.close()

    @contextmanager
    def examined(self, day: int) -> Iterator[Person]:
        """A copy of it as it was on that morning, thrown away afterwards; on day 0 a new one."""
        with TemporaryDirectory(dir=self.folder, prefix="exam-") as name:
            copy = Path(name) / "data"
            if day:
                _copy(self.kept(day), copy)
            with self._up(copy, FLAGS | dict(self.flags) | EXAM) as person:
                yield person

    def kept(self, day: int) -> Path:
        """Its data as it was on the morning after that day."""
        return self.folder / "kept" / str(day)

    def keep(self, day: int) -> None:
        shutil.rmtree(self.kept(day), ignore_errors=True)
        _copy(self.data, self.kept(day))

    def go_back(self, day: int) -> None:
        """To the morning after that day; day 0 is before everything."""
        shutil.rmtree(self.data, ignore_errors=True)
        if day:
            _copy(self.kept(day), self.data)

    @contextmanager
    def _up(self, data: Path, flags: Mapping[str, Any]) -> Iterator[Person]:
        self.folder.mkdir(parents=True, exist_ok=True)
        server = start_server(data, flags, timeout=START_S)
        kept = self.folder / "key"
        if server.key and data == self.data:
            kept.write_text(server.key, "ascii")
        person = Person(server.url, server.key or kept.read_text("ascii"))
        try:
            yield person
        finally:
            person.close()
            server.stop()


def _copy(source: Path, target: Path) -> None:
    """Blobs and models are never written to again, so they are linked and take no room."""

    def take(found: str, put: str) -> str:
        if LASTING.intersection(Path(found).relative_to(source).parts):
            os.link(found, put)
            return put
        return shutil.copy2(found, put)

    shutil.copytree(source, target, copy_function=take, ignore=shutil.ignore_patterns("run"))
