"""Finds everything that one person's adapters may learn, and says of everything else why not. It writes nothing.

The surest first: answers put right and chosen, what the person stated, answers that were well received, and documents
that they approved. The same store always gives the same lessons, under the same ids.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from aion.memory.provenance import may_train
from aion.memory.sentences import sentences_of
from aion.memory.statements import is_statement, without_marks
from aion.records import Lesson, LessonKind, Memory, MemoryKind, Trust
from aion.sleep.lessons.clear import hangs_on, speaks_of_writer
from aion.sleep.lessons.phrasing.facts import read_fact
from aion.sleep.lessons.rules import (
    Exclusion,
    Reason,
    cap_sources,
    check_content,
    exclude,
    keep_latest,
    make_lesson,
    order_of,
)
from aion.sleep.lessons.turns import read_turn_lessons
from aion.sleep.lessons.words import language_of, normal
from aion.store.base import Store

PAGE = 500
WORDS = range(3, 61)  # of a sentence of a document that is worth learning by itself


@dataclass(frozen=True, slots=True)
class Lessons:
    """What there is to learn."""

    lessons: tuple[Lesson, ...]  # without themes
    exclusions: tuple[Exclusion, ...]

    def counts(self) -> dict[str, dict[str, int]]:
        """Lessons by kind, exclusions by reason."""
        return {
            "lessons": dict(Counter(one.kind.value for one in self.lessons)),
            "exclusions": dict(Counter(one.reason.value for one in self.exclusions)),
        }


def collect_lessons(store: Store, owner: str, *, source_share: float) -> Lessons:
    """`source_share`: the largest part of the lessons that one document may give."""
    found: list[Lesson] = []
    gone: list[Exclusion] = []
    documents: dict[str, str] = {}
    disliked: dict[str, str] = {}
    turned = list(read_turn_lessons(store, owner, disliked))
    covered = {source for one in turned for source in one.sources if one.kind is LessonKind.EDIT}
    for one in (*turned, *_read_memory_lessons(store, owner, covered, documents)):
        checked = check_content(_reject(one, disliked)) if isinstance(one, Lesson) else one
        if isinstance(checked, Lesson):
            found.append(checked)
        else:
            gone.append(checked)
    found, older = keep_latest(found)
    aside = {one.lesson: f"{one.night}: {one.reason}" for one in store.nights.quarantined(owner=owner)}
    sound = [one for one in found if one.id not in aside]
    kept, capped = cap_sources(sorted(sound, key=order_of), documents, source_share)
    broke = [exclude(one, Reason.QUARANTINED, aside[one.id]) for one in found if one.id in aside]
    gone += [*older, *broke, *capped]
    return Lessons(tuple(kept), tuple(sorted(gone, key=lambda one: (one.reason, one.at, one.sources))))


def _reject(lesson: Lesson, disliked: dict[str, str]) -> Lesson:
    """With the answer that was disliked when the same was asked."""
    if lesson.rejected or not disliked:
        return lesson
    fact = read_fact(lesson)
    rejected = disliked.get(normal(fact.question), "")
    return lesson if normal(rejected) == normal(fact.answer) else replace(lesson, rejected=rejected)


def _read_memory_lessons(
    store: Store, owner: str, covered: set[str], documents: dict[str, str]
) -> Iterator[Lesson | Exclusion]:
    """Newest first. Corrections that belong to a recorded edit are `covered`: they are found with their turn."""
    before: int | None = None
    while page := store.memories.listed(owner=owner, before=before, limit=PAGE):
        for memory in page:
            if not (memory.kind is MemoryKind.CORRECTION and memory.id in covered):
                yield from _lessons_of(memory, documents)
        before = page[-1].seq


def _lessons_of(memory: Memory, documents: dict[str, str]) -> Iterator[Lesson | Exclusion]:
    kind = LessonKind.READ if memory.kind is MemoryKind.PASSAGE or memory.trust is not Trust.OWN else LessonKind.TOLD
    if memory.kind is MemoryKind.CORRECTION:
        yield from _correction(memory)
        return
    if not may_train(memory):
        yield Exclusion(kind, Reason.UNTRUSTED, _sources_of(memory), memory.updated)
        return
    statements, unclear = _statements(memory, kind)
    for _ in range(unclear):
        yield Exclusion(kind, Reason.UNCLEAR, _sources_of(memory), memory.updated)
    for statement in statements:
        lesson = make_lesson(
            memory.owner,
            kind,
            statement=statement,
            language=language_of(statement, language_of(memory.text)),
            trust=memory.trust,
            sources=_sources_of(memory),
            at=memory.updated,
        )
        if memory.document:
            documents[lesson.id] = memory.document
        yield lesson


def _correction(memory: Memory) -> Iterator[Lesson | Exclusion]:
    """One whose edit is not recorded here, such as one taken in from a backup."""
    question, _, answer = memory.text.partition("\n")
    if not may_train(memory):
        yield Exclusion(LessonKind.EDIT, Reason.UNTRUSTED, _sources_of(memory), memory.updated)
        return
    yield make_lesson(
        memory.owner,
        LessonKind.EDIT,
        question=question.strip() if answer.strip() else "",
        answer=answer.strip(),
        statement="" if answer.strip() else question.strip(),
        language=language_of(memory.text),
        trust=memory.trust,
        sources=_sources_of(memory),
        at=memory.updated,
    )


def _statements(memory: Memory, kind: LessonKind) -> tuple[list[str], int]:
    """One for each sentence, of a document what states something; and how many are unclear.

    A sentence about "it" belongs to the one directly before, and is unclear where that is not learned. So is what a
    document says of "me": it is not the person who speaks there.
    """
    made: list[str] = []
    unclear, follows = 0, False
    for sentence in sentences_of(without_marks(memory.text)):
        before, follows = follows, False
        if kind is LessonKind.READ and not (len(sentence.split()) in WORDS and is_statement(sentence)):
            continue
        if not normal(sentence):
            follows = before
        elif (kind is LessonKind.READ and speaks_of_writer(sentence)) or (hangs_on(sentence) and not before):
            unclear += 1
        else:
            follows = True
            if hangs_on(sentence):
                made[-1] = f"{made[-1]} {sentence}"
            else:
                made.append(sentence)
    return list(dict.fromkeys(made)), unclear


def _sources_of(memory: Memory) -> tuple[str, ...]:
    refs = (source.ref for source in memory.sources if source.ref)
    return tuple(dict.fromkeys((memory.id, *refs)))
