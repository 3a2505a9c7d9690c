"""How near lessons lie to each other, and which of them lie together. It knows no themes, embeds nothing.

Nearness is the cosine of two lessons, raised by the share of words that what they ask has in common, because an
embedder of one language is nearly blind in the other, and because the same answer, such as a name, does not make one
matter of two.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from aion.memory.base import Vector
from aion.memory.terms import terms_of
from aion.records import Lesson
from aion.sleep.lessons.phrasing.facts import Fact, read_fact

FEW = 5  # lessons of a language whose common direction is believed by half


class Nearness:
    """How near lessons lie to each other."""

    def __init__(self, lessons: Sequence[Lesson], vectors: Mapping[str, Vector], *, words: float) -> None:
        self._share = words
        size = max((len(vector) for vector in vectors.values()), default=1)
        empty = np.zeros(size, np.float32)
        stacked: Vector = np.stack([vectors.get(one.id, empty) for one in lessons] or [empty])
        self._vectors = _without_language(stacked, [one.language for one in lessons])
        self._words, self._rarity = _shared_words(lessons)
        self._sums = self._words @ self._rarity

    def matrix(self, places: Sequence[int]) -> Vector:
        return np.stack([self.row(place, places) for place in places]) if places else np.zeros((0, 0), np.float32)

    def row(self, place: int, others: Sequence[int]) -> Vector:
        """To each of the others; of the words, the part of the poorer one's rare words that both have."""
        picked = list(others)
        cosines = self._vectors[picked] @ self._vectors[place]
        common = self._words[picked] @ (self._words[place] * self._rarity)
        shared = common / np.maximum(np.minimum(self._sums[picked], self._sums[place]), 1e-12)
        return np.asarray((1 - self._share) * cosines + self._share * shared, np.float32)


def _without_language(vectors: Vector, languages: Sequence[str]) -> Vector:
    """Take out what all lessons of one language have in common: it would draw them together whatever they say."""
    moved = vectors.copy()
    middle = vectors.mean(axis=0)
    for language in set(languages):
        rows = [place for place, one in enumerate(languages) if one == language]
        moved[rows] -= (vectors[rows].mean(axis=0) - middle) * (len(rows) / (len(rows) + FEW))
    lengths = np.linalg.norm(moved, axis=1, keepdims=True)
    return np.asarray(moved / np.maximum(lengths, 1e-12), np.float32)


def _shared_words(lessons: Sequence[Lesson]) -> tuple[Vector, Vector]:
    """Which lessons have which of the words that several have, and how much each tells: one that all have, little."""
    terms = [set(terms_of(matter_of(one))) for one in lessons]
    counts = Counter(term for one in terms for term in one)
    shared = {term: place for place, term in enumerate(sorted(term for term in counts if counts[term] > 1))}
    words = np.zeros((len(lessons), len(shared)), np.float32)
    for place, one in enumerate(terms):
        words[place, [shared[term] for term in one if term in shared]] = 1.0
    rarity = np.asarray([math.log((1 + len(lessons)) / counts[term]) for term in shared], np.float32)
    return words, rarity


def link(near: Vector, threshold: float) -> list[list[int]]:
    """Average linkage: the two nearest clusters are one, until none are as near as the threshold. Largest first."""
    size = len(near)
    score = np.array(near, np.float64)
    np.fill_diagonal(score, -np.inf)
    members: dict[int, list[int]] = {place: [place] for place in range(size)}
    while len(members) > 1:
        one, other = divmod(int(np.argmax(score)), size)
        if score[one, other] < threshold:
            break
        left, right = len(members[one]), len(members[other])
        merged = (score[one] * left + score[other] * right) / (left + right)
        merged[one] = -np.inf
        score[one], score[:, one] = merged, merged
        score[other], score[:, other] = -np.inf, -np.inf
        members[one] += members.pop(other)
    return sorted((sorted(cluster) for cluster in members.values()), key=lambda cluster: (-len(cluster), cluster))


@lru_cache(maxsize=20_000)
def matter_of(lesson: Lesson) -> str:
    """What it asks and what about, without the answer; another name belongs to what it names, not to other names."""
    fact = fact_of(lesson)
    return fact.subject if fact.aliases else f"{fact.question} {fact.subject}"


@lru_cache(maxsize=20_000)
def fact_of(lesson: Lesson) -> Fact:
    return read_fact(lesson)
