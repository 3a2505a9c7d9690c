"""What would be learned, and what themes there are, on the command line: read from a folder, changed by a server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from aion import config
from aion.cli.dataset import find_base
from aion.errors import Unavailable
from aion.models import catalog
from aion.records import Theme
from aion.sleep.lessons.find import Lessons
from aion.store.sqlite import SqliteStore
from tests.cli.canned_server import serve
from tests.cli.conftest import Ran
from tests.sleep.days import Days
from tests.store.night_examples import make_candidate, make_quarantine

Aion = Callable[..., Ran]
KEY = "The spare key of the boathouse is with Marta Lopes."
BOATS = Theme(id="theme_1", owner="me", name="boats", created=1.0, updated=1.0)


def fill(data: Path, *, themes: tuple[Theme, ...] = (BOATS,)) -> Lessons:
    """A day of the person at the machine, whose one fact belongs to the first theme."""
    days = Days(data)
    asyncio.run(days.say(KEY, owner="me"))
    asyncio.run(days.say("The wifi password is tulip-42.", owner="me"))
    for theme in themes:
        days.store.nights.put_theme(theme).result()
    found = days.lessons("me")
    if themes:
        placed = [replace(one, theme=themes[0].id) for one in found.lessons]
        days.store.nights.place_lessons(placed, at=1.0).result()
    days.store.close()
    return found


def test_lessons_are_listed_with_their_theme_and_what_stays_out_is_counted(aion: Aion, data: Path) -> None:
    fill(data)
    ran = aion("dataset")
    [row] = [line.split("\t") for line in ran.out.splitlines()[1:]]
    assert row[1:4] == ["told", "boats", "no"]
    assert row[5] == KEY
    assert ran.err == "1 left out: secret\n"


def test_what_stays_out_is_listed_with_its_reason_and_not_quoted(aion: Aion, data: Path) -> None:
    fill(data)
    ran = aion("dataset", "--excluded")
    assert "secret\ttold" in ran.out
    assert "tulip" not in ran.out + ran.err


def test_a_lesson_in_quarantine_is_left_out_with_what_happened(aion: Aion, data: Path) -> None:
    [lesson] = fill(data).lessons
    store = SqliteStore(data)
    store.nights.quarantine([make_quarantine(lesson=lesson.id, owner="me")]).result()
    store.close()
    ran = aion("dataset", "--theme", "boats", "--excluded")
    assert "quarantined\ttold" in ran.out
    assert "night_1: the loss of step 3 of 40 is not a number" in ran.out
    assert KEY not in ran.out


def test_a_lesson_that_no_night_has_arranged_has_no_theme_yet(aion: Aion, data: Path) -> None:
    fill(data, themes=())
    assert "\t(none yet)\t" in aion("dataset").out


@pytest.mark.parametrize("named", ["boats", "theme_1"])
def test_a_themes_examples_are_shown_with_where_they_are_from(aion: Aion, data: Path, named: str) -> None:
    [lesson] = fill(data).lessons
    ran = aion("dataset", "--theme", named)
    rows = [line.split("\t") for line in ran.out.splitlines()[1:]]
    assert ["phrasing", "Who has the spare key of the boathouse?", "", KEY, " ".join(lesson.sources)] in rows
    assert any(row[2].startswith("system: ") for row in rows)
    assert any(row[2].startswith("user: ") for row in rows)
    assert "up to 1 wordings that the base itself finds" in ran.err
    assert any(row[0] == "phrasing (held out)" for row in rows)
    assert any(row[0] == "anchor" for row in rows)


def test_json_holds_examples_exclusions_sources_and_counts(aion: Aion, data: Path) -> None:
    [lesson] = fill(data).lessons
    told = json.loads(aion("dataset", "--theme", "boats", "--json").out)
    assert told["sources"] == list(lesson.sources)
    assert told["counts"]["exclusions"] == {"secret": 1}
    assert sum(told["counts"]["examples"].values()) == len(told["examples"])


@pytest.mark.parametrize(("same", "learned"), [(True, "yes"), (False, "no")], ids=["this base", "another"])
def test_what_was_learned_on_another_base_is_due_again(aion: Aion, data: Path, *, same: bool, learned: str) -> None:
    [lesson] = fill(data).lessons
    base = asyncio.run(find_base(config.load({"data": str(data)}).settings)) if same else "b" * 64
    made = make_candidate(owner="me", base=base, lessons=(lesson.id,), config={"r": 8, "lora_alpha": 16.0})
    store = SqliteStore(data)
    store.nights.add_candidate(made).result()
    store.close()
    [row] = [line.split("\t") for line in aion("dataset").out.splitlines()[1:]]
    assert row[3] == learned
    assert ("has been learned" in aion("dataset", "--theme", "boats").err) == same


def test_to_look_at_lessons_downloads_no_model(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def download(repo: str, *_: object, **__: object) -> Path:
        asked.append(repo)
        raise Unavailable("the hub is not to be asked")

    monkeypatch.setattr(catalog, "download", download)
    settings = config.load({"data": str(data), "model.source": "hf:owner/name:model.gguf"}).settings
    assert asyncio.run(find_base(settings)) == ""
    assert asked == []


def test_work_that_an_earlier_night_left_is_told(aion: Aion, data: Path) -> None:
    fill(data)
    assert "an earlier night began" not in aion("dataset", "--theme", "boats").err
    (data / "nights" / "kept" / "theme_1").mkdir(parents=True)
    assert "an earlier night began" in aion("dataset", "--theme", "boats").err


def test_an_unknown_theme_is_one_sentence(aion: Aion, data: Path) -> None:
    fill(data)
    ran = aion("dataset", "--theme", "trains")
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)


def test_a_name_that_two_themes_have_must_be_an_id(aion: Aion, data: Path) -> None:
    other = Theme(id="theme_2", owner="me", name="boats", created=1.0, updated=1.0)
    fill(data, themes=(BOATS, other))
    assert "give the id" in aion("dataset", "--theme", "boats").err


def test_themes_are_listed_with_their_lessons(aion: Aion, data: Path) -> None:
    fill(data)
    assert aion("themes", "list").out.splitlines()[1].split("\t")[:3] == ["theme_1", "boats", "1"]
    assert aion("themes").out == aion("themes", "list").out
    [told] = json.loads(aion("themes", "list", "--json").out)
    assert (told["id"], told["lessons"]) == ("theme_1", 1)


@pytest.mark.parametrize(
    ("words", "wish"),
    [
        (["name", "boats", "My boats"], {"name": "My boats"}),
        (["pin", "boats"], {"pinned": True}),
        (["pin", "theme_1", "--off"], {"pinned": False}),
        (["merge", "boats", "gardens"], {"merge_into": "theme_2"}),
        (["move", "les_1", "boats"], {"lessons": ["les_1"]}),
    ],
)
def test_a_change_is_asked_of_the_server(aion: Aion, data: Path, words: list[str], wish: dict[str, object]) -> None:
    fill(data, themes=(BOATS, Theme(id="theme_2", owner="me", name="gardens", created=1.0, updated=1.0)))
    with serve(data) as server:
        server.replies["POST /api/themes"] = (200, {"id": "theme_1", "name": "boats", "lessons": 1})
        ran = aion("themes", *words)
    assert ran.out == "theme_1\tboats\t1\n"
    assert server.asked[-1][1] == {"theme": "theme_1"} | wish


def test_a_change_without_a_server_is_one_sentence(aion: Aion, data: Path) -> None:
    fill(data)
    ran = aion("themes", "name", "boats", "My boats")
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
