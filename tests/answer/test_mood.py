"""The base asked how a person sounds: with the shipped fake, and blended into a reward by hand."""

from __future__ import annotations

import pytest

from aion.answer.mood import MoodReader
from aion.capture.emotion import Emotion, blend
from aion.models.fake import FakeGenerator
from aion.models.queue import AdmissionQueue

pytestmark = pytest.mark.anyio


async def test_the_base_is_held_to_three_words() -> None:
    generator = FakeGenerator()  # writes the first value that the schema allows
    assert await MoodReader(generator, AdmissionQueue(1, 1000)).read("Great, thanks!") == 0.8


async def test_a_failing_base_gives_no_reading() -> None:
    assert await MoodReader(FakeGenerator(fail_at=0), AdmissionQueue(1, 1000)).read("Great!") is None


def test_a_reading_of_the_base_is_blended_and_never_decides_alone() -> None:
    lexical = Emotion(-0.4, 1.0, ("slow",))
    both = blend(lexical, 0.8)
    assert both is not None
    assert both.value == 0.2
    assert blend(lexical, None) == lexical
    assert blend(None, None) is None
