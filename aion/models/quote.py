"""Turns a model's control tokens, when somebody writes them, into plain text: U+200B goes after their first character.

What people and tools say must not end a message, start another or pose as the system. Single-character tokens cannot be
broken this way and are left alone. A raw prompt of /v1/completions is not quoted: there the caller writes the template.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from aion.records import Json

Quoter = Callable[[str], str]
ZERO_WIDTH_SPACE = "\u200b"

# Markers that some template or server reads whatever the model's vocabulary says of them.
COMMON = (
    "<__media__>",
    "<|im_start|>",
    "<|im_end|>",
    "<|endoftext|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<|audio_pad|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|begin_of_text|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<start_of_turn>",
    "<end_of_turn>",
    "[INST]",
    "[/INST]",
    "<<SYS>>",
    "<</SYS>>",
)


def make_quoter(specials: Iterable[str] = ()) -> Quoter:
    """The quoter of one model, whose control tokens are `specials`; make it once."""
    marks = {mark for mark in (*COMMON, *specials) if len(mark) > 1 and ZERO_WIDTH_SPACE not in mark}
    pattern = re.compile("|".join(re.escape(mark) for mark in sorted(marks, key=len, reverse=True)))

    def quote(text: str) -> str:
        while pattern.search(text):  # again, because breaking one may leave another that overlapped it
            text = pattern.sub(_break, text)
        return text

    return quote


def quote_special(text: str, specials: Iterable[str] = ()) -> str:
    """`text` without one literal control token of `specials` or of the common families."""
    return _cached_quoter(tuple(specials))(text)


def quote_messages(messages: Sequence[Json], quoter: Quoter) -> tuple[Json, ...]:
    """The messages with everything that somebody may have written quoted; roles and pictures stay as they are."""
    return tuple(_quote_message(message, quoter) for message in messages)


def quote_json(value: Any, quoter: Quoter) -> Any:
    """Any JSON with its strings and keys quoted; for tools, whose descriptions stand in the prompt."""
    if isinstance(value, str):
        return quoter(value)
    if isinstance(value, dict):
        return {quoter(key): quote_json(part, quoter) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [quote_json(part, quoter) for part in value]
    return value


def _quote_message(message: Json, quoter: Quoter) -> Json:
    quoted = {key: quoter(value) if isinstance(value, str) else value for key, value in message.items()}
    quoted["role"] = message.get("role")
    if isinstance(message.get("content"), list):
        quoted["content"] = [_quote_part(part, quoter) for part in message["content"]]
    if message.get("tool_calls"):
        quoted["tool_calls"] = quote_json(message["tool_calls"], quoter)
    return quoted


def _quote_part(part: Any, quoter: Quoter) -> Any:
    if isinstance(part, str):
        return quoter(part)
    if isinstance(part, dict) and isinstance(part.get("text"), str):
        return {**part, "text": quoter(part["text"])}
    return part


def _break(found: re.Match[str]) -> str:
    return found[0][0] + ZERO_WIDTH_SPACE + found[0][1:]


@lru_cache(maxsize=16)
def _cached_quoter(specials: tuple[str, ...]) -> Quoter:
    return make_quoter(specials)
