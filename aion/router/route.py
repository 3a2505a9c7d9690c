"""Chooses adapters for one request: those of which something taught is named in it and meant by it; else none.

Pure numpy over what cards hold, in well under 2 ms besides the embedding. It knows no engine, asks no model by itself
(it gives what to ask), and keeps nothing of what it is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum

import numpy as np

from aion.errors import Corrupt
from aion.memory.aliases import read_alias, use_known_names
from aion.records import Json
from aion.router.asked import SHOWN, make_messages, read_choice
from aion.router.base import NO_WORDS, BaseQuestion, Route, Vector
from aion.router.card import Halves, Item, Place, RouteCard
from aion.router.common import asks_in_general, asks_of_anybody
from aion.router.follow import hangs_on
from aion.router.heads import same_things, texts_of_heads
from aion.router.index import How, Named, NameIndex
from aion.router.persons import asks_of_another
from aion.router.scoring import Left, NetworkJudge, Weighed
from aion.router.words import names_of, runs_of, stand_together

SCALE = 1.0  # of each adapter that is taken: it was trained, and examined, at this strength
MOST = 3  # adapters that answer one request together
LESS_LIKE = {
    How.MISSPELT: -0.15,
    How.ALIAS: -0.15,
    How.SYNONYM: -0.15,
    How.PARTLY: 0.15,
}  # the vectors know a name only as it was taught
GENERAL = 0.2  # more of a margin is asked of a request in the form of a general question
WHOLE = -0.12  # no more than this of one that says the whole of a longer name: who else would know "the Taskad march"?
NO_NETWORK = "no network that a night trained fits these adapters"
UNASKED = "the base did not say which, or not in time"
POINTS = 0.05  # likeness that a question that says "it" has at least to what it hangs on


class Strategy(StrEnum):
    """What a choice goes by: the setting `router.strategy`."""

    KEYWORD = "keyword"  # names alone
    EMBEDDING = "embedding"  # names, and likeness to what was taught
    MODEL = "model"  # the base says which of what is named it is, if any
    NETWORK = "network"  # the network that nights train, over what is named or near


class Router:
    """Over the cards of the adapters that one person is served, by candidate id."""

    def __init__(
        self,
        cards: Mapping[str, RouteCard],
        *,
        strategy: Strategy = Strategy.EMBEDDING,
        network: bytes = b"",
    ) -> None:
        """`network` are the trained weights; a strategy without what it needs goes by likeness, and says so."""
        self._cards = dict(cards)
        self._strategy = strategy
        self._index = NameIndex(self._cards)
        answers = (one for card in self._cards.values() for one in (*(item.answer for item in card.items), *card.told))
        self._told = tuple(dict.fromkeys(one for one in answers if read_alias(one) is not None))
        self._judge = _open_judge(self._cards, network) if strategy is Strategy.NETWORK else None
        self._texts = {name: _starts([len(item.texts) for item in card.items]) for name, card in cards.items()}
        self._common = {name: _starts([len(item.common) for item in card.items]) for name, card in cards.items()}

    def pick(
        self,
        question: str,
        vector: Vector | None,
        *,
        previous: str = "",
        previous_vector: Vector | None = None,
        words: Mapping[str, Vector] = NO_WORDS,
    ) -> Route:
        """`vector` is of the question alone, by the cards' embedder; without it names decide. `words`: see `asks`.

        `previous` is what the person asked before in the same conversation: "it" means what that was about.
        """
        weighed = self._weigh(question, vector, words)
        hangs = not weighed and bool(previous) and hangs_on(question, previous)
        if hangs:
            weighed = [
                one
                for one in self._weigh(previous, previous_vector, words)
                if vector is None or self._likeness(one.named.place, vector) >= POINTS
            ]
        asked = f"{previous} {question}" if hangs else question
        if self._strategy is Strategy.MODEL and weighed:
            return self._let_ask(weighed, asked, hangs=hangs)
        lacks = NO_NETWORK if self._strategy is Strategy.NETWORK and self._judge is None else ""
        return self._make_route(weighed, asked, hangs=hangs, lacks=lacks)

    def _let_ask(self, weighed: Sequence[Weighed], question: str, *, hangs: bool) -> Route:
        """By likeness, until the base says which. Nothing named, nothing to ask: most requests must not wait."""
        shown = weighed[:SHOWN]
        answers = [self._cards[one.named.place.candidate].items[one.named.place.number].answer for one in shown]

        def settle(reply: str) -> Route:
            chosen = read_choice(reply, len(shown))
            meant = [replace(one, left=None if at == chosen else Left.FAR) for at, one in enumerate(shown)]
            return self._make_route(meant, question, hangs=hangs)

        route = self._make_route(weighed, question, hangs=hangs, lacks=UNASKED)
        return replace(route, base_question=BaseQuestion(make_messages(question, answers), settle))

    def _make_route(self, weighed: Sequence[Weighed], asked: str, *, hangs: bool, lacks: str = "") -> Route:
        """`lacks`: what the strategy would have needed."""
        by = Strategy.EMBEDDING if lacks else self._strategy
        chosen = _settle([one for one in weighed if one.left is None] if by is Strategy.MODEL else weighed)
        why = {
            "strategy": by.value,
            "took": [self._explain(one, hangs=hangs) for one in chosen.values()],
            "left": [self._explain(one, hangs=hangs) for one in weighed if one.left is not None],
        }
        return Route(
            scales=dict.fromkeys(chosen, SCALE),
            why=why | ({"wanted": self._strategy.value, "lacks": lacks} if lacks else {}),
            follows=hangs,
            slips=self._index.find_slips(asked, [one.named.place for one in chosen.values()]),
        )

    def read(self, text: str) -> str:
        """With the names that things are known by, in place of others that a person told."""
        return use_known_names(text, self._told)

    def may_take(self, question: str) -> bool:
        """Whether anything is named in it. Likeness only takes away from that, so nothing else need be embedded."""
        return self._judge is not None or any(map(self._find, {question, self.read(question)}))

    def asks(self, question: str, previous: str = "") -> list[str]:
        """Words whose vectors it needs besides, to tell whether one means the same as another; mostly none."""
        if self._strategy is Strategy.KEYWORD:
            return []
        texts = (question, previous) if previous else (question,)
        return list(dict.fromkeys(word for text in texts for word in texts_of_heads(self._index.find_exchanged(text))))

    def _weigh(self, question: str, vector: Vector | None, words: Mapping[str, Vector]) -> list[Weighed]:
        return [self._of_whom(one, question) for one in self._weigh_each(question, vector, words)]

    def _of_whom(self, one: Weighed, question: str) -> Weighed:
        """What was taught of the person alone says nothing of what is so for anybody, or for somebody else."""
        if one.left is not None:
            return one
        *taught, answer = self._cards[one.named.place.candidate].items[one.named.place.number].texts
        if asks_of_anybody(question, one.named.words, taught):
            return replace(one, left=Left.COMMON)
        if one.named.how is not How.ALIAS and asks_of_another(question, one.named.words, taught, answer):
            return replace(one, left=Left.ANOTHER)
        return one

    def _weigh_each(self, question: str, vector: Vector | None, words: Mapping[str, Vector]) -> list[Weighed]:
        same = same_things(self._index.find_exchanged(question), words)
        named = self._find(question) + [Named(one.place, (one.qualifier,), How.SYNONYM) for one in same]
        if self._judge is not None and vector is not None:
            return self._judge.weigh(named, vector)
        if self._strategy is Strategy.KEYWORD or vector is None:
            return [Weighed(one, 1.0, 0.0) for one in named]
        return [self._weigh_one(one, question, vector) for one in named]

    def _find(self, question: str) -> list[Named]:
        return self._index.find(question) or self._index.find_trained(question)

    def _weigh_one(self, named: Named, question: str, vector: Vector) -> Weighed:
        card = self._cards[named.place.candidate]
        cosine = self._likeness(named.place, vector)
        common = _nearest(card.common_R_D, self._common[named.place.candidate], named.place.number, vector)
        left = None
        if named.how not in (How.ALIAS, How.SYNONYM) and cosine - common < self._margin(named, question):
            left = Left.COMMON
        elif cosine < card.threshold + LESS_LIKE.get(named.how, 0.0):
            left = Left.FAR
        return Weighed(named, cosine, common, left)

    def _margin(self, named: Named, question: str) -> float:
        """By which it has to be nearer to what was taught than to what anybody may ask of the same word."""
        card = self._cards[named.place.candidate]
        if asks_in_general(question, named.words):
            return card.margin + GENERAL
        item = card.items[named.place.number]
        return min(card.margin, WHOLE) if _says_whole(question, item) else card.margin

    def _likeness(self, place: Place, vector: Vector) -> float:
        return _nearest(self._cards[place.candidate].vectors_R_D, self._texts[place.candidate], place.number, vector)

    def _explain(self, one: Weighed, *, hangs: bool) -> Json:
        """Without words of what was taught: of the request it repeats only those that name it."""
        card = self._cards[one.named.place.candidate]
        told: Json = {
            "adapter": one.named.place.candidate,
            "theme": card.theme,
            "lesson": card.items[one.named.place.number].lesson,
            "words": list(one.named.words),
            "how": "follows" if hangs else one.named.how.value,
            "cosine": round(one.cosine, 3),
        }
        return told | ({"reason": one.left.value} if one.left else {})


def _open_judge(cards: Mapping[str, RouteCard], network: bytes) -> NetworkJudge | None:
    """None where there is no network, or only a damaged one."""
    try:
        return NetworkJudge(cards, network) if network and cards else None
    except Corrupt:
        return None


def _says_whole(question: str, item: Item) -> bool:
    """Whether a name of several words, of which one is its own, stands there."""
    longer = [key.phrase for key in item.keys if len(key.phrase) > 1]
    own = names_of(item.answer) if longer else set[str]()
    return any(not own.isdisjoint(one) and stand_together(one, runs_of(question)) for one in longer)


def _starts(counts: Sequence[int]) -> list[int]:
    """The first row of each, and the end of the last."""
    return [0, *np.cumsum(counts).tolist()]


def _nearest(rows_R_D: Halves, starts: Sequence[int], number: int, vector: Vector) -> float:
    """The cosine of the nearest row of one item; -1 when it has none."""
    rows_T_D = rows_R_D[starts[number] : starts[number + 1]]
    return float((rows_T_D.astype(np.float32) @ vector).max()) if len(rows_T_D) else -1.0


def _settle(weighed: Sequence[Weighed]) -> dict[str, Weighed]:
    """One adapter for the same words of a request, the surest; several for words of their own.

    Words by which one adapter's item was surely named, though not meant, do not name another's either. What told
    another name, and one thing that is known by it, may be known to two adapters.
    """
    order = list(How)
    chosen: dict[str, Weighed] = {}
    owner: dict[tuple[str, bool], str] = {}  # of a word of the request, and of what it means as another name
    for one in sorted(weighed, key=lambda one: (order.index(one.named.how), one.left is not None, -one.cosine)):
        candidate = one.named.place.candidate
        words = [(word, one.named.how is How.ALIAS) for word in one.named.words]
        free = all(owner.setdefault(word, candidate) == candidate for word in words)
        if free and one.left is None and candidate not in chosen and len(chosen) < MOST:
            chosen[candidate] = one
    return chosen
