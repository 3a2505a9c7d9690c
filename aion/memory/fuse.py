"""Joins what was found by meaning and what was found by words into one order, and leaves out what is too far. Pure.

score = (vector_weight * (1 / (rrf_k + rank by meaning) + cosine)
         + text_weight * (1 / (rrf_k + rank by words) + word_share))
        * (1 + entity_boost * entity_share + document_boost * document_cosine)

Ranks alone choose who is judged, and settle what is otherwise equal. Among those, a rank cannot say by how much one is
nearer, nor that the first by words shares one common word of ten with the question: cosine and word_share do, which is
the part of the question's distinct terms that stand in the memory. One without a vector counts as just near enough.
entity_share is the part of the question's entity weight that stands in the memory.

Which of them are near enough at all is decided in near.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aion.config import MemorySettings
from aion.memory.base import Hits, Recalled
from aion.memory.near import ANYTHING, NONE_SAME, Asked, Held, is_near, word_share
from aion.memory.registers import is_entry, lacks, registers_of
from aion.memory.relation import Pairs
from aion.memory.terms import terms_of
from aion.records import Entity, Memory

EXACT_KINDS = ("number", "date", "code")  # the same or another one: no part of them counts


@dataclass(frozen=True, slots=True)
class Places:
    """What its ranks in the two searches are worth: weight / (k + rank), 0 where it was not found."""

    meaning: float
    words: float


@dataclass(frozen=True, slots=True)
class Candidates:
    """What both searches brought, by seq but for documents, which are by id."""

    memories: Sequence[Memory]
    places: Mapping[int, Places]
    cosines: Mapping[int, float]
    bm25: Mapping[int, float]
    documents: Mapping[str, float]


def merge_ranks(by_meaning: Hits, by_words: Hits, settings: MemorySettings) -> dict[int, Places]:
    """Reciprocal rank fusion of everything found, best first as far as ranks can say."""
    meaning = _worth(by_meaning, settings.vector_weight, settings.rrf_k)
    words = _worth(by_words, settings.text_weight, settings.rrf_k)
    places = {seq: Places(meaning.get(seq, 0.0), words.get(seq, 0.0)) for seq in meaning | words}
    return dict(sorted(places.items(), key=lambda item: (-item[1].meaning - item[1].words, -item[0])))


def _worth(hits: Hits, weight: float, k: float) -> dict[int, float]:
    return {seq: weight / (k + rank) for rank, (seq, _) in enumerate(hits, 1)}


def judge(
    candidates: Candidates, asked: Asked, *, settings: MemorySettings, same: Pairs = NONE_SAME
) -> tuple[list[Recalled], int]:
    """Those near enough, best first, and how many were not."""
    found: list[Recalled] = []
    for memory, held in _near(candidates, asked, settings.floor, same):
        cosine = candidates.cosines.get(memory.seq)
        share = _entity_share(asked.entities, held)
        document = max(0.0, candidates.documents.get(memory.document, 0.0))
        boost = 1 + settings.entity_boost * share + settings.document_boost * document
        found.append(
            Recalled(
                memory=memory,
                score=_closeness(candidates.places[memory.seq], cosine, word_share(asked, held), settings) * boost,
                cosine=cosine,
                bm25=candidates.bm25.get(memory.seq),
                entity_share=share,
                document_cosine=document,
            )
        )
    found.sort(key=lambda one: (-one.score, -one.memory.updated, one.memory.seq))
    return found, len(candidates.memories) - len(found)


def _near(candidates: Candidates, asked: Asked, floor: float, same: Pairs) -> list[tuple[Memory, Held]]:
    """Without entries of a register in which what was asked about does not stand."""
    read = [(memory, Held.of(memory)) for memory in candidates.memories]
    near = [one for one in read if is_near(asked, one[1], candidates.cosines.get(one[0].seq), floor, same)]
    lacking = {memory.seq for memory, held in near if floor > ANYTHING and lacks(asked, held, same)}
    registers = registers_of(held for _, held in read if not held.many) if lacking else frozenset()
    return [one for one in near if one[0].seq not in lacking or not is_entry(one[1], registers)]


def _closeness(place: Places, cosine: float | None, word_share: float, settings: MemorySettings) -> float:
    near = max(0.0, settings.floor if cosine is None else cosine)
    return place.meaning + place.words + settings.vector_weight * near + settings.text_weight * word_share


def _entity_share(entities: Sequence[Entity], held: Held) -> float:
    total = sum(entity.weight for entity in entities)
    return sum(entity.weight * _part_in(entity, held) for entity in entities) / total if total else 0.0


def _part_in(entity: Entity, held: Held) -> float:
    """Whole when the memory has it; a name or phrase also by the part of its words that stand there."""
    if entity.key in held.keys or entity.kind in EXACT_KINDS:
        return float(entity.key in held.keys)
    words = terms_of(entity.text)
    return sum(word in held.terms for word in words) / len(words) if words else 0.0
