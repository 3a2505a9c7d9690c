"""Brings the words of an answer into one form, so that the same thing said otherwise is the same: English, Portuguese.

Case, accents, marks, thousands, decimal commas, times of day and small numbers in words make no difference. It knows no
synonyms and no grammar; words of other scripts are kept as they are.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen",
    "zero um dois tres quatro cinco seis sete oito nove dez onze doze treze catorze quinze dezasseis dezassete "
    "dezoito dezanove",
    "zero uma duas tres quatro cinco seis sete oito nove dez onze doze treze quatorze quinze dezesseis dezessete "
    "dezoito dezenove",
)
_TENS = (
    "twenty thirty forty fifty sixty seventy eighty ninety",
    "vinte trinta quarenta cinquenta sessenta setenta oitenta noventa",
)
_ARTICLES = ("um", "uma", "one")  # far more often no number
NUMBERS = {word: value for line in _UNITS for value, word in enumerate(line.split()) if word not in _ARTICLES}
TENS = {word: 20 + 10 * place for line in _TENS for place, word in enumerate(line.split())}

# Words that stand in any sentence. What denies is not among them: it may be all that an answer says. "Now" says of a
# value that it was another before, and nothing of the value.
_ENGLISH = (
    "a an the this that these those it its is are was were be been am do does did has have had will would can could "
    "of in on at to for from by with and or as so there here i me my mine you your yours he she him her his they "
    "them their we us our one now currently nowadays"
)
_PORTUGUESE = (
    "o os as um uma uns umas de do da dos das em no na nos nas ao aos por pelo pela pelos pelas para com e ou que "
    "se seu sua seus suas meu minha meus minhas teu tua teus tuas isso isto este esta esse essa ele ela eles elas "
    "eu tu voce foi era sao estao ser sera tem agora atualmente"
)
SMALL = frozenset(_ENGLISH.split()) | frozenset(_PORTUGUESE.split())
_DENYING = frozenset(("nao", "never", "not", "nunca"))
_SIGNS = {"€": " euros ", "$": " dollars ", "£": " pounds ", "%": " percent "}
_APOSTROPHE = re.compile(r"n['\u2019]t\b|['\u2019](?:s|re|ve|ll|d|m)\b|['\u2019]")
_TIME = re.compile(r"\b(\d{1,2})(?:[:h](\d{2})|h)?\s*([ap])\.?m\b\.?|\b(\d{1,2})[:h](\d{2})\b|\b(\d{1,2})\s?h\b")
_GROUPS = re.compile(r"\b\d{1,3}(?:[., \u00a0\u202f]\d{3})+\b(?![.,]?\d)")
_DECIMAL = re.compile(r"\b(\d+)[.,](\d{1,2})\b(?![.,]\d)")
_ORDINAL = re.compile(r"\b(\d+)(?:(?:st|nd|rd|th)\b|[ºª°])")
_WORD = re.compile(r"\d+(?:[.:]\d+)+|\d+|[^\W\d_]+")
_LONG = 5  # letters that a word and its other form must share at the beginning
_ENDING = 3  # letters by which they may differ


def words_of(text: str) -> list[str]:
    """In the order they stand."""
    plain = _TIME.sub(_to_time, text.casefold())
    plain = _APOSTROPHE.sub(lambda found: " not " if found[0].startswith("n") else " ", plain)
    plain = _ORDINAL.sub(r"\1 ", plain)
    plain = _GROUPS.sub(lambda found: re.sub(r"\D", "", found[0]), plain)
    plain = _DECIMAL.sub(lambda found: f"{found[1]}.{found[2]}".rstrip("0").rstrip("."), plain)
    for sign, word in _SIGNS.items():
        plain = plain.replace(sign, word)
    plain = "".join(one for one in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(one))
    return _join_numbers(_WORD.findall(plain))


def normal(text: str) -> str:
    """To compare by."""
    return " ".join(words_of(text))


def is_form(word: str, other: str) -> bool:
    """Whether two words are likely forms of one: maintains, maintained."""
    if word == other:
        return True
    shared = next(
        (place for place, (one, two) in enumerate(zip(word, other, strict=False)) if one != two),
        min(len(word), len(other)),
    )
    return shared >= _LONG and max(len(word), len(other)) - shared <= _ENDING and word.isalpha()


def without_small(words: Iterable[str]) -> list[str]:
    return [word for word in words if word not in SMALL]


def denies(words: Sequence[str]) -> bool:
    """Whether a sentence begins with "no": further on it may be Portuguese for "in the"."""
    return words[:1] == ["no"]


def says_no(words: Sequence[str]) -> bool:
    """Whether it denies anywhere, in either language."""
    return denies(words) or not _DENYING.isdisjoint(words)


def _to_time(found: re.Match[str]) -> str:
    """Hours of the day from 0, and minutes where there are any: 7 pm, 19h00 and 19:00 are one."""
    hour = int(found[1] or found[4] or found[6])
    minutes = found[2] or found[5] or "00"
    if found[3]:
        hour = hour % 12 + (12 if found[3] == "p" else 0)
    return f" {hour} " if minutes == "00" else f" {hour}:{minutes} "


def _join_numbers(words: list[str]) -> list[str]:
    """Numbers in words as digits, up to ninety-nine."""
    made: list[str] = []
    for place, word in enumerate(words):
        value = NUMBERS.get(word)
        unit = 1 if word in _ARTICLES else value or 0
        if word in TENS:
            made.append(str(TENS[word]))
        elif 0 < unit < 10 and (tens := _tens_before(words, place)):
            made[-1 if words[place - 1] in TENS else -2 :] = [str(tens + unit)]
        else:
            made.append(word if value is None else str(value))
    return made


def _tens_before(words: list[str], place: int) -> int:
    """Of "twenty one" and "vinte e um" the twenty."""
    if place >= 1 and words[place - 1] in TENS:
        return TENS[words[place - 1]]
    if place >= 2 and words[place - 1] == "e" and words[place - 2] in TENS:
        return TENS[words[place - 2]]
    return 0
