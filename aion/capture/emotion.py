"""Reads from a person's own words how content they are with the answer (C3): words, emphasis, negation, irony.

value = the weighted mean of what words, phrases and signs say, times an emphasis of up to 1.5 (capitals, "!!",
stretched letters, "very"), within [-1, 1]. A negation up to three words before turns a word round and weakens it; what
comes before "but" counts a third. Praise marked as irony, or beside a word of failure ("great, wrong again"), counts
as blame. None when nothing of the kind was said.

It is about the answer, not about the world: left out are code, quotations, texts that were brought to work on,
questions, feelings of the person ("I am sad") unless they are about the answer ("with it"), and clauses with another
subject ("my boss", "the film"). Irony that carries no mark of it is not seen: a model's reading can be blended in.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from aion.capture.language import lexicons_for
from aion.capture.lexicon import Lexicon
from aion.capture.words import is_stretched, own_words, plain, sentences_of, words_of

LONGEST_ECHO = 6  # words
LONGEST_DENIAL = 12
NEGATED = -0.6  # what a negation makes of a value: "not good" is less than "bad"
NEGATION_REACH = 3  # words after a negation that it turns round
LARGEST_EMPHASIS = 1.5
BEFORE_BUT = 1 / 3
LEAST = 0.05  # praise and blame that balance say nothing
PHRASE, WRONG, IMPATIENT, DENIED, IRONIC = 0.7, -0.6, -0.5, -0.4, -0.6

_SIGNS = {
    sign: value
    for value, signs in (
        (1.0, "\U0001f60d\u2764\U0001f929\U0001f970"),
        (0.9, "\U0001f44d\U0001f44f\U0001f389\U0001f604\U0001f4af\U0001f973\U0001f64c"),
        (0.8, "\U0001f600\U0001f603\U0001f60a\U0001f601\U0001f525\U0001f64f\U0001f44c"),
        (0.4, "\U0001f642\U0001f602"),
        (-0.5, "\U0001f615\U0001f611\U0001f641"),
        (-0.7, "\U0001f61e\U0001f622\U0001f62d\U0001f612"),
        (-0.9, "\U0001f620\U0001f44e\U0001f624\U0001f926\U0001f62b\U0001f629\U0001f4a9"),
        (-1.0, "\U0001f621\U0001f92c"),
    )
    for sign in signs
}
_EMOTICONS = (
    (re.compile(r"(?<![\w:])(?:[:;=]-?[)D]|<3|\^\^)(?!\w)"), 0.6),
    (re.compile(r"(?<![\w:])(?::'?-?[(/\\]|>:\()(?![/\w])"), -0.6),
)
_MOCKING = re.compile("[\U0001f644\U0001f643]")
_QUOTED = re.compile(r"[\"\u201c\u00ab]([^\"\u201d\u00bb\n]*)[\"\u201d\u00bb]|(?<!\w)'([^'\n]{1,80})'(?!\w)")
_CLAUSE = re.compile(r"[,;:()]+\s|\s[-\u2013\u2014]\s")
_TOKEN = re.compile(r"[a-z]+(?:'[a-z]+)?")
_SUBJECT = re.compile(r"^(?:and |e )?(?:the|an?|[oa]s?|uma?) ([a-z]+)")


class Kind(StrEnum):
    """What a judgement was read from."""

    WORD = "word"
    PHRASE = "phrase"
    WRONG = "wrong"  # it says that a fact is wrong
    SIGN = "sign"  # emoji and emoticons
    IMPATIENT = "impatient"
    DENIED = "denied"  # "this is not": nothing else in the clause judges
    IRONY = "irony"


@dataclass(frozen=True, slots=True)
class Judgement:
    """One thing said for or against the answer."""

    kind: Kind
    words: str
    value: float
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Emotion:
    """From -1 (frustrated) to 1 (delighted)."""

    value: float
    strength: float  # how emphatically it was said, 1 to 1.5
    evidence: tuple[str, ...]


def read_emotion(text: str, answer: str = "") -> Emotion | None:
    """None when the person shows none towards the answer, which is needed only to see it mocked by its own words."""
    return emotion_of(read_judgements(text, answer), text)


def emotion_of(found: Sequence[Judgement], text: str) -> Emotion | None:
    """The mean of what was found in `text`."""
    if not found:
        return None
    strength = _emphasis(own_words(text))
    value = sum(one.value * one.weight for one in found) / sum(one.weight for one in found) * strength
    if abs(value) < LEAST:
        return None
    return Emotion(round(max(-1.0, min(1.0, value)), 4), strength, tuple(dict.fromkeys(one.words for one in found)))


def blend(lexical: Emotion | None, model: float | None) -> Emotion | None:
    """With a model's reading of the same words, when one was asked: the mean of both, or the one there is."""
    if model is None:
        return lexical
    if lexical is None:
        return Emotion(round(model, 4), 1.0, ("model",))
    return Emotion(round((lexical.value + model) / 2, 4), lexical.strength, (*lexical.evidence, "model"))


