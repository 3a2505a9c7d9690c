"""Turns text into the words it is found by: plain, without accents and endings, in English and Portuguese alike.

The same words stand in the index and in a question, so a rule need not be right as grammar: it must only bring the
forms of one word together and keep different words apart. It knows no synonyms.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST = 32
_WORD = re.compile(r"[a-z0-9]+")
_APOSTROPHE = re.compile(r"(?<=\w)['\u2019](?:s|re|ve|ll|d|m|t)?\b|['\u2019]")

_ENGLISH = (
    "a about above after again all also am an and any are as at be because been before being below between both but "
    "by can could did do does doing don down during each few for from further had has have having he her here hers "
    "him his how i if in into is it its itself just let me more most my myself no nor not now of off on once only or "
    "other our ours out over own please same she should so some such than that the their theirs them then there "
    "these they this those through to too under until up us very was we were what when where which while who whom "
    "whose why will with would you your yours isn aren wasn weren doesn didn won wouldn couldn shouldn hasn haven "
    "hadn ain"
)
_PORTUGUESE = (
    "ao aos aquela aquelas aquele aqueles aquilo as ate com como da das de dela delas dele deles depois do dos e ela "
    "elas ele eles em entre era eram essa essas esse esses esta estas estao estava estavam este estes estou eu foi "
    "foram ha isso isto ja lhe lhes mais mas me mesmo meu meus minha minhas muito na nao nas nem no nos nossa nossas "
    "nosso nossos num numa o onde os ou para pela pelas pelo pelos por porque qual quais quando que quem quantas "
    "quantos se seja sem ser sera seu seus so sobre sua suas tambem te tem tenho ter teu teus ti tinha tu tua tuas "
    "tudo um uma umas uns vai voce voces vos sao"
)
STOP_WORDS = frozenset(_ENGLISH.split()) | frozenset(_PORTUGUESE.split())
_ONLY_ENGLISH = frozenset(_ENGLISH.split()) - frozenset(_PORTUGUESE.split()) - {"a"}
_ACCENTED = frozenset("áàâãçéêíóôõú")
_ONLY_PORTUGUESE = frozenset(_PORTUGUESE.split()) - frozenset(_ENGLISH.split())

# (ending, what takes its place, letters that must be left): the first that fits is applied.
_SINGULAR = (("ation", "ate", 3),)
_PLURAL = (
    ("ations", "ate", 3),
    ("coes", "cao", 2),
    ("soes", "sao", 2),
    ("aes", "ao", 2),
    ("oes", "ao", 2),
    ("ies", "y", 2),
    ("sses", "ss", 2),
    ("ches", "ch", 2),
    ("shes", "sh", 2),
    ("xes", "x", 2),
    ("ss", "ss", 1),
    ("us", "us", 2),
    ("is", "is", 1),
    ("s", "", 3),
)
_VERB_ENDINGS = (("ing", 4), ("ed", 4))
_CHANGED = ("s", "ation", "ing", "ed", "e")  # most words end in none of these, and are done


def terms_of(text: str) -> list[str]:
    """In the order they stand, stop words left out, repeated when they are."""
    return [stem(word) for word in words_of(text) if word not in STOP_WORDS]


def words_of(text: str) -> list[str]:
    """Lower-case ASCII words and numbers; accents are dropped, "don't" is "don", other scripts are left out."""
    return [word[:LONGEST] for word in _WORD.findall(fold(_APOSTROPHE.sub(" ", text)))]


def fold(text: str) -> str:
    """Small letters without accents."""
    plain = text.casefold()
    if plain.isascii():
        return plain
    return "".join(sign for sign in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(sign))


def lean_of(text: str) -> int:
    """How many more signs of Portuguese it has than of English: small words, accents. 0 where they say nothing."""
    words = set(words_of(text))
    accents = not text.isascii() and any(sign in _ACCENTED for sign in text.casefold())
    return len(words & _ONLY_PORTUGUESE) + accents - len(words & _ONLY_ENGLISH)


def stem(word: str) -> str:
    """Without the endings of plurals and, in English, of verbs."""
    if len(word) < 4 or not word.endswith(_CHANGED) or not word.isalpha():
        return word
    for ending, instead, left in _PLURAL if word[-1] == "s" else _SINGULAR:
        if word.endswith(ending) and len(word) - len(ending) >= left:
            word = word[: len(word) - len(ending)] + instead
            break
    for ending, left in _VERB_ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= left:
            word = _undouble(word[: len(word) - len(ending)])
            break
    return word[:-1] if len(word) > 4 and word.endswith("e") else word


def _undouble(word: str) -> str:
    """ "stopp" is "stop", but "call" stays."""
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz" else word
