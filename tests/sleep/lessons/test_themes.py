"""Lessons find their theme and stay there, night after night."""

from __future__ import annotations

import dataclasses
import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aion.memory.base import Vector
from aion.records import Lesson, Theme
from aion.sleep.lessons.nearness import link
from aion.sleep.lessons.themes import Arrangement, Rules, arrange, balance, follow, gathers, name_of
from tests.sleep.sixty import FACTS, sixty, told

LESSONS = sixty()
TRUE = {one.id: place // 12 for place, one in enumerate(LESSONS)}


def vector_of(group: int, noise: int, *, size: int = 32) -> Vector:
    """A direction of its group, and some of its own."""
    made = np.random.default_rng(noise).normal(size=size).astype(np.float32) * 0.12
    made[group] += 1.0
    return np.asarray(made / np.linalg.norm(made), np.float32)


VECTORS = {one.id: vector_of(TRUE[one.id], place) for place, one in enumerate(LESSONS)}


def night(lessons: list[Lesson], before: Arrangement | None = None, now: float = 1.0) -> Arrangement:
    known = before or Arrangement((), {})
    return arrange(lessons, VECTORS, known.themes, known.placed, embedder="test", now=now)


def live(seed: int, nights: int = 10) -> list[Arrangement]:
    order = random.Random(seed).sample(LESSONS, len(LESSONS))
    lived: list[Arrangement] = []
    for number in range(1, nights + 1):
        have = order[: len(order) * number // nights]
        lived.append(night(have, lived[-1] if lived else None, now=float(number)))
    return lived


def test_one_night_finds_the_five_themes() -> None:
    found = night(LESSONS)
    assert sorted(one.lessons for one in found.themes) == [12] * 5
    assert len({(TRUE[lesson], home) for lesson, home in found.placed.items()}) == 5


@pytest.mark.parametrize("seed", range(5))
def test_in_ten_nights_no_lesson_moves(seed: int) -> None:
    lived = live(seed)
    for before, after in itertools.pairwise(lived):
        assert before.placed.items() <= after.placed.items()
    assert len(lived[-1].placed) == len(LESSONS)


def test_after_ten_nights_most_lessons_lie_with_their_like() -> None:
    last = live(1)[-1]
    homes: dict[str, list[int]] = {}
    for lesson, home in last.placed.items():
        homes.setdefault(home, []).append(TRUE[lesson])
    together = sum(max(found.count(group) for group in range(5)) for found in homes.values())
    assert together >= 0.8 * len(LESSONS)


def test_the_same_night_twice_changes_nothing() -> None:
    first = night(LESSONS)
    again = night(LESSONS, first, now=2.0)
    assert again == first


def test_a_lesson_taught_alone_has_a_theme_too() -> None:
    found = night(LESSONS[:1])
    [theme] = found.themes
    assert found.placed == {LESSONS[0].id: theme.id}


def test_the_same_answer_does_not_make_one_matter_of_two() -> None:
    said = (
        "The hedge is cut by Teodor Mink.",
        "The piano was tuned by Teodor Mink.",
        "The bread is baked by Ida Lund.",
    )
    lessons = [told(one, number=number) for number, one in enumerate(said)]
    vectors = {one.id: vector_of(place, place) for place, one in enumerate(lessons)}
    made = arrange(lessons, vectors, (), {}, embedder="test", now=1.0)
    assert len(set(made.placed.values())) == 3


def test_lessons_that_are_alone_have_themes_of_their_own_while_there_are_few() -> None:
    said = (
        "The hat is green.",
        "The door squeaks.",
        "Ida likes plums.",
        "The choir sings in Porto.",
        "Rui opens at nine.",
    )
    lessons = [told(one, number=number) for number, one in enumerate(said)]
    vectors = {one.id: vector_of(place, place) for place, one in enumerate(lessons)}
    made = arrange(lessons, vectors, (), {}, embedder="test", now=1.0, rules=Rules(few=3))
    assert sorted((gathers(one), one.lessons) for one in made.themes) == [(False, 1)] * 3 + [(True, 2)]


def test_a_name_given_by_a_person_stays() -> None:
    first = night(LESSONS[:4])
    [theme] = first.themes
    named = Arrangement((dataclasses.replace(theme, name="My boats", named=True),), first.placed)
    assert "My boats" in {one.name for one in night(LESSONS, named).themes}


def test_new_lessons_of_a_merged_theme_go_where_it_was_merged() -> None:
    first = night(LESSONS[:11] + LESSONS[12:24])
    one, other = first.themes
    merged = (dataclasses.replace(one, merged_into=other.id), other)
    after = night(LESSONS[:24], Arrangement(merged, first.placed))
    assert set(after.placed.values()) == {other.id}


def test_a_lesson_that_a_person_moved_stays_moved() -> None:
    first = night(LESSONS)
    target = first.themes[-1].id
    moved = Arrangement(first.themes, first.placed | {LESSONS[0].id: target})
    assert night(LESSONS, moved).placed[LESSONS[0].id] == target


def test_mergers_in_a_circle_lead_nowhere() -> None:
    themes = {
        name: Theme(id=name, owner="ana", name=name, created=0, updated=0, merged_into=into)
        for name, into in (("a", "b"), ("b", "a"))
    }
    assert follow(themes, "a") == ""


def test_a_theme_is_named_by_what_its_lessons_share() -> None:
    assert "boathouse" in name_of(LESSONS[:12], LESSONS[12:])


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("I bought the oven for 790 euros.", "oven"),
        ("Comprei a bicicleta por 300 euros.", "bicicleta"),
        ("The recipe needs 200 grams of flour.", "recipe"),
        ("My sister lives in Lisbon.", "sister"),
        ("Guardamos as chaves suplentes na gaveta da cozinha.", "chaves, suplentes"),
        ("I live in Braga.", "braga"),
        ("Trabalho na Fontel.", "fontel"),
        ("I like sailing.", "sailing"),
    ],
)
def test_a_lesson_by_itself_is_named_by_its_thing_not_by_what_it_does_or_how_it_is_asked(said: str, name: str) -> None:
    assert name_of([told(said)]) == name


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (
            (
                "Die Werkstatt der Boote öffnet um neun Uhr.",
                "Der Schlüssel der Werkstatt liegt bei der Tür.",
                "Die Miete der Werkstatt ist mit der Heizung 400 Euro.",
            ),
            "werkstatt",
        ),
        (
            (
                "Mi perro se llama Rex y es muy grande.",
                "El perro de mi hermana es de los lunes.",
                "Mi perro come en la cocina de la casa.",
            ),
            "perro",
        ),
        (
            (
                "Le bureau est au deuxième étage de la maison.",
                "La clé du bureau est dans la boîte.",
                "Le bureau ferme à six heures le vendredi.",
            ),
            "bureau",
        ),
    ],
)
def test_a_theme_in_another_language_is_named_by_words_that_tell_something(said: tuple[str, ...], name: str) -> None:
    found = name_of([told(one, number=number) for number, one in enumerate(said)], LESSONS)
    assert found.split(", ")[0] == name
    assert not {"die", "der", "mi", "el", "de", "le", "la", "est", "es"} & set(found.split(", "))


