"""When an answer may be given again, and what must be the same for it. The answers themselves are in memory.cache."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict

import orjson

from aion.answer.open_turn import OpenTurn
from aion.models.base import Job, ModelCard


def is_repeatable(turn: OpenTurn) -> bool:
    """One plain answer to a person's question: no tools, schema, seed, log-probabilities or several choices."""
    job = turn.job
    plain = not (job.tools or job.response_format or job.top_logprobs or job.prompt is not None)
    asked_last = bool(job.messages) and job.messages[-1].get("role") == "user"
    alone = len(turn.draft.choices) == 1 and job.sampling.seed is None
    return turn.may_repeat and turn.may_recall and plain and asked_last and alone and bool(turn.question)


def fingerprint_of(job: Job, card: ModelCard, served: Sequence[str] = ()) -> bytes:
    """Everything besides the question that an answer depends on: model, adapters, sampling, and all said before.

    `served`: what the router chooses from, which a promotion changes.
    """
    wanted = job.adapters if isinstance(job.adapters, str) else dict(job.adapters)
    said = job.messages[:-1]
    facts = [card.name, card.hash, card.source, list(served), wanted, asdict(job.sampling), said]
    return hashlib.sha256(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)).digest()
