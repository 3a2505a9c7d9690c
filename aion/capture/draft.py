"""Collects a turn while it happens and makes the record of it. Writes nothing itself: the store does, when asked.

A draft can be closed at any moment - finished, abandoned or failed - and gives the turn as far as it got.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from aion.capture.logprobs import LogprobMeter
from aion.records import AdapterUse, Answer, Json, LogprobSummary, Outcome, Turn, TurnKind, Usage, new_id


@dataclass(slots=True)
class AnswerDraft:
    """One choice as it grows."""

    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: dict[int, Json] = field(default_factory=dict)
    finish: str | None = None
    meter: LogprobMeter = field(default_factory=LogprobMeter)

    def add_calls(self, pieces: tuple[Json, ...]) -> None:
        """Join OpenAI tool-call deltas: the name comes whole, the arguments in pieces."""
        for piece in pieces:
            call = self.calls.setdefault(
                piece.get("index", 0), {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
            )
            call["id"] = piece.get("id") or call["id"]
            function = piece.get("function") or {}
            call["function"]["name"] = function.get("name") or call["function"]["name"]
            call["function"]["arguments"] += function.get("arguments") or ""

    def message(self) -> Json:
        text = "".join(self.text)
        message: Json = {"role": "assistant", "content": text if text or not self.calls else None}
        if self.reasoning:
            message["reasoning_content"] = "".join(self.reasoning)
        if self.calls:
            message["tool_calls"] = [self.calls[index] for index in sorted(self.calls)]
        return message

    def answer(self, unfinished: str) -> Answer:
        return Answer(message=self.message(), finish=self.finish or unfinished, logprobs=self.meter.summary())

    def logprobs(self) -> LogprobSummary | None:
        return self.meter.summary()


@dataclass(slots=True, kw_only=True)
class TurnDraft:
    """A turn that is happening."""

    kind: TurnKind
    owner: str
    conversation: str
    messages: tuple[Json, ...]
    params: Json
    model: str
    model_hash: str
    choices: list[AnswerDraft]
    id: str = field(default_factory=lambda: new_id("turn"))
    started: float = field(default_factory=time.time)
    adapters: tuple[AdapterUse, ...] = ()
    usage: Usage = field(default_factory=Usage)
    timings: dict[str, float] = field(default_factory=dict)
    steps: dict[str, Json] = field(default_factory=dict)

    def count(self, usage: Usage) -> None:
        """Several choices read the same prompt: it counts once, what they write adds up."""
        self.usage = Usage(
            prompt=max(self.usage.prompt, usage.prompt),
            completion=self.usage.completion + usage.completion,
            cached=max(self.usage.cached, usage.cached),
        )

    def close(self, outcome: Outcome, error: str | None = None) -> Turn:
        """The record. Choices of which nothing arrived are left out of an unfinished turn."""
        unfinished = "error" if outcome is Outcome.FAILED else "cancelled"
        answers = [
            choice.answer(unfinished)
            for choice in self.choices
            if outcome is Outcome.COMPLETED or choice.text or choice.calls or choice.finish
        ]
        return Turn(
            id=self.id,
            kind=self.kind,
            owner=self.owner,
            conversation=self.conversation,
            started=self.started,
            messages=self.messages,
            answers=tuple(answers),
            params=self.params,
            model=self.model,
            model_hash=self.model_hash,
            adapters=self.adapters,
            usage=self.usage,
            timings=dict(self.timings),
            outcome=outcome,
            error=error,
            steps=dict(self.steps),
        )
