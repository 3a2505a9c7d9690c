"""What the replies of the two older OpenAI APIs look like, whole and streamed. Decides nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

import orjson

from aion.answer.events import Finished, Piece, Started
from aion.records import Answer, Json, TurnKind, Usage

FINISHES = {"cancelled": "stop", "error": "stop"}  # ends of ours that OpenAI has no word for
PREFIX = {TurnKind.CHAT: "chatcmpl-", TurnKind.COMPLETION: "cmpl-", TurnKind.RESPONSE: "resp_"}


def public_id(kind: TurnKind, turn_id: str) -> str:
    """The id an OpenAI client sees: the turn's own, with the prefix it expects."""
    return PREFIX[kind] + turn_id.removeprefix("turn_")


def usage_json(usage: Usage) -> Json:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
    }


def aion_json(done: Finished) -> Json:
    """AION's own field: what a plain client never needs."""
    turn = done.turn
    return {
        "turn_id": turn.id,
        "conversation": turn.conversation,
        "adapters": [{"name": use.name, "hash": use.hash, "scale": use.scale} for use in turn.adapters],
        "route": turn.steps.get("route"),
        "sources": list(done.sources),
        "confidence": done.confidence,
        "cost_usd": 0.0,
        "timings": dict(turn.timings),
    }


def trim_logprobs(items: Sequence[Json], top: int) -> list[Json]:
    """The engine reports more alternatives than were asked for."""
    return [
        {
            "token": item.get("token", ""),
            "logprob": item.get("logprob"),
            "bytes": item.get("bytes"),
            "top_logprobs": [
                {"token": other.get("token", ""), "logprob": other.get("logprob"), "bytes": other.get("bytes")}
                for other in (item.get("top_logprobs") or ())[:top]
            ],
        }
        for item in items
    ]


class Format(Protocol):
    """How a turn is written to one client: whole, or as server-sent events."""

    kind: TurnKind

    def keep(self, piece: Piece) -> None:
        """For a reply in one piece: remember what the record only sums up."""
        ...

    def whole(self, done: Finished) -> Json: ...

    def opening(self, started: Started) -> list[bytes]: ...

    def piece(self, piece: Piece) -> list[bytes]: ...

    def closing(self, done: Finished) -> list[bytes]: ...

    def failure(self, error: Json) -> list[bytes]:
        """The last events of a stream that ends early; `error` is the body of our error shape."""
        ...


def event(data: Json, name: str | None = None) -> bytes:
    head = b"event: " + name.encode() + b"\n" if name else b""
    return head + b"data: " + orjson.dumps(data) + b"\n\n"


DONE = b"data: [DONE]\n\n"


class _Chunks(ABC):
    """What the two older APIs share: anonymous events, closed by [DONE].

    The chunk with `finish_reason` is held back until the turn is durable and then carries `aion`, because a plain
    client expects one choice in every chunk. With include_usage a chunk without choices follows, as OpenAI's does.
    """

    kind: TurnKind
    object: str

    def __init__(self, *, model: str, include_usage: bool) -> None:
        self.model = model
        self._include_usage = include_usage
        self._opened: set[int] = set()
        self._head: Json = {}
        self._held: Json | None = None
        self._kept: dict[int, list[Json]] = {}

    def opening(self, started: Started) -> list[bytes]:
        self._head = {
            "id": public_id(self.kind, started.turn_id),
            "object": self.object,
            "created": int(started.at),
            "model": self.model,
        }
        return []

    def piece(self, piece: Piece) -> list[bytes]:
        choice = self._choice_chunk(piece)
        if choice is None:
            return []
        chunk = {**self._head, "choices": [choice]}
        if not piece.delta.finish:
            return [event(chunk)]
        before, self._held = self._held, chunk
        return [event(before)] if before else []

    def closing(self, done: Finished) -> list[bytes]:
        extras = {"aion": aion_json(done)}
        held = self._held or {**self._head, "choices": []}
        if not self._include_usage:
            return [event(held | extras), DONE]
        usage = {**self._head, "choices": [], "usage": usage_json(done.turn.usage)}
        return [event(held), event(usage | extras), DONE]

    def failure(self, error: Json) -> list[bytes]:
        return [event(error), DONE]

    @abstractmethod
    def _choice_chunk(self, piece: Piece) -> Json | None:
        """One choice of a chunk, or None when the piece holds nothing that a client sees."""


