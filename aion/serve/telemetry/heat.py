"""What people asked about, day by day: a heat map of entities. Rows in, numbers out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from aion.records import Entity, Experience, Json
from aion.serve.telemetry.days import day_of


def map_heat(days: Sequence[str], experiences: Iterable[Experience], limit: int) -> Json:
    """How many turns of each day each entity stands in; the `limit` most frequent first, then by key.

    An entity counts once a turn, and is shown as the latest turn wrote it: experiences come the latest first.
    """
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    shown: dict[str, Entity] = {}
    for experience in experiences:
        day = day_of(experience.at)
        for entity in {one.key: one for one in reversed(experience.entities)}.values():
            counts[entity.key][day] += 1
            shown.setdefault(entity.key, entity)
    most = sorted(counts, key=lambda key: (-counts[key].total(), key))[:limit]
    return {"days": list(days), "entities": [_row(shown[key], counts[key], days) for key in most]}


def _row(entity: Entity, counts: Counter[str], days: Sequence[str]) -> Json:
    return {
        "key": entity.key,
        "text": entity.text,
        "kind": entity.kind,
        "counts": [counts[day] for day in days],
        "total": counts.total(),
    }
