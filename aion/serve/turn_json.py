"""How AION's own API and the export show turns, conversations, judgements and experiences."""

from __future__ import annotations

from dataclasses import asdict

from aion.records import Answer, Conversation, Experience, Feedback, Json, Turn
from aion.serve.openai.format import PREFIX, usage_json
from aion.store.base import Store


def turn_id_of(shown: str) -> str:
    """The turn that an id stands for, in any of the forms in which clients see one."""
    for prefix in PREFIX.values():
        if shown.startswith(prefix):
            return "turn_" + shown.removeprefix(prefix)
    return shown


def turn_json(turn: Turn) -> Json:
    """A turn as AION's own API and the export show it."""
    return {
        "id": turn.id,
        "kind": turn.kind.value,
        "owner": turn.owner,
        "conversation": turn.conversation,
        "started": turn.started,
        "messages": list(turn.messages),
        "answers": [_answer_json(answer) for answer in turn.answers],
        "params": turn.params,
        "model": turn.model,
        "model_hash": turn.model_hash,
        "adapters": [{"name": use.name, "hash": use.hash, "scale": use.scale} for use in turn.adapters],
        "usage": usage_json(turn.usage),
        "timings": dict(turn.timings),
        "outcome": turn.outcome.value,
        "error": turn.error,
        "steps": dict(turn.steps),
    }


def judged_json(store: Store, turn: Turn) -> Json:
    """A turn with what was thought of it."""
    given = store.experience.feedback(owner=turn.owner, turn=turn.id)
    return turn_json(turn) | {"feedback": [feedback_json(one) for one in given]}


def _answer_json(answer: Answer) -> Json:
    summary = answer.logprobs
    shown = summary and {
        "tokens": summary.tokens,
        "mean": summary.mean,
        "minimum": summary.minimum,
        "entropy": summary.entropy,
    }
    return {"message": answer.message, "finish": answer.finish, "logprobs": shown}


def conversation_json(conversation: Conversation) -> Json:
    return {
        "id": conversation.id,
        "owner": conversation.owner,
        "title": conversation.title,
        "started": conversation.started,
        "updated": conversation.updated,
        "turns": conversation.turns,
    }


def feedback_json(feedback: Feedback) -> Json:
    """Fields that its kind does not have are null."""
    return {
        "id": feedback.id,
        "turn": feedback.turn,
        "kind": feedback.kind.value,
        "at": feedback.at,
        "key": feedback.key,
        "value": feedback.value,
        "text": feedback.text or None,
        "other": feedback.other or None,
        "event": feedback.event or None,
        "choice": feedback.choice,
    }


def experience_json(experience: Experience) -> Json:
    """Every part of it, not only the sums."""
    return {
        "turn": experience.turn,
        "owner": experience.owner,
        "conversation": experience.conversation,
        "at": experience.at,
        "updated": experience.updated,
        "skill": experience.skill,
        "theme": experience.theme or None,
        "trust": experience.trust.value,
        "signals": [asdict(signal) for signal in experience.signals],
        "reward": asdict(experience.reward),
        "confidence": experience.confidence,
        "raw_confidence": experience.raw_confidence,
        "novelty": experience.novelty,
        "failed": experience.failed,
        "priority": experience.priority,
        "parts": dict(experience.parts),
        "label": experience.label.value,
        "reason": experience.reason,
        "entities": [asdict(entity) for entity in experience.entities],
        "ndcg": experience.ndcg,
        "measures": dict(experience.measures),
    }
