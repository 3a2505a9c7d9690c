"""Vectors of lessons, by an embedder of its own that ends when they are made. It keeps none of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aion.config import Settings
from aion.memory.base import Vector
from aion.memory.embedding import EmbeddingDesk
from aion.models.base import Embedder
from aion.models.catalog import resolve_embedder
from aion.models.fake import FakeEmbedder
from aion.models.llama.embedder import LlamaEmbedder
from aion.models.queue import AdmissionQueue
from aion.records import Lesson

FAKE = "fake"


async def embed_lessons(settings: Settings, lessons: Sequence[Lesson]) -> tuple[dict[str, Vector], str]:
    """A unit vector for each lesson, and the embedder's hash."""
    desk = EmbeddingDesk(AdmissionQueue(1, 1 << 30))
    async with _embedder(settings) as embedder:
        desk.use(embedder)
        vectors = await desk.embed([text_of(one) for one in lessons])
    return {one.id: vector for one, vector in zip(lessons, vectors, strict=True)}, embedder.card.hash


@asynccontextmanager
async def _embedder(settings: Settings) -> AsyncIterator[Embedder]:
    if settings.embedder.source.partition(":")[0] == FAKE:
        yield FakeEmbedder(name=settings.embedder.name)
        return
    embedder = LlamaEmbedder(await resolve_embedder(settings), settings)
    await embedder.start()
    try:
        yield embedder
    finally:
        await embedder.close()


def text_of(lesson: Lesson) -> str:
    """What a lesson is about, in its own words."""
    return " ".join(part for part in (lesson.question, lesson.answer, lesson.statement) if part) or lesson.id
