"""`aion models` and `aion models pull`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.cli.conftest import Ran

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
