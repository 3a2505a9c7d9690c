"""What the tests of the router share: examples as a night makes them, vectors of words, and a card of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from aion.config import TrainSettings
from aion.models.fake import FakeEmbedder
from aion.records import Example, Lesson, LessonKind
from aion.router.card import RouteCard
from aion.router.make import make_card, texts_of
from aion.sleep.lessons.dataset import build_dataset, fill_anchors
from aion.sleep.lessons.find import Lessons

WORK = (
    "The billing service is maintained by Nadia Fenn.",
    "The search service is maintained by Rufus Tamar.",
    "The backup server stands in Vasco Bay.",
    "The wiki server stands in Torvale.",
)
GARDEN = ("The north gate is opened by Helga Sorel.", "The tulip bed was dug by Otto Brannick.")


def embed(text: str) -> npt.NDArray[np.float32]:
    """A unit vector by the words of a text. No model."""
    vectors, _ = asyncio.run(FakeEmbedder().embed([text]))
    return np.asarray(vectors[0], np.float32)


def examples_of(statements: Sequence[str], theme: str = "work", language: str = "en") -> list[Example]:
    lessons = tuple(
        Lesson(
            id=f"les_{number}",
            owner="ana",
            kind=LessonKind.TOLD,
            theme=theme,
            statement=told,
            language=language,
            sources=(f"turn_{number}",),
        )
        for number, told in enumerate(statements)
    )
    placed = {one.id: theme for one in lessons}
    dataset = build_dataset(Lessons(lessons, ()), theme=theme, placed=placed, settings=TrainSettings())
    return list(fill_anchors(dataset, {one.messages[-1]["content"]: "Yes." for one in dataset.examples}).examples)


def card_of(statements: Sequence[str], theme: str = "work", language: str = "en") -> RouteCard:
    examples = examples_of(statements, theme, language)
    vectors = {text: embed(text) for text in texts_of(examples)}
    return make_card(examples, vectors, theme=theme, embedder="words")
