"""Reads from what happens after an answer how it was received (C3). Pure; English and Portuguese.

name            value  weight  read from
re_ask           -0.6    0.8   nearly the same question once more: the answer did not do
rephrase         -0.4    0.6   the same matter in other words, soon after
correction       -0.8    0.9   the person says what is right, or that this is wrong; -0.4 and 0.5 when only the shape
                               of the sentence says so and nothing backs it
thanks            0.7    0.8   thanks, unless they are for nothing or a complaint follows
complaint        -0.7    0.8   the person says that the answer is bad or does not help; -0.4 and 0.5 when they only say
                               flatly how the thing is that they had asked for
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
from dataclasses import replace
from enum import StrEnum

from aion.capture.correcting import Correction, gives_cue, read_correction, tells_right
from aion.capture.emotion import Emotion, Kind, emotion_of
from aion.capture.following import Next, next_of
from aion.capture.lexicon import Lexicon
from aion.capture.likeness import alike, stems_of, swaps_subject
from aion.capture.replacing import asks_making, asks_work
from aion.capture.words import own_words, plain, sentences_of, words_of
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

WEAK = (-0.4, 0.5)  # value and weight; alone it leaves the reward above what makes an answer erroneous

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
BRIEF_WORDS = 4
FAULT_WORDS = 14
REQUEST_WORDS = 8  # of a request that, after thanks, goes on even if nothing else shows it


def read_following(
    question: str, answer: str, following: str, *, similarity: float | None, gap_s: float
) -> tuple[Signal, ...]:
    """What the person's next message says about the answer. `similarity` is the cosine of the two questions."""
    if not following.strip():
        return ()
    read = next_of(question, answer, following, similarity=similarity, gap_s=gap_s)
    found: dict[str, Signal] = {}
    for one in read:
        for signal in _read_signals(one, following):
            known = found.get(signal.name)
            found[signal.name] = signal if known is None else max(known, signal, key=lambda sign: sign.weight)
    return tuple(found.values())


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


def _read_signals(said: Next, following: str) -> list[Signal]:
    """A correction or complaint with nothing to back it is a small sign: it may be about something else."""
    correction = read_correction(said)
    weak = {"correction"} if correction is Correction.LONE else set()
    weak |= set() if said.judged else {"complaint"}
    found = [_signal(name, following) for name in _read_names(said, correction)]
    value, weight = WEAK
    return [replace(one, value=value, weight=weight) if one.name in weak else one for one in found]


def _read_names(said: Next, correction: Correction) -> list[str]:
    bad = emotion_of(said.judged, said.raw)
    again = _read_again(said, correction)
    spoken = []
    if said.short and not said.lexicon.work.search(said.said):
        spoken = _read_words(said, again, bad, corrected=correction is not Correction.NONE)
    if again:
        return [again, *(name for name in spoken if name != "correction")]
    return [*spoken, "continued"] if _goes_on(said, spoken) else spoken


def _read_words(said: Next, again: str, emotion: Emotion | None, *, corrected: bool) -> list[str]:
    content = emotion is None or emotion.value > 0
    kinds = {one.kind for one in said.judged if one.value < 0}
    corrects = corrected and not (emotion and content) and Kind.IRONY not in kinds
    blames = not content and bool(kinds & {Kind.IRONY, Kind.PHRASE, Kind.WORD})
    if not content and kinds <= {Kind.SIGN, Kind.IMPATIENT, Kind.WRONG, Kind.DENIED}:
        blames = not again and Kind.WRONG not in kinds and (not corrects or Kind.IMPATIENT in kinds)
        corrects = corrects or (Kind.WRONG in kinds and not again)
        if Kind.WRONG in kinds and asks_work(said.question) and not tells_right(said):
            blames, corrects = not again, False
    blames = blames or (not corrects and not said.judged and _finds_fault(said))
    if again and kinds <= {Kind.SIGN, Kind.IMPATIENT, Kind.IRONY}:
        blames = False
    thanks = content and _thanks(said)
    return [name for name, found in (("correction", corrects), ("complaint", blames), ("thanks", thanks)) if found]


