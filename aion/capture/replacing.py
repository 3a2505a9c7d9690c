"""Tells whether a statement puts another value in the place of an answer's: "1938", "Tom wrote it", for 1936 and Ann.

A value is a number, in figures or words, a day or month, or a name; it is replaced by one of the same kind that neither
question nor answer has. Only an answer to a question of fact can be put right this way: to a plan, a text or advice
people answer with wishes. It knows nothing of the world, and does not see which of the two values is the right one.
"""

from __future__ import annotations

import re

from aion.capture.lexicon import LANGUAGES, Lexicon, read_lexicon
from aion.capture.likeness import stems_of
from aion.capture.words import plain, sentences_of, words_of

LONGEST = 22  # words of a statement that puts a value right; a longer one tells a story
BARE = 2  # words of a value that stands alone
FEW = 3  # words of a text in which also the first may be a name

_NUMBER = re.compile(r"\d+(?:[.,:/]\d+)*")
_ROMAN = re.compile(r"\b(?=[IVXL]{2})(?:XL|L?X{0,3})(?:IX|IV|V?I{0,3})\b")
_ONE_OF_UNIT = re.compile(r"\b(?:an?|uma?) (?:second|minute|hour|day|week|month|year|minuto|hora|dia|semana|mes|ano)\b")
_CAPITAL = re.compile(r"[^\W\d_][\w'\u2019-]*")
_ECHOED = re.compile(r"[.!?,;:\u2026]\s")


def asks_fact(question: str) -> bool:
    """A question with one right answer, in either language."""
    return not asks_work(question) and any(one.facts.search(_last(question)) for one in _lexicons())


def asks_work(question: str) -> bool:
    """A text, a plan, a choice or advice is wanted: what is said next is a wish, not a fact."""
    return any(one.tasks.search(_last(question)) for one in _lexicons())


def asks_making(question: str) -> bool:
    """A text, a translation or code is wanted: what is then said of it flatly is what it lacks."""
    return any(one.making.search(_last(question)) for one in _lexicons())


def is_polar(question: str) -> bool:
    """One that yes or no answers."""
    return any(one.polar.search(_last(question)) for one in _lexicons())


def replaces(question: str, answer: str, sentence: str, lexicon: Lexicon) -> bool:
    """Whether a sentence holds a value that the answer should have held instead of its own."""
    if len(sentence.split()) > LONGEST:
        return False
    asked, given, said = (values_of(text, lexicon) for text in (question, answer, sentence))
    if is_polar(question):  # the value to put right stands in the question: "is it in room 2?"
        given, asked = {kind: given[kind] | asked[kind] for kind in given}, {kind: set() for kind in asked}
    known = words_of(f"{question} {answer}")
    return any(
        bool(given[kind] - asked[kind]) and any(value not in known and value not in given[kind] for value in said[kind])
        for kind in given
    )


def values_of(text: str, lexicon: Lexicon) -> dict[str, set[str]]:
    """The values of a text by their kind."""
    words = words_of(text)
    numbers = {found.replace(",", ".").strip(".") for found in _NUMBER.findall(text)}
    numbers |= {lexicon.numbers[word] for word in words if word in lexicon.numbers}
    numbers |= set(_ROMAN.findall(text)) | {"1" for _ in _ONE_OF_UNIT.findall(plain(text))}
    return {"number": numbers, "day": set(words) & lexicon.days, "name": _names(text, lexicon)}


def redefines(question: str, sentence: str, lexicon: Lexicon) -> bool:
    """After yes or no: a statement of the question's own subject that says something new of it."""
    if not is_polar(question) or len(sentence.split()) > LONGEST:
        return False
    subject, said = stems_of(question), stems_of(sentence)
    verbs = set(words_of(sentence)) & (lexicon.copulas | lexicon.negations)
    return bool(verbs and said & subject and said - subject)


def stands_alone(answer: str, sentence: str, lexicon: Lexicon) -> bool:
    """A word or two in the place of a word or two: "pomme", where the answer was "Poire."."""
    words, given = words_of(sentence), words_of(answer)
    if (
        not 0 < len(words) <= BARE
        or not 0 < len(given) <= BARE
        or sentence.rstrip().endswith(("?", "!", "\u2026", "..."))
    ):
        return False
    small = lexicon.acknowledging | lexicon.function | lexicon.negations | set(lexicon.values)
    return not set(words) & (small | set(given))


def echoes(answer: str, sentence: str) -> bool:
    """Begins by saying the answer again."""
    head = stems_of(_ECHOED.split(sentence.strip() + " ", maxsplit=1)[0])
    return bool(head) and head <= stems_of(answer)


def tells_of_self(question: str, sentence: str, lexicon: Lexicon) -> bool:
    """The person speaks of their own matters, which the question did not, and names no source."""
    words = set(words_of(sentence))
    return bool(words & lexicon.self_words - set(words_of(question))) and not words & lexicon.sources


def _names(text: str, lexicon: Lexicon) -> set[str]:
    """Words with a great letter; the first of a sentence only if few words or another of them follow, or a verb."""
    found: set[str] = set()
    for sentence in sentences_of(text):
        words = _CAPITAL.findall(sentence)
        great = [word[0].isupper() and not word.isupper() for word in words]
        for place, word in enumerate(words):
            led = len(words) < FEW or any(great[1:2]) or plain("".join(words[1:2])) in lexicon.copulas
            if great[place] and (place or led):
                found |= {part for part in words_of(word) if part not in lexicon.function | lexicon.acknowledging}
    return {name.removesuffix("'s") for name in found if len(name) > 1} - lexicon.days


def _last(question: str) -> str:
    """What is asked is asked in the last sentence."""
    return plain((sentences_of(question) or [""])[-1])


def _lexicons() -> tuple[Lexicon, ...]:
    return tuple(read_lexicon(language) for language in LANGUAGES)
