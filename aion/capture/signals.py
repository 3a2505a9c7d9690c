"""Reads from what happens after an answer how it was received (C3). Pure; English and Portuguese.

name            value  weight  read from
re_ask           -0.6    0.8   nearly the same question once more: the answer did not do
rephrase         -0.4    0.6   the same matter in other words, soon after
correction       -0.8    0.9   the person says what is right, or that this is wrong
thanks            0.7    0.8   thanks, unless they are for nothing
complaint        -0.7    0.8   the person says that the answer is bad or does not help
continued         0.2    0.4   a new request that goes on from the answer
copied            0.6    0.7   the answer was copied (event)
regenerated      -0.5    0.7   another answer was asked for (event)
tool_succeeded    0.5    0.7   a tool called by the answer did its work (event)
tool_failed      -0.5    0.7   it did not (event)
code_succeeded    0.8    0.9   code of the answer ran (event)
code_failed      -0.8    0.9   it did not (event)
abandoned        -0.3    0.3   nothing followed for long, after an answer that was cut short

Leaving after a whole answer says nothing: most people leave when they have what they wanted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from aion.capture.words import own_words, plain, same_words, words_of
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
NEAR_COSINE = 0.6
SAME_WORDS = 0.8
REPHRASE_WITHIN_S = 600.0
SHORT = 12  # words; a longer message does something else besides thanking or complaining

_CORRECTION = re.compile(
    r"^(?:no|nope|nah|nao|errado|wrong|incorrect|incorreto)\b[\s,.:;!-]+(?!thanks|thank|obrigad|problem|worries|need|preciso)\S"
    r"|\bthat'?s (?:not (?:right|correct|true|what)|wrong|incorrect|false)\b|\b(?:it|this) is (?:wrong|incorrect|false)\b"
    r"|\byou(?:'re| are) (?:wrong|mistaken)\b|\byou got (?:it|that) wrong\b|\bactually,? (?:it|the|he|she|they|we|i|my)\b"
    r"|\b(?:should|ought to) (?:be|have been|say)\b|\bnot \w+[,;] (?:but|it'?s|it is)\b|\bi (?:said|meant|asked for) \w+"
    r"|\b(?:isso )?(?:esta|ta) (?:errad[oa]|incorret[oa]|mal)\b|\bnao (?:e|esta|foi|era) (?:isso|verdade|cert[oa]|assim|corret[oa]|bem assim)\b"
    r"|\bna verdade\b|\benganaste|\bte enganas|\bvoce (?:errou|se enganou)|\berraste\b|\bquis dizer\b|\bo corre[c]?to (?:e|seria)\b"
    r"|\b(?:devia|deveria) (?:ser|dizer|ter)\b"
)
_THANKS = re.compile(
    r"\b(?:thanks|thank you|thx|ty|tks|cheers|much appreciated|appreciate it|obrigad[oa]|obg|brigad[oa]|valeu|vlw|agradec\w+)\b"
)
_NO_THANKS = re.compile(
    r"\bthank(?:s| you) for nothing\b|\bno,? thanks?\b|\bnao,? obrigad[oa]\b|\bobrigad[oa] por nada\b|\bobrigadinh[oa]\b|\bthanks but\b"
    r"|\b(?:say|write|dizer|escrever|translate|traduz\w*)\b.{0,40}\b(?:thank|obrigad)"
)
_COMPLAINT = re.compile(
    r"\b(?:useless|rubbish|garbage|terrible|awful|horrible|nonsense|pathetic|ridiculous|bad answer|worst)\b"
    r"|\bthank(?:s| you) for nothing\b|\bobrigad[oa] por nada\b"
    r"|\b(?:does|did|do)(?:n'?t| not) (?:work|help|make sense|answer)\b|\bnot (?:helpful|useful|working|what i)\b|\bno help\b|\bstill (?:wrong|broken|not)\b"
    r"|\bmakes no sense\b|\bwaste of time\b|\byou (?:never|don'?t|didn'?t) (?:listen|understand|read|answer)\b|\bi (?:already|just) (?:told|said|asked)\b"
    r"|\b(?:inutil|pessim[oa]|horrivel|terrivel|ridicul[oa]|lixo|porcaria|disparate|parvoice)\b|\bque (?:merda|porcaria|lixo)\b"
    r"|\bnao (?:funciona|funcionou|ajuda|ajudou|serve|serviu|percebeste|entendeu|entendeste|respondeu|respondeste|faz sentido|presta)\b"
    r"|\bnao (?:foi|era) (?:isso )?o que (?:eu )?(?:pedi|perguntei|queria)\b|\bja (?:te )?disse\b|\bperda de tempo\b|\boutra vez (?:errad|mal)\w*|\bcontinua (?:errad|mal|sem)\w*"
)
_TOPIC = re.compile(r"\b(?:translate|summari[sz]e|rewrite|spell|traduz\w*|resum\w+|reescrev\w+)\b")


def read_following(
    question: str, answer: str, following: str, *, similarity: float | None, gap_s: float
) -> tuple[Signal, ...]:
    """What the person's next message says about the answer. `similarity` is the cosine of the two questions."""
    if not following.strip():
        return ()
    text = plain(own_words(following))
    spoken = _read_words(text)
    asked = _read_question(question, following, similarity, gap_s)
    if asked and "correction" not in spoken:
        spoken.append(asked)
    if not spoken and _goes_on(answer, following, similarity):
        spoken.append("continued")
    return tuple(_signal(name, following) for name in spoken)