def read_judgements(text: str, answer: str = "") -> tuple[Judgement, ...]:
    """All that is said for and against the answer, irony already turned round."""
    own = own_words(text)
    unquoted = _QUOTED.sub(" ", own)
    found: dict[str, Judgement] = {}
    aside = False  # the person speaks of something else, too
    for lexicon in lexicons_for(own):
        judged, beside = _read_sentences(unquoted, lexicon)
        aside = aside or beside
        found |= {one.words: one for one in judged}
    if found or not aside:
        found |= {one.words: one for one in _read_signs(own)}
    marks = [mark for lexicon in lexicons_for(own) if (mark := _find_irony(own, found.values(), lexicon))]
    if not marks and any(one.value > 0 for one in found.values()) and _mocks(own, answer):
        marks = ["echo"]
    if not found and _echoes_nothing(own, answer):
        return (Judgement(Kind.IRONY, "echo", IRONIC),)
    return _turn(found.values(), marks[0]) if marks else tuple(found.values())


def _read_sentences(text: str, lexicon: Lexicon) -> tuple[list[Judgement], bool]:
    """The judgements, and whether something else was spoken of."""
    found: list[Judgement] = []
    aside = False
    for raw in sentences_of(text):
        sentence = plain(raw).strip()
        if lexicon.work.search(sentence):
            if ":" in sentence:  # what follows is the text to work on
                return found, True
            aside = True
            continue
        if impatient := lexicon.impatience.search(sentence):
            found.append(Judgement(Kind.IMPATIENT, impatient[0], IMPATIENT))
        for clause in _clauses(sentence, lexicon):
            if lexicon.contrast.match(clause):
                found = [Judgement(one.kind, one.words, one.value, one.weight * BEFORE_BUT) for one in found]
            if _is_about_answer(clause, lexicon):
                found += _read_clause(clause, lexicon) or _read_denial(clause, lexicon)
            else:
                aside = True
    return found, aside


def _clauses(sentence: str, lexicon: Lexicon) -> Iterator[str]:
    for part in _CLAUSE.split(sentence):
        starts = [0, *(match.start() for match in lexicon.contrast.finditer(part) if match.start()), len(part)]
        yield from (part[begin:end].strip() for begin, end in pairwise(starts))


def _is_about_answer(clause: str, lexicon: Lexicon) -> bool:
    words = _TOKEN.findall(clause)
    known = set(words)
    if known & lexicon.you:
        return True
    if clause.endswith("?") and len(words) > 4:
        return False
    pairs = pairwise((*words, ""))
    if any(word in lexicon.others and following not in lexicon.mine for word, following in pairs):
        return bool(lexicon.praise.search(clause) or known & lexicon.answer & lexicon.verdicts)
    if lexicon.about.search(clause):
        return True
    if lexicon.self.search(clause) and known & lexicon.feelings:
        return False
    subject = _SUBJECT.match(clause)
    other = subject is not None and subject[1] not in lexicon.answer and subject[1] not in lexicon.values
    return not other or bool(known & lexicon.verdicts)


def _read_clause(clause: str, lexicon: Lexicon) -> list[Judgement]:
    """Phrases first; the words of a phrase are not counted again."""
    found: list[Judgement] = []
    for pattern, kind, value in (
        (lexicon.praise, Kind.PHRASE, PHRASE),
        (lexicon.wrong, Kind.WRONG, WRONG),
        (lexicon.blame, Kind.PHRASE, -PHRASE),
    ):
        found += [
            _phrase(clause, match, Judgement(kind, match[0].strip(), value), lexicon)
            for match in pattern.finditer(clause)
        ]
        clause = pattern.sub(" ; ", clause)
    if clause.endswith("?"):
        return found
    for part in lexicon.set_phrases.sub(" ; ", clause).split(";"):
        found += _read_words(_TOKEN.findall(part), lexicon)
    return found


def _phrase(clause: str, match: re.Match[str], said: Judgement, lexicon: Lexicon) -> Judgement:
    """Praise turns to blame behind a negation; the phrases of blame carry theirs in them."""
    before = set(_TOKEN.findall(clause[: match.start()])[-NEGATION_REACH:])
    denied = said.value > 0 and lexicon.negations & before
    return Judgement(said.kind, said.words, NEGATED * said.value) if denied else said


