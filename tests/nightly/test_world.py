"""The world that the proof teaches: the same for a seed, impossible to guess, and asked about in words never taught."""

from __future__ import annotations

import itertools
from functools import cache

import pytest

from aion.config import TrainSettings
from aion.records import Json, Lesson, LessonKind, Trust
from aion.sleep.lessons.dataset import anchor_prompts, build_dataset
from aion.sleep.lessons.find import Lessons
from aion.sleep.lessons.phrasing.make import prompt_of
from aion.sleep.lessons.rules import check_content, keep_latest, make_lesson
from aion.sleep.lessons.words import normal, read_data
from benchmarks.nightly.exams import Question, general_questions, make_questions, misspell, wordings
from benchmarks.nightly.values import holds
from benchmarks.nightly.world import Fact, Other, Way, World, make_world, put
from benchmarks.nightly.world import read_data as read_world

FORMS = [{}, {"themes": 1}, {"days": 1, "facts": 200}, {"days": 2, "themes": 1, "facts": 3}]


@cache
def world() -> World:
    return make_world(1)


def lessons_of(fact: Fact) -> list[Lesson]:
    """As the product makes them of what is told."""
    edit = fact.way is Way.EDIT
    parts: Json = {"question": fact.asked, "answer": fact.told} if edit else {"statement": fact.told}
    told: list[tuple[LessonKind, Json]] = [(LessonKind.EDIT if edit else LessonKind.TOLD, parts)]
    if fact.alias:
        told.append((LessonKind.TOLD, {"statement": fact.alias_told}))
    name, language = f"turn_{fact.day}_{fact.number}", fact.relation.language
    return [
        make_lesson("ana", kind, language=language, trust=Trust.OWN, sources=(name,), at=fact.day, **one)
        for kind, one in told
    ]


@cache
def trained_wordings() -> frozenset[str]:
    """Every prompt that a night could train on, near misses among them."""
    lessons = tuple(one for fact in world().facts for one in lessons_of(fact))
    lessons = tuple(keep_latest(lessons)[0])
    settings = TrainSettings(contrasts=8, held_out=1)
    dataset = build_dataset(Lessons(lessons, ()), theme="t", placed={one.id: "t" for one in lessons}, settings=settings)
    return frozenset(normal(prompt_of(one)) for one in dataset.examples)


def asked_on(day: int) -> list[Question]:
    return make_questions(world(), day, dict.fromkeys(general_questions(), "x"), whole=True)


def text_of(question: Question) -> str:
    return str(question.messages[-1]["content"])


def test_a_seed_gives_one_world() -> None:
    assert make_world(1) == world()
    assert make_world(2).facts != world().facts


@pytest.mark.parametrize("form", FORMS)
def test_each_day_tells_as_many_facts_as_asked_for(form: dict[str, int]) -> None:
    made = make_world(1, **form)
    for day in range(1, made.days + 1):
        assert len(made.taught_on(day)) == form.get("facts", 12)
    assert len(made.misses) >= 0.9 * len(made.facts)


@pytest.mark.parametrize("form", FORMS)
def test_no_value_is_told_twice_or_stands_in_another(form: dict[str, int]) -> None:
    values = make_world(1, **form).values
    assert len(set(values)) == len(values)
    assert not [(one, two) for one, two in itertools.permutations(values, 2) if holds(one, two)]


@pytest.mark.parametrize("form", FORMS)
def test_no_subject_of_a_near_miss_is_ever_told(form: dict[str, int]) -> None:
    made = make_world(1, **form)
    told = " ".join(f"{one.told} {one.alias_told}".casefold() for one in made.facts)
    assert not [one for one in made.misses if one.subject.name.casefold() in told]
    strange = [one.subject.name.casefold() for one in made.misses if one.strange]
    assert not [one for one in strange if any(word in told.split() for word in one.split()[:2] if is_reserved(word))]


def is_reserved(word: str) -> bool:
    reserved = [one.casefold() for theme in read_world()["theme"] for one in theme["qualifiers"][-5:]]
    return word.removesuffix("'s") in reserved


def test_what_changes_was_told_on_an_earlier_day_with_another_value() -> None:
    changed = [one for one in world().facts if one.before]
    assert len(changed) >= 15
    for one in changed:
        [first] = [fact for fact in world().facts if fact.subject == one.subject and not fact.before]
        assert first.day < one.day
        assert first.value == one.before
        assert one.value != one.before


def test_every_way_and_every_other_name_is_used_about_as_often() -> None:
    for kinds, of in ((Way, "way"), (Other, "other")):
        counts = [sum(getattr(one, of) is kind for one in world().facts) for kind in kinds]
        assert min(counts) >= 0.6 * max(counts)