def read_events(events: Sequence[Feedback]) -> tuple[Signal, ...]:
    """Each kind of event once, however often it came."""
    kinds = dict.fromkeys(one.event for one in events if one.kind is FeedbackKind.EVENT and one.event in SIGNS)
    return tuple(_signal(name, "event") for name in kinds)


def read_end(answer: str, *, idle_s: float, abandoned_s: float, last: bool) -> tuple[Signal, ...]:
    """Whether a conversation was left in the middle: after an answer that does not end like one."""
    whole = answer.rstrip().endswith((".", "!", "?", "`", ")", '"', "\u201d", ":", "|", "}", "]"))
    return (_signal("abandoned", "silence"),) if last and idle_s >= abandoned_s and answer.strip() and not whole else ()


def _read_words(text: str) -> list[str]:
    if _TOPIC.search(text):  # what follows is material to work on
        return []
    found = []
    if _CORRECTION.search(text):
        found.append("correction")
    if _COMPLAINT.search(text):
        found.append("complaint")
    elif _THANKS.search(text) and not _NO_THANKS.search(text) and (not found):
        found.append("thanks")
    return found


def _read_question(question: str, following: str, similarity: float | None, gap_s: float) -> str | None:
    likeness = same_words(question, following)
    if likeness >= SAME_WORDS or (similarity is not None and similarity >= SAME_COSINE and likeness >= 0.5):
        return "re_ask"
    near = similarity is not None and similarity >= NEAR_COSINE
    if (
        near
        and gap_s <= REPHRASE_WITHIN_S
        and len(words_of(following)) >= 3
        and not _NEW_VALUE.search(plain(following))
    ):
        return "rephrase"
    return None


_NEW_VALUE = re.compile(r"^(?:and|also|now|what about|how about|e|agora|e quanto|tambem|then)\b")


def _goes_on(answer: str, following: str, similarity: float | None) -> bool:
    """A follow-up takes up the matter, or begins like one."""
    said = plain(following)
    leans = bool(_NEW_VALUE.match(said)) or bool(
        re.search(r"\b(?:it|that|this|them|isso|esse|essa|disso|ele|ela)\b", said)
    )
    shared = set(words_of(answer)) & {word for word in words_of(following) if len(word) > 4}
    near = similarity is not None and similarity >= NEAR_COSINE / 2
    return leans or bool(shared) or near


def _signal(name: str, evidence: str) -> Signal:
    value, weight = SIGNS[name]
    return Signal(name=str(name), value=value, weight=weight, evidence=evidence[:200])
