"""A person's days in a real store: turns with what was recalled for them, judgements, and memories kept by a keeper."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from aion.config import MemorySettings
from aion.memory.keeper import Keeper
from aion.records import (
    Answer,
    Experience,
    Feedback,
    FeedbackKind,
    Label,
    Memory,
    MemoryKind,
    Origin,
    Reward,
    Trust,
    Turn,
)
from aion.sleep.lessons.find import Lessons, collect_lessons
from aion.store.sqlite import SqliteStore
from tests.memory.keeping import ListIndex, TestDesk
from tests.store.examples import make_turn

WHEN = 1_795_000_000.0


class Days:
    """What people did, in order."""

    def __init__(self, folder: Path) -> None:
        self.store = SqliteStore(folder)
        self.keeper = Keeper(self.store, ListIndex(self.store), TestDesk(), MemorySettings(), entities=lambda _text: ())
        self._numbers = itertools.count(1)

    def ask(
        self,
        question: str,
        answer: str,
        *,
        owner: str = "ana",
        conversation: str = "",
        shown: tuple[Memory, ...] = (),
        reward: float = 0.0,
        label: Label = Label.HESITANT,
        **changes: Any,
    ) -> Turn:
        number = next(self._numbers)
        items = [{"id": one.id, "trust": one.trust.value, "used": True} for one in shown]
        turn = make_turn(
            owner=owner,
            conversation=conversation or f"conv_{number}",
            started=WHEN + number,
            messages=changes.pop("messages", ({"role": "user", "content": question},)),
            answers=(Answer(message={"role": "assistant", "content": answer}, finish="stop"),),
            steps={"recall": {"items": items}},
            **changes,
        )
        self.store.append_turn(turn).result()
        self.observe(turn, reward, label, WHEN + number)
        return turn

    def observe(self, turn: Turn, reward: float, label: Label, at: float) -> None:
        items = turn.steps["recall"]["items"]
        trusts = [Trust(item["trust"]) for item in items]
        experience = Experience(
            turn=turn.id,
            owner=turn.owner,
            conversation=turn.conversation,
            at=turn.started,
            updated=at,
            skill="fact",
            theme="",
            trust=min(trusts, key=lambda trust: trust.rank, default=Trust.OWN),
            signals=(),
            reward=Reward(explicit=None, implicit=None, emotional=None, total=reward),
            confidence=None,
            raw_confidence=None,
            novelty=0.0,
            failed=False,
            priority=0.0,
            parts={},
            label=label,
            reason="",
            entities=(),
        )
        self.store.experience.put_experience(experience).result()

    async def edit(self, turn: Turn, text: str) -> Feedback:
        """The judgement, and the correction that the observer makes of it."""
        given = self._judge(turn, FeedbackKind.EDIT, text=text)
        question = turn.messages[-1]["content"]
        await self.keeper.remember(
            turn.owner,
            f"{question}\n{text}",
            kind=MemoryKind.CORRECTION,
            ref=given.id,
            conversation=turn.conversation,
            memory_id=f"mem_{given.id}",
            at=given.at,
        )
        self.observe(turn, -0.5, Label.ERRONEOUS, given.at)
        return given

    def choose(self, turn: Turn, text: str, other: str) -> Feedback:
        return self._judge(turn, FeedbackKind.CHOICE, text=text, other=other)

    async def say(self, text: str, *, owner: str = "ana", conversation: str = "") -> Memory:
        number = next(self._numbers)
        kept = await self.keeper.remember(
            owner,
            text,
            kind=MemoryKind.SAID,
            ref=f"turn_said_{number}",
            conversation=conversation,
            at=WHEN + number,
        )
        return kept.memory

    async def read(self, text: str, *, owner: str = "ana", approved: bool = False) -> list[Memory]:
        document = await self.keeper.add_document(owner, "Page", text, origin=Origin.WEB)
        if approved:
            await self.keeper.approve(owner, document.id, document.hash)
        return self.store.memories.listed(owner=owner, document=document.id)

    def lessons(self, owner: str = "ana", share: float = 1.0) -> Lessons:
        return collect_lessons(self.store, owner, source_share=share)

    def _judge(self, turn: Turn, kind: FeedbackKind, *, text: str, other: str = "") -> Feedback:
        number = next(self._numbers)
        given = Feedback(
            id=f"fb_{number:032x}",
            owner=turn.owner,
            turn=turn.id,
            kind=kind,
            at=WHEN + number,
            key=f"key_{number}",
            text=text,
            other=other,
        )
        self.store.experience.add_feedback(given).result()
        return given
