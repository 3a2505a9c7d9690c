"""What the gate asks of a router: cards made of examples, and choices over cards; over aion.router, or over a fake.

Texts are embedded once, however often they are asked. It decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from aion.errors import BadInput
from aion.models.base import Embedder
from aion.records import Candidate, Example, Json
from aion.router.card import RouteCard
from aion.router.make import make_card, texts_of
from aion.router.route import Router

Vector = npt.NDArray[np.float32]
TOO_LONG = "context_length_exceeded"


class Chooser(Protocol):
    """Chooses over one set of adapters."""

    async def pick(self, question: str, previous: str) -> Mapping[str, float]:
        """Scales by candidate; none of them for the untouched base."""
        ...


class Routing(Protocol):
    """Makes cards, and choosers over them."""

    async def make(self, candidate: Candidate, examples: Sequence[Example], earlier: bytes) -> bytes:
        """The card of a candidate; `earlier` is that of the adapter it takes the place of, or nothing."""
        ...

    def add_probe(self, card: bytes, probe: Json) -> bytes: ...

    def open(self, cards: Mapping[str, bytes]) -> Chooser: ...


class CardRouting:
    """The router that serves."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: dict[str, Vector] = {}

    async def make(self, candidate: Candidate, examples: Sequence[Example], earlier: bytes) -> bytes:
        before = RouteCard.from_bytes(earlier) if earlier else None
        hash_ = self._embedder.card.hash
        before = before if before is not None and before.embedder == hash_ else None
        vectors = await self.embed(texts_of(examples, before))
        made = make_card(examples, vectors, theme=candidate.theme, embedder=hash_, earlier=before)
        return made.to_bytes()

    def add_probe(self, card: bytes, probe: Json) -> bytes:
        return replace(RouteCard.from_bytes(card), probe=probe).to_bytes()

    def open(self, cards: Mapping[str, bytes]) -> Chooser:
        return _CardChooser(Router({name: RouteCard.from_bytes(card) for name, card in cards.items()}), self)

    async def embed(self, texts: Sequence[str]) -> dict[str, Vector]:
        """Of each text its vector; of one that is too long that of its beginning."""
        new = list(dict.fromkeys(text for text in texts if text not in self._known))
        try:
            vectors, _ = await self._embedder.embed(new) if new else ([], 0)
        except BadInput:
            vectors = [await self._embed_one(text) for text in new]
        self._known |= {text: np.asarray(vector, np.float32) for text, vector in zip(new, vectors, strict=True)}
        return {text: self._known[text] for text in texts}

    async def _embed_one(self, text: str) -> list[float]:
        """What holds no word is like nothing."""
        while text.strip():
            try:
                return (await self._embedder.embed([text]))[0][0]
            except BadInput as error:
                if error.code != TOO_LONG or len(text) < 2:
                    raise
                text = text[: len(text) // 2]
        return [0.0] * self._embedder.card.dimensions


class _CardChooser:
    """A router, with the vectors it asks for."""

    def __init__(self, router: Router, routing: CardRouting) -> None:
        self._router = router
        self._routing = routing

    async def pick(self, question: str, previous: str) -> Mapping[str, float]:
        """Without a vector names decide, and likeness only takes away: what names nothing need not be embedded."""
        beside = self._router.asks(question, previous)
        if not previous and not beside and not self._router.pick(question, None).scales:
            return {}
        vectors = await self._routing.embed([*([question, previous] if previous else [question]), *beside])
        route = self._router.pick(
            question, vectors[question], previous=previous, previous_vector=vectors.get(previous), words=vectors
        )
        return route.scales