def _read_denial(clause: str, lexicon: Lexicon) -> list[Judgement]:
    """ "These tests check nothing": a statement that denies something of what was given."""
    words = _TOKEN.findall(lexicon.set_phrases.sub(" ", clause))
    known = set(words)
    asks = clause.endswith("?") or lexicon.requests.search(clause) or lexicon.correction.search(clause)
    stated = not asks and len(words) <= LONGEST_DENIAL
    denied = known & lexicon.negations and known & lexicon.pointing
    return [Judgement(Kind.DENIED, " ".join(words), DENIED)] if stated and denied else []


def _read_words(words: Sequence[str], lexicon: Lexicon) -> Iterator[Judgement]:
    for place, word in enumerate(words):
        value = lexicon.values.get(word)
        if value is None or (word in lexicon.tastes and not _is_taste_of_answer(words[place + 1 :], lexicon)):
            continue
        before = set(words[max(0, place - NEGATION_REACH) : place])
        kind = Kind.WRONG if word in lexicon.wrongness else Kind.WORD
        if lexicon.negations & before:
            kind, value = Kind.WORD, NEGATED * value
        yield Judgement(kind, word, value / 2 if lexicon.softeners & before else value)


def _is_taste_of_answer(after: Sequence[str], lexicon: Lexicon) -> bool:
    """ "I love it", "loved your poem", "adorei!" but not "I love hiking"."""
    small = {"the", "a", "o", "os", "as", "da", "do", "de", "all", "so"} | lexicon.intensifiers
    rest = [word for word in after if word not in small]
    return not rest or rest[0] in lexicon.answer | lexicon.you or rest[0] in lexicon.values


def _read_signs(text: str) -> list[Judgement]:
    signs = [Judgement(Kind.SIGN, sign, value) for sign, value in _SIGNS.items() if sign in text]
    drawn = ((pattern.search(text), value) for pattern, value in _EMOTICONS)
    return signs + [Judgement(Kind.SIGN, match[0], value) for match, value in drawn if match]


def _find_irony(text: str, found: Collection[Judgement], lexicon: Lexicon) -> str:
    """The mark of it: said, drawn, in quotation marks, or a failure beside praise."""
    said = plain(text)
    marks: list[re.Match[str] | None] = [_MOCKING.search(text)]
    marks += [lexicon.irony.search(plain(sentence).strip()) for sentence in sentences_of(text)]
    marks += [quote for quote in _QUOTED.finditer(said) if (quote[1] or quote[2] or "").strip() in lexicon.scare]
    praised = any(one.value > 0 for one in found)
    if praised and not lexicon.contrast.search(said):
        marks.append(lexicon.failure.search(said))
    return next((mark[0].strip() for mark in marks if mark), "")


def _mocks(text: str, answer: str) -> bool:
    """Flat praise after the answer's own words: "412 words. Nice counting." Real praise has a "!" or says thanks."""
    parts = [part for sentence in sentences_of(text) for part in _CLAUSE.split(sentence) if part.strip()]
    if "!" in text or len(parts) < 2 or any(lexicon.thanks.search(plain(text)) for lexicon in lexicons_for(text)):
        return False
    echo, given = words_of(parts[0]), set(words_of(answer))
    return 0 < len(echo) <= LONGEST_ECHO and sum(word in given for word in echo) > len(echo) / 2


def _echoes_nothing(text: str, answer: str) -> bool:
    """An answer that says nothing, said again and remarked on: "Varies. As ever."."""
    parts = [part for part in sentences_of(text) if part.strip()]
    if len(parts) < 2 or text.rstrip().endswith("?"):
        return False
    vague = set(words_of(answer)) & frozenset().union(*(one.vague for one in lexicons_for(answer)))
    echo = words_of(parts[0])
    return bool(vague & set(echo)) and len(echo) <= LONGEST_ECHO and set(echo) <= set(words_of(answer))


def _turn(found: Collection[Judgement], mark: str) -> tuple[Judgement, ...]:
    turned = [Judgement(one.kind, one.words, -abs(one.value), one.weight) for one in found]
    return (*turned, Judgement(Kind.IRONY, mark, IRONIC))


def _emphasis(text: str) -> float:
    shouted = any(len(word) > 3 and word.isupper() for word in re.findall(r"[^\W\d_]+", text))
    words = set(_TOKEN.findall(plain(text)))
    strong = any(words & lexicon.intensifiers for lexicon in lexicons_for(text))
    return min(LARGEST_EMPHASIS, 1 + 0.2 * sum((text.count("!") >= 2, shouted, is_stretched(text), strong)))
