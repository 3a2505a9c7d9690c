"""A theme's dataset: the same every time, with its shares of what was learned before and of general prompts."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import pytest

from aion.config import TrainSettings
from aion.errors import Corrupt
from aion.records import ExampleKind
from aion.sleep.lessons.dataset import (
    ANCHOR_CHARACTERS,
    Dataset,
    anchor_prompts,
    build_dataset,
    fill_anchors,
    leave_out_long,
    lessons_in,
    read_examples,
    write_examples,
)
from aion.sleep.lessons.find import Lessons
from aion.sleep.lessons.phrasing.make import prompt_of
from aion.sleep.lessons.words import language_of, normal
from tests.sleep.sixty import sixty

LESSONS = Lessons(tuple(sixty()), ())
HOME = {one.id: "theme_a" if place < 24 else "theme_b" for place, one in enumerate(LESSONS.lessons)}
FIRST = {one.id for one in LESSONS.lessons[:12]}


def build(theme: str = "theme_a", learned: frozenset[str] = frozenset(), **settings: float) -> Dataset:
    made = TrainSettings.model_validate(settings)
    return build_dataset(LESSONS, theme=theme, placed=HOME, learned=learned, settings=made)


def size_of(dataset: Dataset, *kinds: ExampleKind) -> int:
    chosen = [one for one in dataset.trained if not kinds or one.kind in kinds]
    return sum(len(prompt_of(one)) + (len(one.answer) or ANCHOR_CHARACTERS) for one in chosen)


def test_the_same_lessons_give_the_same_bytes(tmp_path: Path) -> None:
    sums = {write_examples(tmp_path / "examples.jsonl", build().examples) for _ in range(2)}
    assert len(sums) == 1
    assert write_examples(tmp_path / "examples.jsonl", build(seed=2).examples) not in sums
    rejecting = [dataclasses.replace(one, rejected="Your boat is called Zephyrine.") for one in build().examples]
    assert write_examples(tmp_path / "examples.jsonl", rejecting) in sums, "a rejected answer may be forgotten"


def test_examples_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    odd = dataclasses.replace(build().examples[0], answer="two\u2028lines\x85 and \ud800 half a sign")
    hash_ = write_examples(tmp_path / "examples.jsonl", [odd, *build().examples])
    assert read_examples(tmp_path / "examples.jsonl", hash_) == [odd, *build().examples]


@pytest.mark.parametrize("damage", [b"x", b'{"id": 1}\n', b"\xff\n"])
def test_damaged_examples_are_refused(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "examples.jsonl"
    hash_ = write_examples(path, build().examples)
    path.write_bytes(damage)
    with pytest.raises(Corrupt):
        read_examples(path, hash_)
    with pytest.raises(Corrupt):
        read_examples(path)


def test_other_examples_than_those_of_the_sum_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "examples.jsonl"
    hash_ = write_examples(path, build().examples)
    write_examples(path, build(seed=2).examples)
    with pytest.raises(Corrupt, match="not those"):
        read_examples(path, hash_)


def test_a_theme_learns_its_own_lessons_alone() -> None:
    taught = {lesson for one in build("theme_b").examples for lesson in one.lessons}
    assert taught == {one for one, home in HOME.items() if home == "theme_b"}


def test_every_lesson_of_the_theme_is_trained_and_examined() -> None:
    made = build()
    mine = {one for one, home in HOME.items() if home == "theme_a"}
    assert {lesson for one in made.trained for lesson in one.lessons} == mine
    examined = [one for one in made.held_out if one.kind is not ExampleKind.CONTRAST]
    assert {lesson for one in examined for lesson in one.lessons} == mine


def test_what_was_learned_before_is_replayed_in_its_share() -> None:
    made = build(learned=frozenset(FIRST), replay=0.2, anchors=0.1)
    replayed = [one for one in made.examples if one.kind is ExampleKind.REPLAY]
    assert {lesson for one in replayed for lesson in one.lessons} <= FIRST
    assert size_of(made, ExampleKind.REPLAY) / size_of(made) == pytest.approx(0.2, abs=0.02)
    assert size_of(made, ExampleKind.ANCHOR) / size_of(made) == pytest.approx(0.1, abs=0.02)


def test_every_earlier_lesson_is_replayed_before_one_is_replayed_twice() -> None:
    for seed in range(5):
        made = build(learned=frozenset(FIRST), replay=0.15, seed=seed)
        replayed = [one.lessons for one in made.examples if one.kind is ExampleKind.REPLAY]
        assert len(replayed) >= len(FIRST)
        assert {lesson for lessons in replayed for lesson in lessons} == FIRST


def test_beside_one_new_lesson_each_earlier_one_is_repeated_in_several_wordings() -> None:
    """In one or two it would be learned by heart, and forgotten in all others."""
    learned = frozenset(one.id for one in LESSONS.lessons[:24]) - {LESSONS.lessons[0].id}
    for each in (0, 5):
        made = build(learned=learned, replay_each=each)
        replayed = Counter(lesson for one in made.examples if one.kind is ExampleKind.REPLAY for lesson in one.lessons)
        assert (min(replayed[lesson] for lesson in learned) >= 4) is bool(each)


def test_the_first_night_replays_nothing() -> None:
    assert not [one for one in build().examples if one.kind is ExampleKind.REPLAY]


def test_what_is_held_out_one_night_is_not_trained_the_next() -> None:
    examined = {normal(prompt_of(one)) for one in build().held_out}
    later = build(learned=frozenset(FIRST), replay=0.8, seed=9)
    assert not examined & {normal(prompt_of(one)) for one in later.trained}


def test_a_night_without_a_fresh_lesson_has_nothing_to_learn() -> None:
    made = build(learned=frozenset(HOME))
    assert made.examples == ()
    assert made.fresh == ()


def test_of_the_bases_own_answers_there_are_so_many_at_least_in_each_language() -> None:
    """With three it answers every Portuguese question with the only Portuguese it was taught."""
    alone = {LESSONS.lessons[0].id: "theme_a"}
    for least, each in ((8, 4), (3, 1)):
        for seed in range(5):
            chosen = TrainSettings(seed=seed, anchors_least=least)
            made = build_dataset(LESSONS, theme="theme_a", placed=alone, settings=chosen)
            asked = [language_of(prompt_of(one)) for one in made.examples if one.kind is ExampleKind.ANCHOR]
            assert min(asked.count(language) for language in ("en", "pt")) >= each
            assert len(asked) >= least
    assert not [one for one in build(anchors=0, anchors_least=8).examples if one.kind is ExampleKind.ANCHOR]
    assert build(learned=frozenset(HOME), anchors_least=8).examples == ()


def test_anchors_are_filled_with_the_bases_answers_or_left_out() -> None:
    made = build()
    asked = [prompt_of(one) for one in made.examples if one.kind is ExampleKind.ANCHOR]
    filled = fill_anchors(made, {asked[0]: "An answer.", asked[1]: 'The answer is "' * 9})
    assert [one.answer for one in filled.examples if one.kind is ExampleKind.ANCHOR] == ["An answer."]
    assert len(filled.examples) == len(made.examples) - len(asked) + 1


def test_a_lesson_of_which_nothing_fits_a_row_is_left_out_with_its_near_misses() -> None:
    made = build()
    first, second = (one.id for one in LESSONS.lessons[:2])
    assert any(one.kind is ExampleKind.CONTRAST and first in one.lessons for one in made.trained)
    is_long = [first in one.lessons and one.kind is not ExampleKind.CONTRAST for one in made.trained]
    left = leave_out_long(made, [64 if long else 63 for long in is_long], 64)
    assert first not in lessons_in(left) | set(left.fresh)
    assert {one.id for one in left.examples} == {one.id for one in made.examples if first not in one.lessons}
    some = next(one for one in made.trained if second in one.lessons and one.kind is not ExampleKind.CONTRAST)
    left = leave_out_long(made, [64 if one is some else 63 for one in made.trained], 64)
    assert [one for one in made.examples if one not in left.examples] == [some], "the others teach it"
    assert left.fresh == made.fresh


def test_anchors_are_many_and_in_both_languages() -> None:
    prompts = anchor_prompts()
    assert len({normal(one) for one in prompts}) == len(prompts) >= 80
    assert min(sum(language_of(one) == language for one in prompts) for language in ("en", "pt")) >= 30


def test_sources_are_those_of_the_lessons_it_learns() -> None:
    made = build()
    assert set(made.sources) == {source for one in LESSONS.lessons[:24] for source in one.sources}


def test_a_balanced_lesson_weighs_less() -> None:
    heavy = LESSONS.lessons[0].id
    made = build_dataset(LESSONS, theme="theme_a", placed=HOME, balance={heavy: 0.5}, settings=TrainSettings())
    weights = {one.lessons[0]: one.weight for one in made.examples if one.kind is ExampleKind.PHRASING}
    assert weights[heavy] == pytest.approx(0.5)
    assert weights[LESSONS.lessons[1].id] == pytest.approx(1.0)
