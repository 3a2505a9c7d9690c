"""One examination under way: asks of what is served and of what would be served, once each, and notes every answer.

Where both sides choose the same adapters the answer is the same and is asked for once. It judges nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from aion.gate.asking import Asker, Said
from aion.gate.general import GENERAL_TOKENS, Golden
from aion.gate.paper import last_said, said_before
from aion.gate.routing import Chooser
from aion.records import Json

Pause = Callable[[], None]
Tell = Callable[[str, int, int], None]
BASE: Mapping[str, float] = {}


class Interrupted(BaseException):
    """What the caller's own `pause` raised; no part of the examination may take it for a failure of the candidate."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__()
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Answers:
    """To one question: of what is served, and of what would be."""

    before: str
    after: str
    routes: tuple[Mapping[str, float], Mapping[str, float]]

    @property
    def rerouted(self) -> bool:
        return self.routes[0] != self.routes[1]


class Sitting:
    """Holds the engine, both routers, and what was said."""

    def __init__(
        self, asker: Asker, choosers: tuple[Chooser, Chooser], golden: Golden, *, pause: Pause, tell: Tell
    ) -> None:
        self.asker = asker
        self.golden = golden
        self.tell = tell
        self._choosers = choosers  # of what is served, and of what would be
        self._pause = pause
        self._said: dict[str, str] = {}
        self._items: list[Json] = []

    def reopen(self, after: Chooser) -> None:
        """From here on another router would be served; what was noted of the one before is void, its answers stay."""
        self._choosers = (self._choosers[0], after)
        self._items.clear()

    async def ask(self, messages: Sequence[Json], scales: Mapping[str, float], *, max_tokens: int) -> str:
        key = json.dumps([list(messages), sorted(scales.items()), max_tokens])
        if key not in self._said:
            put = self._choosers[1].put(messages) if scales else messages
            self._said[key] = (await self.ask_anew(put, scales, max_tokens=max_tokens)).text
        return self._said[key]

    async def ask_anew(
        self, messages: Sequence[Json], scales: Mapping[str, float], *, max_tokens: int, endless: bool = False
    ) -> Said:
        self.pause()
        return await self.asker.say(messages, scales, max_tokens=max_tokens, endless=endless)

    async def ask_both(self, messages: Sequence[Json], *, max_tokens: int) -> Answers:
        routes = await self.route(messages)
        before = await self.ask(messages, routes[0], max_tokens=max_tokens)
        after = await self.ask(messages, routes[1], max_tokens=max_tokens)
        return Answers(before, after, routes)

    async def route(self, messages: Sequence[Json]) -> tuple[Mapping[str, float], Mapping[str, float]]:
        self.pause()  # a router may ask the base
        question, previous = last_said(messages), said_before(messages)
        before, after = [await one.pick(question, previous) for one in self._choosers]
        return dict(before), dict(after)

    async def ask_base(self, question: str) -> str:
        """The base's own answer to a general question."""
        known = self.golden.find(question)
        if known is None:
            known = await self.ask(as_messages(question), BASE, max_tokens=GENERAL_TOKENS)
            self.golden.keep(question, known)
        return known

    async def rate(self, question: str, answer: str, scales: Mapping[str, float]) -> float:
        """The mean log-probability of an answer's tokens."""
        self.pause()
        return await self.asker.rate(as_messages(question), answer, scales)

    async def rate_base(self, question: str, golden: str) -> float:
        """That of the base's own answer, to itself."""
        known = self.golden.find_rate(question)
        if known is None:
            known = await self.rate(question, golden, BASE)
            self.golden.keep_rate(question, known)
        return known

    def pause(self) -> None:
        interrupt(self._pause)

    def note(self, exam: str, question: str, **found: object) -> None:
        """An item of the report."""
        self._items.append({"exam": exam, "question": question, **found})

    def report(self) -> bytes:
        """What was asked and answered, item by item: as long as the candidate is there, and no longer."""
        return json.dumps({"items": self._items}, ensure_ascii=False, indent=1).encode("utf-8", "surrogatepass")


def interrupt(pause: Pause) -> None:
    """Call it, and mark what it raises as the caller's own."""
    try:
        pause()
    except BaseException as error:  # whatever it is, it is the caller's
        raise Interrupted(error) from error


def as_messages(question: str) -> tuple[Json, ...]:
    return ({"role": "user", "content": question},)
