"""What a lesson is made of, and the rules by which one is left out, each with its reason. Pure; reads no store.

The rules, in this order: too long; secret; pii; unclear for a relative day or a bare pronoun; superseded; duplicate;
quarantined; capped. What untrusted, forgotten, disliked and otherwise unclear mean is settled where the lessons are
found. A reason never quotes what it is about.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from aion.memory.sentences import sentences_of
from aion.memory.terms import words_of
from aion.records import Lesson, LessonKind, Trust
from aion.sleep.lessons.clear import (
    Claim,
    asks_place,
    claim_of,
    habits_of,
    points_only,
    prepositions_of,
    tells_relative_time,
)
from aion.sleep.lessons.phrasing.facts import Fact, read_fact, without_change, without_lead
from aion.sleep.lessons.scrub import find_contact, find_identity, find_secret, without_contacts
from aion.sleep.lessons.words import is_small, normal, read_data

LONGEST_QUESTION, LONGEST_ANSWER = 600, 1500  # characters: more does not fit a row of training beside its wordings
FEWEST = 5  # lessons that any document may give, however few others there are
WEIGHTS = {
    LessonKind.EDIT: 1.5,
    LessonKind.CHOICE: 1.2,
    LessonKind.TOLD: 1.0,
    LessonKind.LIKED: 0.7,
    LessonKind.READ: 0.5,
}
ORDER = tuple(LessonKind)


class Reason(StrEnum):
    """Why something is not learned."""

    UNTRUSTED = "untrusted"  # nobody trusted stands behind it, or behind what its answer was made from
    SECRET = "secret"  # noqa: S105 - the name of a reason: it holds a key, a password or a card number
    PII = "pii"  # it holds an identity number, or how to reach somebody in words that are not the person's own
    DUPLICATE = "duplicate"  # another lesson says it
    CAPPED = "capped"  # its document has given its share
    DISLIKED = "disliked"  # the answer was badly received, or wrong
    FORGOTTEN = "forgotten"  # what it came from is gone
    SUPERSEDED = "superseded"  # something said later says otherwise
    LONG = "long"  # more than a lesson holds
    QUARANTINED = "quarantined"  # a training broke off at it; `aion sleep release` lets it be tried again
    UNCLEAR = "unclear"  # it says nothing, or something else, without what was said before it, by whom and when


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Something that is not learned."""

    kind: LessonKind
    reason: Reason
    sources: tuple[str, ...]
    at: float = 0.0
    lesson: str = ""  # id it would have had; "" where none was made
    detail: str = ""  # what was found, or which lesson stands instead; never its words


def make_lesson(
    owner: str,
    kind: LessonKind,
    *,
    question: str = "",
    answer: str = "",
    statement: str = "",
    rejected: str = "",
    language: str,
    strength: float = 1.0,
    trust: Trust,
    sources: tuple[str, ...],
    at: float,
) -> Lesson:
    """Its id comes from its owner, kind, first source and words: what is put right again is another lesson."""
    parts = (owner, kind.value, sources[0], normal(question), answer, statement)
    return Lesson(
        id="les_" + hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32],
        owner=owner,
        kind=kind,
        theme="",
        question=question,
        answer=answer,
        statement=statement,
        rejected=rejected,
        language=language,
        weight=round(WEIGHTS[kind] * strength, 4),
        trust=trust,
        sources=sources,
        at=at,
    )


def exclude(lesson: Lesson, reason: Reason, detail: str = "") -> Exclusion:
    return Exclusion(lesson.kind, reason, lesson.sources, lesson.at, lesson.id, detail)


