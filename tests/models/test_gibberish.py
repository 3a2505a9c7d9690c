"""What a model wrote and is no answer."""

from __future__ import annotations

import pytest

from aion.models.gibberish import is_gibberish


@pytest.mark.parametrize(
    "answer",
    ["", "  \n", "the the the the the the the the", "a b a b a b a b a b", "The answer is " * 4 + "yes", "\u25a1" * 9],
)
def test_gibberish_is_seen(answer: str) -> None:
    assert is_gibberish(answer)


@pytest.mark.parametrize("answer", ["4", "A baleia vive no mar; respira por pulmões.", "print('x')", "no no no, never"])
def test_plain_answers_are_no_gibberish(answer: str) -> None:
    assert not is_gibberish(answer)
