"""The base's own wordings are learned only where it agrees with what was taught."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from aion.config import TrainSettings
from aion.records import Json
from aion.sleep.lessons.dataset import Dataset, build_dataset
from aion.sleep.lessons.find import Lessons
from aion.sleep.lessons.phrasing.make import prompt_of
from aion.sleep.lessons.reword import PATIENCE, add_rewordings
from tests.sleep.sixty import told

pytestmark = pytest.mark.anyio
FACT = "The key of the mill is kept by Vera Strand."
GOOD = "Which person has the key of the mill?"


@dataclass
class Echo:
    """Words every question as it is told, and answers with the statement it is shown, or with something else."""

    wording: str
    answer: str = FACT
    asked: list[str] = field(default_factory=list)

    async def say(self, messages: Sequence[Json], *, max_tokens: int) -> str:
        assert max_tokens
        self.asked.append(str(messages[-1]["content"]))
        return self.wording if len(messages) > 1 else self.answer


def dataset_of(*said: str) -> Dataset:
    lessons = [told(one, number=number) for number, one in enumerate(said)]
    placed = {one.id: "t" for one in lessons}
    return build_dataset(Lessons(tuple(lessons), ()), theme="t", placed=placed, settings=TrainSettings())


async def added(base: Echo, most: int = 1) -> list[tuple[str, str]]:
    made = dataset_of(FACT)
    more = await add_rewordings(made, base, most=most)
    assert more.examples[: len(made.examples)] == made.examples
    return [(prompt_of(one), one.answer) for one in more.examples[len(made.examples) :]]


async def test_a_wording_that_the_base_answers_with_what_was_taught_is_learned() -> None:
    assert await added(Echo(GOOD)) == [(GOOD, FACT)]
    assert await added(Echo(GOOD), most=2) == [(GOOD, FACT)]


async def test_a_wording_that_the_base_answers_otherwise_is_not() -> None:
    assert not await added(Echo(GOOD, answer="Nobody has it."))


@pytest.mark.parametrize(
    "wording",
    [
        "Which person has the key?",
        "Does Vera have the key of the mill?",
        "The key of the mill is with somebody.",
        "who is the key of the mill kept by",
        "",
    ],
)
async def test_a_wording_that_lost_its_matter_or_tells_the_answer_is_not_even_asked(wording: str) -> None:
    base = Echo(wording)
    assert not await added(base)
    assert len(base.asked) == 1


async def test_a_base_that_is_not_able_is_soon_asked_no_more() -> None:
    base = Echo("I am an assistant.")
    await add_rewordings(dataset_of(*(f"The key of the {one} is red." for one in "abcdefgh")), base, most=2)
    assert len(base.asked) == PATIENCE


async def test_none_is_asked_for_where_none_is_wanted() -> None:
    base = Echo(GOOD)
    assert not await added(base, most=0)
    assert not base.asked


async def test_no_other_wording_is_asked_for_of_a_question_that_several_facts_answer() -> None:
    base = Echo("Which things are dear to me?")
    await add_rewordings(dataset_of("I like plums.", "I like rowing."), base, most=1)
    assert not base.asked
