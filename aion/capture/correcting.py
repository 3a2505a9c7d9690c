"""Reads whether the message after an answer puts a fact of it right, and how well that is backed (C3).

Two kinds of evidence: cues, by which people say so ("no, it's", "não é X, é Y", the answer's word denied), and matter,
a statement that puts another value where the answer has one. A cue with nothing to back it is a LONE correction: no
word of blame, no other value, nothing said of the answer's matter. It may be about something else altogether.
"""

from __future__ import annotations

import re
from enum import StrEnum

from aion.capture.emotion import Kind
from aion.capture.following import Next
from aion.capture.lexicon import Lexicon
from aion.capture.likeness import stems_of, swaps_subject
from aion.capture.replacing import asks_fact, asks_work, echoes, redefines, replaces, stands_alone, tells_of_self
from aion.capture.words import own_words, plain, sentences_of, words_of

TAG_WORDS = 12  # of a question that corrects: "isn't it 6?"
RETORT_WORDS = 10
NAME_WORDS = 3  # of an answer that is a name: what is said of the name puts it right
AT_ONCE_S = 600.0  # a value without a cue puts right only what was just read

_QUOTED = re.compile(r"[\"'\u201c\u201d\u00ab\u00bb]")
_DENIED = re.compile(
    r"\b(?:not|nao(?: e| foi| eram)?|instead of|rather than|em vez de)\s+"
    r"(?:an?|the|in|on|at|o|a|os|as|em|n[oa]s?|d[oa]s?|de|um|uma)?\s*(\w+)"
    r"|^(?:an?|the|o|a|os|as)?\s*(\w+) (?:isn.?t|aren.?t|wasn.?t|is not|are not|nao)\b"
)
_SURE = frozenset(("sure", "surely", "certain", "certeza"))
_POINTING = frozenset("that this it isso isto he she they ele ela what".split())  # noqa: SIM905 - reads as a list of words


class Correction(StrEnum):
    """How surely a fact was put right."""

    NONE = "none"
    LONE = "lone"  # a cue, and nothing beside it
    BACKED = "backed"


def read_correction(said: Next) -> Correction:
    """An answer that was a question gets a reply, never a correction; a long message brings matter of its own."""
    if said.replies or not said.short:
        return Correction.NONE
    sentences = sentences_of(own_words(said.raw))
    if states_other(said, sentences):
        return Correction.BACKED
    cues = [one for one in sentences if gives_cue(said, one) and not _is_wish(said, one)]
    if any(_is_backed(said, one) for one in cues):
        return Correction.BACKED
    asks = any(_asks_on(said, one) for one in sentences)  # what stands beside a question may lead to it
    return Correction.LONE if cues and not asks else Correction.NONE


def gives_cue(said: Next, sentence: str) -> bool:
    """Whether a sentence has the shape of a correction."""
    return _sentence_corrects(said, plain(sentence)) or _retorts(said, sentence)


def tells_right(said: Next) -> bool:
    """Says what is, and not only that it is wrong."""
    return bool(set(words_of(said.raw)) & (said.lexicon.copulas | {"should", "devia", "deveria"}))


def _is_wish(said: Next, sentence: str) -> bool:
    """After advice or a plan people tell of themselves to get another one."""
    blamed = any(one.kind is Kind.WRONG for one in said.judged)
    return not blamed and asks_work(said.question) and tells_of_self("", sentence, said.lexicon)


def states_other(said: Next, sentences: list[str]) -> bool:
    """Soon after an answer of fact, a statement with another value of the kind that the answer has."""
    if said.gap_s > AT_ONCE_S or not asks_fact(said.question) or any(_asks_on(said, one) for one in sentences):
        return False
    if said.lexicon.agreeing.search(said.said) or said.lexicon.thanks.search(said.said):
        return False
    return any(_states(said, one) for one in sentences)


def _asks_on(said: Next, sentence: str) -> bool:
    """A request or question, other than a doubt about the answer."""
    plainly = plain(sentence)
    if said.lexicon.continuing.search(plainly):
        return True
    if not sentence.rstrip().endswith("?"):
        return False
    return not _doubts(said, plainly)


