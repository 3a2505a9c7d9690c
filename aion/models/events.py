"""Reads an OpenAI-compatible event stream into deltas, straight from the bytes: this is paid once a token.

It understands chat and text completion chunks of llama.cpp, vLLM, Ollama and OpenAI. An event whose data is split over
several `data:` lines is not understood; nobody sends one. Only the first choice of a chunk is read: AION asks for one.
"""

from __future__ import annotations

from typing import Any

import orjson

from aion.errors import Unavailable
from aion.models.base import Delta
from aion.models.upstream import stream_error_of
from aion.records import Json, Usage

MAX_LINE_BYTES = 16 << 20
_FINISHES = {"stop", "length", "tool_calls", "content_filter"}  # anything else, such as "eos", is a stop


class EventReader:
    """The state between two pieces of a stream. Errors inside the stream are raised; `secret` is cut out of them."""

    def __init__(self, secret: str = "") -> None:
        self.done = False  # [DONE] has been read
        self._secret = secret
        self._rest = b""
        self._finished = False

    def feed(self, data: bytes) -> list[Delta]:
        """The deltas that end in these bytes."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > MAX_LINE_BYTES:
            raise Unavailable(f"the model server sent a line of more than {MAX_LINE_BYTES >> 20} MiB")
        return [delta for line in lines if (delta := self._read_line(line)) is not None]

    def end(self) -> list[Delta]:
        """Take the end of the stream: what is left over, or Unavailable when the answer was not finished."""
        left = [] if self.done else self.feed(b"\n")
        if not self._finished:
            raise Unavailable("the model server hung up in the middle of an answer; try again", retry_after=1.0)
        return left

    def _read_line(self, line: bytes) -> Delta | None:
        if line.startswith(b"data:"):
            data = line[5:].strip()
            if data == b"[DONE]":
                self.done = True
                return None
        elif line.startswith(b"error:"):  # llama.cpp's older way of failing midway
            raise stream_error_of(_load(line[6:]), self._secret)
        else:
            return None
        if self.done:
            return None
        chunk = _load(data)
        if chunk.get("error"):
            raise stream_error_of(chunk["error"], self._secret)
        try:
            return self._read_chunk(chunk)
        except (AttributeError, KeyError, TypeError, ValueError):
            raise Unavailable("the model server sent an event of an unknown shape") from None

    def _read_chunk(self, chunk: Json) -> Delta | None:
        usage = chunk.get("usage")
        timings = chunk.get("timings")
        found_usage = usage_of(usage) if usage else None
        found_timings = _timings_of(timings) if timings else None
        choices = chunk.get("choices")
        if not choices:
            return Delta(usage=found_usage, timings=found_timings) if usage or timings else None
        choice = choices[0]
        said = choice.get("delta") or choice
        text = said.get("content") or said.get("text") or ""
        reasoning = said.get("reasoning_content") or said.get("reasoning") or ""
        calls = said.get("tool_calls")
        logprobs = choice.get("logprobs")
        finish = self._finish_of(choice.get("finish_reason"))
        if not (text or reasoning or calls or logprobs or finish or usage or timings):
            return None
        return Delta(
            text,
            reasoning,
            tuple(calls) if calls else (),
            logprobs_of(logprobs) if logprobs else (),
            finish,
            found_usage,
            None,
            found_timings,
        )

    def _finish_of(self, reason: str | None) -> str | None:
        """The reason, once: some servers repeat it."""
        if reason is None or self._finished:
            return None
        self._finished = True
        if reason == "function_call":
            return "tool_calls"
        return reason if reason in _FINISHES else "stop"


def usage_of(usage: Json) -> Usage:
    """OpenAI's usage object."""
    details = usage.get("prompt_tokens_details") or {}
    return Usage(
        prompt=usage.get("prompt_tokens") or 0,
        completion=usage.get("completion_tokens") or 0,
        cached=details.get("cached_tokens") or 0,
    )


def logprobs_of(logprobs: Json) -> tuple[Json, ...]:
    """Chat's form of log-probabilities, also from the older form of text completions."""
    content = logprobs.get("content")
    if content is None:
        return _older_logprobs(logprobs)
    for entry in content:
        entry.pop("id", None)  # llama.cpp's token number is not part of the API
        for other in entry.get("top_logprobs") or ():
            other.pop("id", None)
    return tuple(content)


def _older_logprobs(logprobs: Json) -> tuple[Json, ...]:
    tokens = logprobs.get("tokens") or ()
    chosen = logprobs.get("token_logprobs") or ()
    tops = logprobs.get("top_logprobs") or [{}] * len(tokens)
    return tuple(
        {**_entry(token, value), "top_logprobs": [_entry(*pair) for pair in (top or {}).items()]}
        for token, value, top in zip(tokens, chosen, tops, strict=False)
        if value is not None
    )


def _entry(token: str, logprob: float) -> Json:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode("utf-8", "replace"))}


def _timings_of(timings: Json) -> dict[str, float]:
    return {name: timings[name] for name in ("prompt_ms", "predicted_ms") if name in timings}


def _load(data: bytes) -> Any:
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise Unavailable("the model server sent an event that is not a JSON object")
    return found
