"""Reads a lesson as a fact: what is asked, what is answered, what it is about, and the sentence that says it all.

A lesson is a question with its answer or a statement; this makes the missing half by patterns, and where none fits by
a question about what it names, answered with the statement itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from aion.memory.aliases import OtherName
from aion.memory.entities import entities_of
from aion.memory.sentences import sentences_of
from aion.memory.statement_words import ANNOUNCEMENT, LEAD
from aion.memory.terms import stem as stem_of
from aion.memory.terms import words_of
from aion.memory.verbs import english_base
from aion.records import Lesson
from aion.sleep.lessons.phrasing.clauses import name_subject, split_clauses, split_verb
from aion.sleep.lessons.phrasing.foreign import cut, is_foreign, quote_own
from aion.sleep.lessons.phrasing.patterns import Asked, ask_about
from aion.sleep.lessons.phrasing.person import turn_round
from aion.sleep.lessons.phrasing.stating import opens_place, state, subject_of
from aion.sleep.lessons.words import EDGES, end_sentence, is_small, lower_first, normal, read_data, upper_first

SHORT_ANSWER = 8  # words; a longer one says its subject itself
SENTENCE = 5  # words from which an answer may stand alone
MOST_TOPICS = 3
MOST_QUESTIONS = 5  # of one statement: more would leave other facts less room


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One lesson, ready to be worded."""

    lesson: Lesson
    question: str
    others: tuple[str, ...] = ()  # the same asked otherwise, and what else its statement answers
    twins: tuple[str, ...] = ()  # questions that this very answer answers, too
    answer: str
    statement: str  # a whole sentence, as the assistant says it
    stem: str = ""  # the statement up to the answer; "" when it does not end with it
    core: str = ""  # the answer alone
    subject: str = ""  # what it is about, as it stands inside a sentence
    back: str = ""  # asks from the answer for the subject
    many: bool = False  # other facts may answer the same question
    changed: bool = False  # it says that it is otherwise than before
    aliases: tuple[OtherName, ...] = ()  # what it says of how else something is called
    foreign: bool = False  # it is in a language that nothing here can ask in
    deed: bool = False  # it asks for what was done: its subject alone asks for something else

    @property
    def language(self) -> str:
        return self.lesson.language

    @property
    def is_one_of_many(self) -> bool:
        """Whether another answer to its question says nothing against it."""
        return self.many or not self.core


def read_fact(lesson: Lesson) -> Fact:
    if lesson.question and lesson.answer:
        return replace(_read_answered(lesson), foreign=is_foreign(lesson.question))
    return _read_foreign(lesson) if is_foreign(lesson.statement) else _read_statement(lesson)


def tell_apart(facts: Sequence[Fact]) -> list[Fact]:
    """Facts whose question several share, such as "What do I like?", are asked for by what they name instead."""
    askers: dict[str, set[str]] = {}
    for fact in facts:
        askers.setdefault(normal(fact.question), set()).add(normal(fact.answer))
    return [
        _ask_by_topic(fact) if len(askers[normal(fact.question)]) > 1 and not fact.foreign else fact for fact in facts
    ]


def without_lead(sentence: str) -> str:
    """Without "remember that" and the like: what is left begins with a capital."""
    rest = sentence.strip()
    while True:
        plain = rest.lower()
        found = ANNOUNCEMENT.match(plain) or LEAD.match(plain)
        cut = rest[found.end() :].lstrip(" ,.;:!-\u2013\u2014") if found and found.group() else rest
        if cut == rest or len(cut.split()) < 3:
            return upper_first(rest)
        rest = cut


def without_change(sentence: str, language: str) -> str:
    """Without "now" and the like: what is so now is asked for as what was so before."""
    pattern: str = read_data(f"facts_{language}")["change"]
    plain = re.sub(pattern, lambda found: found["keep"] or "", sentence, flags=re.IGNORECASE)
    return upper_first(" ".join(plain.split())) if plain != sentence else sentence


