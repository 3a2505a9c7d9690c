"""`aion models` and `aion models pull`."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Ran
from tests.models.hub_server import FakeHub, serve
from tests.models.test_gguf_file import write_model

Aion = Callable[..., Ran]


def test_the_embedded_models_are_listed_as_the_ones_in_use(aion: Aion) -> None:
    rows = json.loads(aion("models", "--json").out)
    assert [(row["role"], row["source"], row["active"]) for row in rows] == [
        ("base", "embedded", True),
        ("embedder", "embedded", True),
    ]
    assert rows[0]["bytes"] > 50 << 20
    assert rows[0]["problem"] == ""


def test_a_model_that_cannot_be_used_says_why(aion: Aion, data: Path) -> None:
    data.mkdir()
    broken = data / "broken.gguf"
    broken.write_bytes(b"not a model")
    (data / "aion.toml").write_text(f"[model]\nsource = {str(broken)!r}\n")
    row = next(row for row in json.loads(aion("models", "--json").out) if row["source"] == str(broken))
    assert row["active"]
    assert row["problem"]


def test_only_hub_models_are_pulled(aion: Aion) -> None:
    for source in ("embedded", "openai:http://127.0.0.1:1", "model.gguf"):
        ran = aion("models", "pull", source)
        assert ran.code == 2
        assert "hf:owner/name:file" in ran.err


def test_options_before_pull_are_refused_and_not_ignored(aion: Aion) -> None:
    ran = aion("models", "--json", "pull", "hf:a/b:c.gguf")
    assert ran.code == 2
    assert "behind `aion models pull`" in ran.err


def test_a_hub_that_does_not_answer_is_one_sentence(aion: Aion, data: Path) -> None:
    data.mkdir()
    (data / "aion.toml").write_text('[hub]\nendpoint = "http://127.0.0.1:9"\n')
    ran = aion("models", "pull", "hf:owner/name:file.gguf")
    assert ran.code == 2
    assert ran.err.count("aion: ") == 1
    assert "Traceback" not in ran.err


@pytest.mark.anyio
async def test_a_pulled_model_is_named_on_stdout_and_listed(tmp_path: Path, data: Path) -> None:
    content = write_model(tmp_path / "model.gguf").read_bytes()
    async with serve(FakeHub(content)) as hub:
        environ = os.environ | {"AION_HUB__ENDPOINT": hub.url}

        def run(*words: str) -> subprocess.CompletedProcess[str]:
            argv = [sys.executable, "-m", "aion.cli.main", "models", *words]
            return subprocess.run(argv, env=environ, capture_output=True, text=True, check=False)

        pulled = await asyncio.to_thread(run, "pull", "hf:owner/name:model.gguf")
        listed = await asyncio.to_thread(run, "--json")
    assert (pulled.returncode, pulled.stdout) == (0, "hf:owner/name:model.gguf\n")
    assert "\x1b" not in pulled.stderr
    assert "hf:owner/name:model.gguf" in [row["source"] for row in json.loads(listed.stdout)]
