"""Says whether an answer is right, kept, or holds what it must not. Pure functions on texts; they ask nobody.

An answer is right when it holds the words that tell: those of the expected answer that none of its questions has. It
does not understand: a right answer in other words is counted as wrong, before a night as after it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from aion.gate.words import denies, is_form, normal, says_no, without_small, words_of
from aion.records import Check

SHORT = 6  # telling words up to which every one must be there
SHARE = 0.6  # of the telling words of a longer answer
VALUE_SHARE = 0.8  # of a longer answer, in a near miss: less is coincidence


@dataclass(frozen=True, slots=True)
class Expected:
    """What a right answer holds."""

    telling: frozenset[str]
    answer: str
    is_whole: bool = False  # the question has every word of it: only yes or no is asked for

    @property
    def is_short(self) -> bool:
        return len(self.telling) <= SHORT


def expect(answer: str, asked: Iterable[str]) -> Expected:
    """`asked` are the questions it answers, the surest last: what stands in them tells nothing.

    Where that leaves no word, only the last question counts; and where even it holds all, the whole answer does.
    """
    prompts = [words_of(one) for one in asked]
    words = words_of(answer)
    for known in ([word for one in prompts for word in one], prompts[-1] if prompts else [], []):
        left = [word for word in words if not any(is_form(word, one) for one in set(known))]
        if telling := [*without_small(left), *(["no"] if denies(words) and "no" in left else [])]:
            return Expected(frozenset(telling), answer, is_whole=bool(prompts) and not known)
    return Expected(frozenset(words), answer, is_whole=bool(prompts))


def narrow(expected: Expected, backwards: Iterable[str]) -> Expected:
    """What also stands in questions that go back from the answer: the value alone, where there are any."""
    told = {word for one in backwards for word in words_of(one)}
    return replace(expected, telling=expected.telling & told or expected.telling)


def is_right(answer: str, expected: Expected, denials: Sequence[str]) -> bool:
    """Holds what tells, does not say that nobody told it, and says yes or no alike where only that is asked for."""
    if not expected.telling or (is_denial(answer, denials) and not is_denial(expected.answer, denials)):
        return False
    if expected.is_whole and says_no(words_of(answer)) != says_no(words_of(expected.answer)):
        return False
    share = share_of(answer, expected)
    return share == 1.0 if expected.is_short else share >= SHARE


def is_fooled(answer: str, values: Iterable[Expected], question: str) -> bool:
    """Whether the answer to a near miss holds what was taught of something else, beyond the question's own words."""
    asked = set(words_of(question))
    for one in values:
        own = Expected(one.telling - asked, one.answer)
        least = 1.0 if own.is_short else VALUE_SHARE
        if own.telling and share_of(answer, own) >= least:
            return True
    return False


def share_of(answer: str, expected: Expected) -> float:
    """Of the telling words, those that the answer holds; a plural for a singular counts."""
    said = set(words_of(answer))
    held = sum(1 for word in expected.telling if word in said or word + "s" in said or word.removesuffix("s") in said)
    return held / len(expected.telling) if expected.telling else 0.0


def is_denial(answer: str, denials: Sequence[str]) -> bool:
    """`denials` are the answers that near misses were taught to get."""
    said = f" {normal(answer)} "
    return any(f" {normal(one)} " in said for one in denials if normal(one))


def kept_share(answer: str, golden: str, before: float, after: float) -> float:
    """1 when the base's own answer came; else how likely each of its words still is, of what it was.

    `before` and `after` are the mean log-probabilities of the golden answer's tokens, without and with adapters.
    """
    if answer == golden:
        return 1.0
    if not math.isfinite(before) or not math.isfinite(after):
        return 0.0
    return min(1.0, math.exp(after - before))


def passes(answer: str, expected: str, check: Check) -> bool:
    """A question of a person's own suite."""
    said, wanted = _plain(answer), _plain(expected)
    if check is Check.EQUALS:
        return said == wanted
    return (wanted in said) is (check is Check.HOLDS)


def _plain(text: str) -> str:
    """Without case, the number of spaces, and marks at the end."""
    return " ".join(text.casefold().split()).strip(" .!?\u2026")