def topics_of(text: str) -> list[str]:
    """What it names: names, codes and numbers first, else its phrases."""
    found = entities_of(text)
    named = [one.text for one in found if one.kind in {"name", "code"}]
    phrases = [one.text for one in found if one.kind == "phrase"]
    return list(dict.fromkeys([*named[:2], *phrases]))[:MOST_TOPICS] or [" ".join(text.split()[:4]).rstrip(EDGES)]


def name_topics(text: str, language: str) -> list[str]:
    """The same without what it says of them: of "ferry lands", the ferry."""
    topics = topics_of(text)
    parts = read_data(f"facts_{language}")["parts"]
    verbs = {topic for topic in topics if topic in english_base() or re.fullmatch(parts.get("done", ""), topic)}
    topics = [re.sub(rf"(?: {parts['loose']})+$", "", topic) for topic in topics if topic not in verbs] or topics
    subject, verb = split_verb(text, language)
    if not any(verb in topic.split() for topic in topics if verb):
        return topics
    rest = [topic for topic in topics if verb not in topic.split() and topic not in subject]
    return [subject, *rest][:MOST_TOPICS]


def _read_statement(lesson: Lesson) -> Fact:
    sentence = without_lead(lesson.statement)
    first, *more = sentences_of(sentence) or [sentence]
    said = turn_round(end_sentence(sentence), lesson.language)
    quoted: str = read_data(f"facts_{lesson.language}")["quoted"]
    answer = said if said is not None else quoted.format(statement=end_sentence(lesson.statement))
    plain = without_change(first, lesson.language)
    changed = plain != first or _leads_to_change(lesson.statement.strip().removesuffix(sentence[1:]), lesson.language)
    bare = Fact(lesson=lesson, question="", answer=answer, statement=answer, changed=changed)
    found = _ask_clauses([*split_clauses(plain, lesson.language), *more], lesson.language)
    if not found:
        return _ask_openly(bare)
    asked = found[0]
    core = turn_round(asked.core, lesson.language) or asked.core
    questions = list(dict.fromkeys([one.questions[0] for one in found] + [q for one in found for q in one.questions]))
    return replace(
        bare,
        question=questions[0],
        others=tuple(questions[1:MOST_QUESTIONS]),
        twins=asked.questions[1:],
        stem="" if more or said is None else _stem(answer, core) or _stem(answer, asked.core),
        core=asked.core,
        subject=asked.subject,
        back="" if said is None else asked.back,
        many=asked.many,
        changed=bare.changed or asked.changed,
        deed=asked.deed,
        aliases=tuple(one.alias for one in found if one.alias is not None),
    )


def _leads_to_change(lead: str, language: str) -> bool:
    """Whether what was cut off before the sentence says "now"; with a comma it is only a manner of speaking."""
    return "," not in lead and without_change(lead, language) != lead


def _read_foreign(lesson: Lesson) -> Fact:
    """Its beginning asks for the rest."""
    answer = quote_own(lesson.statement)
    topic = topics_of(lesson.statement)[0]
    beginnings, last = cut(lesson.statement)
    questions = (*beginnings, f"{topic}?")
    return Fact(
        lesson=lesson,
        question=questions[0],
        others=questions[1:],
        answer=answer,
        statement=answer,
        core=last if beginnings else "",
        subject=topic,
        foreign=True,
    )


def _ask_clauses(clauses: Sequence[str], language: str) -> list[Asked]:
    """What each of them answers; one that speaks of "she" is asked of whom the one before it is about."""
    found: list[Asked] = []
    for place, clause in enumerate(clauses):
        holder = found[-1].subject if found else ""
        whole = name_subject(clause, holder, language) if place else clause
        asked = ask_about(whole, language, holder) if whole else None
        found += [asked] if asked is not None else []
    return found