def _doubts(said: Next, sentence: str) -> bool:
    """ "Isn't it 26?", "Rembrandt, surely?"."""
    words = words_of(sentence)
    doubtful = set(words) & (said.lexicon.negations | _SURE)
    return bool(doubtful) and len(words) <= TAG_WORDS and not said.lexicon.wondering.search(sentence)


def _states(said: Next, sentence: str) -> bool:
    if _is_remark(said, plain(sentence)):
        return False
    if replaces(said.question, said.answer, sentence, said.lexicon):
        return not echoes(said.answer, sentence) or _holds_verb(said.lexicon, sentence)
    if not sentence.rstrip().endswith("?") and redefines(said.question, sentence, said.lexicon):
        return not any(one.value > 0 for one in said.judged)
    alone = len(sentences_of(said.raw)) == 1 and not said.judged and not said.asks
    return alone and stands_alone(said.answer, sentence, said.lexicon)


def _is_remark(said: Next, sentence: str) -> bool:
    """Believes the answer and goes on from it, tells of the person, or of what they like."""
    tastes = set(words_of(sentence)) & said.lexicon.tastes
    return bool(tastes or said.lexicon.inferring.search(sentence)) or tells_of_self(
        said.question, sentence, said.lexicon
    )


def _holds_verb(lexicon: Lexicon, sentence: str) -> bool:
    """After the echo the sentence goes on to say what it is: "80 is HTTP; HTTPS uses 443"."""
    return bool(set(words_of(sentence)[1:3]) & lexicon.copulas)


def _is_backed(said: Next, sentence: str) -> bool:
    """By blame, by another value, or by the answer's own matter."""
    if any(one.value < 0 and one.kind is not Kind.DENIED for one in said.judged):
        return True
    if replaces(said.question, said.answer, said.raw, said.lexicon) or _denies_answer(plain(sentence), said.answer):
        return True
    if tells_of_self(said.question, sentence, said.lexicon):
        return False
    return bool(stems_of(sentence) & stems_of(f"{said.question} {said.answer}"))


def _sentence_corrects(said: Next, sentence: str) -> bool:
    sentence = said.lexicon.blame.sub(" ", said.lexicon.set_phrases.sub(" ", sentence)).strip()
    found = said.lexicon.correction.search(sentence)
    if sentence.endswith("?"):
        return bool(found and set(words_of(sentence)) & (said.lexicon.negations | _SURE)) and _is_tag(sentence)
    if found or said.lexicon.requests.search(sentence):
        return bool(found)
    return (
        _denies_answer(sentence, said.answer)
        or _quotes_answer(said.raw, said.answer)
        or _contradicts(sentence, said.answer, said.lexicon)
    )


def _is_tag(sentence: str) -> bool:
    return len(sentence.split()) <= TAG_WORDS


def _contradicts(sentence: str, answer: str, lexicon: Lexicon) -> bool:
    """The answer's own sentence with another value in it, or denied; or what the name it gave is instead."""
    if any(swaps_subject(given, sentence) for given in sentences_of(answer)):
        return True
    words = words_of(sentence)
    if len(answer.split()) <= NAME_WORDS and words and words[0] in set(words_of(answer)) - lexicon.function:
        return bool(set(words[1:3]) & (lexicon.copulas | lexicon.negations))
    denied = bool(set(words) & lexicon.negations)
    return denied and len(stems_of(sentence) & stems_of(answer)) >= 2


def _retorts(said: Next, sentence: str) -> bool:
    """A bare fact in place of the answer's: "it's Saturdays"."""
    short = len(sentence.split()) <= RETORT_WORDS and not sentence.endswith("?")
    return short and not said.judged and bool(said.lexicon.retort.search(sentence.casefold().replace("\u2019", "'")))


def _denies_answer(sentence: str, answer: str) -> bool:
    """ "..., not Sydney", where the answer said Sydney."""
    given = set(words_of(answer)) - _POINTING
    return any((found[1] or found[2]) in given for found in _DENIED.finditer(sentence))


def _quotes_answer(text: str, answer: str) -> bool:
    """A statement that begins with a word of the answer in quotation marks."""
    if "?" in text or not _QUOTED.match(text.lstrip()):
        return False
    return any(word in words_of(answer) for word in words_of(text)[:1])
