"""Refuses what cannot be a memory, with the reason and what to do; it changes nothing but the spaces around a text."""

from __future__ import annotations

import re

from aion.errors import BadInput
from aion.memory.provenance import hash_of
from aion.records import Memory, Origin, Trust

TEXT_LIMIT = 8000  # characters of one memory
MOST_PINNED = 8  # of one person: each takes room in every prompt
NAME_LIMIT = 300  # characters of a title, place, or id of something else
_MEMORY_ID = re.compile(r"mem_[\w.-]{1,120}", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")


def may_pin(memory: Memory) -> bool:
    """What stands in every prompt must be the person's own, or approved: a stranger's words are only found by need."""
    return memory.trust.rank >= Trust.APPROVED.rank


def check_text(text: str, *, limit: int = TEXT_LIMIT, param: str = "text") -> str:
    """The text without spaces around it."""
    trimmed = text.strip()
    if not trimmed:
        raise BadInput(f"{param} is empty; give it some words", param=param)
    if len(trimmed) > limit:
        advice = "bring it in as a document" if limit == TEXT_LIMIT else "split it"
        raise BadInput(f"{param} has {len(trimmed)} characters and may have {limit}; {advice}", param=param)
    check_unicode(trimmed, param)
    return trimmed


def check_unicode(text: str, param: str) -> None:
    if "\0" in text:
        raise BadInput(f"{param} holds a NUL character, which no text has; remove it", param=param)
    if _SURROGATE.search(text):
        raise BadInput(f"{param} holds half a surrogate pair, which is no character; encode it as UTF-8", param=param)


def check_ids(memory_id: str | None, **names: str) -> None:
    if memory_id is not None and not _MEMORY_ID.fullmatch(memory_id):
        raise BadInput(f"{memory_id!r} is no memory id; one is mem_ and letters, digits, . or -", param="id")
    for param, name in names.items():
        check_unicode(name, param)
        if len(name) > NAME_LIMIT:
            raise BadInput(f"{param} has {len(name)} characters and may have {NAME_LIMIT}", param=param)


def check_source(origin: Origin, trust: Trust) -> None:
    """Trust is not simply claimed: own are a person's words alone, and approved is what `approve` makes."""
    if trust is Trust.APPROVED:
        raise BadInput("nothing comes approved; bring it in untrusted, then approve its hash", param="trust")
    if trust is Trust.OWN and origin is not Origin.PERSON:
        raise BadInput(
            f"what comes from a {origin} is not the person's own words; bring it in untrusted", param="trust"
        )
    if trust is Trust.MODEL and origin is not Origin.MODEL:
        raise BadInput(f"what comes from a {origin} is not a model's words; bring it in untrusted", param="trust")


def check_memory(memory: Memory) -> Memory:
    """One that was read from outside: as `remember` would have it, and its trust standing on its bytes."""
    check_text(memory.text)
    check_ids(memory.id, document=memory.document, place=memory.place)
    if not memory.sources:
        raise BadInput("it has no source; export it again")
    for source in memory.sources:
        check_ids(None, ref=source.ref, conversation=source.conversation)
        if source.text:
            check_text(source.text)
        bound = source.hash == hash_of(source.text or memory.text)
        if source.trust.rank >= Trust.APPROVED.rank and not bound:
            raise BadInput(f"its hash is not that of its text, so it cannot be {source.trust}; export it again")
    return memory
