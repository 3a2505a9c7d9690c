"""What the gate asks of a router: cards made of examples, and choices over cards; over aion.router, or over a fake.

Texts are embedded once, however often they are asked. It decides nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from aion.errors import BadInput
from aion.gate.paper import last_said, said_before
from aion.models.base import Embedder
from aion.records import Candidate, Example, Json
from aion.router.asked import Ask
from aion.router.base import Wording
from aion.router.card import RouteCard
from aion.router.choose import choose, reword
from aion.router.make import make_card, texts_of
from aion.router.route import Router, Strategy
from aion.router.trim import leave_out

Vector = npt.NDArray[np.float32]
TOO_LONG = "context_length_exceeded"


class Chooser(Protocol):
    """Chooses over one set of adapters."""

    async def pick(self, question: str, previous: str) -> Mapping[str, float]:
        """Scales by candidate; none of them for the untouched base."""
        ...

    def put(self, messages: Sequence[Json]) -> Sequence[Json]:
        """As the adapters are asked that were picked for it."""
        ...


class Routing(Protocol):
    """Makes cards, and choosers over them."""

    async def make(self, candidate: Candidate, examples: Sequence[Example], earlier: bytes) -> bytes:
        """The card of a candidate; `earlier` is that of the adapter it takes the place of, or nothing."""
        ...

    def leave_out(self, card: bytes, lessons: AbstractSet[str]) -> bytes:
        """The card that leads nobody to these."""
        ...

    def add_probe(self, card: bytes, probe: Json) -> bytes: ...

    def open(self, cards: Mapping[str, bytes], *, network: bytes = b"", ask: Ask | None = None) -> Chooser:
        """`network`: what was trained over these cards; `ask`: the base, where a strategy goes by its word."""
        ...

    async def embed(self, texts: Sequence[str]) -> Mapping[str, Vector]: ...


class CardRouting:
    """The router that serves, with the strategy that serves."""

    def __init__(self, embedder: Embedder, strategy: Strategy = Strategy.EMBEDDING) -> None:
        self._embedder = embedder
        self._strategy = strategy
        self._known: dict[str, Vector] = {}
        self._replies: dict[str, str] = {}

    async def make(self, candidate: Candidate, examples: Sequence[Example], earlier: bytes) -> bytes:
        before = RouteCard.from_bytes(earlier) if earlier else None
        hash_ = self._embedder.card.hash
        before = before if before is not None and before.embedder == hash_ else None
        vectors = await self.embed(texts_of(examples, before))
        made = make_card(examples, vectors, theme=candidate.theme, embedder=hash_, earlier=before)
        return made.to_bytes()

    def leave_out(self, card: bytes, lessons: AbstractSet[str]) -> bytes:
        return leave_out(RouteCard.from_bytes(card), lessons).to_bytes()

    def add_probe(self, card: bytes, probe: Json) -> bytes:
        return replace(RouteCard.from_bytes(card), probe=probe).to_bytes()

    def open(self, cards: Mapping[str, bytes], *, network: bytes = b"", ask: Ask | None = None) -> Chooser:
        opened = {name: RouteCard.from_bytes(card) for name, card in cards.items()}
        return _CardChooser(Router(opened, strategy=self._strategy, network=network), self, ask)

    async def hear(self, messages: Sequence[Json], ask: Ask) -> str:
        """What the base says, asked once."""
        key = json.dumps(list(messages))
        if key not in self._replies:
            self._replies[key] = await ask(messages)
        return self._replies[key]

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
    """A router, with the vectors and the word of the base it asks for."""

    def __init__(self, router: Router, routing: CardRouting, ask: Ask | None) -> None:
        self._router = router
        self._routing = routing
        self._ask = ask
        self._wordings: dict[tuple[str, str], tuple[Wording, ...]] = {}  # by question and what was said before it

    async def pick(self, question: str, previous: str) -> Mapping[str, float]:
        beside = self._router.asks(question, previous)
        if not (previous or beside or self._router.may_take(question)):
            return {}
        route = await choose(self._router, question, previous, self._routing.embed)
        if route.base_question is not None and self._ask is not None:
            route = route.base_question.settle(await self._routing.hear(route.base_question.messages, self._ask))
        self._wordings[question, previous] = route.wordings
        return route.scales

    def put(self, messages: Sequence[Json]) -> Sequence[Json]:
        return reword(messages, self._wordings.get((last_said(messages), said_before(messages)), ()))
