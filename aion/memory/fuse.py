"""Joins what was found by meaning and what was found by words into one order, and leaves out what is too far. Pure.

score = (vector_weight / (rrf_k + rank by meaning) + text_weight / (rrf_k + rank by words))
        * (1 + entity_boost * entity_share + document_boost * document_cosine)

entity_share is the part of the question's entity weight that stands in the memory. A memory stays when its cosine
reaches the floor, or when words stand in for it: it holds a number, date or identifier that the question names, or at
least SHARED_TERMS of the question's terms, which are WORD_SHARE of them. Without vectors words decide alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aion.config import MemorySettings
from aion.memory.base import Hits, Recalled
from aion.memory.terms import terms_of
from aion.records import Entity, Memory

SHARED_TERMS = 2
WORD_SHARE = 0.6
EXACT_KINDS = ("number", "date", "code")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question as recall sees it."""

    terms: tuple[str, ...]  # distinct
    entities: tuple[Entity, ...]


def merge_ranks(by_meaning: Hits, by_words: Hits, settings: MemorySettings) -> dict[int, float]:
    """Reciprocal rank fusion: the score of every seq, best first."""
    scores: dict[int, float] = {}
    for hits, weight in ((by_meaning, settings.vector_weight), (by_words, settings.text_weight)):
        for rank, (seq, _) in enumerate(hits, 1):
            scores[seq] = scores.get(seq, 0.0) + weight / (settings.rrf_k + rank)
    return dict(sorted(scores.items(), key=lambda item: (-item[1], -item[0])))


def judge(
    memories: Sequence[Memory],
    asked: Asked,
    *,
    scores: Mapping[int, float],
    cosines: Mapping[int, float],
    bm25: Mapping[int, float],
    documents: Mapping[str, float],
    settings: MemorySettings,
) -> tuple[list[Recalled], int]:
    """Those near enough, best first, and how many were not."""
    found: list[Recalled] = []
    for memory in memories:
        share = entity_share(asked.entities, memory)
        document = max(0.0, documents.get(memory.document, 0.0))
        boost = 1 + settings.entity_boost * share + settings.document_boost * document
        cosine = cosines.get(memory.seq)
        if is_near(asked, memory, cosine, settings.floor):
            found.append(
                Recalled(
                    memory=memory,
                    score=scores[memory.seq] * boost,
                    cosine=cosine,
                    bm25=bm25.get(memory.seq),
                    entity_share=share,
                    document_cosine=document,
                )
            )
    found.sort(key=lambda one: (-one.score, -one.memory.updated, one.memory.seq))
    return found, len(memories) - len(found)


def is_near(asked: Asked, memory: Memory, cosine: float | None, floor: float) -> bool:
    if cosine is not None and cosine >= floor:
        return True
    held = _keys_of(memory)
    if any(entity.kind in EXACT_KINDS and entity.key in held for entity in asked.entities):
        return True
    shared = set(asked.terms) & set(terms_of(memory.text))
    return len(shared) >= min(SHARED_TERMS, len(asked.terms)) > 0 and len(shared) >= WORD_SHARE * len(asked.terms)


def entity_share(entities: Sequence[Entity], memory: Memory) -> float:
    total = sum(entity.weight for entity in entities)
    if not total:
        return 0.0
    keys, terms = _keys_of(memory), set(terms_of(memory.text))
    return sum(entity.weight * _part_in(entity, keys, terms) for entity in entities) / total


def _part_in(entity: Entity, keys: set[str], terms: set[str]) -> float:
    """Whole when the memory has it; a name or phrase also by the part of its words that stand there."""
    if entity.key in keys or entity.kind in EXACT_KINDS:
        return float(entity.key in keys)
    words = terms_of(entity.text)
    return sum(word in terms for word in words) / len(words) if words else 0.0


def _keys_of(memory: Memory) -> set[str]:
    return set(memory.entities)