def check_content(lesson: Lesson) -> Lesson | Exclusion:
    """The lesson as it may be taught."""
    whole = "\n".join(part for part in (lesson.question, lesson.answer, lesson.statement) if part)
    if len(lesson.question) > LONGEST_QUESTION or len(lesson.answer) + len(lesson.statement) > LONGEST_ANSWER:
        return exclude(lesson, Reason.LONG)
    if found := find_secret(whole):
        return exclude(lesson, Reason.SECRET, found)
    if found := find_identity(whole):
        return exclude(lesson, Reason.PII, found)
    if tells_relative_time(whole, lesson.language):
        return exclude(lesson, Reason.UNCLEAR, "a day told from the day it was said")
    rejected = "" if find_secret(lesson.rejected) or find_identity(lesson.rejected) else lesson.rejected
    lesson = replace(lesson, rejected=rejected)
    if lesson.trust is Trust.OWN:
        return lesson
    return _without_contacts(lesson)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a lesson answers, ready to be compared."""

    fact: Fact
    whole: str
    core: str
    words: frozenset[str]  # that carry the matter
    prepositions: frozenset[str]
    habits: frozenset[str]  # days for which alone it is said

    @property
    def told(self) -> bool:
        """As a statement: nobody put an answer right with it."""
        return bool(self.fact.lesson.statement)


def keep_latest(lessons: Sequence[Lesson]) -> tuple[list[Lesson], list[Exclusion]]:
    """Of lessons that answer one question, one: the person's own words before others, then the last.

    A question that has many answers, such as "What do I like?", keeps them all, and so do statements that fill other
    places of it, such as a day and an hour, unless somebody put one answer right, or said later that it is otherwise
    now, or that it is not so, in the same words. What only points, such as "I like it", answers nothing.
    """
    kept: set[str] = set()
    gone: list[Exclusion] = []
    asked: dict[str, list[_Answer]] = {}
    claimed: dict[Claim, str] = {}
    for lesson in sorted(lessons, key=lambda one: (one.trust is Trust.OWN, one.at, one.id), reverse=True):
        answer = _read_answer(lesson)
        if _only_points(answer.fact):
            gone.append(exclude(lesson, Reason.UNCLEAR))
            continue
        keys = _keys_of(answer.fact)
        others = list(dict.fromkeys(other for key in keys for other in asked.get(key, ())))
        twin = next((other for other in others if _says_the_same(answer, other)), None)
        against = next((other for other in others if _speaks_against(answer, other)), None)
        claim = _claim_of(lesson)
        denier = claimed.get(replace(claim, denied=not claim.denied)) if claim else None
        if twin is not None:
            gone.append(exclude(lesson, Reason.DUPLICATE, twin.fact.lesson.id))
        elif stands := against.fact.lesson.id if against else denier:
            gone.append(exclude(lesson, Reason.SUPERSEDED, stands))
        else:
            for key in keys:
                asked.setdefault(key, []).append(answer)
            kept.add(lesson.id)
            claimed |= {claim: lesson.id} if claim else {}
    return [one for one in lessons if one.id in kept], gone


def _keys_of(fact: Fact) -> set[str]:
    """What it answers, however it is asked for an hour or a day; and of an answer, what it would be told for."""
    data = read_data(f"facts_{fact.language}")
    told_for = fact.twins[:1] if fact.lesson.question else ()
    questions = (normal(one) for one in (fact.question, *told_for))
    return {f"{fact.language} {re.sub(data['hour'], data['since'][1].strip().lower(), one)}" for one in questions}


def _claim_of(lesson: Lesson) -> Claim | None:
    """Of one sentence that was told."""
    sentences = sentences_of(without_lead(lesson.statement))
    return claim_of(without_change(sentences[0], lesson.language), lesson.language) if len(sentences) == 1 else None


def _read_answer(lesson: Lesson) -> _Answer:
    fact = read_fact(lesson)
    placed = asks_place(fact.question, lesson.language)
    return _Answer(
        fact=fact,
        whole=normal(fact.answer),
        core=normal(fact.core),
        words=frozenset(word for word in words_of(fact.core) if not is_small(word)),
        prepositions=frozenset() if placed else prepositions_of(fact.core, lesson.language),
        habits=habits_of(fact.core, lesson.language),
    )


def _only_points(fact: Fact) -> bool:
    """Of one sentence that a pattern fits: where none does, its core is but its last word."""
    if not fact.lesson.statement or len(sentences_of(fact.lesson.statement)) > 1:
        return False
    openly: str = read_data(f"facts_{fact.language}")["fallback"].partition("{")[0]
    return not fact.question.startswith(openly) and points_only(fact.core, fact.language)


def _says_the_same(one: _Answer, other: _Answer) -> bool:
    """One answer has all words of the other's; where the answer is not known from the rest, both are the same words."""
    if not (one.core and other.core):
        return one.whole == other.whole
    if one.told and other.told and one.habits != other.habits:
        return False
    if not (one.words and other.words):
        return one.core == other.core
    return one.words <= other.words or other.words <= one.words


def _speaks_against(older: _Answer, later: _Answer) -> bool:
    """Whether both cannot be so: "at 7" and "at 8" cannot, "at Siemens" and "in Braga" can."""
    if older.told and later.told and older.habits != later.habits:
        return False
    if later.fact.changed:
        return True
    if older.fact.is_one_of_many and later.fact.is_one_of_many:
        return False
    apart = older.prepositions and later.prepositions and not older.prepositions & later.prepositions
    return not (older.told and later.told and apart)


def cap_sources(
    lessons: Sequence[Lesson], documents: dict[str, str], share: float
) -> tuple[list[Lesson], list[Exclusion]]:
    """At most this share of all lessons from one document; `documents` says which one a lesson is from."""
    most = max(FEWEST, math.floor(len(lessons) * share))
    given: Counter[str] = Counter()
    kept: list[Lesson] = []
    gone: list[Exclusion] = []
    for lesson in lessons:
        document = documents.get(lesson.id, "")
        given[document] += 1
        if document and given[document] > most:
            gone.append(exclude(lesson, Reason.CAPPED, f"{document} gives {most}"))
        else:
            kept.append(lesson)
    return kept, gone


def order_of(lesson: Lesson) -> tuple[int, float]:
    """The surest kind first, then as they came; sentences of one text stay as they stand."""
    return ORDER.index(lesson.kind), lesson.at


def _without_contacts(lesson: Lesson) -> Lesson | Exclusion:
    answer, statement = without_contacts(lesson.answer), without_contacts(lesson.statement)
    nothing_left = not (answer or statement) or (lesson.answer and not answer)
    if nothing_left or find_contact(lesson.question):
        return exclude(lesson, Reason.PII, find_contact(f"{lesson.question}\n{lesson.answer}\n{lesson.statement}"))
    rejected = "" if find_contact(lesson.rejected) else lesson.rejected
    return replace(lesson, answer=answer, statement=statement, rejected=rejected)
