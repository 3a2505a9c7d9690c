"""How far a memory may be relied on as it is met again, edited, approved and forgotten. Pure functions, no store.

One rule holds everywhere: a memory's text is that of its most trusted source, byte for byte. So its trust is always
about the text it shows, merging raises nobody else's words, and an approval holds for the approved bytes alone. A
source whose own wording differs keeps it, to be what is left when the others are forgotten.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable

from aion.memory.duplicates import content_words
from aion.records import Memory, MemoryKind, Origin, Source, Trust


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def may_train(memory: Memory) -> bool:
    """Whether training may take it: somebody trusted stands behind exactly these bytes."""
    shown = hash_of(memory.text)
    return any(source.trust.rank >= Trust.APPROVED.rank and source.hash == shown for source in memory.sources)


def wording_of(memory: Memory, source: Source) -> str | None:
    """The text as that source gave it; None when it is no longer known, because the memory was edited."""
    if source.text:
        return source.text
    return memory.text if source.hash == hash_of(memory.text) else None


def join(memory: Memory, text: str, source: Source, kind: MemoryKind) -> Memory:
    """The memory, met again as `text`. Its text changes only for a source trusted more, or as much and saying more."""
    if any(_is_same_meeting(known, source) for known in memory.sources):
        return memory
    worded = source.hash == hash_of(text)
    trusted_more = source.trust.rank - memory.trust.rank
    says_more = len(content_words(text)) > len(content_words(memory.text))
    added = dataclasses.replace(source, text=text if worded else "")
    joined = dataclasses.replace(memory, sources=(*memory.sources, added), updated=max(memory.updated, source.at))
    if worded and (trusted_more > 0 or (trusted_more == 0 and says_more)):
        return reword(joined, text, kind)
    return reword(joined, memory.text, memory.kind)


def without(memory: Memory, goes: Callable[[Source], bool]) -> Memory | None:
    """The memory without these sources, in the words of the best of the rest; None when nothing is left of it."""
    kept = [source for source in memory.sources if not goes(source)]
    if len(kept) == len(memory.sources):
        return memory
    worded = [(source, words) for source in kept if (words := wording_of(memory, source)) is not None]
    if not worded:
        return None
    best = max(worded, key=lambda pair: (pair[0].trust.rank, pair[1] == memory.text, pair[0].at))
    return reword(dataclasses.replace(memory, sources=tuple(kept)), best[1], memory.kind)


def edit(memory: Memory, text: str, at: float) -> Memory:
    """With the text a person gave it. Their own words stay theirs; of anyone else's the edited text is nobody's.

    So an edit never raises trust, and approving a document does not reach what it does not say.
    """
    shown = hash_of(text)
    own = memory.trust is Trust.OWN
    sources = []
    for source in memory.sources:
        if own and source.trust is Trust.OWN:
            sources.append(dataclasses.replace(source, hash=shown, text="", at=at))
        else:
            sources.append(dataclasses.replace(source, trust=Trust.UNTRUSTED, text=""))
    return dataclasses.replace(memory, text=text, sources=tuple(sources), updated=at)


def set_trust(memory: Memory, document: str, trust: Trust) -> Memory:
    """What the document's source is worth now. To approve reaches only the text that came from there, unchanged."""
    shown = hash_of(memory.text)
    sources = []
    for source in memory.sources:
        bound = source.hash == shown or trust.rank < Trust.APPROVED.rank
        changes = source.ref == document and source.trust is not Trust.OWN and bound
        sources.append(dataclasses.replace(source, trust=trust) if changes else source)
    return dataclasses.replace(memory, sources=tuple(sources))


def lower(source: Source) -> Source:
    """The source as a stranger's claim."""
    return dataclasses.replace(source, trust=Trust.UNTRUSTED)


def unapproved(origin: Origin) -> Trust:
    """What a text is worth that nobody approves (any more)."""
    return Trust.MODEL if origin is Origin.MODEL else Trust.UNTRUSTED


def reword(memory: Memory, text: str, kind: MemoryKind) -> Memory:
    """With this text; every source keeps its own wording where that differs."""
    sources = tuple(_keep_wording(memory, source, text) for source in memory.sources)
    return dataclasses.replace(memory, text=text, kind=kind, sources=sources)


def _keep_wording(memory: Memory, source: Source, text: str) -> Source:
    wording = wording_of(memory, source)
    return dataclasses.replace(source, text="" if wording is None or wording == text else wording)


def _is_same_meeting(known: Source, new: Source) -> bool:
    """Said twice in one conversation, or noted twice, is once."""
    same = (known.hash, known.origin, known.trust) == (new.hash, new.origin, new.trust)
    return same and known.conversation == new.conversation and (bool(new.conversation) or known.ref == new.ref)
