"""A turn while it is on its way: what each step of the path leaves for the next. It takes no step itself."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from aion.answer.context import Context, text_of
from aion.capture.draft import TurnDraft
from aion.memory.base import Recall, Recalled, Vector
from aion.memory.block import last_question
from aion.memory.terms import terms_of
from aion.models.base import Delta, Job
from aion.records import Json, Outcome, Turn

UNREAD = -1  # no version of anybody's memories
FEW_WORDS = 3  # a question of so few content words leans on the one before it: "and when does it end?"


@dataclass(slots=True, kw_only=True)
class OpenTurn:
    """The draft of the record, and the state of the path."""

    draft: TurnDraft
    job: Job  # as asked, and once its context is built, as sent
    may_recall: bool
    may_repeat: bool
    steps: dict[str, Json] = field(default_factory=dict)
    said: str = ""  # what the person tells in what they ask
    recall: Recall | None = None
    outdated: frozenset[str] = frozenset()  # ids of recalled memories that a newer one tells anew
    context: Context | None = None
    vector: Vector | None = None  # of the question
    fingerprint: bytes = b""  # set when the answer may be given again
    memory_version: int = UNREAD
    repeated: Turn | None = None  # the earlier turn that answered the same
    began: float = field(default_factory=time.perf_counter)

    @property
    def question(self) -> str:
        """What the person asked last; empty for a bare prompt."""
        return self._asked(0)

    @property
    def question_before(self) -> str:
        """What they asked before it, which a question such as "and when does it end?" is about."""
        return self._asked(1)

    def shown(self) -> tuple[Recalled, ...]:
        """The memories that stood in the prompt."""
        return self.context.shown if self.context else ()

    def to_show(self) -> tuple[Recalled, ...]:
        """The recalled memories that are still so."""
        items = self.recall.items if self.recall else ()
        return tuple(one for one in items if one.memory.id not in self.outdated)

    def source_versions(self) -> tuple[tuple[str, int], ...]:
        return tuple((one.memory.id, one.memory.seq) for one in self.shown())

    def recalled_items(self) -> list[Json]:
        """What the record says of each memory shown."""
        items: list[Json] = self.steps.get("recall", {}).get("items", [])
        return items

    @property
    def confidence(self) -> float | None:
        value: float | None = self.steps.get("confidence", {}).get("calibrated")
        return value

    def lap(self, name: str) -> None:
        """Milliseconds since the turn began, under a name; the first time counts."""
        self.draft.timings.setdefault(name, round((time.perf_counter() - self.began) * 1000, 3))

    def took(self, name: str, since: float) -> None:
        """Milliseconds of one step, from `time.perf_counter()` at its beginning."""
        self.draft.timings[name] = round((time.perf_counter() - since) * 1000, 3)

    def take(self, place: int, delta: Delta) -> None:
        """Note in the draft what a delta brings."""
        choice = self.draft.choices[place]
        if delta.text:
            self.lap("first_token_ms")
            choice.text.append(delta.text)
        if delta.reasoning:
            self.lap("first_token_ms")
            choice.reasoning.append(delta.reasoning)
        if delta.tool_calls:
            choice.add_calls(delta.tool_calls)
        if delta.logprobs:
            choice.meter.add(delta.logprobs)
        if delta.finish:
            choice.finish = delta.finish
        if delta.usage:
            self.draft.count(delta.usage)
        if delta.adapters is not None:
            self.draft.adapters = delta.adapters
        if delta.timings:
            self.draft.timings.update(delta.timings)

    def close(self, outcome: Outcome, error: str | None = None) -> Turn:
        self.draft.steps = dict(self.steps)
        return self.draft.close(outcome, error)

    def _asked(self, back: int) -> str:
        """The text of the person's last message, or of one `back` before it."""
        messages = self.draft.messages if self.job.prompt is None else ()
        for _ in range(back + 1):
            place = last_question(messages)
            if place is None:
                return ""
            text = text_of(messages[place])
            messages = messages[:place]
        return text


def search_text(question: str, before: str) -> str:
    """What to search for: a short follow-up is searched with the question before it."""
    return question if len(terms_of(question)) > FEW_WORDS else f"{before} {question}".strip()
