"""Joins what was found by meaning and what was found by words into one order, and leaves out what is too far. Pure.

score = (vector_weight * (1 / (rrf_k + rank by meaning) + cosine)
         + text_weight * (1 / (rrf_k + rank by words) + word_share))
        * (1 + entity_boost * entity_share + document_boost * document_cosine)

Ranks alone choose who is judged, and settle what is otherwise equal. Among those, a rank cannot say by how much one is
nearer, nor that the first by words shares one common word of ten with the question: cosine and word_share do, which is
the part of the question's distinct terms that stand in the memory. One without a vector counts as just near enough.
entity_share is the part of the question's entity weight that stands in the memory.

A memory stays when its cosine reaches the floor, or when words stand in for it: it holds an identifier that the
question names (code, a day, a number of three digits or more that is no year), or WORD_SHARE of the question's terms.
Without vectors words decide alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aion.config import MemorySettings
from aion.memory.base import Hits, Recalled
from aion.memory.terms import terms_of
from aion.records import Entity, Memory

WORD_SHARE = 0.6
EXACT_KINDS = ("number", "date", "code")  # the same or another one: no part of them counts
_YEAR = re.compile(r"(?:19|20)\d\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question as recall sees it."""

    terms: tuple[str, ...]  # distinct
    entities: tuple[Entity, ...]


@dataclass(frozen=True, slots=True)
class Places:
    """What its ranks in the two searches are worth: weight / (k + rank), 0 where it was not found."""

    meaning: float
    words: float


@dataclass(frozen=True, slots=True)
class _Held:
    """What stands in a memory."""

    terms: frozenset[str]
    keys: frozenset[str]  # of its entities


def merge_ranks(by_meaning: Hits, by_words: Hits, settings: MemorySettings) -> dict[int, Places]:
    """Reciprocal rank fusion of everything found, best first as far as ranks can say."""
    meaning = _worth(by_meaning, settings.vector_weight, settings.rrf_k)
    words = _worth(by_words, settings.text_weight, settings.rrf_k)
    places = {seq: Places(meaning.get(seq, 0.0), words.get(seq, 0.0)) for seq in meaning | words}
    return dict(sorted(places.items(), key=lambda item: (-item[1].meaning - item[1].words, -item[0])))


def _worth(hits: Hits, weight: float, k: float) -> dict[int, float]:
    return {seq: weight / (k + rank) for rank, (seq, _) in enumerate(hits, 1)}


def judge(
    memories: Sequence[Memory],
    asked: Asked,
    *,
    places: Mapping[int, Places],
    cosines: Mapping[int, float],
    bm25: Mapping[int, float],
    documents: Mapping[str, float],
    settings: MemorySettings,
) -> tuple[list[Recalled], int]:
    """Those near enough, best first, and how many were not."""
    found: list[Recalled] = []
    for memory in memories:
        held = _Held(frozenset(terms_of(memory.text)), frozenset(memory.entities))
        cosine = cosines.get(memory.seq)
        if not _is_near(asked, held, cosine, settings.floor):
            continue
        share = _entity_share(asked.entities, held)
        document = max(0.0, documents.get(memory.document, 0.0))
        boost = 1 + settings.entity_boost * share + settings.document_boost * document
        found.append(
            Recalled(
                memory=memory,
                score=_closeness(places[memory.seq], cosine, _word_share(asked, held), settings) * boost,
                cosine=cosine,
                bm25=bm25.get(memory.seq),
                entity_share=share,
                document_cosine=document,
            )
        )
    found.sort(key=lambda one: (-one.score, -one.memory.updated, one.memory.seq))
    return found, len(memories) - len(found)


def _closeness(place: Places, cosine: float | None, word_share: float, settings: MemorySettings) -> float:
    near = max(0.0, settings.floor if cosine is None else cosine)
    return place.meaning + place.words + settings.vector_weight * near + settings.text_weight * word_share


def _is_near(asked: Asked, held: _Held, cosine: float | None, floor: float) -> bool:
    if cosine is not None and cosine >= floor:
        return True
    if any(_identifies(entity) and entity.key in held.keys for entity in asked.entities):
        return True
    return _word_share(asked, held) >= WORD_SHARE


def _word_share(asked: Asked, held: _Held) -> float:
    return len(held.terms.intersection(asked.terms)) / len(asked.terms) if asked.terms else 0.0


def _entity_share(entities: Sequence[Entity], held: _Held) -> float:
    total = sum(entity.weight for entity in entities)
    return sum(entity.weight * _part_in(entity, held) for entity in entities) / total if total else 0.0


def _part_in(entity: Entity, held: _Held) -> float:
    """Whole when the memory has it; a name or phrase also by the part of its words that stand there."""
    if entity.key in held.keys or entity.kind in EXACT_KINDS:
        return float(entity.key in held.keys)
    words = terms_of(entity.text)
    return sum(word in held.terms for word in words) / len(words) if words else 0.0


def _identifies(entity: Entity) -> bool:
    """Whether two texts that both hold it are likely to be about one thing; a month, a year or "20" stands in many."""
    if entity.kind == "number":
        return sum(sign.isdigit() for sign in entity.key) >= 3 and not _YEAR.fullmatch(entity.key)
    return entity.kind == "code" or (entity.kind == "date" and len(re.findall(r"\d+", entity.key)) > 1)
