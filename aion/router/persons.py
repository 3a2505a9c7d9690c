"""Of whom a text speaks: of who says it, or of somebody else.

Told "I stopped smoking.", "Does Ana smoke?" asks of somebody else, and so does "Where is her bike from?" where the bike
is the person's own. Shapes and short lists, English and Portuguese; in doubt it is asked of who asks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

from aion.memory.terms import fold, lean_of, stem
from aion.memory.verbs import portuguese_first

_OWN = r"(?:my|our|meus?|minhas?|noss[oa]s?)"
_SELF = re.compile(rf"\b(?:i|mine|myself|we|ours|ourselves|eu|{_OWN})\b")
_SAYS_I = re.compile(r"\b(?:i|we|eu|nos)\b")
_ME = re.compile(rf"\b(?:i|me|mine|myself|we|us|ours|ourselves|eu|mim|comigo|nos|con?nosco|{_OWN})\b")
_FIRST = frozenset(portuguese_first()) - {"como"}
_BEFORE_NOUNS = frozenset({"o", "um", "do", "no", "ao", "de", "cada", "qual", "que"})  # "o peso", not "peso"

_THEY = re.compile(r"\b(?:he|she|they|ele|ela|eles|elas)\b")
_THEIRS = r"(?:his|her|their)"
_YOURS = r"(?:your|teus?|tuas?|seus?|suas?)"  # of who is asked; "complete: your bike is from" is said to the person
_RELATED = (
    "wife husband partner girlfriend boyfriend son daughter child kids children mother mum mom father dad parents "
    "brother sister cousin uncle aunt nephew niece grandma grandmother grandpa grandfather friend friends neighbou?r "
    "boss colleague flatmate roommate mulher marido namorad[oa] filh[oa]s? mae pais? irma irmao irmaos prim[oa] ti[oa] "
    "sobrinh[oa] avo amig[oa]s? vizinh[oa] chefe colega"
).replace(" ", "|")
_RELATIVE = re.compile(rf"\b(?:{_OWN}|his|her|their|the|o|a) (?:\w+ )?({_RELATED})\b(?!['\u2019]s)")
_NAME = r"([A-Z\u00c0-\u00de][\w-]+)"
_AFTER_AUXILIARY = re.compile(
    r"\b(?:[Dd](?:o|oes|id)|[Hh]a(?:s|ve|d)|[Ii]s|[Aa]re|[Ww](?:as|ere|ill|ould)|[Cc](?:an|ould)|[Ss]hould) " + _NAME
)
_AFTER_ARTICLE = re.compile(rf"\b[OoAa] {_NAME}")


def is_of_self(text: str) -> bool:
    """Whether it speaks of the person who says it: "my bike", "comprei"."""
    return _SELF.search(_lower(text)) is not None or _tells_first(text)


def asks_of_another(question: str, words: Sequence[str], taught: Sequence[str], answer: str) -> bool:
    """Whether what is so of the person is asked of somebody else. `taught`: ways to ask for it, plainest first."""
    if 2 * sum(map(is_of_self, taught)) <= len(taught):
        return False
    known = {stem(word) for text in (*taught, answer) for word in _words(text)}
    if any(_is_owned_by_another(question, word, taught, known) for word in words):
        return True
    return _says_i(taught[0]) and _has_other_subject(question, known)


def _is_owned_by_another(question: str, word: str, taught: Sequence[str], known: set[str]) -> bool:
    """ "his bike" or "Ana's bike", where it was "my bike"."""
    name, text = re.escape(fold(word)), fold(question)
    if not any(re.search(rf"\b{_OWN} (?:\w+ )?{name}\b", fold(one)) for one in taught):
        return False
    theirs = rf"(?:{_THEIRS}|{_YOURS})" if "?" in question else _THEIRS
    if re.search(rf"\b{theirs} (?:(?!{_OWN}\b)\w+ )?{name}\b|\b{name} (?:\w+ )?del[ea]s?\b", text):
        return True
    owners = rf"\b(\w+)['\u2019]s (?:(?!{_OWN}\b)\w+ )?{name}\b|\b{name} (?:\w+ )?d[oae] (?:{_OWN} )?(\w+)\b"
    strange = {one for pair in re.findall(owners, text) for one in pair if one and stem(one) not in known}
    people = {fold(one) for one in re.findall(_NAME, question)}
    return any(one in people or re.fullmatch(_RELATED, one) for one in strange)


def _has_other_subject(question: str, known: set[str]) -> bool:
    """ "does Ana", "did my sister", "does she", where "do I" was taught."""
    if _says_i(question):
        return False
    text = fold(question)
    if _THEY.search(text) and not _ME.search(text):
        return True
    named = _AFTER_ARTICLE if lean_of(question) > 0 else _AFTER_AUXILIARY
    return any(stem(fold(one)) not in known for one in (*named.findall(question), *_RELATIVE.findall(text)))


def _says_i(text: str) -> bool:
    return _SAYS_I.search(fold(text)) is not None or _tells_first(text)


def _tells_first(text: str) -> bool:
    """Whether a Portuguese verb says "I": "comprei"."""
    words = ["", *_words(text, str.lower)]
    return any(
        word in _FIRST and not (before in _BEFORE_NOUNS and word.endswith("o")) for before, word in pairwise(words)
    )


def _lower(text: str) -> str:
    return " ".join(_words(text, str.lower))


def _words(text: str, change: Callable[[str], str] = fold) -> list[str]:
    return re.findall(r"[^\W\d_]+", change(text))
