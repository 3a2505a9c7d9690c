"""Reads from what happens after an answer how it was received (C3). Pure; English and Portuguese.

name            value  weight  read from
re_ask           -0.6    0.8   nearly the same question once more: the answer did not do
rephrase         -0.4    0.6   the same matter in other words, soon after
correction       -0.8    0.9   the person says what is right, or that this is wrong
thanks            0.7    0.8   thanks, unless they are for nothing or a complaint follows
complaint        -0.7    0.8   the person says that the answer is bad or does not help
continued         0.2    0.4   a new request that builds on the answer
copied            0.6    0.7   the answer was copied (event)
regenerated      -0.5    0.7   another answer was asked for (event)
tool_succeeded    0.5    0.7   a tool called by the answer did its work (event)
tool_failed      -0.5    0.7   it did not (event)
code_succeeded    0.8    0.9   code of the answer ran (event)
code_failed      -0.8    0.9   it did not (event)
abandoned        -0.3    0.3   nothing followed for long, after an answer that was cut short or a question that was
                               itself a bad sign about the answer before it

Leaving after a whole answer says nothing: most people leave when they have what they wanted. The value says how good
the sign is, the weight how sure: words beat likeness, and what a machine reports beats both. A sign that is missed
costs little, one that is read into a new question teaches something false; where the two compete a rule stays silent.

Thresholds of likeness differ by language: the embedder that AION ships was made for English, and two unrelated
Portuguese questions are as near to it (0.45) as two related English ones.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from aion.capture.emotion import Emotion, Judgement, Kind, emotion_of, read_judgements
from aion.capture.language import lexicons_for
from aion.capture.lexicon import Lexicon
from aion.capture.likeness import alike, stems_of, swaps_subject
from aion.capture.words import READ, own_words, plain, sentences_of, words_of
from aion.records import Feedback, FeedbackKind, Signal


class Event(StrEnum):
    """What may happen to an answer, as clients report it."""

    COPIED = "copied"
    REGENERATED = "regenerated"
    TOOL_SUCCEEDED = "tool_succeeded"
    TOOL_FAILED = "tool_failed"
    CODE_SUCCEEDED = "code_succeeded"
    CODE_FAILED = "code_failed"


SIGNS: dict[str, tuple[float, float]] = {
    "re_ask": (-0.6, 0.8),
    "rephrase": (-0.4, 0.6),
    "correction": (-0.8, 0.9),
    "thanks": (0.7, 0.8),
    "complaint": (-0.7, 0.8),
    "continued": (0.2, 0.4),
    Event.COPIED: (0.6, 0.7),
    Event.REGENERATED: (-0.5, 0.7),
    Event.TOOL_SUCCEEDED: (0.5, 0.7),
    Event.TOOL_FAILED: (-0.5, 0.7),
    Event.CODE_SUCCEEDED: (0.8, 0.9),
    Event.CODE_FAILED: (-0.8, 0.9),
    "abandoned": (-0.3, 0.3),
}

SAME_COSINE = 0.9
NEAR_COSINE = {"en": 0.57, "pt": 0.64}
SHARED_COSINE = 0.5  # enough for a rephrase that shares two words of the matter
ALONE_COSINE = 0.6  # enough in English for a rephrase that shares no word
ALMOST_COSINE = 0.8  # enough for a re-ask that shares nearly all of them
CUE_COSINE = 0.5  # enough when the person says that they rephrase
SAME_WORDS = 0.75
SAME_MATTER = 0.6  # share of the words that carry it, when the cosine says the same
REPHRASE_WITHIN_S = 600.0
CUT_WORDS = 12  # on its last line; fewer may be a whole answer
TAG_WORDS = 12  # of a question that corrects: "isn't it 6?"
RETORT_WORDS = 10
NAME_WORDS = 3  # of an answer that is a name: what is said of the name puts it right
REQUEST_WORDS = 8  # of a request that, after thanks, goes on even if nothing else shows it
SHORT = 40  # words; a longer message brings material, and what is said in it is not about the answer

_QUOTED = re.compile(r"[\"'\u201c\u201d\u00ab\u00bb]")
_DENIED = re.compile(
    r"\b(?:not|nao(?: e| foi| eram)?|instead of|rather than|em vez de)\s+"
    r"(?:an?|the|in|on|at|o|a|os|as|em|n[oa]s?|d[oa]s?|de|um|uma)?\s*(\w+)"
    r"|^(?:an?|the|o|a|os|as)?\s*(\w+) (?:isn.?t|aren.?t|wasn.?t|is not|are not|nao)\b"
)
_SURE = frozenset(("sure", "certain", "certeza"))
_POINTING = frozenset("that this it isso isto he she they ele ela what".split())  # noqa: SIM905 - reads as a list of words


@dataclass(frozen=True, slots=True, kw_only=True)
class _Next:
    """The message that followed, and what it is compared with."""

    question: str
    answer: str
    replies: bool  # the answer ended with a question
    raw: str  # as sent
    said: str  # plain, without code and quoted lines
    lexicon: Lexicon
    judged: tuple[Judgement, ...]
    similarity: float
    gap_s: float

    @property
    def asks(self) -> bool:
        return "?" in self.said or any(self.lexicon.requests.search(one) for one in sentences_of(self.said))


def read_following(
    question: str, answer: str, following: str, *, similarity: float | None, gap_s: float
) -> tuple[Signal, ...]:
    """What the person's next message says about the answer. `similarity` is the cosine of the two questions."""
    if not following.strip():
        return ()
    said = plain(own_words(following))
    judged = read_judgements(following, answer)
    for_one = (
        _Next(
            question=question[:READ],
            answer=answer[:READ],
            replies=answer.rstrip().endswith("?"),
            raw=following[:READ],
            said=said,
            lexicon=lexicon,
            judged=judged,
            similarity=similarity or 0.0,
            gap_s=gap_s,
        )
        for lexicon in lexicons_for(following[:READ], f"{question[:READ]} {answer[:READ]}")
    )
    names = dict.fromkeys(name for one in for_one for name in _read_names(one))
    return tuple(_signal(name, following) for name in names)


