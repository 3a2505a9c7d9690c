"""The desk where texts are embedded: queued, cut to what the model reads, and remembered for a while.

It knows no memory and stores nothing. Without an embedder it says so; words must do then.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from aion.errors import BadInput, Unavailable
from aion.memory.base import Vector
from aion.models.base import Embedder
from aion.models.queue import AdmissionQueue

RECENT = 512  # texts whose vectors are kept: a question is embedded once, whoever asks
CHARACTERS_PER_TOKEN = 3
MOST_CHARACTERS_PER_TOKEN = 32  # no text has more: what lies behind them cannot be read, and need not be sent
BATCH = 32


class EmbeddingDesk:
    """One embedder behind one queue."""

    def __init__(self, queue: AdmissionQueue) -> None:
        self._queue = queue
        self._embedder: Embedder | None = None
        self._recent: OrderedDict[bytes, Vector] = OrderedDict()  # by the text's hash: some texts are long

    def use(self, embedder: Embedder) -> None:
        """From now on; vectors of another one are let go."""
        self._embedder = embedder
        self.clear()

    def clear(self) -> None:
        """Let go of the texts of late, such as after something was forgotten."""
        self._recent.clear()

    @property
    def ready(self) -> bool:
        return self._embedder is not None

    @property
    def hash(self) -> str:
        return self._embedder.card.hash if self._embedder else ""

    @property
    def dimensions(self) -> int:
        return self._embedder.card.dimensions if self._embedder else 0

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One unit vector a text. Raises Unavailable or Overloaded when there is no embedder or no place."""
        keys = {text: hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts}
        known = {text: self._recent[key] for text, key in keys.items() if key in self._recent}
        missing = [text for text in keys if text not in known]
        for start in range(0, len(missing), BATCH):
            batch = missing[start : start + BATCH]
            known |= dict(zip(batch, await self._ask(batch), strict=True))
        for text, key in keys.items():
            self._keep(key, known[text])
        return [known[text] for text in texts]

    async def _ask(self, texts: list[str]) -> list[Vector]:
        if self._embedder is None:
            raise Unavailable("there is no embedder yet; ask again", code="starting", retry_after=2)
        if context := self._embedder.card.context:
            texts = [text[: context * MOST_CHARACTERS_PER_TOKEN] for text in texts]
        tokens = sum(len(text) // CHARACTERS_PER_TOKEN + 6 for text in texts)
        async with self._queue.admit(tokens):
            vectors = await _embed_cut(self._embedder, texts)
        return [_unit(vector) for vector in vectors]

    def _keep(self, key: bytes, vector: Vector) -> None:
        self._recent[key] = vector
        self._recent.move_to_end(key)
        while len(self._recent) > RECENT:
            self._recent.popitem(last=False)


async def _embed_cut(embedder: Embedder, texts: list[str]) -> list[list[float]]:
    """What is too long is halved until it can be read: the beginning of a text says what it is about."""
    texts = list(texts)
    while True:
        try:
            return (await embedder.embed(texts))[0]
        except BadInput as error:
            place = _place_of(error.param)
            if error.code != "context_length_exceeded" or place is None or len(texts[place]) < 2:
                raise
            texts[place] = texts[place][: len(texts[place]) // 2]


def _place_of(param: str | None) -> int | None:
    """The number in `input[3]`."""
    inside = (param or "").removeprefix("input[").removesuffix("]")
    return int(inside) if inside.isdigit() else None


def _unit(vector: list[float]) -> Vector:
    array = np.asarray(vector, np.float32)
    return array / max(float(np.linalg.norm(array)), 1e-12)
