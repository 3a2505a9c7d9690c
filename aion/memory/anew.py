"""Says whether a statement tells anew, with another value, what an earlier one told. Pure, by words; cautious.

Two sentences are held beside each other: what begins and ends both is what is told of, what stands between is its
value. "The review is now on the 20th of June" tells anew "The review is on the 3rd of June", and so does "The review
was moved to the 20th". Where nothing says that it is so now, only values of which there is one at a time do: dates,
figures, codes, the name that a thing of one's own has or is at, and where it was put last. What says a thing in quite
other words is missed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aion.memory.deeds import is_deed, is_done_anew
from aion.memory.ended import no_longer
from aion.memory.measures import is_figure, is_same_measure
from aion.memory.moved import is_denied, is_moved
from aion.memory.sentences import sentences_of
from aion.memory.terms import STOP_WORDS, fold, stem

_LEAD_WORDS = (
    r"(?:no|não)(?=[,;:.!])|sorry|oops|actually|correction|update|news|please|remember|note|by the way|desculpa|afinal|"
    r"aliás|correção|atualização|novidade|lembra-te|lembre-se|nota|por favor"
)
_LEAD = re.compile(rf"(?:(?:{_LEAD_WORDS})(?!\w)[\s,:;.!\u2013\u2014-]*(?:(?:that|de que|que)\b ?)?)+", re.IGNORECASE)
_NOW = re.compile(
    r"\b(?:from now on|as of now|now|currently|nowadays|these days|instead(?! of)|a partir de (?:agora|hoje)|"
    r"desde hoje|agora|atualmente|hoje em dia)\b,? ?",
    re.IGNORECASE,
)
_NEW = re.compile(r"\b((?i:the|our|my|his|her|their) )new |\b((?i:[oa]s?) )nov[oa]s? ")
_IS_NEW = re.compile(r"(?P<x>.+?) is (?P<y>(?:my|our|the) )new (?P<z>.+)")  # "Rui is my new boss"
_ALSO = re.compile(r"\b(?:also|too|as well|besides|também|além disso)\b", re.IGNORECASE)
_TOKEN = re.compile(r"\d+(?:[.,:/-]\d+)*|[^\W_]+(?:[-'\u2019.][^\W_]+)*|[€$£%°]")
_PREPOSITION_WORDS = (
    "at in on by to from for with of about into until near under over after before em no na nos nas por pelo pela de "
    "do da dos das com para sobre até desde ao à aos às"
)
_PREPOSITIONS = frozenset(_PREPOSITION_WORDS.split())
_JOINED = {"no": "em", "na": "em", "nos": "em", "nas": "em", "do": "de", "da": "de", "dos": "de", "das": "de"}
_ONE_AT_A_TIME = re.compile(
    r"(?:the|our|my|your|his|her|[\w-]+['\u2019]s|[oa]s?|meus?|minhas?|nosso|nossa|teu|tua|seu|sua)\b(?!.*\b(?:likes?|loves?|gosta|met|"
    r"knows?|bought|visited|comprei|comprou)\b)|(?:i|we) (?:live|work|study)\b|(?:moro|vivo|trabalho|estudo|moramos|"
    r"vivemos)\b",
    re.IGNORECASE,
)
_HAVING = frozenset({"have", "has", "had", "tenho", "temos", "tem"})
_PAID_FOR = re.compile(r"\b(?:for|pel[oa]s?|por) (?:my|our|the|[oa]s?|minhas?|meus?)\b|\bpel[oa]s?\b", re.IGNORECASE)
LONGEST = 300  # characters of a sentence: a longer one tells more than one thing
Words = tuple[str, ...]
_BEING_WORDS = "is are was were has have é são era foi está estão fica ficam tem têm"
_BEING = frozenset(_BEING_WORDS.split())


@dataclass(frozen=True, slots=True)
class _Statement:
    """One sentence, without what leads in and without "now"."""

    text: str
    words: tuple[str, ...]  # as written
    keys: tuple[str, ...]  # as they are compared
    now: bool  # it says that it is so now


@dataclass(frozen=True, slots=True)
class Told:
    """A text, read once to be held beside many."""

    statements: tuple[_Statement, ...]

    @staticmethod
    def of(text: str) -> Told:
        return Told(tuple(_statements(text)))

    def replaces(self, earlier: Told) -> bool:
        """Whether any of its sentences gives another value for what an earlier one told."""
        return any(_replaces(one, other) for one in self.statements for other in earlier.statements)


def tells_anew(later: str, earlier: str) -> bool:
    """Whether one text gives another value for what the other told."""
    return Told.of(later).replaces(Told.of(earlier))


def _replaces(later: _Statement, earlier: _Statement) -> bool:
    if any(says(later.text, earlier.text) for says in (is_done_anew, is_moved, is_denied)):
        return True
    if _ALSO.search(later.text):
        return False
    found = _part(later, earlier)
    again = is_deed(later.words) and not later.now and not (found and _PAID_FOR.search(" ".join(found[-1])))
    return found is not None and not again and _differs_in_value(later, *found)


def _statements(text: str) -> Iterator[_Statement]:
    for sentence in sentences_of(text):
        if sentence.endswith("?") or len(sentence) > LONGEST:
            continue
        plain = _LEAD.sub("", sentence, count=1) if _LEAD.match(sentence) else sentence
        plain = _IS_NEW.sub(r"\g<y>new \g<z> is \g<x>", (no_longer(plain) or plain).rstrip(" .!"))
        bare = _NEW.sub(lambda found: found[1] or found[2], _NOW.sub("", plain))
        words = tuple(_TOKEN.findall(bare))
        keys = tuple(_JOINED.get(word, stem(word)) for word in map(fold, words))
        yield _Statement(bare.rstrip(" .!"), words, keys, now=bare != plain)


def _differs_in_value(later: _Statement, before: Words, new: Words, old: Words, after: Words) -> bool:
    kind = _kind(new)
    if not kind or kind != _kind(old) or not _same_place(new, old) or not (_content(before) or _content(after)):
        return False
    if not _content(before):
        having = not _HAVING.isdisjoint(map(fold, before))
        return (later.now and kind == "name") or (kind == "figure" and having)
    if kind == "figure":
        return is_same_measure(" ".join(new), " ".join(old))
    return not _content(after) and (later.now or (kind == "name" and _ONE_AT_A_TIME.match(later.text) is not None))


def _part(later: _Statement, earlier: _Statement) -> tuple[Words, Words, Words, Words] | None:
    """What stands before, the two values, and what stands after; a name is not cut."""
    mine, theirs = later.keys, earlier.keys
    begun = _shared(mine, theirs)
    ended = _shared(mine[begun:][::-1], theirs[begun:][::-1])
    if not begun + ended or begun + ended >= min(len(mine), len(theirs)):
        return None  # they have nothing in common, or one says no more than the other
    while begun and later.words[begun - 1][0].isupper():
        begun -= 1
    while ended and later.words[-ended][0].isupper():
        ended -= 1
    new, old = (one.words[begun : len(one.words) - ended] for one in (later, earlier))
    return later.words[:begun], new, old, later.words[len(mine) - ended :]


def _shared(mine: Sequence[str], theirs: Sequence[str]) -> int:
    """How many words both begin with."""
    pairs = zip(mine, theirs, strict=False)
    return next((at for at, (one, other) in enumerate(pairs) if one != other), min(len(mine), len(theirs)))


def _same_place(new: Words, old: Words) -> bool:
    """ "at Siemens" and "in Braga" are both so."""
    first = {_JOINED.get(fold(one[0]), fold(one[0])) for one in (new, old)}
    return len(first) == 1 or _PREPOSITIONS.isdisjoint(first)


def _kind(value: Words) -> str:
    """What a value is from its first telling word on; "" for what holds more than a value, such as its verb."""
    telling = [word for word in value if fold(word) not in STOP_WORDS]
    if not telling or not _BEING.isdisjoint(map(str.casefold, value)):
        return ""
    if is_figure(telling[0]):
        return "figure"
    named = [word[0].isupper() for word in telling]
    return "name" if all(named) else "" if any(named) else "word"


def _content(words: Sequence[str]) -> bool:
    return any(fold(word) not in STOP_WORDS for word in words)
