"""The morning report: what a night learned and from whom, before and after, what was refused and why.

It writes nothing. It is made anew whenever somebody asks: what was forgotten since is in no report any more.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from aion.errors import AionError
from aion.gate.report_words import Words
from aion.gate.state import standing_of
from aion.records import Candidate, Json, Night, Promotion, Verdict
from aion.store.base import Store
from aion.store.blobs import BlobStore

SHOWN = 5  # questions of a theme, before and after
MOST = 1000


class Reporter:
    """Over one store."""

    def __init__(self, store: Store, blobs: BlobStore) -> None:
        self._store = store
        self._blobs = blobs

    def report(self, night: Night, *, language: str = "en") -> Json:
        """Of a night that is over, or as far as it has come."""
        rows = self._store.served.promotions(owner=night.owner, limit=MOST)
        newest = rows[0] if rows else None
        moves = [one for one in rows if one.night == night.id][::-1]
        themes = [self._theme(one, night, newest) for one in night.body.get("themes", ())]
        body: Json = {
            "night": night.id,
            "owner": night.owner,
            "state": night.state.value,
            "asked": night.asked,
            "ended": night.at,
            "minutes": night.body.get("minutes", 0.0),
            "interruptions": night.interruptions,
            "reason": night.reason,
            "themes": themes,
            "lessons": sum(one["lessons"] for one in themes if one["state"] in ("served", "trial")),
            "not_served": str(night.body.get("served", {}).get("reason", "")) if not moves else "",
            "moves": [_move_json(one) for one in moves],
            "undone": _is_undone(rows, night.id),
        }
        return body | {"words": Words(language).tell(body)}

    def _theme(self, told: Mapping[str, Any], night: Night, newest: Promotion | None) -> Json:
        name = getattr(self._store.nights.theme(told["theme"], owner=night.owner), "name", "")
        body: Json = {"theme": told["theme"], "name": name, "fate": told["fate"], "reason": told.get("reason", "")}
        body |= {"put_aside": told.get("put_aside", 0), "adapter": told.get("candidate", "")}
        made = self._store.nights.candidate(body["adapter"], owner=night.owner) if body["adapter"] else None
        if made is None:
            return body | {"state": "", "lessons": 0, "scores": {}, "refused": [], "learned_from": [], "examples": []}
        verdict = self._store.served.verdict(made.id, owner=night.owner)
        return body | {
            "state": standing_of(made, verdict, newest).value,
            "lessons": len(made.lessons),
            "scores": dict(verdict.scores) if verdict else {},
            "refused": list(verdict.reasons) if verdict and not verdict.ship else [],
            "learned_from": self.find_origins(made.sources, night.owner),
            "examples": self._examples(made, verdict),
        }

    def find_origins(self, sources: Iterable[str], owner: str) -> list[Json]:
        """Conversations, notes and documents, with how much of each; what is not there any more is not named."""
        found: Counter[tuple[str, str]] = Counter()
        titles: dict[tuple[str, str], str] = {}
        for ref in sources:
            key, title = self._origin(ref, owner)
            if key[1]:
                found[key] += 1
                titles.setdefault(key, title)
        return [
            {"kind": kind, "id": id_, "title": titles[kind, id_], "count": count}
            for (kind, id_), count in found.most_common()
        ]

    def _origin(self, ref: str, owner: str) -> tuple[tuple[str, str], str]:
        if (turn := self._store.turn(ref, owner=owner)) is not None:
            asked = next((one for one in turn.messages if one.get("role") == "user"), {})
            return ("conversation", turn.conversation), _short(asked.get("content"))
        if (document := self._store.memories.document(ref, owner=owner)) is not None:
            return ("document", document.id), document.title
        if (memory := self._store.memories.get(ref, owner=owner)) is not None:
            return ("memory", memory.id), _short(memory.text)
        return ("", ""), ""

    def _examples(self, made: Candidate, verdict: Verdict | None) -> list[Json]:
        """A few of tonight's questions with the answers before and after: those that changed first."""
        if verdict is None or not verdict.report or made.retired:
            return []
        try:
            items = json.loads(self._blobs.get(verdict.report))["items"]
        except (AionError, ValueError, KeyError, TypeError):
            return []
        tonight = [one for one in items if one.get("exam") == "tonight"]
        tonight.sort(key=lambda one: bool(one.get("right_after")) == bool(one.get("right_before")))
        keys = ("question", "expected", "before", "after", "right_before", "right_after")
        return [{name: one.get(name) for name in keys} for one in tonight[:SHOWN]]


def _move_json(row: Promotion) -> Json:
    kept = ("id", "at", "reason", "actor", "share")
    told = {name: getattr(row, name) for name in kept}
    return told | {"move": row.move.value, "adapters": list(row.adapters), "trial": list(row.trial)}


def _is_undone(rows: list[Promotion], night: str) -> bool:
    """Whether what it brought is served no more; `rows` are the newest first."""
    brought = {one for row in rows if row.night == night for one in (row.trial or row.adapters)}
    before = {one for row in rows if row.night != night for one in (*row.adapters, *row.trial)}
    served = {*rows[0].adapters, *rows[0].trial} if rows else set()
    return bool(brought - before) and not (brought - before) & served


def _short(text: object, most: int = 80) -> str:
    line = " ".join(text.split()) if isinstance(text, str) else ""
    return line if len(line) <= most else line[: most - 1] + "…"
