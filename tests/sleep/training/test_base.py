"""How often a training sees its examples: as asked, and more often where that would be too few steps."""

from __future__ import annotations

import pytest

from aion.sleep.training.base import Recipe, times_seen
from aion.sleep.training.learner import choose_lessons, plan_lessons
from tests.sleep.small_jobs import random_tokens


def test_few_examples_are_seen_more_often_but_not_for_ever() -> None:
    recipe = Recipe(epochs=4.0, tokens_per_step=256, least_steps=32)
    assert times_seen(recipe, 256 * 100) == 4.0
    assert times_seen(recipe, 1024) == 8.0
    assert times_seen(recipe, 100) == 16.0
    assert times_seen(Recipe(epochs=4.0), 100) == 4.0


@pytest.mark.parametrize(("least", "about"), [(0, 4), (16, 16), (1000, 16)])
def test_a_training_has_the_steps_that_were_wanted_at_least(least: int, about: int) -> None:
    """The tokens of one step, four times or up to sixteen times."""
    tokens = random_tokens(12)
    recipe = Recipe(epochs=4.0, least_steps=least, tokens_per_step=len(tokens.ids))
    steps = plan_lessons(choose_lessons(tokens, recipe), recipe)
    assert about <= len(steps) <= 2 * about
