"""Small real memories, documents, feedback and experiences for the tests of the store."""

from __future__ import annotations

import dataclasses
import struct
from typing import Any

from aion.records import (
    Calibration,
    Cluster,
    Document,
    Entity,
    Experience,
    Feedback,
    FeedbackKind,
    Label,
    Memory,
    MemoryKind,
    Origin,
    Reward,
    Signal,
    Source,
    Trust,
    new_id,
)
from aion.store.base import Store
from tests.store.examples import make_turn, numbers
from tests.store.night_examples import fill_night
from tests.store.served_examples import fill_served

EMBEDDER = "e" * 64
TURNED = "f" * 64  # another embedder


def make_source(**changes: Any) -> Source:
    source = Source(ref="turn_1", origin=Origin.PERSON, trust=Trust.OWN, hash="a" * 64, at=1.5, conversation="conv_1")
    return dataclasses.replace(source, **changes)


def make_memory(**changes: Any) -> Memory:
    memory = Memory(
        id=f"mem_{next(numbers):032x}",
        owner="ana",
        kind=MemoryKind.SAID,
        text="My boat is called Gaivota.",
        sources=(make_source(),),
        created=1.5,
        updated=2.5,
        entities=("gaivota", "boat"),
    )
    return dataclasses.replace(memory, **changes)


def vector_of(*numbers_: float) -> bytes:
    return struct.pack(f"<{len(numbers_)}f", *numbers_)


def put(store: Store, memory: Memory | None = None, *, terms: str = "boat gaivota", **changes: Any) -> Memory:
    """Put a memory with a vector of its own, and give it back with its seq."""
    vector = changes.pop("vector", vector_of(1.0, float(next(numbers))))
    embedder = changes.pop("embedder", EMBEDDER)
    made = dataclasses.replace(memory, **changes) if memory else make_memory(**changes)
    return store.memories.put(made, terms=terms, vector=vector, embedder=embedder).result()


def make_document(**changes: Any) -> Document:
    document = Document(
        id=new_id("doc"),
        owner="ana",
        title="The boat's papers",
        origin=Origin.DOCUMENT,
        trust=Trust.UNTRUSTED,
        hash="b" * 64,
        created=1.0,
        updated=2.0,
        count=3,
        vector=(0.25, -1.5),
    )
    return dataclasses.replace(document, **changes)


def make_feedback(turn: str, **changes: Any) -> Feedback:
    number = next(numbers)
    feedback = Feedback(
        id=f"fb_{number:032x}",
        owner="ana",
        turn=turn,
        kind=FeedbackKind.THUMB,
        at=10.0,
        key=f"key-{number}",
        value=1.0,
    )
    return dataclasses.replace(feedback, **changes)


def make_experience(turn: str, **changes: Any) -> Experience:
    experience = Experience(
        turn=turn,
        owner="ana",
        conversation="conv_1",
        at=5.0,
        updated=6.0,
        skill="question",
        theme="cluster_1",
        trust=Trust.UNTRUSTED,
        signals=(Signal(name="thanks", value=1.0, weight=0.5, evidence="obrigada!"),),
        reward=Reward(explicit=None, implicit=0.5, emotional=None, total=0.5),
        confidence=0.75,
        raw_confidence=0.5,
        novelty=0.1,
        failed=False,
        priority=0.25,
        parts={"uncertainty": 0.25},
        label=Label.RELIABLE,
        reason="sure, and nobody objected",
        entities=(Entity(text="Gaivota", key="gaivota", kind="name", weight=1.0),),
        ndcg=0.5,
        measures={"total_ms": 12.5},
    )
    return dataclasses.replace(experience, **changes)


def make_cluster(**changes: Any) -> Cluster:
    cluster = Cluster(id="cluster_1", owner="ana", name="boats", count=2, vector=(0.5, 0.25), updated=3.0)
    return dataclasses.replace(cluster, **changes)


def make_calibration(**changes: Any) -> Calibration:
    calibration = Calibration(
        id=new_id("cal"),
        owner="ana",
        at=1.0,
        method="isotonic",
        points=((0.0, 0.25), (1.0, 0.75)),
        samples=40,
        error_before=0.2,
        error_after=0.1,
    )
    return dataclasses.replace(calibration, **changes)


def fill_experience(store: Store) -> None:
    """One of everything that is remembered and learned from, about one turn that had been shown a memory."""
    memory = put(store)
    store.memories.pin(memory.id, owner="ana", at=7.0, most=1000).result()
    turn = make_turn(steps={"recall": {"outcome": "used", "items": [{"id": memory.id, "seq": memory.seq}]}})
    store.append_turn(turn).result()
    store.memories.put_document(make_document()).result()
    for _ in range(2):  # the second takes the place of the first
        store.experience.add_feedback(make_feedback(turn.id)).result()
    store.experience.put_experience(make_experience(turn.id)).result()
    store.experience.put_cluster(make_cluster(), turn=turn.id).result()
    store.experience.add_calibration(make_calibration()).result()
    told = make_turn(conversation="conv_4")
    store.append_turn(told).result()
    store.name_conversation("conv_4", "Boats", owner="ana").result()
    gone = put(store, sources=(make_source(ref=told.id, conversation="conv_4"),))
    store.memories.remove([gone.id], owner="ana").result()
    store.experience.append_sample(1.0, {"cpu_percent": 12.5}).result()
    fill_night(store, turn.id)
    fill_served(store)
