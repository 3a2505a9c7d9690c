"""Answers that were well received, to be given again to the same person's same question (T3). Kept in memory alone.

A restart empties it. What must be the same besides the question (model, adapters, sampling, the messages before) is the
caller's `fingerprint`. It answers nothing itself and recalls nothing: when the owner's memories have changed since,
the caller recalls again and asks `confirm`. The owner is the outermost key, so nobody meets another's answer. It is
used from the event loop only.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from aion.config import CacheSettings
from aion.memory.base import Vector
from aion.memory.duplicates import same_facts

HOUR_S = 3600.0
Sources = tuple[tuple[str, int], ...]  # (memory id, seq) of what the answer had been shown


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cached:
    """One answer, and all that has to hold for it to be given again."""

    fingerprint: bytes
    question: str
    vector: Vector | None
    answer: str
    finish: str
    turn: str
    sources: Sources
    version: int  # of the owner's memories when the sources were found
    at: float
    reward: float | None = None  # None until it is known


@dataclass(frozen=True, slots=True)
class Found:
    """An answer that may be given again."""

    entry: Cached
    match: Literal["exact", "near"]
    cosine: float | None  # of a near match


class AnswerCache:
    """The answers of each owner, the least recently used of them going first."""

    def __init__(self, settings: CacheSettings) -> None:
        self._settings = settings
        self._owners: dict[str, OrderedDict[tuple[bytes, str], Cached]] = {}

    def __len__(self) -> int:
        return sum(len(entries) for entries in self._owners.values())

    def offer(self, owner: str, entry: Cached) -> None:
        """Keep it; it is given again once its reward is known and good enough."""
        if self._settings.hours == 0:
            return
        entries = self._owners.setdefault(owner, OrderedDict())
        key = _key_of(entry)
        entries[key] = entry
        entries.move_to_end(key)
        while len(entries) > self._settings.entries:
            entries.popitem(last=False)

    def find(self, owner: str, fingerprint: bytes, question: str, vector: Vector | None, *, now: float) -> Found | None:
        """The same question, else the nearest that is near enough and holds the same facts."""
        entries = self._owners.get(owner, OrderedDict())
        same = entries.get((fingerprint, _plain(question)))
        found = Found(same, "exact", None) if same is not None and self._is_good(same, now) else None
        if found is None and vector is not None:
            found = self._find_near(entries.values(), fingerprint, question, vector, now)
        if found is not None:
            entries.move_to_end(_key_of(found.entry))
        return found

    def is_liked(self, owner: str, *, now: float) -> bool:
        """Whether there is anything at all to give this person again."""
        return any(self._is_good(entry, now) for entry in self._owners.get(owner, OrderedDict()).values())

    def confirm(self, owner: str, entry: Cached, sources: Sources, version: int) -> bool:
        """Whether a new recall found the very same memories; then the entry holds for this version, else it goes."""
        entries = self._owners.get(owner, OrderedDict())
        key = _key_of(entry)
        if entries.get(key) is not entry:
            return False
        if set(sources) != set(entry.sources):
            del entries[key]
            return False
        entries[key] = dataclasses.replace(entry, version=version)
        return True

    def note_reward(self, owner: str, turn_id: str, reward: float) -> None:
        entries = self._owners.get(owner, OrderedDict())
        for key, entry in entries.items():
            if entry.turn == turn_id:
                entries[key] = dataclasses.replace(entry, reward=reward)

    def note_vector(self, owner: str, turn_id: str, vector: Vector) -> None:
        """Of the question, where it was not known when the answer was offered."""
        entries = self._owners.get(owner, OrderedDict())
        for key, entry in entries.items():
            if entry.turn == turn_id and entry.vector is None:
                entries[key] = dataclasses.replace(entry, vector=vector)

    def drop_turns(self, owner: str, turn_ids: Iterable[str]) -> int:
        gone = set(turn_ids)
        return self._drop(owner, lambda entry: entry.turn in gone)

    def drop_sources(self, owner: str, memory_ids: Iterable[str]) -> int:
        gone = set(memory_ids)
        return self._drop(owner, lambda entry: any(memory in gone for memory, _ in entry.sources))

    def drop_model(self) -> None:
        """Everyone's: another model or adapter answers from now on."""
        self._owners.clear()

    def _find_near(
        self, entries: Iterable[Cached], fingerprint: bytes, question: str, vector: Vector, now: float
    ) -> Found | None:
        best: Found | None = None
        for entry in entries:
            if entry.fingerprint != fingerprint or entry.vector is None or entry.vector.shape != vector.shape:
                continue
            if not self._is_good(entry, now):
                continue
            cosine = float(entry.vector @ vector)
            near = cosine >= self._settings.cosine and (best is None or cosine > (best.cosine or 0.0))
            if near and same_facts(entry.question, question):
                best = Found(entry, "near", cosine)
        return best

    def _is_good(self, entry: Cached, now: float) -> bool:
        fresh = now - entry.at < self._settings.hours * HOUR_S
        return fresh and entry.reward is not None and entry.reward >= self._settings.reward

    def _drop(self, owner: str, goes: Callable[[Cached], bool]) -> int:
        entries = self._owners.get(owner, OrderedDict())
        keys = [key for key, entry in entries.items() if goes(entry)]
        for key in keys:
            del entries[key]
        return len(keys)


def _key_of(entry: Cached) -> tuple[bytes, str]:
    return entry.fingerprint, _plain(entry.question)


def _plain(question: str) -> str:
    return " ".join(question.split())
