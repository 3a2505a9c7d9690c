"""Says back to a person what they said of themselves: "I live in" becomes "you live in". Pure functions.

It goes word by word and knows no grammar; what it cannot turn with some safety it leaves to be quoted.
"""

from __future__ import annotations

import re

from aion.sleep.words import lower_first, read_data, upper_first

_TOKEN = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*|\s+|.", re.DOTALL)
_FIRST = re.compile(r"^(?:eu|nós|a gente|me|não me|já|nunca)\b|\b(?:eu|nós|mim|me|nos deu|nos deram)\b", re.IGNORECASE)

_MAYBE_VERB = re.compile(r"[^\W\d_]{3,}(?:o|ei|amos|emos|imos)", re.IGNORECASE)


def turn_round(sentence: str, language: str) -> str | None:
    """The sentence as the assistant says it to the person; None when it speaks of them in words not known here."""
    turned = _turn_english(sentence) if language == "en" else _turn_portuguese(sentence)
    return None if turned is None else upper_first(turned)


def _turn_english(sentence: str) -> str:
    words, after = read_data("person")["en"], read_data("person")["en_after"]
    made: list[str] = []
    before = ""
    for token in _TOKEN.findall(sentence):
        plain = token.casefold().replace("\u2019", "'")
        if plain.isspace():
            made.append(token)
            continue
        made.append(after.get(plain, words.get(plain, token)) if before in {"i", "we"} else words.get(plain, token))
        before = plain
    return "".join(made)


def _turn_portuguese(sentence: str) -> str | None:
    data = read_data("person")
    pieces = _TOKEN.findall(re.sub(r"^(?:Eu|Nós) ", "", sentence))
    first = pieces[0].casefold() if pieces else ""
    verbs: dict[str, str] = data["pt_verbs"]
    if first in {"não", "já", "nunca"} and len(pieces) > 2:
        pieces[2] = verbs.get(pieces[2].casefold(), pieces[2])
        known = pieces[2].casefold() in verbs.values()
    else:
        known = first in verbs or first in data["pt"] or not (_FIRST.search(sentence) or _opens_with_verb(sentence))
        pieces[:1] = [verbs.get(first, piece) for piece in pieces[:1]]
    turned = "".join(data["pt"].get(piece.casefold(), piece) for piece in pieces)
    return turned if known and not re.search(r"\b(?:eu|mim|nós)\b", turned, re.IGNORECASE) else None


def _opens_with_verb(sentence: str) -> bool:
    """Whether it may begin with what the person does: "Conduzo", "Fomos". Names can end like that, too."""
    first = next(iter(sentence.split()), "")
    return bool(_MAYBE_VERB.fullmatch(first)) and lower_first(sentence) != sentence
