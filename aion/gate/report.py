"""The morning report: what a night learned and from whom, before and after, what was refused and why.

It writes nothing. It is made anew whenever somebody asks: what was forgotten since is in no report any more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aion.errors import AionError
from aion.gate.report_words import Words, is_learned, is_taken_back
from aion.gate.state import known_by, standing_of
from aion.records import Candidate, Json, Night, Promotion, Verdict
from aion.store.base import Store
from aion.store.blobs import BlobStore

SHOWN = 5  # questions of a theme, before and after
TONIGHT = "tonight"  # the exam of what is new
EXAMPLE = ("question", "expected", "before", "after", "right_before", "right_after")
MOST = 1000


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where something learned came from, and the part of it: a turn of a conversation."""

    kind: str
    id: str
    part: str
    title: str


class Reporter:
    """Over one store."""

    def __init__(self, store: Store, blobs: BlobStore) -> None:
        self._store = store
        self._blobs = blobs

    def report(self, night: Night, *, language: str = "en") -> Json:
        """Of a night that is over, or as far as it has come."""
        rows = self._store.served.promotions(owner=night.owner, limit=MOST)[::-1]
        themes = [self._theme(one, night, rows) for one in night.body.get("themes", ())]
        left = {one["left"]["id"] for one in themes if one["left"]}
        moves = [one for one in rows if one.night == night.id or one.id in left]
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
            "lessons": sum(one["lessons"] for one in themes if is_learned(one)),
            "not_served": "" if moves else str(night.body.get("served", {}).get("reason", "")),
            "moves": [_move_json(one) for one in moves],
            "undone": any(is_taken_back(one) for one in themes) and not any(is_learned(one) for one in themes),
        }
        return body | {"words": Words(language).tell(body)}

    def _theme(self, told: Mapping[str, Any], night: Night, rows: list[Promotion]) -> Json:
        name = getattr(self._store.nights.theme(told["theme"], owner=night.owner), "name", "")
        body: Json = {"theme": told["theme"], "name": name, "fate": told["fate"], "reason": told.get("reason", "")}
        body |= {"put_aside": told.get("put_aside", 0), "adapter": told.get("candidate", ""), "left": None}
        body["not_served"] = night.body.get("served", {}).get("left", {}).get(body["adapter"], "")
        made = self._store.nights.candidate(body["adapter"], owner=night.owner) if body["adapter"] else None
        if made is None:
            return body | {
                "state": "",
                "lessons": 0,
                "unlearned": 0,
                "scores": {},
                "refused": [],
                "refused_first": [],
                "learned_from": [],
                "examples": [],
            }
        verdict, left = self._store.served.verdict(made.id, owner=night.owner), _find_leaving(rows, made.id)
        before = self._find_before(made, verdict)
        known = {lesson for one in before for lesson in self._known_by(one)}
        missed = set(verdict.unlearned if verdict else ())
        aside = missed & {one.lesson for one in self._store.nights.quarantined(owner=night.owner)}
        fresh = [one for one in made.sources if one not in {ref for each in before for ref in each.sources}]
        return body | {
            "state": standing_of(made, verdict, rows[-1] if rows else None).value,
            "left": _move_json(left) if left else None,
            "lessons": len(known_by(made, verdict) - known),
            "unlearned": len(missed - aside),
            "put_aside": body["put_aside"] + len(aside),
            "scores": dict(verdict.scores) if verdict else {},
            "refused": list(verdict.reasons) if verdict and not verdict.ship else [],
            "refused_first": self._find_refused_first(told, night.owner),
            "learned_from": self.find_origins(fresh or made.sources, night.owner),
            "examples": self._examples(made, verdict),
        }

    def _find_refused_first(self, told: Mapping[str, Any], owner: str) -> list[str]:
        """Why the adapter was refused in whose place this one was made, in the same night."""
        first = told.get("first", "")
        verdict = self._store.served.verdict(first, owner=owner) if first not in ("", told["candidate"]) else None
        return list(verdict.reasons) if verdict else []

    def _known_by(self, candidate: Candidate) -> set[str]:
        return known_by(candidate, self._store.served.verdict(candidate.id, owner=candidate.owner))

    def _find_before(self, made: Candidate, verdict: Verdict | None) -> list[Candidate]:
        """What knew of its theme before it: what was served when it was examined, else what it went on from."""
        names = verdict.against if verdict is not None else (made.parent,)
        found = [self._store.nights.candidate(one, owner=made.owner) for one in names if one]
        return [one for one in found if one is not None and one.theme == made.theme]

    def find_origins(self, sources: Iterable[str], owner: str) -> list[Json]:
        """Conversations, notes and documents, with how much of each; what is not there any more is not named."""
        found: dict[tuple[str, str], set[str]] = {}
        titles: dict[tuple[str, str], str] = {}
        for ref in sources:
            if (origin := self._origin(ref, owner)) is not None:
                key = (origin.kind, origin.id)
                found.setdefault(key, set()).add(origin.part)
                titles.setdefault(key, origin.title)
        ordered = sorted(found.items(), key=lambda one: -len(one[1]))
        return [{"kind": key[0], "id": key[1], "title": titles[key], "count": len(parts)} for key, parts in ordered]

    def _origin(self, ref: str, owner: str) -> _Origin | None:
        if (turn := self._store.turn(ref, owner=owner)) is not None:
            asked = next((one for one in turn.messages if one.get("role") == "user"), {})
            return _Origin("conversation", turn.conversation, turn.id, _short(asked.get("content")))
        if (document := self._store.memories.document(ref, owner=owner)) is not None:
            return _Origin("document", document.id, document.id, document.title)
        if (memory := self._store.memories.get(ref, owner=owner)) is not None:
            said = next((one for one in memory.sources if one.conversation), None)
            if said is not None and said.ref != ref and (origin := self._origin(said.ref, owner)) is not None:
                return origin  # what was said in a conversation and kept is told of once
            return _Origin("memory", memory.id, memory.id, _short(memory.text))
        return None

    def _examples(self, made: Candidate, verdict: Verdict | None) -> list[Json]:
        """A few of tonight's questions with the answers before and after, one a fact: those that changed first."""
        if verdict is None or not verdict.report or made.retired:
            return []
        try:
            items = json.loads(self._blobs.get(verdict.report))["items"]
            told = [{name: one[name] for name in EXAMPLE} for one in items if one["exam"] == TONIGHT]
        except (AionError, ValueError, KeyError, TypeError):
            return []
        told.sort(key=lambda one: one["right_after"] == one["right_before"])
        facts: dict[str, Json] = {}
        for one in told:
            facts.setdefault(one["expected"], one)
        return list(facts.values())[:SHOWN]


def _move_json(row: Promotion) -> Json:
    kept = ("id", "at", "reason", "actor", "share")
    told = {name: getattr(row, name) for name in kept}
    return told | {"move": row.move.value, "adapters": list(row.adapters), "trial": list(row.trial)}


def _find_leaving(rows: Iterable[Promotion], adapter: str) -> Promotion | None:
    """The row from which on it was served no more; None while it is, and of one that never was. The oldest first."""
    served, left = False, None
    for row in rows:
        serves = adapter in (*row.adapters, *row.trial)
        left = None if serves else row if served else left
        served = serves
    return left


def _short(text: object, most: int = 80) -> str:
    line = " ".join(text.split()) if isinstance(text, str) else ""
    return line if len(line) <= most else line[: most - 1] + "…"