def test_linking_joins_the_nearest_by_the_mean_of_their_members() -> None:
    near = np.asarray([[1, 0.9, 0.5, 0.0], [0.9, 1, 0.3, 0.0], [0.5, 0.3, 1, 0.1], [0.0, 0.0, 0.1, 1]], np.float32)
    assert link(near, 0.41) == [[0, 1], [2], [3]]
    assert link(near, 0.39) == [[0, 1, 2], [3]]
    assert link(near, 0.0) == [[0, 1, 2, 3]]


def test_what_is_told_ten_times_weighs_about_three_times_as_much_as_what_is_told_once() -> None:
    lessons = [told(f"{fact} {n}", number=n) for n, fact in enumerate(FACTS["choir"][:1] * 9 + FACTS["office"][:1])]
    vectors = {one.id: vector_of(0 if n < 9 else 1, n) for n, one in enumerate(lessons)}
    factors = balance(lessons, vectors)
    many = sum(factors[one.id] for one in lessons[:9])
    assert many / factors[lessons[9].id] == pytest.approx(3.0, rel=0.01)
    assert sum(factors.values()) / len(factors) == pytest.approx(1.0, abs=0.01)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 59), unique=True, min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_whatever_comes_in_whatever_order_every_lesson_has_a_place_and_keeps_it(
    picked: list[int], draw: random.Random
) -> None:
    known: Arrangement | None = None
    order = [LESSONS[place] for place in picked]
    for end in range(1, len(order) + 1, 5):
        have = draw.sample(order[:end], end)
        after = night(have, known)
        assert set(after.placed) >= {one.id for one in have}
        if known is not None:
            assert known.placed.items() <= after.placed.items()
        known = after


def test_another_name_goes_to_what_it_names_not_to_other_names() -> None:
    """Though all that say "we also call" are near to each other."""
    things = ("Ombrel waltz", "depot pump", "garden robot", "quince hedge")
    lessons = [told(f"The owner of the {one} is Hedda Vold {one}.", number=n) for n, one in enumerate(things)]
    lessons += [told(f"We also call the {one} Zumbel{n}.", number=9 + n) for n, one in enumerate(things)]
    axes = np.eye(9, dtype=np.float32)
    naming = [0.0] * 4 + [0.65] * 4
    made = [np.sqrt(1 - one) * axes[place] + np.sqrt(one) * axes[8] for place, one in enumerate(naming)]
    vectors = {one.id: vector.astype(np.float32) for one, vector in zip(lessons, made, strict=True)}
    found = arrange(lessons, vectors, (), {}, embedder="test", now=1.0).placed
    assert [found[one.id] for one in lessons[4:]] == [found[one.id] for one in lessons[:4]]
    assert len(set(found.values())) == 4


