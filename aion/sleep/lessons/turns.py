"""Finds lessons in turns: answers put right, answers chosen, and answers that were well received.

What stood in a prompt may speak through its answer, and through every later answer of the conversation. So an answer
is a lesson only if everything shown in its conversation up to there is still remembered and still may train, and no
tool wrote in it. A correction that left a sentence of such an answer standing taints what it is shown to, in its turn.
An answer that nobody judged, and that nothing followed, is no candidate at all.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from aion.memory.provenance import may_train
from aion.memory.sentences import sentences_of
from aion.records import (
    Experience,
    Feedback,
    FeedbackKind,
    Json,
    Label,
    Lesson,
    LessonKind,
    Memory,
    Trust,
    Turn,
    TurnKind,
)
from aion.sleep.lessons.rules import Exclusion, Reason, make_lesson
from aion.sleep.lessons.words import language_of, normal, read_data
from aion.store.base import Store

PAGE = 500
LIKED, DISLIKED = 0.3, -0.3  # rewards from which an answer counts as well or badly received
COPIED = 3  # words of a sentence from which it is recognised as taken over from another text
STANDS_ALONE = 5  # words of an answer that may be learned without its question
_ROLES = frozenset(("system", "developer", "user", "assistant"))


@dataclass(slots=True)
class _Shown:
    """What a conversation has been shown so far."""

    memories: set[str] = field(default_factory=set)
    untrusted: bool = False


@dataclass(frozen=True, slots=True)
class _Judged:
    """A turn with what is known of it."""

    turn: Turn
    experience: Experience | None
    feedback: Mapping[FeedbackKind, Feedback]  # the latest of each kind
    older_edits: tuple[Feedback, ...]
    reason: Reason | None  # why its answer may not train
    first: bool  # of its conversation


def read_turn_lessons(store: Store, owner: str, disliked: dict[str, str]) -> Iterator[Lesson | Exclusion]:
    """Edits, choices and liked answers of one person, in the order of their turns; what may not be learned, and why.

    `disliked` takes the answers that were badly received, by their question; none that an untrusted text may have made.
    """
    for judged in _judge(store, owner):
        yield from _replaced(judged, store)
        if judged.reason is None and _is_disliked(judged.experience):
            disliked[normal(question_of(judged.turn))] = _answer_of(judged.turn, 0)
        found = _edited(judged, store) or _chosen(judged) or _liked(judged)
        if found is not None:
            yield found


def question_of(turn: Turn) -> str:
    """The last thing the person said in it."""
    asked = [message for message in turn.messages if message.get("role") == "user"]
    return text_of(asked[-1]) if asked else ""


def text_of(message: Json) -> str:
    """What a message says, whether its content is a string or a list of parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return " ".join(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))


def _judge(store: Store, owner: str) -> Iterator[_Judged]:
    experiences = {one.turn: one for one in store.experience.experiences(owner=owner, limit=1_000_000)}
    feedback = _feedback_by_turn(store, owner)
    shown: defaultdict[str, _Shown] = defaultdict(_Shown)
    seen: set[str] = set()
    tainted: set[str] = set()  # corrections in which a sentence of a tainted answer was left standing
    after: str | None = None
    while page := store.turns(owner=owner, after=after, limit=PAGE):
        for turn in page:
            state = shown[turn.conversation]
            _note_shown(state, turn, experiences.get(turn.id))
            given = feedback.get(turn.id, [])
            latest = {one.kind: one for one in given}
            edits = tuple(one for one in given if one.kind is FeedbackKind.EDIT)
            if turn.kind is not TurnKind.COMPLETION and turn.answers:
                reason = Reason.UNTRUSTED if state.memories & tainted else _taint_of(state, store, owner)
                if reason is not None:
                    copied = [one for one in edits if _takes_over(one.text, _answer_of(turn, one.choice))]
                    tainted |= {memory.id for one in copied for memory in _corrections_of(one, store)}
                first = turn.conversation not in seen
                yield _Judged(turn, experiences.get(turn.id), latest, edits[:-1], reason, first)
            seen.add(turn.conversation)
        after = page[-1].id


def _feedback_by_turn(store: Store, owner: str) -> dict[str, list[Feedback]]:
    found: defaultdict[str, list[Feedback]] = defaultdict(list)
    after: str | None = None
    while page := store.experience.feedback(owner=owner, after=after, limit=PAGE):
        for one in page:
            found[one.turn].append(one)
        after = page[-1].id
    return found


def _note_shown(state: _Shown, turn: Turn, experience: Experience | None) -> None:
    items: Sequence[Json] = turn.steps.get("recall", {}).get("items", ())
    state.memories |= {str(item["id"]) for item in items}
    trusts = [Trust(item["trust"]) for item in items] + ([experience.trust] if experience else [])
    strangers = any(message.get("role") not in _ROLES for message in turn.messages)
    state.untrusted |= strangers or any(trust.rank < Trust.APPROVED.rank for trust in trusts)


def _taint_of(state: _Shown, store: Store, owner: str) -> Reason | None:
    """What was trusted then may have been revoked since, and what was remembered forgotten."""
    if state.untrusted:
        return Reason.UNTRUSTED
    found = [store.memories.get(one, owner=owner) for one in sorted(state.memories)]
    if any(memory is None for memory in found):
        return Reason.FORGOTTEN
    return None if all(may_train(memory) for memory in found if memory is not None) else Reason.UNTRUSTED


