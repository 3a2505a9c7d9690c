"""`aion config` and docs/settings.md hold every setting."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from aion import config
from aion.cli.config import render_markdown
from tests.cli.conftest import Ran

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
Aion = Callable[..., Ran]


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text("utf-8") == render_markdown(), "run: aion config --markdown > docs/settings.md"


def test_the_page_holds_every_setting() -> None:
    page = PAGE.read_text("utf-8")
    for key, _, sentence in config.fields():
        assert f"| `{key}` |" in page
        assert f"`{config.variable(key)}`" in page
        assert sentence in page


def test_the_page_names_no_folder_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    before = render_markdown()
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere")
    assert render_markdown() == before


def test_every_setting_is_shown_with_its_value_and_source(
    aion: Aion, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data.mkdir()
    (data / "aion.toml").write_text("[engine]\nslots = 2\n")
    monkeypatch.setenv("AION_LOG__LEVEL", "debug")
    rows = {row["key"]: row for row in json.loads(aion("config", "--json").out)}
    assert set(rows) == {key for key, _, _ in config.fields()}
    assert (rows["engine.slots"]["value"], rows["engine.slots"]["default"]) == (2, 4)
    assert rows["engine.slots"]["source"] == str(data / "aion.toml")
    assert (rows["log.level"]["value"], rows["log.level"]["source"]) == ("debug", "environment")
    assert rows["server.port"]["source"] == "default"


def test_secrets_show_as_stars(aion: Aion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AION_MODEL__API_KEY", "canary-secret")
    for words in (["config"], ["config", "--json"]):
        ran = aion(*words)
        assert "***" in ran.out
        assert "canary" not in ran.out + ran.err


def test_lines_for_programs_are_cut_by_tabs(aion: Aion) -> None:
    lines = aion("config").out.splitlines()
    assert lines[0].split("\t")[:3] == ["key", "value", "default"]
    assert "\x1b" not in "".join(lines)
