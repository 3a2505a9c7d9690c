"""Where an adapter stands between the night that made it and the people it answers, and what it knows; pure."""

from __future__ import annotations

from enum import StrEnum

from aion.records import Candidate, Promotion, Verdict


class Standing(StrEnum):
    """In words for people."""

    UNEXAMINED = "not_examined"
    REFUSED = "refused"
    PASSED = "passed"  # it may be served, and is not
    TRIAL = "trial"  # some conversations get it
    SERVED = "served"
    RETIRED = "retired"  # what it learned was forgotten: its files are gone


def standing_of(candidate: Candidate, verdict: Verdict | None, promotion: Promotion | None) -> Standing:
    """`verdict` is the newest about it, `promotion` its owner's newest."""
    if candidate.retired:
        return Standing.RETIRED
    if verdict is None:
        return Standing.UNEXAMINED
    if not verdict.ship:
        return Standing.REFUSED
    if promotion is not None and candidate.id in promotion.adapters:
        return Standing.SERVED
    if promotion is not None and candidate.id in promotion.trial:
        return Standing.TRIAL
    return Standing.PASSED


def known_by(candidate: Candidate, verdict: Verdict | None) -> set[str]:
    """The lessons it was taught, without those that its newest verdict found it does not know."""
    return set(candidate.lessons) - set(verdict.unlearned if verdict is not None else ())
