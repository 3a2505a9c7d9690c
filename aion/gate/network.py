"""Has a network trained over the cards that would be served, and lets it choose only if it is no worse than the rule.

Both are asked the same: wordings that were put aside and near misses of every theme, and general questions. What is
trained how is the caller's; a network that is worse at any of these is named by no card.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from aion.errors import BadInput, Corrupt
from aion.gate.general import general_items
from aion.gate.outcomes import Outcome
from aion.gate.paper import Paper, Question, rank, said_before
from aion.gate.routing import Vector
from aion.records import Json
from aion.router.card import RouteCard
from aion.router.network import Origin, find_network
from aion.router.pairs import Floats, Heard, make_pairs
from aion.router.route import Router, Strategy
from aion.router.scoring import NetworkJudge

MOST_ASKED = 600  # of each kind
WORDINGS, MISSES, GENERAL = "wordings", "near_misses", "general"
UNUSED: Json = {"used": False}
Cards = Mapping[str, bytes]  # by candidate


class Embeds(Protocol):
    """Vectors of texts, each text once."""

    async def __call__(self, texts: Sequence[str]) -> Mapping[str, Vector]: ...


class TrainNetwork(Protocol):
    """Requests, items, figures, and whether they belong together, a row each; gives the network with this note."""

    def __call__(
        self, pairs: tuple[Floats, Floats, Floats, Floats], note: Mapping[str, str], pause: Callable[[], None]
    ) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """What it takes to make networks, in a night whose settings want one."""

    train: TrainNetwork
    read: Callable[[str], bytes]  # a network that is served, by its sum
    outcomes: Sequence[Outcome] = ()


@dataclass(frozen=True, slots=True)
class Networks:
    """Of what is served, and of what would be; none where the rule chooses."""

    before: bytes = b""
    after: bytes = b""
    scores: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request with where it belongs: no adapter is the base."""

    kind: str
    text: str
    previous: str
    adapter: str


async def make_networks(
    sides: tuple[Cards, Cards], papers: Mapping[str, Paper], making: Making, embed: Embeds, pause: Callable[[], None]
) -> Networks:
    """`sides`: cards of what is served, and of what would be; `papers` are of the latter."""
    before, after = sides
    old = find_network(_read(before), making.read)
    if before == after:
        return Networks(old, old)
    cards = _read(after)
    if len({one.embedder for one in cards.values()}) > 1:
        return Networks(old, scores=UNUSED)
    heard, turns = await _hear(cards, making.outcomes, embed)
    origin = Origin(tuple(sorted(cards)), next(iter(cards.values())).embedder, turns)
    try:
        made = making.train(make_pairs(cards, heard), origin.to_note(), pause)
        NetworkJudge(cards, made)
    except (BadInput, Corrupt):  # there is nothing to tell apart, or what came of it is no number
        return Networks(old, scores=UNUSED)
    scores = await _compare(cards, made, _collect(papers), embed, pause)
    used = all(one["after"] >= one["before"] for one in scores.values())
    return Networks(old, made if used else b"", {**scores, "heard": len(heard), "used": used})


def name_network(card: bytes, network: bytes) -> bytes:
    """The card of the adapter that it was made with."""
    return replace(RouteCard.from_bytes(card), network=hashlib.sha256(network).hexdigest()).to_bytes()


def _read(cards: Cards) -> dict[str, RouteCard]:
    return {name: RouteCard.from_bytes(card) for name, card in cards.items()}


async def _hear(
    cards: Mapping[str, RouteCard], outcomes: Sequence[Outcome], embed: Embeds
) -> tuple[list[Heard], tuple[str, ...]]:
    """What people said, of what is taught still, and the turns they said it of."""
    items = {item.lesson: item for card in cards.values() for item in card.items}
    known = [one for one in outcomes if one.lesson in items and one.is_wanted(items[one.lesson]) is not None]
    vectors = await embed([one.question for one in known])
    heard = [
        Heard(one.question, vectors[one.question], one.lesson, bool(one.is_wanted(items[one.lesson]))) for one in known
    ]
    return heard, tuple(sorted({one.turn for one in known}))


def _collect(papers: Mapping[str, Paper]) -> list[_Asked]:
    wordings = [(name, one) for name, paper in papers.items() for fact in paper.facts for one in fact.questions]
    misses = [("", one) for paper in papers.values() for one in paper.misses]
    asked = [_ask(WORDINGS, name, one) for name, one in _sample(wordings)]
    asked += [_ask(MISSES, "", one) for _, one in _sample(misses)]
    return asked + [_Asked(GENERAL, one.question, "", "") for one in general_items()]


def _sample(found: Sequence[tuple[str, Question]]) -> list[tuple[str, Question]]:
    return sorted(found, key=lambda one: rank("router", one[1].id))[:MOST_ASKED]


def _ask(kind: str, adapter: str, one: Question) -> _Asked:
    return _Asked(kind, one.text, said_before(one.messages), adapter)


async def _compare(
    cards: Mapping[str, RouteCard], network: bytes, asked: Sequence[_Asked], embed: Embeds, pause: Callable[[], None]
) -> dict[str, Json]:
    """How many of each kind get exactly the adapters they belong to: by the rule, and by the network."""
    sides = (Router(cards), Router(cards, strategy=Strategy.NETWORK, network=network))
    scores: dict[str, Json] = {}
    for one in asked:
        pause()
        beside = sides[0].asks(one.text, one.previous)
        vectors = await embed([*([one.text, one.previous] if one.previous else [one.text]), *beside])
        score = scores.setdefault(one.kind, {"before": 0, "after": 0, "items": 0})
        score["items"] += 1
        for side, router in zip(("before", "after"), sides, strict=True):
            route = router.pick(
                one.text,
                vectors[one.text],
                previous=one.previous,
                previous_vector=vectors.get(one.previous),
                words=vectors,
            )
            score[side] += set(route.scales) == ({one.adapter} if one.adapter else set())
    return scores
