"""What the base is given to read: system, a summary of older turns, recent turns, and recalled memories, in a budget.

Recalled text is data. It stands in the last question's own message, between marks it cannot close, one line an item,
and never in a system message. What does not fit is summarised or named in the report; nothing is dropped silently.
The only message this refuses to shorten is the last question: the engine then says that it is too long.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aion.answer.summary import summarise
from aion.config import AUTO, ContextSettings
from aion.memory.base import Recalled
from aion.memory.block import defuse, memory_block, put_before_question
from aion.records import Json

Count = Callable[[Sequence[str]], Awaitable[list[int]]]

CHARACTERS_PER_TOKEN = 3  # a low guess: rather too many tokens than too few
TEMPLATE_TOKENS = 6  # around each message
SUMMARY_SHARE = 0.15
EARLIER = "Earlier in this conversation, in short:\n<earlier>\n{summary}\n</earlier>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The messages to send, which memories stand in them, and what was done to fit."""

    messages: tuple[Json, ...]
    shown: tuple[Recalled, ...]
    report: Json


@dataclass(frozen=True, slots=True)
class _Exchange:
    """A question and all that followed it; `tokens` of the whole."""

    messages: tuple[Json, ...]
    tokens: int


def guess_tokens(text: str) -> int:
    """Tokens of a text and what stands around it, guessed high."""
    return len(text) // CHARACTERS_PER_TOKEN + TEMPLATE_TOKENS


def budget_of(settings: ContextSettings, model_context: int, max_tokens: int) -> int | None:
    """Tokens a prompt may have: what the model leaves beside an answer, which may take a quarter. None: unknown."""
    limit = model_context - min(max_tokens, model_context // 4) if model_context else None
    if settings.tokens == AUTO:
        return limit
    return min(int(settings.tokens), limit) if limit else int(settings.tokens)


async def build_context(
    messages: tuple[Json, ...],
    recalled: Sequence[Recalled],
    *,
    budget: int | None,
    settings: ContextSettings,
    count: Count,
) -> Context:
    head, exchanges = await _measure(messages, budget, count)
    fixed = sum(guess_tokens(text_of(message)) for message in head)
    room = None if budget is None else budget - fixed - (exchanges[-1].tokens if exchanges else 0)
    shown, cut = _fit_memories(recalled, budget, room, settings)
    block = memory_block([one.memory.text for one in shown])
    room = None if room is None else room - (guess_tokens(block) if block else 0)
    kept, older = _fit_history(exchanges, room, settings.recent_turns)
    summary, left_out = ("", 0)
    if older and budget is not None:
        summary, left_out = summarise([one.messages for one in older], tokens=int(budget * SUMMARY_SHARE))
    preface = [EARLIER.format(summary=defuse(summary))] if summary else []
    built = put_before_question(
        (*head, *(m for one in kept for m in one.messages)), [*preface, *([block] if block else [])]
    )
    report: Json = {
        "budget": budget,
        "tokens": sum(guess_tokens(text_of(message)) for message in built),
        "kept": len(kept),
        "summarised": len(older) - left_out,
        "left_out": left_out,
        "cut": [one.memory.id for one in cut],
        "summary": summary,
    }
    return Context(messages=built, shown=tuple(shown), report=report)


def text_of(message: Json) -> str:
    """What a message says, whether its content is a string or a list of parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return " ".join(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))


async def _measure(messages: tuple[Json, ...], budget: int | None, count: Count) -> tuple[list[Json], list[_Exchange]]:
    """What stands before the first question, and the exchanges with their sizes; exact ones only when it is tight."""
    texts = [text_of(message) for message in messages]
    sizes = [guess_tokens(text) for text in texts]
    if budget is not None and sum(sizes) > budget:
        sizes = [size + TEMPLATE_TOKENS for size in await count(texts)]
    head: list[Json] = []
    groups: list[tuple[list[Json], int]] = []
    for message, size in zip(messages, sizes, strict=True):
        if message.get("role") == "user" or (not groups and message.get("role") not in ("system", "developer")):
            groups.append(([message], size))
        elif groups:
            groups[-1] = ([*groups[-1][0], message], groups[-1][1] + size)
        else:
            head.append(message)
    return head, [_Exchange(tuple(group), size) for group, size in groups]


def _fit_memories(
    recalled: Sequence[Recalled], budget: int | None, room: int | None, settings: ContextSettings
) -> tuple[list[Recalled], list[Recalled]]:
    """The best that fit their share, and those that do not. What is pinned takes nothing of the others' number."""
    share = None if budget is None or room is None else min(int(budget * settings.recall_share), room)
    shown: list[Recalled] = []
    cut: list[Recalled] = []
    for one in recalled:
        fits = share is None or guess_tokens(memory_block([other.memory.text for other in (*shown, one)])) <= share
        room = sum(not other.pinned for other in shown) < settings.recall_items
        (shown if fits and room else cut).append(one)
    return shown, cut


def _fit_history(exchanges: list[_Exchange], room: int | None, recent: int) -> tuple[list[_Exchange], list[_Exchange]]:
    """The exchanges sent as they are, and the older ones; `room` is what is left beside the last one."""
    before = exchanges[:-1]
    if room is None or sum(one.tokens for one in before) <= room:
        return exchanges, []
    room -= int(room * SUMMARY_SHARE)
    first = len(before)
    while first > 0 and len(before) - first < recent and before[first - 1].tokens <= room:
        first -= 1
        room -= before[first].tokens
    return [*before[first:], *exchanges[-1:]], before[:first]


def mark_used(shown: Sequence[Recalled], used: Sequence[bool]) -> list[Json]:
    """The recalled items as the turn records them: no text, so that forgetting one leaves nothing here."""
    return [recalled_json(one, place, use) for place, (one, use) in enumerate(zip(shown, used, strict=True), 1)]


def recalled_json(one: Recalled, place: int, used: bool) -> Json:
    memory = one.memory
    best = max(memory.sources, key=lambda source: source.trust.rank)
    return {
        "place": place,
        "id": memory.id,
        "seq": memory.seq,
        "hash": best.hash,
        "kind": memory.kind.value,
        "origin": memory.origin.value,
        "trust": memory.trust.value,
        "at": memory.updated,
        "score": round(one.score, 6),
        "cosine": None if one.cosine is None else round(one.cosine, 4),
        "bm25": None if one.bm25 is None else round(one.bm25, 4),
        "entity_share": round(one.entity_share, 4),
        "document_cosine": round(one.document_cosine, 4),
        "used": used,
        **({"pinned": True} if one.pinned else {}),
    }
