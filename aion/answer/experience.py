"""Makes the experience of a turn from everything known about it. Pure: the same facts give the same experience.

It is made again whenever something new is known: the question that followed, feedback, silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from aion.answer.context import text_of
from aion.capture.emotion import blend, read_emotion
from aion.capture.ndcg import ndcg, relevances_of
from aion.capture.priority import label_of, priority_of
from aion.capture.reward import explicit_reward, reward_of
from aion.capture.signals import read_end, read_events, read_following
from aion.capture.skill import skill_of
from aion.config import LearningSettings
from aion.memory.block import last_question
from aion.memory.entities import entities_of
from aion.records import Entity, Experience, Feedback, Outcome, Signal, Trust, Turn

TIMES = (
    "cache_ms",
    "recall_ms",
    "embed_ms",
    "search_ms",
    "context_ms",
    "queue_ms",
    "first_token_ms",
    "total_ms",
    "prompt_ms",
    "predicted_ms",
)
STORED_ENTITIES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """What the person said next, how like the question it was, and how long it took."""

    text: str
    similarity: float | None
    gap_s: float
    mood: float | None = None  # as the base reads it, when it is asked
    elsewhere: str = ""  # the turn it is, when in another conversation: that may be forgotten, and its words with it


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Everything that is known of a turn by now."""

    turn: Turn
    feedback: Sequence[Feedback] = ()
    following: Following | None = None
    idle_s: float = 0.0  # silence after it, when nothing followed
    theme: str = ""
    novelty: float = 0.0


def make_experience(known: Known, settings: LearningSettings, *, now: float) -> Experience:
    turn, judged = known.turn, known.turn.steps.get("confidence", {})
    question, answer = question_of(turn), answer_of(turn)
    signals = _signals(known, question, answer, settings)
    said = known.following
    emotion = blend(read_emotion(said.text, answer), said.mood) if said else None
    reward = reward_of(explicit_reward(known.feedback, answer), signals, emotion, settings)
    failed = turn.outcome is Outcome.FAILED
    confidence = judged.get("calibrated")
    contradictions = len(judged.get("contradictions", ()))
    summary = turn.answers[0].logprobs if turn.answers else None
    priority, parts = priority_of(
        confidence=confidence,
        entropy=summary.entropy if summary else None,
        failed=failed or contradictions > 0,
        reward=reward,
        novelty=known.novelty,
        settings=settings,
    )
    label, reason = label_of(
        confidence=confidence,
        reward=reward,
        failed=failed,
        contradictions=contradictions,
        signals=signals,
        tau=settings.tau,
    )
    return Experience(
        turn=turn.id,
        owner=turn.owner,
        conversation=turn.conversation,
        at=turn.started,
        updated=now,
        skill=str(skill_of(question, has_tools=bool(turn.params.get("tools")))),
        theme=known.theme,
        trust=least_trust(turn),
        signals=signals,
        reward=reward,
        confidence=confidence,
        raw_confidence=judged.get("raw"),
        novelty=known.novelty,
        failed=failed,
        priority=priority,
        parts=parts,
        label=label,
        reason=reason,
        entities=_entities(question, answer),
        ndcg=_ndcg(turn, reward.total),
        measures=measures_of(turn),
    )


def question_of(turn: Turn) -> str:
    place = last_question(turn.messages)
    return "" if place is None else text_of(turn.messages[place])


def answer_of(turn: Turn) -> str:
    return text_of(turn.answers[0].message) if turn.answers else ""


def least_trust(turn: Turn) -> Trust:
    """The taint of the turn: whatever stood in its prompt may have spoken through its answer."""
    shown = [Trust(item["trust"]) for item in turn.steps.get("recall", {}).get("items", ())]
    return min(shown, key=lambda trust: trust.rank, default=Trust.OWN)


def measures_of(turn: Turn) -> dict[str, float]:
    times = {name: float(turn.timings[name]) for name in TIMES if name in turn.timings}
    hit = turn.steps.get("cache", {}).get("outcome") == "hit"
    return times | {
        "prompt_tokens": float(turn.usage.prompt),
        "completion_tokens": float(turn.usage.completion),
        "cached": float(hit),
    }


def _signals(known: Known, question: str, answer: str, settings: LearningSettings) -> tuple[Signal, ...]:
    found: list[Signal] = []
    if known.following is not None:
        next_one = known.following
        read = read_following(question, answer, next_one.text, similarity=next_one.similarity, gap_s=next_one.gap_s)
        found += [replace(one, evidence=next_one.elsewhere or one.evidence) for one in read]
    found += read_events(known.feedback)
    found += read_end(
        answer,
        idle_s=known.idle_s,
        abandoned_s=settings.abandoned_minutes * 60,
        last=known.following is None,
        cancelled=known.turn.outcome is Outcome.CANCELLED,
    )
    return tuple(found)


def _entities(question: str, answer: str) -> tuple[Entity, ...]:
    return entities_of(f"{question}\n{answer}", STORED_ENTITIES)


def _ndcg(turn: Turn, reward: float) -> float | None:
    """Of the order that recall gave: what is pinned comes first whatever was asked."""
    items = [item for item in turn.steps.get("recall", {}).get("items", ()) if not item.get("pinned")]
    return ndcg(relevances_of([bool(item["used"]) for item in items], reward)) if items else None
