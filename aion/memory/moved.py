"""What says by itself that something is another by now: it was moved, changed or went up to, or it is so no longer.

"The review was moved to Friday" tells anew when it is, "Ana moved to Faro" where she lives, and "I no longer eat meat"
that I eat meat. By words, cautious, in English and Portuguese; the sentences come without "now" and what leads in.
"""

from __future__ import annotations

import re

from aion.memory.measures import holds_figure, is_same_measure
from aion.memory.terms import STOP_WORDS, fold, stem

_MOVED = re.compile(
    r"(?:(?:i|we|they) (?:have )?(?:moved|changed|postponed|pushed|shifted|rescheduled) (?P<s1>.+?)|(?P<s2>.+?) "
    r"(?:(?:has|have|was|were|is|are|got) )?(?:been |being )?"
    r"(?:moved|moves|changed|changes|postponed|pushed|shifted|rescheduled|brought|raised|lowered|went|gone|rose|risen|"
    r"dropped|fell|fallen|increased|decreased))"
    r"(?: house| forward| back| up| down)? (?:from .+? )?to (?P<to>.+)",
    re.IGNORECASE,
)
_MUDADO = re.compile(
    r"(?:(?P<s1>.+?) (?:(?:foi|foram|ficou|está|é) (?:mudad|adiad|alterad|antecipad|passad|transferid|remarcad)[oa]s?|"
    r"mudou(?:-se)?|mudaram(?:-se)?|passou|passaram|passa|subiu|desceu|aumentou|baixou)|"
    r"(?:mudei|mudámos|adiei|adiámos|passei|passámos|alterei|alterámos) (?P<s2>.+?)|(?P<oneself>mudei-me|mudámo-nos))"
    r"(?: d[eoa] .+?)? para (?P<to>.+)",
    re.IGNORECASE,
)
_IS_AT = re.compile(
    r"(?:is|are|stands?|sits?|lives?|mora|moram|vive|vivem|est[áã]o?|fica|ficam|[ée]) (?:in|at|on|em|n[oa]s?)\b"
)
_LIVE = re.compile(r"(?:moro|vivo|moramos|vivemos) (?:em|n[oa]s?)\b")
_NO_MORE = re.compile(r"\bno longer\b|\bany ?more\b|\bjá não\b|\bnão\b.*\bmais\b")
_NOT = re.compile(r"\bno longer\b|\bnot\b|\bnão\b")
_NEUTRAL_WORDS = "no longer not any more anymore again do does já não mais eu"
_NEUTRAL = frozenset(stem(fold(one)) for one in _NEUTRAL_WORDS.split())
_INSTEAD = frozenset(["but", "it", "mas", "e", "sao"])
_WORD = re.compile(r"[^\W_]+(?:[.:,/-][^\W_]+)*")


def is_moved(later: str, earlier: str) -> bool:
    """Whether it says where to, and the earlier one where or when of the same thing."""
    found = _MOVED.fullmatch(later) or _MUDADO.fullmatch(later)
    if found is None:
        return False
    told = found.groupdict()
    subject, before, to = _stems(told["s1"] or told["s2"] or ""), _stems(earlier), told["to"]
    if before[: len(subject)] != subject or not (subject or told.get("oneself")):
        return False
    rest = earlier.split(maxsplit=len(subject))[-1]
    if holds_figure(to) or holds_figure(rest):
        return holds_figure(to) and holds_figure(rest) and is_same_measure(to, rest)
    is_at = _IS_AT.match(rest) if subject else _LIVE.match(rest.lower())
    return is_at is not None and STOP_WORDS.issuperset(set(_stems(to)) & set(before[len(subject) :]))


def is_denied(later: str, earlier: str) -> bool:
    """Whether it says that the same is no longer so, or is so again; what else it says comes after that."""
    mine, theirs = _plain(later), _plain(earlier)
    if (_NOT.search(mine) is None) == (_NOT.search(theirs) is None):
        return False
    new, old = (tuple(one for one in _stems(text) if one not in _NEUTRAL) for text in (mine, theirs))
    if new == old:
        return bool(new)
    goes_on = new[: len(old)] == old and new[len(old)] in _INSTEAD if len(new) > len(old) else False
    return goes_on and _NO_MORE.search(mine) is not None


def _plain(text: str) -> str:
    return re.sub(r"\bwon't\b", "will not", text.lower().replace("\u2019", "'")).replace("n't", " not")


def _stems(text: str) -> tuple[str, ...]:
    return tuple(stem(fold(word)) for word in _WORD.findall(text))
