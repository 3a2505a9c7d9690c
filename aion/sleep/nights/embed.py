"""Vectors of lessons, by an embedder of its own that ends when they are made. It keeps none of them."""

from __future__ import annotations

from collections.abc import Sequence

from aion.config import Settings
from aion.memory.base import Vector
from aion.memory.embedding import EmbeddingDesk
from aion.models.opening import open_embedder
from aion.models.queue import AdmissionQueue
from aion.records import Lesson


async def embed_lessons(settings: Settings, lessons: Sequence[Lesson]) -> tuple[dict[str, Vector], str]:
    """A unit vector for each lesson, and the embedder's hash."""
    desk = EmbeddingDesk(AdmissionQueue(1, 1 << 30))
    async with open_embedder(settings) as embedder:
        desk.use(embedder)
        vectors = await desk.embed([text_of(one) for one in lessons])
    return {one.id: vector for one, vector in zip(lessons, vectors, strict=True)}, embedder.card.hash


def text_of(lesson: Lesson) -> str:
    """What a lesson is about, in its own words."""
    return " ".join(part for part in (lesson.question, lesson.answer, lesson.statement) if part) or lesson.id
