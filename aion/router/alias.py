"""Finds out of a sentence that two names mean the same: "the billing service is also called Ledgerline".

Only what says so in words counts, in English and Portuguese. What was taught of either name it does not know.
"""

from __future__ import annotations

import re

from aion.memory.aliases import PRONOUNS, read_alias
from aion.router.card import Alias
from aion.router.words import stems_of

MOST = 4  # words of a name
_SAYS = (
    r" (?:is|are) (?:(?:also|sometimes|often|usually|otherwise|better) )?(?:called|named|known as|nicknamed) ",
    r" (?:is|are) (?:the same as|short for|another (?:name|word) for|our (?:name|word|nickname) for|just) ",
    r",? (?:a\.?k\.?a\.?|alias) ",
    r" (?:goes by|also goes by|means) (?:the name (?:of )?)?",
    r" (?:tamb[eé]m )?(?:se chama|[eé] (?:tamb[eé]m )?(?:chamad[oa]|conhecid[oa] (?:como|por)|apelidad[oa] de)) ",
    r" (?:chama-se (?:tamb[eé]m )?|tamb[eé]m [eé] |[eé] (?:o mesmo|a mesma coisa) que )",
)
_QUOTED = re.compile(r"^[^\"]{1,30}: \"")  # what is said back word for word: 'You told me: "'
_CALLS = r"(?:[Cc]hamamos|[Cc]hamo|[Cc]hamam)(?: tamb[eé]m)? (?P<other>.+?) (?:a|à|ao|às|aos) (?P<one>.+)$"
_NAMES = r"^(?P<one>[A-ZÀ-Þ][\w-]+(?: [A-ZÀ-Þ][\w-]+){0,2}) (?:is|are|é) (?P<other>(?:our|my|the|o|a|os|as) .+)$"
_NAMED = r"^(?P<one>(?:our|my|the|o nosso|a nossa|o meu|a minha|o|a) .+?) (?:is|are|é) (?P<other>[A-ZÀ-Þ][\w-]+)$"


def find_aliases(sentence: str) -> tuple[Alias, ...]:
    """Both ways round; none when it does not say that two names mean the same, or one of them is a whole tale."""
    text = _QUOTED.sub("", " ".join(sentence.split())).rstrip(".!\"' ")
    told = read_alias(text)
    if told is not None:
        return _pair(told.known, told.other) if told.known not in PRONOUNS else ()
    for pattern in _SAYS:
        parts = re.split(pattern, text, maxsplit=1, flags=re.IGNORECASE)
        if len(parts) == 2:
            return _pair(parts[0], parts[1])
    if found := re.search(_CALLS, text):
        return _pair(found["one"], found["other"])
    for pattern, flags in ((_NAMED, re.IGNORECASE), (_NAMES, 0)):
        found = re.match(pattern, text, flags)
        if found and found["other" if pattern is _NAMED else "one"][0].isupper():
            return _pair(found["one"], found["other"])
    return ()


def _pair(one: str, other: str) -> tuple[Alias, ...]:
    first, second = tuple(stems_of(one)), tuple(stems_of(other))
    if not first or not second or first == second or max(len(first), len(second)) > MOST:
        return ()
    return Alias(first, second, other), Alias(second, first, one)