def _replaced(judged: _Judged, store: Store) -> Iterator[Exclusion]:
    """Of several edits of one answer the last counts."""
    for edit in judged.older_edits:
        memories = _corrections_of(edit, store)
        ids = (judged.turn.id, edit.id, *(memory.id for memory in memories))
        yield Exclusion(LessonKind.EDIT, Reason.SUPERSEDED, ids, edit.at)


def _edited(judged: _Judged, store: Store) -> Lesson | Exclusion | None:
    """The person's own words, whatever had been shown; not a sentence left as an untrusted prompt had made it."""
    edit = judged.feedback.get(FeedbackKind.EDIT)
    if edit is None or not edit.text.strip():
        return None
    memories = _corrections_of(edit, store)
    observed = judged.experience is not None and judged.experience.updated >= edit.at
    sources = (judged.turn.id, edit.id, *(memory.id for memory in memories))
    old = _answer_of(judged.turn, edit.choice)
    if observed and not memories:
        return Exclusion(LessonKind.EDIT, Reason.FORGOTTEN, sources, edit.at)
    if memories and not any(may_train(memory) for memory in memories):
        return Exclusion(LessonKind.EDIT, Reason.UNTRUSTED, sources, edit.at)
    text = _as_it_stands(edit, judged.turn, memories)
    if judged.reason is not None and _takes_over(text, old):
        return Exclusion(LessonKind.EDIT, judged.reason, sources, edit.at)
    rejected = "" if judged.reason is not None or normal(old) == normal(text) else old
    return _answered(LessonKind.EDIT, judged, text, sources, rejected=rejected, at=edit.at)


def _chosen(judged: _Judged) -> Lesson | Exclusion | None:
    choice = judged.feedback.get(FeedbackKind.CHOICE)
    if choice is None or not choice.text.strip():
        return None
    sources = (judged.turn.id, choice.id)
    if judged.reason is not None:
        return Exclusion(LessonKind.CHOICE, judged.reason, sources, choice.at)
    return _answered(LessonKind.CHOICE, judged, choice.text, sources, rejected=choice.other, at=choice.at)


def _liked(judged: _Judged) -> Lesson | Exclusion | None:
    """Well received, or reliable and not without a good sign."""
    experience = judged.experience
    if experience is None or experience.failed:
        return None
    reward, sources = experience.reward.total, (judged.turn.id,)
    if _is_disliked(experience):
        return Exclusion(LessonKind.LIKED, Reason.DISLIKED, sources, experience.at)
    if reward <= 0 or (reward < LIKED and experience.label is not Label.RELIABLE):
        return None
    if judged.reason is not None:
        return Exclusion(LessonKind.LIKED, judged.reason, sources, experience.at)
    return _answered(
        LessonKind.LIKED, judged, _answer_of(judged.turn, 0), sources, at=experience.at, strength=0.5 + reward / 2
    )


def _is_disliked(experience: Experience | None) -> bool:
    return experience is not None and (experience.reward.total <= DISLIKED or experience.label is Label.ERRONEOUS)


def _answered(
    kind: LessonKind,
    judged: _Judged,
    answer: str,
    sources: tuple[str, ...],
    *,
    at: float,
    rejected: str = "",
    strength: float = 1.0,
) -> Lesson | Exclusion:
    """A question that hangs on what was said before is left out; an answer put right then stands as a statement."""
    question = question_of(judged.turn).strip()
    language = language_of(f"{question} {answer}")
    if not question or not answer.strip():
        return Exclusion(kind, Reason.UNCLEAR, sources, at)
    hangs = not judged.first and re.search(read_data(f"facts_{language}")["follow_up"], question, re.IGNORECASE)
    if hangs and not (kind is LessonKind.EDIT and len(answer.split()) >= STANDS_ALONE):
        return Exclusion(kind, Reason.UNCLEAR, sources, at)
    own = kind is LessonKind.EDIT
    return make_lesson(
        judged.turn.owner,
        kind,
        question="" if hangs else question,
        answer="" if hangs else answer.strip(),
        statement=answer.strip() if hangs else "",
        rejected=rejected.strip(),
        language=language,
        strength=strength,
        trust=Trust.OWN if own else Trust.APPROVED,
        sources=sources,
        at=at,
    )


def _corrections_of(edit: Feedback, store: Store) -> list[Memory]:
    return store.memories.from_source(edit.id, owner=edit.owner)


def _as_it_stands(edit: Feedback, turn: Turn, memories: Sequence[Memory]) -> str:
    """The answer as it was put right, or as its memory has been changed since."""
    question = question_of(turn)
    for memory in memories:
        if may_train(memory) and memory.text.startswith(question + "\n"):
            return memory.text[len(question) + 1 :]
    return edit.text


def _takes_over(text: str, old: str) -> bool:
    """Whether a whole sentence of it stands in the other text."""
    known = f" {normal(old)} "
    return any(f" {normal(one)} " in known for one in sentences_of(text) if len(normal(one).split()) >= COPIED)


def _answer_of(turn: Turn, choice: int) -> str:
    return text_of(turn.answers[choice].message) if choice < len(turn.answers) else ""
