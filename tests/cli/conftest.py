"""Runs the command line inside the test, and gives it a data folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from aion import config
from aion.cli.main import main


@dataclass(frozen=True)
class Ran:
    """What one command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the command line takes for its data, and an environment that says nothing else."""
    for key, _, _ in config.fields():
        monkeypatch.delenv(config.variable(key), raising=False)
    folder = tmp_path / "data"
    monkeypatch.setenv("AION_DATA", str(folder))
    return folder


@pytest.fixture
def aion(data: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Ran]]:
    def run(*words: str) -> Ran:
        capfd.readouterr()
        code = main(list(words))
        out, err = capfd.readouterr()
        return Ran(code, out, err)

    log = structlog.get_config()
    yield run
    structlog.configure(**log)