def read_events(events: Sequence[Feedback]) -> tuple[Signal, ...]:
    """Each kind of event once, however often it came."""
    kinds = dict.fromkeys(one.event for one in events if one.kind is FeedbackKind.EVENT and one.event in SIGNS)
    return tuple(_signal(name, "event") for name in kinds)


def read_end(
    answer: str, *, idle_s: float, abandoned_s: float, last: bool, cancelled: bool = False, unhappy: bool = False
) -> tuple[Signal, ...]:
    """Whether a conversation was left in the middle.

    `cancelled`: the person stopped the answer. `unhappy`: the question was itself a bad sign about the answer before.
    """
    left = last and idle_s >= abandoned_s
    return (_signal("abandoned", "silence"),) if left and (cancelled or unhappy or is_cut_short(answer)) else ()


def is_cut_short(answer: str) -> bool:
    """Whether a text stops in the middle of a sentence. One line without a full stop may be all of an answer."""
    end = answer.rstrip()
    whole = end.endswith((".", "!", "?", "`", ")", '"', "\u201d", ":", "|", "}", "]", ";", "*"))
    return not whole and len(end.rpartition("\n")[2].split()) > CUT_WORDS


def _read_names(said: _Next) -> list[str]:
    bad = emotion_of(said.judged, said.raw)
    again = _read_again(said)
    spoken = []
    if len(said.said.split()) <= SHORT and not said.lexicon.work.search(said.said):
        spoken = _read_words(said, again, bad)
    if again:
        return [again, *(name for name in spoken if name != "correction")]
    return [*spoken, "continued"] if _goes_on(said, spoken) else spoken


def _read_words(said: _Next, again: str, emotion: Emotion | None) -> list[str]:
    content = emotion is None or emotion.value > 0
    kinds = {one.kind for one in said.judged if one.value < 0}
    corrects = _corrects(said) and not (emotion and content) and Kind.IRONY not in kinds
    blames = not content and bool(kinds & {Kind.IRONY, Kind.PHRASE, Kind.WORD})
    if not content and kinds <= {Kind.SIGN, Kind.IMPATIENT, Kind.WRONG, Kind.DENIED}:
        blames = not again and Kind.WRONG not in kinds and (not corrects or Kind.IMPATIENT in kinds)
        corrects = corrects or (Kind.WRONG in kinds and not again)
    if again and kinds <= {Kind.SIGN, Kind.IMPATIENT, Kind.IRONY}:
        blames = False
    thanks = content and _thanks(said)
    return [name for name, found in (("correction", corrects), ("complaint", blames), ("thanks", thanks)) if found]


def _thanks(said: _Next) -> bool:
    return any(
        said.lexicon.thanks.search(one) and not said.lexicon.no_thanks.search(one) and (not one.endswith("?"))
        for one in sentences_of(said.said)
    )


def _corrects(said: _Next) -> bool:
    """Says that a fact of the answer is another, unless the answer was a question: then it is the reply."""
    if said.replies:
        return False
    sentences = sentences_of(own_words(said.raw))
    return any(_sentence_corrects(said, plain(one)) or _retorts(said, one) for one in sentences)


