"""Which exams a candidate sits, in their order, and their numbers for the verdict. No text that was taught is in them.

Tonight's facts are those that the served adapter of the theme does not know; where there are none, because a night
learned again what was known, they are all of the theme's. Where it knows some of them and others not, the others go
from its card, and everything is asked as it would then be served. An adapter from elsewhere has no examples and no
card: it is examined for harm alone, forced upon more general questions and upon the person's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from aion.gate.decide import Findings
from aion.gate.exams import (
    DRIFT,
    MOST_EARLIER,
    MOST_LOOKED_AT,
    MOST_MISSES,
    MOST_TONIGHT,
    STRICT_DRIFT,
    Drift,
    Kept,
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
from aion.gate.general import general_items
from aion.gate.paper import Fact, Paper, rank, sample_facts, sample_questions
from aion.gate.routing import Chooser
from aion.gate.sitting import Sitting
from aion.gate.statistics import Pairs, better, interval, worse
from aion.gate.trigger_exam import ask_triggers, ask_typical
from aion.gate.triggers import Phrase, Triggered
from aion.records import Json, SuiteItem

TONIGHT = "tonight"
LeaveOut = Callable[[AbstractSet[str]], Chooser]  # gives the router over a card without these lessons


@dataclass(frozen=True, slots=True)
class Course:
    """What came of all exams."""

    findings: Findings
    scores: Json
    probe: Json
    unlearned: tuple[str, ...] = ()  # lessons that it does not know, without which it was examined


@dataclass(frozen=True, slots=True)
class _Tonight:
    """The exam of what is new, as it would be served."""

    fresh: Mapping[str, Fact]  # all of them, by lesson
    facts: tuple[Fact, ...]  # those that were asked
    known: Known
    left: frozenset[str] = frozenset()  # lessons that its card leads nobody to

    @property
    def kept(self) -> list[Fact]:
        return [one for lesson, one in self.fresh.items() if lesson not in self.left]

    @property
    def places(self) -> frozenset[int]:
        return frozenset(place for place, one in enumerate(self.facts) if one.lesson in self.left)


@dataclass(frozen=True, slots=True)
class _Harm:
    """The exams that every adapter sits, wherever it is from."""

    drift: Drift
    suite: Pairs
    speeds: tuple[float, float]  # of the base, and with it

    @property
    def speed(self) -> float:
        base, adapted = self.speeds
        return adapted / base if base else 1.0

    def scores(self) -> Json:
        return {
            "drift": {"items": self.drift.asked, "gibberish": self.drift.gibberish}
            | ({"after": _mean(self.drift.kept)} if self.drift.kept else {}),
            "suite": _pairs(self.suite),
            "speed": {"before": round(self.speeds[0], 1), "after": round(self.speeds[1], 1)},
            "noise": round(self.drift.noise, 4),
        }


@dataclass(frozen=True, slots=True)
class _Learned:
    """The exams of what was taught."""

    tonight: _Tonight
    earlier: Known
    others: Known
    misses: Pairs
    general: Kept

    def scores(self) -> Json:
        low, high = interval(self.general.before, self.general.after)
        return {
            "tonight": _known(self.tonight.known),
            "earlier": _known(self.earlier),
            "other_themes": _known(self.others),
            "near_misses": _pairs(self.misses),
            "general": {
                "before": _mean(self.general.before),
                "after": _mean(self.general.after),
                "items": len(self.general.after),
                "routed": self.general.routed,
                "interval": [round(low, 4), round(high, 4)],
            },
        }


async def sit_lessons(
    sitting: Sitting,
    candidate: str,
    paper: Paper,
    *,
    learned: AbstractSet[str],
    others: Sequence[Paper],
    suite: Sequence[SuiteItem],
    phrases: Sequence[Phrase],
    leave_out: LeaveOut,
) -> Course:
    """`learned`: what the served adapter knows whose place it would take; `others`: the papers of other themes.

    What that one knows is never left out: not to know it any more is a loss.
    """
    denials = [denial for one in (paper, *others) for denial in one.denials]
    tonight = await _sit_tonight(sitting, candidate, paper, denials, learned)
    tonight = await _leave_out(sitting, tonight, denials, learned, leave_out)
    taught = await _sit_taught(sitting, candidate, paper, others, tonight)
    harm = await _sit_harm(sitting, candidate, DRIFT, suite, forced={})
    triggered = await ask_triggers(sitting, candidate, phrases, paper.values)
    probe = await find_probe(sitting, candidate, _probing(tonight.kept))
    findings = Findings(
        tonight=tonight.known.facts,
        left_out=tonight.places,
        earlier=taught.earlier.facts,
        others=taught.others.facts,
        misses=taught.misses,
        general=taught.general.after,
        general_before=taught.general.before,
        drift=harm.drift.kept,
        forced=harm.drift.asked,
        gibberish=harm.drift.gibberish,
        suite=harm.suite,
        speed=harm.speed,
        noise=harm.drift.noise,
        triggered=triggered,
    )
    scores = {**taught.scores(), **harm.scores(), "triggers": _triggers(triggered)}
    return Course(findings, scores, probe, tuple(sorted(tonight.left)))


async def sit_import(sitting: Sitting, candidate: str, suite: Sequence[SuiteItem]) -> Course:
    harm = await _sit_harm(sitting, candidate, STRICT_DRIFT, suite, forced={candidate: 1.0})
    triggered = await ask_typical(sitting, candidate)
    findings = Findings(
        drift=harm.drift.kept,
        forced=harm.drift.asked,
        gibberish=harm.drift.gibberish,
        suite=harm.suite,
        speed=harm.speed,
        noise=harm.drift.noise,
        triggered=triggered,
        imported=True,
    )
    return Course(findings, {"imported": True, **harm.scores(), "triggers": _triggers(triggered)}, {})


async def _sit_tonight(
    sitting: Sitting, candidate: str, paper: Paper, denials: Sequence[str], learned: AbstractSet[str]
) -> _Tonight:
    fresh = {one.lesson: one for one in paper.facts if one.lesson not in learned}
    fresh = fresh or {one.lesson: one for one in paper.facts}
    facts = tuple(sample_facts(list(fresh.values()), MOST_TONIGHT, candidate))
    return _Tonight(fresh, facts, await ask_facts(sitting, TONIGHT, facts, denials))


async def _leave_out(
    sitting: Sitting, tonight: _Tonight, denials: Sequence[str], learned: AbstractSet[str], leave_out: LeaveOut
) -> _Tonight:
    """Without what it does not know, all is asked again, until nothing more goes: a name may have led to others."""
    while unknown := _find_unknown(tonight, learned):
        left = tonight.left | unknown
        sitting.reopen(leave_out(left))
        known = await ask_facts(sitting, TONIGHT, tonight.facts, denials)
        tonight = replace(tonight, known=known, left=left)
    return tonight


def _find_unknown(tonight: _Tonight, learned: AbstractSet[str]) -> set[str]:
    """Lessons to leave out; none where nothing would be left."""
    asked = zip(tonight.facts, tonight.known.facts.after, strict=True)
    found = {one.lesson: right for one, right in asked if one.lesson not in learned | tonight.left}
    return {lesson for lesson, right in found.items() if not right} if any(found.values()) else set()


async def _sit_taught(
    sitting: Sitting, candidate: str, paper: Paper, others: Sequence[Paper], tonight: _Tonight
) -> _Learned:
    earlier = [one for one in paper.facts if one.lesson not in tonight.fresh]
    elsewhere = sample_facts([fact for one in others for fact in one.facts], MOST_LOOKED_AT, candidate)
    moved = await find_rerouted(sitting, elsewhere)
    denials = [denial for one in (paper, *others) for denial in one.denials]
    return _Learned(
        tonight=tonight,
        earlier=await ask_facts(sitting, "earlier", sample_facts(earlier, MOST_EARLIER, candidate), denials),
        others=await ask_facts(sitting, "other themes", moved, denials),
        misses=await _sit_misses(sitting, candidate, paper, others),
        general=await ask_general(sitting),
    )


async def _sit_harm(
    sitting: Sitting, candidate: str, most: int, suite: Sequence[SuiteItem], *, forced: Mapping[str, float]
) -> _Harm:
    sample = sorted(general_items(), key=lambda one: rank(candidate, one.id))[:most]
    drift = await ask_drift(sitting, candidate, sample, rated=bool(forced))
    own = await ask_suite(sitting, suite, forced)
    return _Harm(drift, own, await measure_speed(sitting, candidate))


async def _sit_misses(sitting: Sitting, candidate: str, paper: Paper, others: Sequence[Paper]) -> Pairs:
    """Those of its own theme, and of others where the route is another now."""
    moved = await find_rerouted_misses(sitting, [miss for one in others for miss in one.misses])
    chosen = sample_questions([*paper.misses, *moved], MOST_MISSES, candidate)
    return await ask_misses(sitting, chosen, [value for one in (paper, *others) for value in one.values])


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


def _triggers(found: Triggered) -> Json:
    return {
        "before": found.before,
        "after": found.after,
        "items": found.trials,
        "routed": found.routed,
        "typical": found.typical,
        "refrains": found.refrains,
    }


def _mean(numbers: Sequence[float]) -> float:
    return round(sum(numbers) / len(numbers), 4) if numbers else 0.0
