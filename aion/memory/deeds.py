"""What somebody did, told twice: of where a thing was put, or whom it was lent to, the last counts; else both are so.

"I put the keys on the shelf" replaces "I put the keys in the drawer". "I ran 8 km" replaces nothing: it was done again.
By words, cautious, in English and Portuguese.
"""

from __future__ import annotations

import re

from aion.memory.terms import STOP_WORDS, fold, stem
from aion.memory.verbs import english_base, portuguese_first

_LAID = (
    r"put|left|parked|hid|hung|stored|placed|keep|kept|pus|pusemos|deixei|deixámos|estacionei|guardei|guardo|escondi|"
    r"pendurei|arrumei"
)
_ONCE = (
    r"bought|ordered|booked|rented|sold|lent|gave|comprei|encomendei|reservei|aluguei|vendi|emprestei|dei|comprámos|"
    r"vendemos|emprestámos"
)
_THE = r"(?:my|our|his|her|their|the|this|that|meus?|minhas?|os?|as?|est[ea]s?|ess[ea]s?)"
_AT = r"in|on|at|to|from|for|with|under|behind|near|em|n[oa]s?|de|d[oa]s?|ao?s?|à|às|por|pel[oa]s?|com|sob|atrás d[eoa]"
_DONE = re.compile(
    rf"(?:(?:i|we)(?: have|['\u2019]ve)? )?(?P<verb>(?P<laid>{_LAID})|{_ONCE}) {_THE} (?P<thing>.+?) "
    rf"(?P<at>{_AT}) (?P<rest>.+)",
    re.IGNORECASE,
)
_JOINED = {"ao": "a", "aos": "a", "as": "a", "pela": "por", "pelo": "por", "pelas": "por", "pelos": "por"}
_JOINED |= {f"n{ending}": "em" for ending in ("o", "a", "os", "as")}
_JOINED |= {f"d{ending}": "de" for ending in ("o", "a", "os", "as")}
_FIGURE = re.compile(
    r"(?:the )?\d|(?:january|february|march|april|may|june|july|august|\w+ember|october|\w+day|\w+-feira)\b"
)
_DID = re.compile(r"(?:(?<!^se)i|ámos|emos|fiz|pus|trouxe|vim)$")


def is_deed(words: tuple[str, ...]) -> bool:
    """Something that the person who tells it did, not what is so of them."""
    first, second = (*(word.lower() for word in words[:2]), "", "")[:2]
    if first in {"i", "we"}:
        return second not in english_base() | {"am", "are", "have", "ve"} and second not in STOP_WORDS
    return first in portuguese_first() and _DID.search(first) is not None


def is_done_anew(later: str, earlier: str) -> bool:
    """Whether it says of the same thing that it is elsewhere since, or somebody else's."""
    new, old = (_DONE.fullmatch(one) for one in (later, earlier))
    if (
        new is None
        or old is None
        or fold(new["verb"]) != fold(old["verb"])
        or _keys(new["thing"]) != _keys(old["thing"])
    ):
        return False
    mine, theirs = (_keys(one["rest"]) for one in (new, old))
    if mine <= theirs or theirs <= mine:
        return False  # one says no more than the other
    at, before = (_JOINED.get(fold(one["at"]), fold(one["at"])) for one in (new, old))
    figures = [_FIGURE.match(fold(one["rest"])) is not None for one in (new, old)]
    if at == before in {"for", "por"}:
        return all(figures)
    named = [one["rest"][0].isupper() for one in (new, old)]
    return not any(figures) and (new["laid"] is not None or (at == before and all(named)))


def _keys(text: str) -> set[str]:
    return {stem(word) for word in re.findall(r"\w+", fold(text)) if word not in STOP_WORDS}
