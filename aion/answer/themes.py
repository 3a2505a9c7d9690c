"""Puts each question into the cluster it lies nearest to, or begins a new one; a question keeps the place it was given.

Clusters say how new a question is, and give telemetry its themes. They are made one question at a time and never
merged here: finding the themes worth an adapter is the work of sleep.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace

import numpy as np

from aion.capture.priority import novelty_of
from aion.config import LearningSettings
from aion.memory.base import Vector
from aion.memory.entities import entities_of
from aion.records import Cluster, new_id
from aion.store.base import Store

NAMED_BY = 2  # entities of its first question
NAME_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Place:
    """Where a question lies, and how new it was when it came."""

    theme: str  # "" when there was no vector to tell
    novelty: float


@dataclass(slots=True)
class _Shelf:
    """One person's clusters and their centres, row by row."""

    clusters: list[Cluster]
    centres: Vector

    def nearest(self, vector: Vector) -> tuple[int | None, float | None]:
        if not self.clusters:
            return None, None
        cosines = self.centres @ vector
        best = int(np.argmax(cosines))
        return best, float(cosines[best])

    def put(self, place: int | None, cluster: Cluster) -> None:
        centre = np.asarray(cluster.vector, np.float32)[None, :]
        if place is None:
            self.clusters.append(cluster)
            self.centres = np.concatenate([self.centres, centre]) if len(self.clusters) > 1 else centre
        else:
            self.clusters[place] = cluster
            self.centres[place] = centre


class Themes:
    """The clusters of everybody, kept at hand."""

    def __init__(self, store: Store, settings: LearningSettings) -> None:
        self._store = store
        self._settings = settings
        self._shelves: dict[str, _Shelf] = {}
        self._places: dict[str, Place] = {}  # of turns placed since start

    async def place(self, owner: str, turn_id: str, question: str, vector: Vector | None) -> Place:
        if (known := self._places.get(turn_id)) is not None:
            return known
        kept = await asyncio.to_thread(self._store.experience.experience, turn_id, owner=owner)
        if kept is not None and kept.theme:
            return Place(kept.theme, kept.novelty)
        if vector is None:
            return Place("", 0.0)
        place = await self._join(owner, question, vector)
        self._places[turn_id] = place
        return place

    def drop_cache(self) -> None:
        self._shelves.clear()
        self._places.clear()

    async def _join(self, owner: str, question: str, vector: Vector) -> Place:
        shelf = await self._load(owner, len(vector))
        best, cosine = shelf.nearest(vector)
        if best is None or cosine is None or cosine < self._settings.cluster_cosine:
            fresh = _begin(owner, question, vector)
            shelf.put(None, fresh)
            await asyncio.wrap_future(self._store.experience.put_cluster(fresh))
            return Place(fresh.id, novelty_of(cosine, 0))
        moved = _follow(shelf.clusters[best], vector)
        shelf.put(best, moved)
        await asyncio.wrap_future(self._store.experience.put_cluster(moved))
        return Place(moved.id, novelty_of(cosine, moved.count - 1))

    async def _load(self, owner: str, dimensions: int) -> _Shelf:
        """Clusters of another embedder cannot be compared with and are left out."""
        if owner not in self._shelves:
            found = await asyncio.to_thread(self._store.experience.clusters, owner=owner)
            known = [one for one in found if len(one.vector) == dimensions]
            centres = np.asarray([one.vector for one in known], np.float32).reshape(len(known), dimensions)
            self._shelves[owner] = _Shelf(known, centres)
        return self._shelves[owner]


def _begin(owner: str, question: str, vector: Vector) -> Cluster:
    centre = tuple(map(float, vector))
    return Cluster(id=new_id("theme"), owner=owner, name=name_of(question), count=1, vector=centre, updated=time.time())


def _follow(cluster: Cluster, vector: Vector) -> Cluster:
    """The mean direction of its questions, one more among them."""
    centre = np.asarray(cluster.vector, np.float32) * cluster.count + vector
    centre /= max(float(np.linalg.norm(centre)), 1e-12)
    return replace(cluster, count=cluster.count + 1, vector=tuple(map(float, centre)), updated=time.time())


def name_of(question: str) -> str:
    """What a cluster is called: what its first question is about, else the question itself."""
    found = [entity.text for entity in entities_of(question, NAMED_BY)]
    return (", ".join(found) or " ".join(question.split()))[:NAME_LENGTH]