def _finds_fault(said: Next) -> bool:
    """Says flatly, of what was made as asked, how it is: "it starts with pear". Who is content says so."""
    if said.replies or said.asks or said.gap_s > REPHRASE_WITHIN_S or not asks_making(said.question):
        return False
    words = set(words_of(said.raw))
    if words & (said.lexicon.self_words | said.lexicon.others) or _continues(said):
        return False
    sentences = sentences_of(said.said)
    return len(sentences) == 1 and len(words) <= FAULT_WORDS and bool(said.lexicon.flat.search(sentences[0]))


def _thanks(said: Next) -> bool:
    return any(
        said.lexicon.thanks.search(one) and not said.lexicon.no_thanks.search(one) and (not one.endswith("?"))
        for one in sentences_of(said.said)
    )


def _read_again(said: Next, correction: Correction) -> str:
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
    return "rephrase" if near and (cue or (related and not leans)) and correction is Correction.NONE else ""


def _asks_same(said: Next, bare: str) -> bool:
    """The same words, or nearly the same with nothing exchanged."""
    if swaps_subject(said.question, bare):
        return False
    likeness = max(alike(said.question, said.said), alike(said.question, bare))
    old, new = stems_of(said.question), stems_of(bare)
    matter = len(old & new) / len(old | new) if old | new else 0.0
    close = said.similarity >= SAME_COSINE and max(likeness, matter) >= SAME_MATTER
    close = close or (said.similarity >= ALMOST_COSINE and matter >= SAME_WORDS)
    return likeness >= SAME_WORDS or (close and said.asks)


def _goes_on(said: Next, spoken: Sequence[str]) -> bool:
    """A request that leans on the answer; what only judges the answer asks for nothing new."""
    if "complaint" in spoken or said.replies or not said.short:
        return False
    if "correction" in spoken and len(sentences_of(said.raw)) == 1:
        return False
    rest = [one for one in sentences_of(said.raw) if not _only_speaks(said, one)]
    if not rest:
        return False
    raw = " ".join(rest)
    new = replace(said, raw=raw, said=plain(own_words(raw)))
    thanked = "thanks" in spoken and new.asks and len(raw.split()) <= REQUEST_WORDS
    if not new.asks and new.lexicon.inferring.search(new.said):
        return False
    return thanked or _continues(new) or _refers(new) or _asks_briefly(new) or (new.asks and _shares(new))


def _asks_briefly(said: Next) -> bool:
    """Too few words to be a question of its own: "would twelve do?"."""
    words = words_of(said.said)
    brief = len(words) <= BRIEF_WORDS and said.said.rstrip().endswith("?") and not set(words) & said.lexicon.you
    return brief and not said.judged and said.gap_s <= REPHRASE_WITHIN_S and not swaps_subject(said.question, said.raw)


def _only_speaks(said: Next, raw: str) -> bool:
    """Thanks, praise and corrections that ask for nothing."""
    sentence = plain(raw)
    if gives_cue(said, raw):
        return True
    judged = any(one.words in sentence for one in said.judged) or said.lexicon.thanks.search(sentence)
    return bool(judged) and not sentence.endswith("?")


def _continues(said: Next) -> bool:
    """Begins or is put like a request that goes on; "\u00e9" is no "e"."""
    if swaps_subject(said.question, said.raw) or said.raw.lstrip().casefold().startswith("\u00e9 "):
        return False
    first = sentences_of(said.said)[:1]
    return any(said.lexicon.continuing.search(one) or _ends_asking(said.lexicon, one) for one in first)


def _ends_asking(lexicon: Lexicon, sentence: str) -> bool:
    """ "The frame is steel, put that in."."""
    start, _, end = sentence.rpartition(", ")
    brief = 1 < len(end.split()) <= BRIEF_WORDS and not end.endswith("?")
    return bool(start) and brief and bool(lexicon.continuing.search(end)) and bool(lexicon.references.search(end))


def _refers(said: Next) -> bool:
    """A request whose first clause points at the answer, and at nothing of the person's own."""
    first = re.split(r"[,;:.!]\s", said.said)[0]
    return said.asks and not set(words_of(first)) & said.lexicon.others and bool(said.lexicon.references.search(first))


def _shares(said: Next) -> bool:
    """A request with a word of the answer, or with the subject of the question."""
    known = stems_of(said.answer) | stems_of(said.question)
    return bool(stems_of(said.said) & known) and not swaps_subject(said.question, said.raw)


def _signal(name: str, evidence: str) -> Signal:
    value, weight = SIGNS[name]
    return Signal(name=str(name), value=value, weight=weight, evidence=evidence[:200])
