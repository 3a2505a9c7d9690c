"""Says back to a person what they said of themselves: "I live in" becomes "you live in". Pure functions.

It goes word by word and knows no grammar; what it cannot turn with some safety it leaves to be quoted. What has a
capital inside a sentence is a name, and what stands in quotation marks is somebody's words: both stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from aion.memory.verbs import portuguese_first, portuguese_third
from aion.sleep.lessons.words import lower_first, read_data, upper_first

_TOKEN = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*|\s+|.", re.DOTALL)
_FIRST = re.compile(r"^(?:eu|nós|a gente|me|não me|já|nunca)\b|\b(?:eu|nós|mim|me|nos deu|nos deram)\b", re.IGNORECASE)
_MAYBE_VERB = re.compile(  # "foi" and "sai" are another's, "aqui" and "ali" are places
    r"[^\W\d_]{3,}(?:o|ei|amos|emos|imos)|(?!d?(?:aqui|ali)$)[^\W\d_]*[^\W\d_aeo][ií]|[sc]aí|fiz|pus|(?:es)?tive|vim|pude",
    re.IGNORECASE,
)
_OF_ONESELF, _OF_OTHER = (
    {"me", "we", "us", "myself"},
    {"you", "your", "yours", "yourself", "you're", "you've", "you'll"},
)
_SPEAKER = {"i", "i'm", "i've", "i'd", "i'll"}  # always with a capital
_BEFORE_NOUNS = re.compile(  # "o jogo" is a game, "jogo" alone what the person does
    r"(?:[dn]?[oa]s?|uma?s?|aos?|às?|de|em|por|pel[oa]s?|com|sem|para|meus?|minhas?|seus?|suas?|noss[oa]s?|est[ea]s?|"
    r"ess[ea]s?|cada|algum|nenhum|outro|bom|muito|ao)",
    re.IGNORECASE,
)
_NO_VERBS = {"como", "visto"}  # far more often "as" and "seen"
_JOINS = {"e", "mas", ","}
_ONESELF = {"", "me", "nos"}
_IS = {"é", "são", "está", "estão", "era", "tem"}
_OPENING = {"\u201c", "\u00ab"}
_QUOTES = {'"', "\u201d", "\u00bb", *_OPENING}
_ENDS = {".", "!", "?"}


def turn_round(sentence: str, language: str) -> str | None:
    """The sentence as the assistant says it to the person; None when it speaks of them in words not known here."""
    turned = _turn_english(sentence) if language == "en" else _turn_portuguese(sentence)
    return None if turned is None else upper_first(turned)


def _turn_english(sentence: str) -> str | None:
    words, after = read_data("person")["en"], read_data("person")["en_after"]
    said = {plain for _, plain, is_own in _tokens(sentence) if is_own}
    if said & (_OF_ONESELF | _SPEAKER) and said & _OF_OTHER:
        return None  # "call me Ana" said back to "you" would be about two of them
    made: list[str] = []
    before = ""
    for piece, plain, is_own in _tokens(sentence):
        turned = words.get(plain, piece) if is_own and not (plain == "mine" and before in {"the", "a"}) else piece
        turned = after.get(plain, turned) if before in {"i", "we"} and is_own else turned
        made.append(upper_first(turned) if before in _ENDS and piece[:1].isupper() else turned)
        before = before if plain.isspace() else plain
    return "".join(made)


def _turn_portuguese(sentence: str) -> str | None:
    data = read_data("person")
    verbs: dict[str, str] = data["pt_verbs"]
    pieces = list(_tokens(re.sub(r"^(?:Eu|Nós) ", "", sentence)))
    first = pieces[0][1] if pieces else ""
    place = 2 if first in {"não", "já", "nunca"} and len(pieces) > 2 else 0
    opening = _opening(pieces[place:], verbs)
    opens = bool(opening)
    known = opens or (first in data["pt"] if not place else False) or not _speaks_of_self(sentence, bool(place))
    made: list[str] = []
    before = ""
    for number, (piece, plain, is_own) in enumerate(pieces):
        turned = data["pt"].get(plain, piece) if is_own else piece
        if number == place:
            turned = opening or turned
        elif opens and is_own and before in _JOINS:
            turned = verbs.get(plain, turned)
        elif is_own and _is_verb(plain, before, verbs):
            return None
        made.append(upper_first(turned) if before in _ENDS and piece[:1].isupper() else turned)
        before = before if plain.isspace() else plain
    whole = "".join(made)
    return whole if known and not re.search(r"\b(?:eu|mim|nós)\b", whole, re.IGNORECASE) else None


def _opening(pieces: list[tuple[str, str, bool]], verbs: dict[str, str]) -> str:
    """What the person does that a sentence opens with, said of another; "" of a name: "Pinto mora em Faro"."""
    words = [plain for _, plain, is_own in pieces if is_own and not plain.isspace()] or [""]
    if (
        words[0] in verbs
        or words[0] in read_data("person")["pt"]
        or (words[1:] and (words[1] in portuguese_third() or words[1] in _IS))
    ):
        return verbs.get(words[0], "")
    verb, dash, oneself = words[0].partition("-")
    said = portuguese_first().get(verb, ("", ""))[0] if oneself in _ONESELF else ""
    return said + "-se" * bool(said and dash)


def _tokens(sentence: str) -> Iterator[tuple[str, str, bool]]:
    """Each piece, the same to compare by, and whether it is the person's own plain word."""
    is_quoted, starts, is_loud = False, True, sentence == sentence.upper()
    for piece in _TOKEN.findall(sentence):
        if piece in _QUOTES:
            is_quoted = piece in _OPENING or (piece == '"' and not is_quoted)
        plain = piece.casefold().replace("\u2019", "'")
        is_small = is_loud or piece == piece.lower() or plain in _SPEAKER or (starts and piece[1:] == piece[1:].lower())
        yield piece, plain, is_small and not is_quoted
        if not plain.isspace():
            starts = piece in _ENDS


def _is_verb(word: str, before: str, verbs: dict[str, str]) -> bool:
    """Whether it is something that the person does."""
    return word in verbs and word not in _NO_VERBS and not _BEFORE_NOUNS.fullmatch(before)


def _speaks_of_self(sentence: str, opens_small: bool) -> bool:
    return opens_small or bool(_FIRST.search(sentence)) or _opens_with_verb(sentence)


def _opens_with_verb(sentence: str) -> bool:
    """Whether it may begin with what the person does: "Conduzo", "Fomos". Names can end like that, too."""
    first = next(iter(sentence.split()), "")
    return bool(_MAYBE_VERB.fullmatch(first)) and lower_first(sentence) != sentence
