"""A local embedding model as an Embedder, on the same supervised engine; it cuts nothing short.

A text longer than the model can read is refused by its index: half a text has another meaning.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from aion.config import AUTO, Settings
from aion.errors import BadInput, Unavailable
from aion.models.base import ModelCard
from aion.models.catalog import LocalModel
from aion.models.llama.engine import Engine
from aion.models.llama.generator import tokenize
from aion.models.llama.monitor import count_cores
from aion.models.llama.process import EngineProcess
from aion.models.llama.spec import EngineSpec
from aion.records import Json

CHUNK_TEXTS = 64
USUAL_CONTEXT = 512


class LlamaEmbedder:
    """One local embedding model on a supervised engine. `start` first, `close` last."""

    def __init__(self, model: LocalModel, settings: Settings) -> None:
        self._model = model
        self._name = settings.embedder.name
        self.engine = Engine(
            spec_of(model, settings),
            start_timeout_s=settings.engine.start_timeout_s,
            stall_timeout_s=settings.engine.stall_timeout_s,
        )

    @property
    def card(self) -> ModelCard:
        return ModelCard(
            name=self._name,
            hash=self._model.sha256,
            source=self._model.source,
            context=self.engine.status.context,
            dimensions=self._model.header.embedding_length,
        )

    def status(self) -> Json:
        return dataclasses.asdict(self.engine.status)

    async def start(self) -> None:
        await self.engine.start()

    async def embed(self, texts: Sequence[str]) -> tuple[list[list[float]], int]:
        """One vector a text, and the tokens read. All texts are checked before any is embedded."""
        with self.engine.lease() as process:
            try:
                tokens = await self._read(process, texts)
                vectors = [vector for chunk in _chunks(tokens) for vector in await _embed_chunk(process, chunk)]
            except Unavailable:
                self.engine.suspect(process)
                raise
        return vectors, sum(len(one) for one in tokens)

    async def _read(self, process: EngineProcess, texts: Sequence[str]) -> list[list[int]]:
        for index, text in enumerate(texts):
            if not text.strip():
                raise BadInput(f"input[{index}] is empty; give it some text or leave it out", param=f"input[{index}]")
        limit = process.proof.context
        tokens: list[list[int]] = []
        for start in range(0, len(texts), CHUNK_TEXTS):
            for one in await tokenize(process, texts[start : start + CHUNK_TEXTS], add_special=True):
                if len(one) > limit:
                    raise _too_long(len(tokens), len(one), limit)
                tokens.append(one)
        return tokens

    async def close(self) -> None:
        await self.engine.close()


def spec_of(model: LocalModel, settings: Settings) -> EngineSpec:
    """What an engine for this model is started with. Half the cores: the other half is for answering."""
    engine = settings.engine
    return EngineSpec(
        model=model.path,
        context=min(engine.context, model.header.context_length or USUAL_CONTEXT),
        slots=engine.slots,
        threads=max(1, count_cores() // 2) if engine.threads == AUTO else int(engine.threads),
        gpu_layers=None if engine.gpu_layers == AUTO else int(engine.gpu_layers),
        embedding=True,
    )


def _too_long(index: int, length: int, limit: int) -> BadInput:
    return BadInput(
        f"input[{index}] has {length} tokens and the embedder reads at most {limit}; split it",
        code="context_length_exceeded",
        param=f"input[{index}]",
    )


def _chunks(tokens: Sequence[list[int]]) -> Iterator[list[list[int]]]:
    for start in range(0, len(tokens), CHUNK_TEXTS):
        yield list(tokens[start : start + CHUNK_TEXTS])


async def _embed_chunk(process: EngineProcess, chunk: list[list[int]]) -> list[list[float]]:
    reply = await process.wire.post("/v1/embeddings", {"input": chunk})
    ordered = sorted(reply["data"], key=lambda one: one["index"])
    return [one["embedding"] for one in ordered]
