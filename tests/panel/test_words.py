"""Every sentence of the panel is said in both languages, with the same values in it."""

from __future__ import annotations

import ast
import re
import string
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from aion.config.describe import describe_fields, describe_sections
from aion.panel.page import MENU, SAID
from aion.panel.sleep import SLIDERS
from aion.panel.words import Words, _translations, choose_language

PANEL = Path(__file__).parents[2] / "aion" / "panel"
CODE = re.compile(r"[a-z]+: ")  # what a code is called begins so


def sentences() -> set[str]:
    found = set(SAID) | {name for _, name, _ in MENU} | {word for one in SLIDERS for word in (one.name, one.help)}
    for file in (PANEL / "templates").glob("*.html"):
        found |= {a or b for a, b in re.findall(r"""\bt\((?:"([^"]*)"|'([^']*)')""", file.read_text("utf-8"))}
    for file in PANEL.glob("*.py"):
        found |= set(said_in(ast.parse(file.read_text("utf-8"))))
    return {one for one in found if not CODE.fullmatch(one)}


def helps() -> set[str]:
    """What settings say of themselves."""
    return {one.help for one in describe_fields() if one.section} | {sentence for _, sentence in describe_sections()}


def said_in(tree: ast.AST) -> Iterator[str]:
    """First values of calls of `words`, of a page's or alone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "words":
            first = node.args[0]
            if isinstance(first, ast.Constant):
                yield str(first.value)


def fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_every_sentence_has_a_translation() -> None:
    assert sentences() - _translations("pt").keys() == set()


def test_every_setting_is_explained_in_both_languages_and_nothing_else_is() -> None:
    file = PANEL / "languages" / "pt" / "settings_help.toml"
    assert set(tomllib.loads(file.read_text("utf-8"))) == helps()


@pytest.mark.parametrize("language", ["en", "pt"])
def test_a_translation_holds_the_values_of_its_sentence(language: str) -> None:
    for sentence, said in _translations(language).items():
        assert fields(sentence) == fields(said), sentence


def test_both_languages_know_the_same_codes() -> None:
    beginnings = tuple({found[0] for one in _translations("en") if (found := CODE.match(one))})
    coded = {one for one in _translations("pt") if one.startswith(beginnings)}
    assert coded == set(_translations("en"))


def test_numbers_and_times_are_written_as_the_language_writes_them() -> None:
    english, portuguese = Words("en"), Words("pt")
    assert (english.number(1234.5, 1), portuguese.number(1234.5, 1)) == ("1,234.5", "1\u00a0234,5")
    assert (english.percent(0.5), portuguese.percent(0.5)) == ("50%", "50\u00a0%")
    assert (english.ago(0.0, 7200.0), portuguese.ago(0.0, 7200.0)) == ("2 h ago", "há 2 h")
    assert portuguese.day(86_400 * 45.5).split()[1] == "fev."


@pytest.mark.parametrize(
    ("accepted", "chosen", "language"),
    [
        ("pt-PT,pt;q=0.9,en;q=0.8", "", "pt"),
        ("de,en;q=0.5", "", "en"),
        ("pt", "en", "en"),
        ("", "", "en"),
        ("xx", "y", "en"),
    ],
)
def test_a_person_gets_the_language_they_chose_or_their_browser_asks_for(
    accepted: str, chosen: str, language: str
) -> None:
    assert choose_language(accepted, chosen) == language
