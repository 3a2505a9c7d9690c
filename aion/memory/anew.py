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
from aion.memory.entities import entities_of
from aion.memory.entity_patterns import MONTHS, WEEKDAYS
from aion.memory.sentences import sentences_of
from aion.memory.terms import STOP_WORDS, fold, stem

_LEAD_WORDS = (
    r"no|sorry|oops|actually|correction|update|news|please|remember|note|by the way|não|desculpa|afinal|aliás|correção|"
    r"atualização|novidade|lembra-te|lembre-se|nota|por favor"
)
_LEAD = re.compile(rf"(?:(?:{_LEAD_WORDS})\b[\s,:;.!\u2013\u2014-]*(?:(?:that|de que|que)\b ?)?)+", re.IGNORECASE)
_NOW = re.compile(
    r"\b(?:from now on|as of now|now|currently|nowadays|these days|instead(?! of)|a partir de (?:agora|hoje)|"
    r"desde hoje|agora|atualmente|hoje em dia)\b,? ?",
    re.IGNORECASE,
)
_NEW = re.compile(r"\b((?:the|our|my|his|her|their) )new |\b([oa]s? )nov[oa]s? ", re.IGNORECASE)
_MOVED = re.compile(
    r"(?:(?:i|we|they) (?:have )?(?:moved|changed|postponed|pushed|shifted|rescheduled) (?P<what>.+?)|(?P<whose>.+?) "
    r"(?:(?:has|have|was|were|is|are|got) )?(?:been |being )?"
    r"(?:moved|moves|changed|changes|postponed|pushed|shifted|rescheduled|brought|raised|lowered))"
    r"(?: forward| back| up| down)? (?:from .+? )?to (?P<to>.+)|"
    r"(?P<qual>.+?) (?:(?:foi|foram|ficou|está|é) (?:mudad|adiad|alterad|antecipad|passad|transferid|remarcad)[oa]s?|"
    r"mudou(?:-se)?|mudaram(?:-se)?|passou|passaram|passa)(?: d[eoa] .+?)? para (?P<para>.+)",
    re.IGNORECASE,
)
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
_NUMBER_WORDS = (
    "one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred um uma dois duas "
    "três quatro cinco seis sete oito nove dez onze doze vinte trinta quarenta cinquenta cem"
)
_NUMBERS = frozenset(map(fold, _NUMBER_WORDS.split()))
_HAVING = frozenset({"have", "has", "had", "tenho", "temos", "tem"})
_PAID_FOR = re.compile(r"\b(?:for|pel[oa]s?|por) (?:my|our|the|[oa]s?|minhas?|meus?)\b|\bpel[oa]s?\b", re.IGNORECASE)
Words = tuple[str, ...]
_BEING_WORDS = "is are was were has have é são era foi está estão fica ficam tem têm"
_BEING = frozenset(_BEING_WORDS.split())
_DAY = re.compile(r"\bdia \d", re.IGNORECASE)
_DATED = re.compile(rf"\b(?:{'|'.join(MONTHS)}|{WEEKDAYS})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Statement:
    """One sentence: its words as written and as they are compared."""

    text: str
    words: tuple[str, ...]
    now: bool  # it says that it is so now

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(_JOINED.get(word, stem(word)) for word in map(fold, self.words))


def tells_anew(later: str, earlier: str) -> bool:
    """Whether any sentence of `later` gives another value for what one of `earlier` told."""
    before = list(_statements(earlier))
    return any(_replaces(one, other) for one in _statements(later) for other in before)


def _replaces(later: _Statement, earlier: _Statement) -> bool:
    if is_done_anew(later.text, earlier.text) or _moved(later, earlier):
        return True
    found = _part(later, earlier)
    again = is_deed(later.words) and not later.now and not (found and _PAID_FOR.search(" ".join(found[-1])))
    return found is not None and not again and _differs_in_value(later, *found)


def _statements(text: str) -> Iterator[_Statement]:
    for sentence in sentences_of(text):
        if sentence.endswith("?"):
            continue
        plain = _LEAD.sub("", sentence, count=1) if _LEAD.match(sentence) else sentence
        bare = _NEW.sub(lambda found: found[1] or found[2], _NOW.sub("", plain))
        yield _Statement(bare.rstrip(" .!"), tuple(_TOKEN.findall(bare.rstrip(" .!"))), now=bare != plain)


def _differs_in_value(later: _Statement, before: Words, new: Words, old: Words, after: Words) -> bool:
    kind = _kind(new)
    if not kind or kind != _kind(old) or not _same_place(new, old) or not (_content(before) or _content(after)):
        return False
    if not _content(before):
        having = not _HAVING.isdisjoint(map(fold, before))
        return (later.now and kind == "name") or (kind == "figure" and having)
    if kind == "figure":
        return _same_measure(" ".join(new), " ".join(old))
    return not _content(after) and (later.now or (kind == "name" and _ONE_AT_A_TIME.match(later.text) is not None))


def _part(later: _Statement, earlier: _Statement) -> tuple[Words, Words, Words, Words] | None:
    """What stands before, the two values, and what stands after; a name is not cut."""
    mine, theirs = later.keys, earlier.keys
    begun = _shared(mine, theirs)
    ended = _shared(mine[begun:][::-1], theirs[begun:][::-1])
    if begun + ended >= min(len(mine), len(theirs)):
        return None  # one says no more than the other
    while begun and later.words[begun - 1][0].isupper():
        begun -= 1
    while ended and later.words[-ended][0].isupper():
        ended -= 1
    new, old = (one.words[begun : len(one.words) - ended] for one in (later, earlier))
    return later.words[:begun], new, old, later.words[len(mine) - ended :]


def _moved(later: _Statement, earlier: _Statement) -> bool:
    """ "The review was moved to Friday": what the earlier sentence tells of the review is a day, too."""
    found = _MOVED.fullmatch(later.text)
    if found is None:
        return False
    subject = tuple(_TOKEN.findall(found["what"] or found["whose"] or found["qual"]))
    keys = _Statement("", subject, now=True).keys
    if not _content(subject) or earlier.keys[: len(keys)] != keys:
        return False
    new, old = found["to"] or found["para"], " ".join(earlier.words[len(keys) :])
    return _holds_figure(new) and _holds_figure(old) and _same_measure(new, old)


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
    if any(sign.isdigit() for sign in telling[0]) or _DATED.fullmatch(telling[0]) or fold(telling[0]) in _NUMBERS:
        return "figure"
    named = [word[0].isupper() for word in telling]
    return "name" if all(named) else "" if any(named) else "word"


def _same_measure(new: str, old: str) -> bool:
    """Both a date, or numbers of one unit, as far as they are known for what they are."""
    mine, theirs = (
        {(one.kind, one.key.partition(" ")[2] if one.kind == "number" else "") for one in entities_of(text)}
        - {("phrase", "")}
        | ({("date", "")} if _DAY.search(text) else set())
        for text in (new, old)
    )
    return not mine or not theirs or bool(mine & theirs)


def _holds_figure(text: str) -> bool:
    return any(sign.isdigit() for sign in text) or _DATED.search(text) is not None


def _content(words: Sequence[str]) -> bool:
    return any(fold(word) not in STOP_WORDS for word in words)