def _read_answered(lesson: Lesson) -> Fact:
    """The answer stays as it was given, whole."""
    subject = subject_of(lesson.question, lesson.language)
    answer = lesson.answer.strip()
    first = next(iter(sentences_of(answer)), answer)
    if _is_short(answer, lesson.question):
        core = answer.rstrip(EDGES)
        stated = state(lesson.question, core, lesson.language)
        said = (
            end_sentence(answer) if len(answer.split()) >= SENTENCE and not opens_place(answer, lesson.language) else ""
        )
        statement = (turn_round(stated, lesson.language) if stated else None) or said
    else:
        core, statement = _core_of(first, lesson.question), end_sentence(answer)
    return Fact(
        lesson=lesson,
        question=lesson.question.strip(),
        answer=answer,
        statement=statement,
        stem=_stem(statement, core) if len(sentences_of(statement)) == 1 else "",
        core=core,
        subject=_as_said(subject, statement),
        twins=_ask_anew(first, core, lesson.language),
    )


def _ask_anew(sentence: str, core: str, language: str) -> tuple[str, ...]:
    """What an answer that says its subject itself would be asked for, had it been told."""
    asked = ask_about(without_change(sentence, language), language)
    return asked.questions if asked is not None and core and _matter_of(core) == _matter_of(asked.core) else ()


def _matter_of(core: str) -> set[str]:
    return {word for word in words_of(core) if not is_small(word)}


def _as_said(subject: str, statement: str) -> str:
    """As much of it as the statement begins to say: of "the carpet bought", in "The carpet was bought", two words."""
    words, said = subject.split(), f" {normal(statement)} "
    kept = next((end for end in range(len(words), 0, -1) if f" {normal(' '.join(words[:end]))} " in said), 0)
    return " ".join(words[:kept]) if any(not is_small(word) for word in words[:kept]) else subject


def _ask_openly(fact: Fact) -> Fact:
    """Asks for what it names; what it names last is taken for the answer, and not named where something else is."""
    body = fact.statement.rstrip(EDGES + '"\u201d\u00bb')
    named = (one.text for one in entities_of(body) if one.kind != "phrase" and body.endswith(one.text))
    last = max((*named, *body.split()[-1:]), key=len, default="")
    found = name_topics(fact.lesson.statement, fact.language)
    topics = [topic for topic in found if topic not in last and last not in topic]
    if not (last and topics):
        return _ask_by_topic(fact)
    asked = read_data(f"facts_{fact.language}")
    question: str = asked["fallback"].format(topic=asked["joiner"].join(topics))
    return replace(
        fact, question=question, stem=_stem(fact.statement, last), core=last, subject=lower_first(topics[0]), many=True
    )


def _ask_by_topic(fact: Fact) -> Fact:
    words = read_data(f"facts_{fact.language}")
    known = [topic for topic in (fact.subject, _without_small(fact.core)) if topic]
    topics = known or name_topics(
        fact.lesson.statement or f"{fact.lesson.question} {fact.lesson.answer}", fact.language
    )
    question: str = words["fallback"].format(topic=words["joiner"].join(topics))
    return replace(fact, question=question, others=(), subject=fact.subject or lower_first(topics[0]), stem="", back="")


def _without_small(phrase: str) -> str:
    """Without the articles and prepositions it begins with."""
    words = phrase.split()
    while words and is_small(words[0]):
        words = words[1:]
    return " ".join(words)


def _is_short(answer: str, question: str) -> bool:
    asked = {stem_of(word) for word in words_of(question) if not is_small(word)}
    told = {stem_of(word) for word in words_of(answer)}
    return len(answer.split()) <= SHORT_ANSWER and len(asked & told) * 2 < max(1, len(asked))


def _core_of(sentence: str, question: str) -> str:
    """What of an answer is not in its question: from the first such word to the last."""
    asked = {stem_of(word) for word in words_of(question)}
    pieces = sentence.strip().rstrip(EDGES).split()
    new = [
        place
        for place, piece in enumerate(pieces)
        if not is_small(piece) and not {stem_of(word) for word in words_of(piece)} <= asked
    ]
    return " ".join(pieces[new[0] : new[-1] + 1]).strip(EDGES) if new else ""


def _stem(statement: str, core: str) -> str:
    """Up to the answer; empty when the statement does not end with it, or is nothing else."""
    body = statement.rstrip(EDGES)
    found = re.search(rf"(?<!\w){re.escape(core)}$", body, re.IGNORECASE) if core else None
    head = body[: found.start()].strip() if found else ""
    return head if len(head.split()) >= 2 else ""
