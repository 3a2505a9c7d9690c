"""Puts each question into the cluster it lies nearest to, or begins a new one; a question keeps the place it was given.

Clusters say how new a question is, and give telemetry its themes. They are made one question at a time and never
merged here: finding the themes worth an adapter is the work of sleep.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import numpy as np

from aion.capture.priority import novelty_of
from aion.config import LearningSettings
from aion.errors import NotFound
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

    def put(self, cluster: Cluster) -> None:
        """In the place of what it was before; one of another embedder does not belong here."""
        centre = np.asarray(cluster.vector, np.float32)[None, :]
        if centre.shape[1] != self.centres.shape[1]:
            return
        place = next((number for number, known in enumerate(self.clusters) if known.id == cluster.id), None)
        if place is None:
            self.clusters.append(cluster)
            self.centres = np.concatenate([self.centres, centre])
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
        try:
            place = await self._join(owner, turn_id, question, vector)
        except NotFound:  # the theme it lies near was forgotten a moment ago, or else the turn itself
            self.drop_cache()
            place = await self._join(owner, turn_id, question, vector)
        self._places[turn_id] = place
        return place

    def drop_cache(self) -> None:
        self._shelves = {}
        self._places.clear()

    async def _join(self, owner: str, turn_id: str, question: str, vector: Vector) -> Place:
        """The store's cluster is put on the shelf, once it is durable."""
        shelf = await self._load(owner, len(vector))
        best, cosine = shelf.nearest(vector)
        experience = self._store.experience
        if best is None or cosine is None or cosine < self._settings.cluster_cosine:
            putting = experience.put_cluster(_begin(owner, question, vector), turn=turn_id)
            count = 0
        else:
            near = shelf.clusters[best]
            direction = tuple(map(float, vector))
            putting = experience.join_cluster(near.id, turn_id, owner=owner, vector=direction, at=time.time())
            count = near.count
        cluster = await asyncio.wrap_future(putting)
        shelf.put(cluster)
        return Place(cluster.id, novelty_of(cosine, count))

    async def _load(self, owner: str, dimensions: int) -> _Shelf:
        """Clusters of another embedder cannot be compared with and are left out."""
        shelves = self._shelves  # if they are dropped while this reads, what it reads is not kept
        if owner not in shelves:
            found = await asyncio.to_thread(self._store.experience.clusters, owner=owner)
            known = [one for one in found if len(one.vector) == dimensions]
            centres = np.asarray([one.vector for one in known], np.float32).reshape(len(known), dimensions)
            shelves[owner] = _Shelf(known, centres)
        return shelves[owner]


def _begin(owner: str, question: str, vector: Vector) -> Cluster:
    centre = tuple(map(float, vector))
    return Cluster(id=new_id("theme"), owner=owner, name=name_of(question), count=1, vector=centre, updated=time.time())


def name_of(question: str) -> str:
    """What a cluster is called: what its first question is about, else the question itself."""
    found = [entity.text for entity in entities_of(question, NAMED_BY)]
    return (", ".join(found) or " ".join(question.split()))[:NAME_LENGTH]
