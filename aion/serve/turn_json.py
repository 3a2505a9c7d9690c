"""How AION's own API and the export show turns and conversations."""

from __future__ import annotations

from aion.records import Answer, Conversation, Json, Turn
from aion.serve.openai.format import usage_json


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
    }


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