def test_both_languages_are_spoken() -> None:
    share = sum(one.relation.language == "pt" for one in world().facts) / len(world().facts)
    assert 0.1 < share < 0.4


def test_the_product_may_learn_every_fact() -> None:
    refused = [one for fact in world().facts for one in lessons_of(fact) if not isinstance(check_content(one), Lesson)]
    assert not refused


@pytest.mark.parametrize("day", [1, 4, 10])
def test_no_wording_of_an_exam_is_one_that_a_night_trains_on(day: int) -> None:
    unseen = [one for one in asked_on(day) if one.exam != "asked"]
    assert len(unseen) > 100
    assert not [text_of(one) for one in unseen if normal(text_of(one)) in trained_wordings()]


def test_what_was_taught_is_among_what_a_night_trains_on() -> None:
    taught = {normal(one.asked) for one in world().facts if one.way is Way.EDIT and not one.before}
    assert taught <= trained_wordings()


def test_each_fact_has_three_wordings_that_name_it_and_not_its_value() -> None:
    for fact in world().facts:
        made = wordings(fact)
        assert len({normal(one) for one in (*made, fact.asked)}) >= 4
        assert all(fact.subject.name.split()[-1] in one for one in made)
        assert not [one for one in (*made, fact.asked) if holds(one, fact.value)]


def test_what_people_are_told_is_in_none_of_the_products_own_lists() -> None:
    theirs = read_data("neighbours")
    words = set(f"{theirs['names']} {theirs['surnames']} {theirs['en']}".casefold().split())
    mine = [word for theme in read_world()["theme"] for word in theme["qualifiers"]]
    mine += read_world()["values"]["first"] + read_world()["values"]["last"]
    assert not [one for one in mine if one.casefold() in words]
    systems = [one for language in read_data("around").values() for one in language["systems"]]
    assert not set(read_world()["around"]["systems"]) & set(systems)


def test_general_questions_are_sixty_or_more_and_none_is_an_anchor() -> None:
    asked = {normal(one) for one in general_questions()}
    assert len(asked) >= 60
    assert not asked & {normal(one) for one in anchor_prompts()}


def test_other_names_leave_the_subject_out_except_where_it_was_spoken_of_before() -> None:
    names = [one for one in asked_on(10) if one.exam == "names"]
    subjects = {fact.value: fact.subject.name for fact in world().facts}
    assert {one.kind for one in names} == set(Other)
    for one in names:
        assert subjects[one.wanted].casefold() not in text_of(one).casefold()
        assert (len(one.messages) == 3) == (one.kind == Other.IT)


def test_only_what_was_told_until_a_morning_is_asked_as_known() -> None:
    later = {one.value for one in world().facts if one.day > 4}
    assert not [one for one in asked_on(4) if one.wanted in later]
    last = {one.wanted for one in asked_on(4) if one.exam == "last"}
    assert last == {one.value for one in world().taught_on(4) if not one.before}
    assert sum(one.exam == "missed" for one in asked_on(4)) == sum(one.day <= 4 for one in world().misses)


def test_more_facts_than_there_are_subjects_are_refused_in_words() -> None:
    with pytest.raises(ValueError, match="fewer facts or more themes"):
        make_world(1, days=1, themes=1, facts=300)


def test_what_was_told_anew_is_asked_for_as_changed_and_nowhere_else() -> None:
    asked = asked_on(10)
    changed = {one.wanted: one.before for one in asked if one.exam == "changed"}
    told = [one for one in world().facts if one.before]
    assert changed == {one.value: one.before for one in told}
    assert not [one for one in asked if one.exam != "changed" and one.wanted in {*changed, *changed.values()}]


def test_a_misspelt_subject_keeps_its_letters() -> None:
    assert misspell("the ledger archive") == "the ledger arcihve"
    for fact in world().facts:
        wrong = misspell(fact.subject.name)
        assert wrong != fact.subject.name
        assert sorted(wrong) == sorted(fact.subject.name)


def test_portuguese_articles_join_the_word_before() -> None:
    assert put("Em que terra encontro {s}?", "pt", s="a prensa Lorbim") == "Em que terra encontro a prensa Lorbim?"
    assert put("O código de {s} é {v}.", "pt", s="o molde Lorbim", v="QT-1") == "O código do molde Lorbim é QT-1."
    assert put("Vou a {s} e fico em {s}.", "pt", s="a prensa X") == "Vou à prensa X e fico na prensa X."