class ChatFormat(_Chunks):
    """chat.completion and its chunks."""

    kind = TurnKind.CHAT
    object = "chat.completion.chunk"

    def __init__(self, *, model: str, include_usage: bool, top_logprobs: int | None) -> None:
        super().__init__(model=model, include_usage=include_usage)
        self._top = top_logprobs

    def keep(self, piece: Piece) -> None:
        if self._top is not None and piece.delta.logprobs:
            self._kept.setdefault(piece.choice, []).extend(trim_logprobs(piece.delta.logprobs, self._top))

    def whole(self, done: Finished) -> Json:
        turn = done.turn
        return {
            "id": public_id(self.kind, turn.id),
            "object": "chat.completion",
            "created": int(turn.started),
            "model": self.model,
            "choices": [self._choice(index, answer) for index, answer in enumerate(turn.answers)],
            "usage": usage_json(turn.usage),
            "aion": aion_json(done),
        }

    def _choice_chunk(self, piece: Piece) -> Json | None:
        delta = piece.delta
        if not (delta.text or delta.reasoning or delta.tool_calls or delta.finish or delta.logprobs):
            return None
        shown: Json = {}
        if piece.choice not in self._opened:
            self._opened.add(piece.choice)
            shown["role"] = "assistant"
        if delta.text or not (delta.finish or delta.tool_calls or delta.reasoning):
            shown["content"] = delta.text
        if delta.reasoning:
            shown["reasoning_content"] = delta.reasoning
        if delta.tool_calls:
            shown["tool_calls"] = list(delta.tool_calls)
        logprobs = None
        if self._top is not None and delta.logprobs:
            logprobs = {"content": trim_logprobs(delta.logprobs, self._top)}
        return {"index": piece.choice, "delta": shown, "finish_reason": delta.finish, "logprobs": logprobs}

    def _choice(self, index: int, answer: Answer) -> Json:
        kept = self._kept.get(index)
        return {
            "index": index,
            "message": {"refusal": None, **answer.message},
            "finish_reason": FINISHES.get(answer.finish, answer.finish),
            "logprobs": {"content": kept} if kept is not None else None,
        }


class CompletionFormat(_Chunks):
    """text_completion and its chunks, which have the same shape."""

    kind = TurnKind.COMPLETION
    object = "text_completion"

    def __init__(self, *, model: str, include_usage: bool, top_logprobs: int | None, echo: str) -> None:
        super().__init__(model=model, include_usage=include_usage)
        self._top = top_logprobs
        self._echo = echo

    def keep(self, piece: Piece) -> None:
        if self._top is not None:
            self._kept.setdefault(piece.choice, []).extend(piece.delta.logprobs)

    def whole(self, done: Finished) -> Json:
        turn = done.turn
        choices = [
            self._choice(index, answer.message["content"] or "", FINISHES.get(answer.finish, answer.finish), kept)
            for index, answer in enumerate(turn.answers)
            for kept in [self._kept.get(index, [])]
        ]
        head = {"id": public_id(self.kind, turn.id), "object": self.object, "created": int(turn.started)}
        return head | {
            "model": self.model,
            "choices": choices,
            "usage": usage_json(turn.usage),
            "aion": aion_json(done),
        }

    def _choice_chunk(self, piece: Piece) -> Json | None:
        delta = piece.delta
        if not (delta.text or delta.finish):
            return None
        return self._choice(piece.choice, delta.text, delta.finish, delta.logprobs)

    def _choice(self, index: int, text: str, finish: str | None, logprobs: Sequence[Json]) -> Json:
        echo = "" if index in self._opened else self._echo
        self._opened.add(index)
        return {"index": index, "text": echo + text, "finish_reason": finish, "logprobs": self._legacy(logprobs)}

    def _legacy(self, items: Sequence[Json]) -> Json | None:
        """The older form: parallel lists."""
        if self._top is None or not items:
            return None
        offsets, position = [], 0
        for item in items:
            offsets.append(position)
            position += len(item.get("token", ""))
        trimmed = trim_logprobs(items, self._top)
        return {
            "tokens": [item["token"] for item in trimmed],
            "token_logprobs": [item["logprob"] for item in trimmed],
            "top_logprobs": [{o["token"]: o["logprob"] for o in item["top_logprobs"]} for item in trimmed],
            "text_offset": offsets,
        }