def _sentence_corrects(said: _Next, sentence: str) -> bool:
    sentence = said.lexicon.blame.sub(" ", said.lexicon.set_phrases.sub(" ", sentence)).strip()
    found = said.lexicon.correction.search(sentence)
    if sentence.endswith("?"):
        doubts = set(words_of(sentence)) & (said.lexicon.negations | _SURE)
        return bool(found and doubts) and len(sentence.split()) <= TAG_WORDS
    if found or said.lexicon.requests.search(sentence):
        return bool(found)
    return (
        _denies_answer(sentence, said.answer)
        or _quotes_answer(said.raw, said.answer)
        or _contradicts(sentence, said.answer, said.lexicon)
    )


def _contradicts(sentence: str, answer: str, lexicon: Lexicon) -> bool:
    """The answer's own sentence with another value in it, or denied; or what the name it gave is instead."""
    if any(swaps_subject(given, sentence) for given in sentences_of(answer)):
        return True
    first = words_of(sentence)[:1]
    if len(answer.split()) <= NAME_WORDS and first and first[0] in set(words_of(answer)) - lexicon.function:
        return True
    denied = bool(set(words_of(sentence)) & lexicon.negations)
    return denied and len(stems_of(sentence) & stems_of(answer)) >= 2


def _retorts(said: _Next, sentence: str) -> bool:
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


def _read_again(said: _Next) -> str:
    """re_ask, rephrase or nothing."""
    bare = said.lexicon.repeating.sub(" ", said.said)
    cue = bool(said.lexicon.rephrasing.search(bare))
    if not cue and _asks_same(said, bare):
        return "re_ask"
    if swaps_subject(said.question, bare) or said.gap_s > REPHRASE_WITHIN_S or not (cue or said.asks):
        return ""
    shared = len(stems_of(said.question) & stems_of(bare))
    near = said.similarity >= (CUE_COSINE if cue else NEAR_COSINE[said.lexicon.language])
    near = near or bool(cue and shared) or (shared >= 2 and said.similarity >= SHARED_COSINE)
    leans = _continues(said) or (shared < 2 and _refers(said))
    related = shared or (said.lexicon.language == "en" and said.similarity >= ALONE_COSINE)
    return "rephrase" if near and (cue or (related and not leans)) and not _corrects(said) else ""


def _asks_same(said: _Next, bare: str) -> bool:
    """The same words, or nearly the same with nothing exchanged."""
    if swaps_subject(said.question, bare):
        return False
    likeness = max(alike(said.question, said.said), alike(said.question, bare))
    old, new = stems_of(said.question), stems_of(bare)
    matter = len(old & new) / len(old | new) if old | new else 0.0
    close = said.similarity >= SAME_COSINE and max(likeness, matter) >= SAME_MATTER
    close = close or (said.similarity >= ALMOST_COSINE and matter >= SAME_WORDS)
    return likeness >= SAME_WORDS or (close and said.asks)


def _goes_on(said: _Next, spoken: Sequence[str]) -> bool:
    """A request that leans on the answer; what only judges the answer asks for nothing new."""
    if "complaint" in spoken or said.replies or len(said.said.split()) > SHORT:
        return False
    rest = [one for one in sentences_of(said.raw) if not _only_speaks(said, one)]
    if not rest:
        return False
    raw = " ".join(rest)
    new = replace(said, raw=raw, said=plain(own_words(raw)))
    thanked = "thanks" in spoken and new.asks and len(raw.split()) <= REQUEST_WORDS
    return thanked or _continues(new) or _refers(new) or (new.asks and _shares(new))


def _only_speaks(said: _Next, raw: str) -> bool:
    """Thanks, praise and corrections that ask for nothing."""
    sentence = plain(raw)
    if _sentence_corrects(said, sentence) or _retorts(said, raw):
        return True
    judged = any(one.words in sentence for one in said.judged) or said.lexicon.thanks.search(sentence)
    return bool(judged) and not sentence.endswith("?")


def _continues(said: _Next) -> bool:
    """Begins or is put like a request that goes on; "\u00e9" is no "e"."""
    if swaps_subject(said.question, said.raw) or said.raw.lstrip().casefold().startswith("\u00e9 "):
        return False
    return any(said.lexicon.continuing.search(one) for one in sentences_of(said.said)[:1])


def _refers(said: _Next) -> bool:
    """A request whose first clause points at the answer, and at nothing of the person's own."""
    first = re.split(r"[,;:.!]\s", said.said)[0]
    return said.asks and not set(words_of(first)) & said.lexicon.others and bool(said.lexicon.references.search(first))


def _shares(said: _Next) -> bool:
    """A request with a word of the answer, or with the subject of the question."""
    known = stems_of(said.answer) | stems_of(said.question)
    return bool(stems_of(said.said) & known) and not swaps_subject(said.question, said.raw)


def _signal(name: str, evidence: str) -> Signal:
    value, weight = SIGNS[name]
    return Signal(name=str(name), value=value, weight=weight, evidence=evidence[:200])
