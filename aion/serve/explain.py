"""Why an answer was what it was, from what its turn recorded and what is remembered today.

A turn records which memories stood in its prompt, never their text: a memory that was forgotten since is said to be,
and one that was edited since is shown as it is now, with `changed`.
"""

from __future__ import annotations

from collections.abc import Mapping

from aion.records import Json, Turn
from aion.serve.openai.format import usage_json
from aion.store.base import Memories

SCORE_PARTS = ("cosine", "bm25", "entity_share", "document_cosine")
NOTHING: Mapping[str, Json] = {}


def explain_turn(turn: Turn, memories: Memories) -> Json:
    """Everything T7 asks for. A step that the turn did not take is null."""
    recall, judged = turn.steps.get("recall"), turn.steps.get("confidence")
    return {
        "turn_id": turn.id,
        "conversation": turn.conversation,
        "model": {"name": turn.model, "hash": turn.model_hash},
        "adapters": [{"name": use.name, "hash": use.hash, "scale": use.scale} for use in turn.adapters],
        "route": turn.steps.get("route"),
        "sources": [_source(item, turn.owner, memories) for item in (recall or {}).get("items", ())],
        "recall": None if recall is None else {name: recall[name] for name in recall if name != "items"},
        "confidence": None if judged is None else {name: judged[name] for name in judged if name != "contradictions"},
        "contradictions": (judged or {}).get("contradictions", []),
        "context": turn.steps.get("context"),
        "cache": turn.steps.get("cache"),
        "cost_usd": 0.0,
        "timings": dict(turn.timings),
        "usage": usage_json(turn.usage),
        "outcome": turn.outcome.value,
        "error": turn.error,
    }


def _source(item: Json, owner: str, memories: Memories) -> Json:
    now = memories.get(item["id"], owner=owner)
    shown = {name: value for name, value in item.items() if name not in SCORE_PARTS}
    shown["parts"] = {name: item.get(name) for name in SCORE_PARTS}
    shown["forgotten"] = now is None
    if now is not None:
        shown |= {"text": now.text, "changed": now.seq != item["seq"]}
        shown["sources"] = [source.ref for source in now.sources if source.ref]
    return shown