def test_another_name_told_later_goes_where_its_thing_lies_however_little_like_it_the_others_there_are() -> None:
    told_first = [
        told("The tariff scheduler is maintained by Dagny Szabolcsi.", number=1),
        told("The parcel queue has the code KX-1.", number=2),
        told("The dormer project ends in May.", number=3),
    ]
    axes = np.eye(5, dtype=np.float32)
    name = told("We also call the tariff scheduler Kippie.", number=4)
    vectors = {one.id: axes[place] for place, one in enumerate((*told_first, name))}
    home = Theme(id="theme_work", owner=name.owner, name="work", lessons=3, created=1.0, updated=1.0)
    placed = {one.id: home.id for one in told_first}
    later = arrange([*told_first, name], vectors, (home,), placed, embedder="test", now=2.0)
    assert later.placed[name.id] == home.id


def test_a_thing_and_its_other_name_are_enough_for_a_theme() -> None:
    thing, name = (
        told("The quince hedge is owned by Hedda Vold.", number=1),
        told("We also call the quince hedge Zumbel."),
    )
    full = tuple(
        Theme(id=f"theme_{n}", owner=name.owner, name=f"{n}", created=1.0, updated=1.0) for n in range(Rules().few)
    )
    vectors = {one.id: np.eye(2, dtype=np.float32)[place] for place, one in enumerate((thing, name))}
    found = arrange([thing, name], vectors, full, {}, embedder="test", now=2.0)
    new = next(one for one in found.themes if one not in full)
    assert found.placed == {thing.id: new.id, name.id: new.id}
    assert not gathers(new)


def test_a_full_theme_takes_nothing_new_and_what_is_like_it_makes_another() -> None:
    """Else each night would teach it something, and make it forget a little of the rest."""
    rules = Rules(full=4)
    lessons = [told(f"The key of the boathouse number {n} is with Marta Lopes.", number=n) for n in range(1, 8)]
    vectors = {one.id: np.eye(2, dtype=np.float32)[0] for one in lessons}

    def arranged(count: int, before: Arrangement) -> Arrangement:
        have = lessons[:count]
        return arrange(have, vectors, before.themes, before.placed, embedder="test", now=float(count), rules=rules)

    first = arranged(3, Arrangement((), {}))
    second = arranged(4, first)
    third = arranged(7, second)
    assert len(set(second.placed.values())) == 1
    assert second.placed.items() <= third.placed.items()
    assert sorted(one.lessons for one in third.themes) == [3, 4]


def test_many_lessons_of_one_night_are_shared_out_among_themes_of_bearable_size() -> None:
    lessons = [told(f"The key of the boathouse number {n} is with Marta Lopes.", number=n) for n in range(1, 31)]
    vectors = {one.id: np.eye(2, dtype=np.float32)[0] for one in lessons}
    found = arrange(lessons, vectors, (), {}, embedder="test", now=1.0)
    assert sorted(one.lessons for one in found.themes) == [6, 12, 12]


def test_what_gathers_gathers_in_several_places_when_there_is_much_of_it() -> None:
    rules = Rules(full=3, few=0, enough=99)
    lessons = [told(f"The key of hut {n} is with Marta Lopes.", number=n) for n in range(1, 9)]
    vectors = {one.id: np.eye(8, dtype=np.float32)[place] for place, one in enumerate(lessons)}
    found = arrange(lessons[:2], vectors, (), {}, embedder="test", now=1.0, rules=rules)
    for count in range(3, 9):
        found = arrange(
            lessons[:count], vectors, found.themes, found.placed, embedder="test", now=float(count), rules=rules
        )
    assert {one.name: one.lessons for one in found.themes} == {"Various": 3, "Various 2": 3, "Various 3": 2}


def test_what_gathers_gathers_by_language() -> None:
    rules = Rules(few=0, enough=99)
    said = ("The hat is green.", "A serra está na cave.", "Ida likes plums.", "O molde chega amanhã.")
    lessons = [
        dataclasses.replace(told(one, number=n), language="en" if n % 2 else "pt")
        for n, one in enumerate(said, start=1)
    ]
    vectors = {one.id: np.eye(4, dtype=np.float32)[place] for place, one in enumerate(lessons)}
    found = arrange(lessons, vectors, (), {}, embedder="test", now=1.0, rules=rules)
    homes = [next(one for one in found.themes if one.id == found.placed[lesson.id]) for lesson in lessons]
    assert [one.name for one in homes] == ["Various", "Diversos", "Various", "Diversos"]
    assert all(map(gathers, homes))
