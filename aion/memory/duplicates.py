"""Says when two texts are one memory, and when two questions ask the same. Pure functions; cautious on purpose.

Likeness of vectors alone joins "Ana's code is 4471" and "Ana's code is 4472", so it decides nothing here: it is needed
and never enough. Two texts are one only if they share at least 0.8 of their words (as sets), in the same order, and
the words that one has more are no number, name or negation and replace nothing. What differs stays two memories: that
costs a little room, while a wrong merger would lose what somebody said. It does not know paraphrases or synonyms.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from aion.memory.sentences import sentences_of

OVERLAP = 0.8
_TOKEN = re.compile(r"\d+(?:[.,:/-]\d+)*|[^\W\d_]+(?:-[^\W\d_]+)*|[€$£%°]|\w+")
_NOT = re.compile(r"\b(ca|wo|sha|[a-z]+)n['\u2019]t\b", re.IGNORECASE)
_WHOLE_STEM = {"ca": "can", "wo": "will", "sha": "shall"}
_SHORT = {"'m": " am", "'re": " are", "'ve": " have", "'ll": " will"}
_BARE_NOT = re.compile(r"\b(do|does|did|is|are|was|were|has|have|had|would|could|should)nt\b", re.IGNORECASE)
# Words that change nothing when they are there or not.
_EMPTY_WORDS = (
    "a an the and so well please just really actually also ok okay yes by s "
    "o os as um uma uns umas e então bem sim também só mesmo"
)
_NEGATIONS = (
    "not no never none nobody nothing neither nor without cannot hardly "
    "não nao nunca jamais nem nenhum nenhuma ninguém ninguem nada sem"
)
# Words that name one of a few alternatives: two questions that differ in them ask different things.
_ALTERNATIVES = (
    "monday tuesday wednesday thursday friday saturday sunday january february march april may june july august "
    "september october november december today tomorrow yesterday morning evening night before after first last next "
    "previous left right north south east west up down more less most least minimum maximum min max increase decrease "
    "buy sell open close start stop enable disable add remove on off in out mother father sister brother son daughter "
    "one two three four five six seven eight nine ten red green blue black white hot cold big small old new "
    "segunda terça quarta quinta sexta sábado domingo janeiro fevereiro março abril maio junho julho agosto setembro "
    "outubro novembro dezembro hoje amanhã ontem manhã noite antes depois primeiro primeira último última próximo "
    "próxima anterior esquerda direita norte sul leste oeste mais menos mínimo máximo aumentar diminuir comprar "
    "vender abrir fechar ligar desligar começar parar mãe pai irmã irmão filho filha dois duas três quatro cinco seis "
    "sete oito nove dez vermelho verde azul preto branco quente frio grande pequeno velho novo"
)

EMPTY_WORDS = frozenset(_EMPTY_WORDS.split())
NEGATIONS = frozenset(_NEGATIONS.split())
ALTERNATIVES = frozenset(_ALTERNATIVES.split())


def words_of(text: str) -> list[str]:
    """Every word and number of it in order, in lower case, contractions written out."""
    return [word.casefold() for word in _tokens(text)]


def content_words(text: str) -> list[str]:
    """In order, without those that change nothing; of a text of such words alone, all of them."""
    words = words_of(text)
    return [word for word in words if word not in EMPTY_WORDS] or words


def names_of(text: str) -> set[str]:
    """Words written with a capital inside a sentence, in lower case. Not what only begins a sentence."""
    found: set[str] = set()
    for sentence in sentences_of(text):
        found |= {word.casefold() for word in _tokens(sentence)[1:] if word[0].isupper() and word != "I"}
    return found


def is_fact(word: str) -> bool:
    """Whether one word of this kind more or less makes another statement: numbers and negations."""
    return word[0].isdigit() or word in NEGATIONS or word in "€$£%°"


def jaccard(left: Sequence[str], right: Sequence[str]) -> float:
    one, other = set(left), set(right)
    return len(one & other) / len(one | other) if one | other else 1.0


def same_words(left: str, right: str) -> bool:
    """Equal but for case, punctuation and words that change nothing."""
    return content_words(left) == content_words(right)


def same_statement(left: str, right: str, cosine: float | None, threshold: float) -> bool:
    """Whether both are one memory. The same words always are; without vectors (cosine is None) nothing else is."""
    one, other = content_words(left), content_words(right)
    if one == other:
        return True
    if cosine is None or cosine < threshold or jaccard(one, other) < OVERLAP:
        return False
    short, long = sorted((one, other), key=len)
    added = _added(short, long)
    if added is None:
        return False
    names = names_of(left) | names_of(right)
    return not any(is_fact(word) or word in names for word in added)


def same_facts(left: str, right: str) -> bool:
    """Whether two questions hold the same numbers, names, negations and alternatives, in the same order."""
    one, other = words_of(left), words_of(right)
    named = names_of(left) | names_of(right)
    return [w for w in one if _matters(w, named)] == [w for w in other if _matters(w, named)]


def adds_nothing(text: str, known: str) -> bool:
    """Whether `text` repeats `known`: the same words, a run of its words, or it with a word or two around it."""
    said, kept = content_words(text), content_words(known)
    if _is_run(said, kept):
        return True
    if jaccard(said, kept) < OVERLAP:
        return False
    added = _added(kept, said) if len(said) >= len(kept) else _added(said, kept)
    named = names_of(text)
    return added is not None and not any(is_fact(word) or word in named for word in added)


def _tokens(text: str) -> list[str]:
    plain = unicodedata.normalize("NFC", text).replace("\u2019", "'")
    plain = _NOT.sub(lambda found: _WHOLE_STEM.get(found[1].lower(), found[1]) + " not", plain)
    plain = _BARE_NOT.sub(r"\1 not", plain)
    for short, whole in _SHORT.items():
        plain = plain.replace(short, whole)
    return _TOKEN.findall(plain)


def _matters(word: str, named: set[str]) -> bool:
    return is_fact(word) or word in named or word in ALTERNATIVES


def _added(short: Sequence[str], long: Sequence[str]) -> list[str] | None:
    """The words `long` has more, when `short` stands in it in order; else None."""
    added: list[str] = []
    place = 0
    for word in long:
        if place < len(short) and word == short[place]:
            place += 1
        else:
            added.append(word)
    return added if place == len(short) else None


def _is_run(short: Sequence[str], long: Sequence[str]) -> bool:
    return bool(short) and any(
        list(long[at : at + len(short)]) == list(short) for at in range(len(long) - len(short) + 1)
    )
