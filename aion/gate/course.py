"""Which exams a candidate sits, in their order, and their numbers for the verdict. No text that was taught is in them.

Tonight's facts are those that the served adapter of the theme never learned; where there are none, because a night
learned again what was known, they are all of the theme's. An adapter from elsewhere has no examples and no card: it is
examined for harm alone, forced upon more general questions and upon the person's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from aion.gate.decide import Findings
from aion.gate.exams import (
    DRIFT,
    MOST_EARLIER,
    MOST_LOOKED_AT,
    MOST_MISSES,
    MOST_TONIGHT,
    STRICT_DRIFT,
    Drift,
    Known,
    ask_drift,
    ask_facts,
    ask_general,
    ask_misses,
    ask_suite,
    find_probe,
    find_rerouted,
    find_rerouted_misses,
    measure_speed,
)
from aion.gate.general import General, general_items
from aion.gate.paper import Fact, Paper, rank, sample_facts, sample_questions
from aion.gate.sitting import Sitting, as_messages
from aion.gate.statistics import Pairs, better, interval, worse
from aion.records import Json, SuiteItem


@dataclass(frozen=True, slots=True)
class Course:
    """What came of all exams."""

    findings: Findings
    scores: Json
    probe: Json


async def sit_lessons(
    sitting: Sitting,
    candidate: str,
    paper: Paper,
    learned: AbstractSet[str],
    others: Sequence[Paper],
    suite: Sequence[SuiteItem],
) -> Course:
    """`learned` are lessons of the served adapter that it would take the place of; `others` are those of other themes."""
    fresh = [one for one in paper.facts if one.lesson not in learned] or list(paper.facts)
    names = {one.lesson for one in fresh}
    earlier = [one for one in paper.facts if one.lesson not in names]
    denials = [denial for one in (paper, *others) for denial in one.denials]
    tonight = await ask_facts(sitting, "tonight", sample_facts(fresh, MOST_TONIGHT, candidate), denials)
    before = await ask_facts(sitting, "earlier", sample_facts(earlier, MOST_EARLIER, candidate), denials)
    elsewhere = sample_facts([fact for one in others for fact in one.facts], MOST_LOOKED_AT, candidate)
    moved = await find_rerouted(sitting, elsewhere)
    other = await ask_facts(sitting, "other themes", moved, denials)
    misses = await _sit_misses(sitting, candidate, paper, others)
    general = await ask_general(sitting)
    drift = await ask_drift(sitting, candidate, _sample_general(candidate, DRIFT))
    own = await ask_suite(sitting, suite, {})
    base_speed, speed = await measure_speed(sitting, candidate)
    probe = await find_probe(sitting, candidate, _probing(fresh))
    findings = Findings(
        tonight=tonight.facts,
        earlier=before.facts,
        others=other.facts,
        misses=misses,
        general=general.after,
        general_before=general.before,
        drift=drift.kept,
        gibberish=drift.gibberish,
        suite=own,
        speed=speed / base_speed if base_speed else 1.0,
        noise=drift.noise,
        works=bool(probe),
    )
    low, high = interval(general.before, general.after)
    scores = {
        "tonight": _known(tonight),
        "earlier": _known(before),
        "other_themes": _known(other),
        "near_misses": _pairs(misses),
        "general": {
            "before": _mean(general.before),
            "after": _mean(general.after),
            "items": len(general.after),
            "routed": general.routed,
            "interval": [round(low, 4), round(high, 4)],
        },
        **_harm(drift, own, base_speed, speed),
    }
    return Course(findings, scores, probe)


async def sit_import(sitting: Sitting, candidate: str, suite: Sequence[SuiteItem]) -> Course:
    sample = _sample_general(candidate, STRICT_DRIFT)
    drift = await ask_drift(sitting, candidate, sample)
    own = await ask_suite(sitting, suite, {candidate: 1.0})
    base_speed, speed = await measure_speed(sitting, candidate)
    findings = Findings(
        drift=drift.kept,
        gibberish=drift.gibberish,
        suite=own,
        speed=speed / base_speed if base_speed else 1.0,
        noise=drift.noise,
        imported=True,
    )
    return Course(findings, {"imported": True, **_harm(drift, own, base_speed, speed)}, {})


async def _sit_misses(sitting: Sitting, candidate: str, paper: Paper, others: Sequence[Paper]) -> Pairs:
    """Those of its own theme, and of others where the route is another now."""
    moved = await find_rerouted_misses(sitting, [miss for one in others for miss in one.misses])
    chosen = sample_questions([*paper.misses, *moved], MOST_MISSES, candidate)
    return await ask_misses(sitting, chosen, [value for one in (paper, *others) for value in one.values])


def _sample_general(candidate: str, most: int) -> list[General]:
    return sorted(general_items(), key=lambda one: rank(candidate, one.id))[:most]


def _probing(facts: Sequence[Fact]) -> list[tuple[Json, ...]]:
    """Short questions without anything around them come first."""
    asked = [one.messages for fact in facts for one in fact.questions]
    return sorted(asked, key=lambda messages: (len(messages), len(str(messages[-1]["content"]))))


def _known(found: Known) -> Json:
    return _pairs(found.facts) | {"questions": _pairs(found.questions)}


def _pairs(pairs: Pairs) -> Json:
    return {
        "before": sum(pairs.before),
        "after": sum(pairs.after),
        "items": pairs.items,
        "gained": pairs.gained,
        "lost": pairs.lost,
        "p_better": round(better(pairs), 4),
        "p_worse": round(worse(pairs), 4),
    }


def _harm(drift: Drift, suite: Pairs, base_speed: float, speed: float) -> dict[str, Any]:
    return {
        "drift": {"after": _mean(drift.kept), "items": len(drift.kept), "gibberish": drift.gibberish},
        "suite": _pairs(suite),
        "speed": {"before": round(base_speed, 1), "after": round(speed, 1)},
        "noise": round(drift.noise, 4),
    }


def _mean(numbers: Sequence[float]) -> float:
    return round(sum(numbers) / len(numbers), 4) if numbers else 0.0
