"""What happens with a turn after its answer: signals on the turn before, memories, its experience, calibration.

Nobody waits for it, and nothing here can fail an answer. The turn and the feedback are durable before this begins, and
what is derived from them can be made again: at start everything that a stop left undone is caught up with.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass

import structlog

from aion.answer.experience import Following, Known, make_experience, question_of
from aion.answer.mood import MoodReader
from aion.answer.quiet import Quiet
from aion.answer.recent import RecentTurns, Seen
from aion.answer.themes import Themes
from aion.capture.calibrate import calibrate
from aion.config import Settings
from aion.errors import AionError, NotFound
from aion.memory.base import Vector
from aion.memory.cache import AnswerCache
from aion.memory.embedding import EmbeddingDesk
from aion.memory.keeper import Keeper
from aion.memory.statements import statements_of
from aion.records import Calibration, Experience, Feedback, FeedbackKind, Memory, MemoryKind, Outcome, Turn, TurnKind
from aion.store.base import Store

SETTLE_S = 0.3  # the longest a question waits for what was just said to be remembered
PERSON = 3  # turns of one owner waiting at once; with more it is no person who types, and nobody waits for them
LONG = 4000  # characters of a question: what a longer one tells is read while others are answered
MOST_WAITING = 1000  # turns held in memory; what comes on top is read from the store again once these are done
REFIT_AFTER = 10  # newly judged answers before the calibration is fitted again
SWEEP_S = 60.0
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Work:
    """One thing to observe."""

    owner: str
    since: float  # monotonic
    job: Callable[[], Awaitable[None]]
    tells: bool  # something will be remembered


class Observer:
    """One background task; `note_turn` and `take_feedback` give it work."""

    def __init__(
        self,
        store: Store,
        keeper: Keeper,
        desk: EmbeddingDesk,
        cache: AnswerCache,
        settings: Settings,
        *,
        mood: MoodReader | None = None,
    ) -> None:
        self._store = store
        self._keeper = keeper
        self._desk = desk
        self._cache = cache
        self._settings = settings
        self._mood = mood
        self._themes = Themes(store, settings.learning)
        self._quiet = Quiet()
        self._work: asyncio.Queue[_Work] = asyncio.Queue()
        self._pending: Counter[str] = Counter()
        self._telling: Counter[str] = Counter()  # those among them that will be remembered
        self._settled = asyncio.Condition()
        self._recent = RecentTurns()
        self._calibrations: dict[str, Calibration | None] = {}
        self._judged: Counter[str] = Counter()
        self._task: asyncio.Task[None] | None = None
        self._behind = False
        self.failures = 0

    def start(self) -> None:
        """Begin to work, first on what an earlier stop left undone."""
        self._task = asyncio.create_task(self._run())

    def adopt(self, settings: Settings) -> None:
        """What an answer was worth is judged by these from the next one on; themes keep what they began with."""
        self._settings = settings

    async def close(self) -> None:
        """Stop. What waits is caught up with at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def answering(self) -> AbstractContextManager[None]:
        """While somebody is being answered: observing waits for a quiet moment, but not for ever."""
        return self._quiet.busy()

    def note_turn(self, turn: Turn, vector: Vector | None, shown: Sequence[Memory]) -> None:
        """`vector` is that of its question, `shown` the memories that stood in its prompt."""
        if self._work.qsize() >= MOST_WAITING:
            self._behind = True
            return
        may_tell = len(question_of(turn)) > LONG or self._told(turn) is not None
        self._enqueue(turn.owner, lambda: self._observe(turn, vector, shown), tells=may_tell)

    async def take_feedback(self, feedback: Feedback) -> Feedback:
        """Durable when this returns. Raises NotFound for a turn that is not the owner's, Conflict for a reused key."""
        kept = await asyncio.wrap_future(self._store.experience.add_feedback(feedback))
        if kept.id == feedback.id:
            self._enqueue(kept.owner, lambda: self._use_feedback(kept), tells=kept.kind is FeedbackKind.EDIT)
        return kept

    async def wait_for_told(self, owner: str) -> bool:
        """Give what this person said a moment ago the time to be remembered; whether that took any."""
        if not self._telling[owner] or self._pending[owner] > PERSON:
            return False
        await self.settle(owner, SETTLE_S)
        return True

    async def settle(self, owner: str | None = None, timeout_s: float = 10.0) -> bool:
        """Wait until nothing of this owner (of anybody) waits to be observed; False when it takes too long."""
        if not self._waits(owner):
            return True
        with self._quiet.hurry():
            try:
                async with asyncio.timeout(timeout_s), self._settled:
                    await self._settled.wait_for(lambda: not self._waits(owner))
            except TimeoutError:
                return False
        return True

    async def calibration(self, owner: str) -> Calibration | None:
        if owner not in self._calibrations:
            self._calibrations[owner] = await asyncio.to_thread(self._store.experience.calibration, owner=owner)
        return self._calibrations[owner]

    def drop(self, turns: Sequence[str]) -> None:
        """Let go of turns that were forgotten."""
        self._recent.drop(turns)
        self._themes.drop_cache()
        self._desk.clear()

    def _enqueue(self, owner: str, job: Callable[[], Awaitable[None]], *, tells: bool) -> None:
        self._pending[owner] += 1
        self._telling[owner] += tells
        self._work.put_nowait(_Work(owner, time.monotonic(), job, tells))

    def _waits(self, owner: str | None) -> bool:
        return bool(self._pending.total() if owner is None else self._pending[owner])

    async def _run(self) -> None:
        await self._guard(self._catch_up)
        sweep = time.monotonic() + SWEEP_S
        while True:
            try:
                async with asyncio.timeout(max(0.0, sweep - time.monotonic())):
                    work = await self._work.get()
            except TimeoutError:
                await self._guard(self._sweep)
                sweep = time.monotonic() + SWEEP_S
                continue
            await self._quiet.wait(work.since)
            await self._guard(work.job)
            self._pending[work.owner] -= 1
            self._telling[work.owner] -= work.tells
            if self._behind and self._work.empty():
                self._behind = False
                await self._guard(self._catch_up)
            async with self._settled:
                self._settled.notify_all()

    async def _guard(self, job: Callable[[], Awaitable[None]]) -> None:
        try:
            await job()
        except NotFound:
            log.debug("observe.forgotten")  # while it waited: nothing is derived from it any more
        except Exception as error:  # noqa: BLE001 - the turn is safe; what is derived from it is made again at the next start
            self.failures += 1
            log.error("observe.failed", kind=type(error).__name__, error=getattr(error, "code", ""))

    async def _catch_up(self) -> None:
        """Observe what was recorded but not observed. One that fails is left for the next start."""
        tried: set[str] = set()
        while fresh := [one for one in await self._unobserved() if one.id not in tried]:
            for turn in fresh:
                tried.add(turn.id)
                await self._guard(lambda turn=turn: self._observe_late(turn))  # type: ignore[misc]
        while await self._keeper.fill():
            pass

    async def _observe_late(self, turn: Turn) -> None:
        """Of a turn observed before only the feedback is new: what it told was remembered then, or forgotten since."""
        if await asyncio.to_thread(self._store.experience.experience, turn.id, owner=turn.owner) is not None:
            await self._write_experience(turn, None)
            return
        ids = [item["id"] for item in turn.steps.get("recall", {}).get("items", ())]
        found = [await asyncio.to_thread(self._store.memories.get, one, owner=turn.owner) for one in ids]
        await self._observe(turn, None, [memory for memory in found if memory is not None])

    async def _unobserved(self) -> list[Turn]:
        return await asyncio.to_thread(self._store.experience.unobserved, limit=200)

    def _told(self, turn: Turn) -> str | None:
        """What the person stated in it, not what they asked."""
        if not self._settings.memory.from_chat or turn.outcome is Outcome.FAILED or turn.kind is TurnKind.COMPLETION:
            return None
        return statements_of(question_of(turn))

    async def _observe(self, turn: Turn, vector: Vector | None, shown: Sequence[Memory]) -> None:
        question = question_of(turn)
        if vector is None and question and self._desk.ready:
            vector = await self._embed(question)
            if vector is not None:
                self._cache.note_vector(turn.owner, turn.id, vector)
        before = await self._before(turn, vector)
        self._recent.hold(turn, vector)
        told = await asyncio.to_thread(self._told, turn)
        if told is not None:
            await self._remember(turn, told, shown)
        await self._write_experience(turn, vector)
        if before is not None:
            await self._write_experience(before.turn, before.vector)

    async def _remember(self, turn: Turn, told: str, shown: Sequence[Memory]) -> None:
        with suppress(NotFound):  # it was forgotten while it waited
            await self._keeper.remember(
                turn.owner,
                told,
                kind=MemoryKind.SAID,
                ref=turn.id,
                conversation=turn.conversation,
                memory_id="mem_" + turn.id.removeprefix("turn_"),
                at=turn.started,
                shown=shown,
                derived=True,
            )

    async def _use_feedback(self, feedback: Feedback) -> None:
        turn = await asyncio.to_thread(self._store.turn, feedback.turn, owner=feedback.owner)
        if turn is None:
            return
        vector = self._recent.vector_of(turn.id)
        experience = await self._write_experience(turn, vector, came=feedback)
        await self._follow_documents(turn, experience, vector)
        if experience.reward.explicit is not None and experience.raw_confidence is not None:
            await self._recalibrate(turn.owner)

    async def _follow_documents(self, turn: Turn, experience: Experience, vector: Vector | None) -> None:
        """Documents that helped with a liked answer move towards the questions they answer."""
        if vector is None or experience.reward.total < self._settings.cache.reward:
            return
        used = [item["id"] for item in turn.steps.get("recall", {}).get("items", ()) if item["used"]]
        for memory_id in used:
            memory = await asyncio.to_thread(self._store.memories.get, memory_id, owner=turn.owner)
            if memory is not None and memory.document:
                await self._keeper.follow(turn.owner, memory.document, [vector])

    async def _remember_edits(self, turn: Turn, feedback: Sequence[Feedback], came: Feedback | None) -> None:
        """The one that has just come, and those that came since the turn's experience was written last."""
        written = await asyncio.to_thread(self._store.experience.experience, turn.id, owner=turn.owner)
        for one in feedback:
            is_new = one == came or written is None or one.at > written.updated
            if one.kind is FeedbackKind.EDIT and one.text.strip() and is_new:
                await self._remember_edit(turn, one)

    async def _remember_edit(self, turn: Turn, edit: Feedback) -> None:
        with suppress(NotFound):  # it was forgotten while it waited
            await self._keeper.remember(
                turn.owner,
                f"{question_of(turn)}\n{edit.text}",
                kind=MemoryKind.CORRECTION,
                ref=edit.id,
                conversation=turn.conversation,
                memory_id="mem_" + edit.id.removeprefix("fb_"),
                at=edit.at,
                derived=True,
            )

    async def _write_experience(self, turn: Turn, vector: Vector | None, *, came: Feedback | None = None) -> Experience:
        """Whatever comes while this is made is newer than it: a start after a kill finds it by that."""
        now = time.time()
        try:
            known = await self._gather(turn, vector)
            await self._remember_edits(turn, known.feedback, came)
            experience = make_experience(known, self._settings.learning, now=now)
            await asyncio.wrap_future(self._store.experience.put_experience(experience))
        except NotFound:
            self.drop([turn.id])
            raise
        reward = experience.reward
        self._cache.note_reward(turn.owner, turn.id, reward.total)
        if (reward.explicit, reward.implicit, reward.emotional) != (None, None, None):
            self._cache.note_reward(turn.owner, turn.steps.get("cache", {}).get("of", ""), reward.total)
        return experience

    async def _gather(self, turn: Turn, vector: Vector | None) -> Known:
        feedback = await asyncio.to_thread(self._store.experience.feedback, owner=turn.owner, turn=turn.id)
        following = await self._following(turn, vector)
        place = await self._themes.place(turn.owner, turn.id, question_of(turn), vector)
        idle = 0.0 if following else max(0.0, time.time() - turn.started)
        return Known(
            turn=turn,
            feedback=feedback,
            following=following,
            idle_s=idle,
            theme=place.theme,
            novelty=place.novelty,
        )

    async def _following(self, turn: Turn, vector: Vector | None) -> Following | None:
        """The next thing the person said in this conversation, or the same question in another soon after."""
        later = await asyncio.to_thread(
            self._store.turns, owner=turn.owner, conversation=turn.conversation, after=turn.id, limit=1
        )
        following = later[0] if later else self._asked_again(turn, vector)
        if following is None:
            return None
        text = question_of(following)
        other = self._recent.vector_of(following.id)
        if other is None and vector is not None and text:
            other = await self._embed(text)
        similarity = None if vector is None or other is None else float(vector @ other)
        mood = await self._mood.read(text) if self._mood and text else None
        gap = max(0.0, following.started - turn.started)
        elsewhere = following.id if following.conversation != turn.conversation else ""
        return Following(text=text, similarity=similarity, gap_s=gap, mood=mood, elsewhere=elsewhere)

    def _asked_again(self, turn: Turn, vector: Vector | None) -> Turn | None:
        """To ask again for an answer that was given again is to use it."""
        if turn.steps.get("cache", {}).get("outcome") == "hit":
            return None
        again = self._same_question(turn, vector)
        return again.turn if again is not None and again.turn.id > turn.id else None

    def _same_question(self, turn: Turn, vector: Vector | None) -> Seen | None:
        soon = self._settings.learning.abandoned_minutes * 60
        return self._recent.same_question(turn, vector, cosine=self._settings.cache.cosine, within_s=soon)

    async def _before(self, turn: Turn, vector: Vector | None) -> Seen | None:
        """The turn this one says something about: the one before it here, else the same question asked elsewhere."""
        if (seen := self._recent.before(turn)) is not None:
            return seen
        before = await asyncio.to_thread(self._store.turn_before, turn)
        if before is None:
            return self._same_question(turn, vector)
        question = question_of(before)
        return Seen(before, await self._embed(question) if question and vector is not None else None)

    async def _sweep(self) -> None:
        """Look again at conversations silent for long, and embed what could not be embedded when it was told."""
        limit = self._settings.learning.abandoned_minutes * 60
        now = time.time()
        for seen in self._recent.last_of_each():
            if limit <= now - seen.turn.started < limit + 3 * SWEEP_S:
                await self._write_experience(seen.turn, seen.vector)
        await self._keeper.fill()

    async def _recalibrate(self, owner: str) -> None:
        """Learn from judged answers how much a raw confidence is worth, after every so many of them."""
        self._judged[owner] += 1
        if self._judged[owner] % REFIT_AFTER:
            return
        fitted = await asyncio.to_thread(self._fit, owner)
        if fitted is not None:
            await asyncio.wrap_future(self._store.experience.add_calibration(fitted))
            self._calibrations[owner] = fitted

    def _fit(self, owner: str) -> Calibration | None:
        found = self._store.experience.experiences(owner=owner, limit=5000)
        pairs = [
            (one.raw_confidence, float(one.reward.explicit > 0))
            for one in reversed(found)
            if one.raw_confidence is not None and one.reward.explicit is not None
        ]
        return calibrate(pairs, owner=owner, at=time.time(), minimum=self._settings.learning.calibration_samples)

    async def _embed(self, text: str) -> Vector | None:
        try:
            return (await self._desk.embed([text]))[0]
        except AionError:
            return None  # words alone must do
