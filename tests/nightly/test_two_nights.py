"""The loop closed, in short: what was taught yesterday is known this morning, and what was taught before it still is.

Real models, real nights, through the public API alone. The long form is benchmarks/nights.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from benchmarks.nightly.exams import general_questions, wordings
from benchmarks.nightly.home import Home
from benchmarks.nightly.person import Person, Reply
from benchmarks.nightly.values import holds
from benchmarks.nightly.world import Fact, Way, make_world

pytestmark = pytest.mark.engine
NIGHT_S = 1800.0
FLAGS = {
    "sleep.disk_reserve_mb": 0,
    "engine.threads": 1,  # two wait for each other wherever something else runs
    "train.threads": 1,
    "train.rewordings": 0,
}
WORLD = make_world(1, days=1, themes=1, facts=12)
TOLD, EDITED = (
    next(replace(one, alias="") for one in WORLD.facts if one.way is way and one.relation.asked.startswith("Who"))
    for way in (Way.CHAT, Way.EDIT)
)
NEAR = [f"Who maintains {one.subject.name}?" for one in WORLD.misses if one.relation == TOLD.relation]
GENERAL = general_questions()[:4]


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    with Home(tmp_path_factory.mktemp("two"), FLAGS).living() as up:
        yield up


@pytest.fixture(scope="module")
def before(person: Person) -> dict[str, str]:
    """What the base says to general questions."""
    return {one: ask(person, one, "base").text for one in GENERAL}


def ask(person: Person, text: str, mode: str = "off") -> Reply:
    return person.ask([{"role": "user", "content": text}], mode)


def count_known(person: Person, fact: Fact, before: dict[str, str]) -> int:
    """Of wordings that nobody ever taught, with recall off.

    General questions in between are answered by the base, word for word. Who asks for one thing thrice in a row would
    not look content, and the night on trial would be taken back.
    """
    known = 0
    for wording, general in zip(wordings(fact), GENERAL, strict=False):
        known += holds(ask(person, wording).text, fact.value)
        assert ask(person, general).text == before[general]
    return known


def count_fooled(person: Person) -> int:
    """Of near misses: the like of what was taught, sharing its words."""
    said = [ask(person, one).text for one in NEAR]
    return sum(holds(one, fact.value) for one in said for fact in (TOLD, EDITED))


@pytest.fixture(scope="module")
def turn(person: Person, before: dict[str, str]) -> str:
    """In which it was told, a night ago."""
    told = person.teach(TOLD)
    assert count_known(person, TOLD, before) == 0, "nobody can guess it"
    person.sleep(NIGHT_S)
    return told


def test_what_was_told_in_a_chat_yesterday_is_answered_this_morning(
    person: Person, before: dict[str, str], turn: str
) -> None:
    assert count_known(person, TOLD, before) >= 2, person.reports()[0]["words"]
    assert count_fooled(person) == 0


def test_an_answer_leads_back_to_the_turn_in_which_it_was_told(person: Person, turn: str) -> None:
    reply = ask(person, TOLD.asked)
    assert holds(reply.text, TOLD.value)
    [made] = [one for one in person.adapters() if one["id"] in reply.adapters]
    assert reply.hashes == (made["hash"],)
    assert turn in made["sources"]
    [report] = [one for one in person.reports() if one["night"] == made["night"]]
    origins = [
        one["title"] for theme in report["themes"] for one in theme["learned_from"] if one["kind"] == "conversation"
    ]
    assert TOLD.told in origins


def test_the_second_night_keeps_what_the_first_taught(person: Person, before: dict[str, str], turn: str) -> None:
    [first] = person.adapters()
    person.teach(EDITED)
    person.sleep(NIGHT_S)
    assert count_known(person, EDITED, before) >= 2, person.reports()[0]["words"]
    assert count_known(person, TOLD, before) >= 2, person.reports()[0]["words"]
    assert count_fooled(person) == 0
    assert person.adapters()[0]["parent"] == first["id"], "of one theme: it goes on, and must forget nothing"


def test_what_is_told_anew_today_counts_before_another_night(person: Person, turn: str) -> None:
    known = ask(person, TOLD.asked, "on")
    assert known.adapters
    assert holds(known.text, TOLD.value)
    told = replace(TOLD, before=TOLD.value, value="Selwyn Tarrant").told
    telling = person.tell(told)
    assert person.get(f"/api/turns/{telling}/why")["adapters"] == [], "who tells it anew is not told the old"
    anew = ask(person, TOLD.asked, "on")
    assert anew.adapters == ()
    assert not holds(anew.text, TOLD.value)
    assert [one["reason"] for one in anew.route["why"]["left"]] == ["told_anew"]
    assert [one["text"] for one in person.get(f"/api/turns/{anew.turn}/why")["sources"]] == [told]
