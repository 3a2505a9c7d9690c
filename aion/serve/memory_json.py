"""How AION's own API shows memories, documents, what was recalled and what was forgotten. Decides nothing."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import asdict

from aion.answer.known import find_outdated
from aion.memory.base import Recall, Recalled
from aion.memory.documents import Coming
from aion.records import Document, Entity, Forgotten, Json, Memory, Source


def memory_json(memory: Memory, pinned: Set[str]) -> Json:
    """`pinned` are ids of those that its person pinned."""
    return {
        "id": memory.id,
        "owner": memory.owner,
        "kind": memory.kind.value,
        "text": memory.text,
        "origin": memory.origin.value,
        "trust": memory.trust.value,
        "sources": [source_json(source) for source in memory.sources],
        "created": memory.created,
        "updated": memory.updated,
        "entities": list(memory.entities),
        "document": memory.document or None,
        "place": memory.place or None,
        "pinned": memory.id in pinned,
        "seq": memory.seq,
    }


def source_json(source: Source) -> Json:
    return {
        "ref": source.ref or None,
        "origin": source.origin.value,
        "trust": source.trust.value,
        "hash": source.hash,
        "at": source.at,
        "conversation": source.conversation or None,
        "text": source.text or None,
    }


def document_json(document: Document, passages: int, coming: Coming | None = None) -> Json:
    """With the number of its passages and how far it is, and without its vector: nobody reads one."""
    return {
        "id": document.id,
        "owner": document.owner,
        "title": document.title,
        "origin": document.origin.value,
        "trust": document.trust.value,
        "hash": document.hash,
        "created": document.created,
        "updated": document.updated,
        "passages": passages,
        "coming": None if coming is None else {"done": coming.done, "of": coming.of},
    }


def recall_json(recall: Recall) -> Json:
    outdated = find_outdated(recall.items)
    return {
        "items": [recalled_json(item) | {"outdated": item.memory.id in outdated} for item in recall.items],
        "entities": [entity_json(entity) for entity in recall.entities],
        "below_floor": recall.below_floor,
        "complete": recall.complete,
        "timings": recall.timings,
    }


def recalled_json(item: Recalled) -> Json:
    return memory_json(item.memory, {item.memory.id} if item.pinned else set()) | {
        "score": item.score,
        "parts": {
            "cosine": item.cosine,
            "bm25": item.bm25,
            "entity_share": item.entity_share,
            "document_cosine": item.document_cosine,
        },
    }


def entity_json(entity: Entity) -> Json:
    return asdict(entity)


def forgotten_json(gone: Forgotten) -> Json:
    """What went, and what had been shown it or had learned from it: ids and counts, no text."""
    return {
        "turns": list(gone.turns),
        "memories": list(gone.memories),
        "feedback": gone.feedback,
        "answers": list(gone.answers),
        "adapters": list(gone.adapters),
    }
