"""Brings up the models of the settings for somebody who needs them for a while, such as a night; it serves nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aion.config import Settings
from aion.errors import BadInput
from aion.models.base import Embedder
from aion.models.catalog import LocalModel, resolve_embedder, resolve_model
from aion.models.fake import FakeEmbedder
from aion.models.llama.embedder import LlamaEmbedder

FAKE = "fake"


async def require_local(settings: Settings) -> LocalModel:
    """The base, where adapters can be made and examined."""
    found = await resolve_model(settings)
    if not isinstance(found, LocalModel):
        raise BadInput(
            "the model is on another server, where adapters are neither made nor examined; serve a GGUF here"
        )
    return found


async def find_embedder_hash(settings: Settings) -> str:
    if (fake := _fake(settings)) is not None:
        return fake.card.hash
    return (await resolve_embedder(settings)).sha256


@asynccontextmanager
async def open_embedder(settings: Settings) -> AsyncIterator[Embedder]:
    """One of the caller's own, closed at the end."""
    if (fake := _fake(settings)) is not None:
        yield fake
        return
    embedder = LlamaEmbedder(await resolve_embedder(settings), settings)
    await embedder.start()
    try:
        yield embedder
    finally:
        await embedder.close()


def _fake(settings: Settings) -> FakeEmbedder | None:
    named = settings.embedder.source.partition(":")[0] == FAKE
    return FakeEmbedder(name=settings.embedder.name) if named else None
