"""Reads which things a text speaks of: what stands after "the", "my" or "o", and what has a name.

Of "Who maintains the voucher panel for Rui?" they are "voucher panel" and "Rui". English and Portuguese; a shape and no
grammar: a thing ends before a small word, a sign or a verb, and "an oven" is none, for it may be any.
How two texts stand to each other by their things is told in relation.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from aion.memory.terms import LONGEST, STOP_WORDS, fold, lean_of, stem
from aion.memory.verbs import english_base, english_past, english_third, portuguese_third

_PIECE = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?|[^\w\s'\u2019]")
_TAIL = re.compile(r"['\u2019](?:s|re|ve|ll|d|m|t)$")
_THE_ENGLISH = "the my our your his her its their this that these those"
_THE_PORTUGUESE = (
    "o a os as do da dos das no na nos nas ao aos pelo pela pelos pelas meu minha meus minhas nosso nossa nossos "
    "nossas teu tua teus tuas seu sua seus suas este esta estes estas esse essa esses essas aquele aquela"
)
_RELATING = "of for about to from de do da dos das para ao aos sobre"
_WHICHEVER = "every each another todo toda todos todas cada outro outra"
_AUXILIARY = "do does did can could will would shall should must may might to"
_THE = {False: frozenset(_THE_ENGLISH.split()), True: frozenset(_THE_PORTUGUESE.split())}
_OF = frozenset(_RELATING.split())
_ANY = frozenset(_WHICHEVER.split())
_BEFORE_BARE = frozenset(_AUXILIARY.split())
_DONE = re.compile(r".{3,}ed|.{2,}(?:ad[oa]s?|id[oa]s?)")
_DO = frozenset(["do", "does", "did"])


@dataclass(frozen=True, slots=True)
class Word:
    """As it is written but for case and accents, and whether with a capital."""

    text: str
    name: bool

    @property
    def stem(self) -> str:
        return stem(self.text)


@dataclass(frozen=True, slots=True)
class Thing:
    """The words of what is spoken of."""

    words: tuple[Word, ...]
    head: Word  # what it is: the last word, in Portuguese the first
    sure: bool  # after an article or with a name; a text may also begin with the name of a thing, or with a verb
    owned: bool = False  # "the code" of "the code of the queue": said of another thing

    @property
    def special(self) -> bool:
        """Whether it tells one thing from its like."""
        return self.sure and (len(self.words) > 1 or self.words[0].name)


def things_of(text: str) -> tuple[Thing, ...]:
    """In the order they stand. Nothing is kept: what is forgotten must be gone from here as well."""
    portuguese = lean_of(text) > 0
    words = [fold(piece) for piece in _PIECE.findall(text)]
    bare = not portuguese and not _BEFORE_BARE.isdisjoint(words)
    runs = list(_runs(text, portuguese=portuguese))
    made: list[Thing] = []
    for at, run in enumerate(runs):
        kept = _without_verb(run, portuguese=portuguese, bare=bare)
        owned = len(kept) == len(run.words) and at + 1 < len(runs) and runs[at + 1].follows
        for words_ in [kept] if portuguese else _apart(kept):
            sure = run.definite or any(word.name for word in words_)
            if (sure or run.begins) and not all(word.text.isdigit() for word in words_):
                made.append(Thing(words_, words_[0] if portuguese else words_[-1], sure, owned))
    return tuple(made)


@dataclass(slots=True)
class _Run:
    """Content words that stand together."""

    words: tuple[Word, ...]
    definite: bool
    begins: bool  # a sentence
    ends: bool  # it
    done: bool  # after "does": what the thing does may end the run
    follows: bool  # "of", or its like, is all that parts it from the run before


def _runs(text: str, *, portuguese: bool) -> Iterator[_Run]:
    the, words = _THE[portuguese], list[Word]()
    definite = begins = done = follows = False
    small: list[str] | None = None  # between this run and the one before; None: a sign stands there
    start = True
    for piece in [*_PIECE.findall(text), "."]:
        word = _TAIL.sub("", fold(piece))
        goes_on = portuguese and word == "de" and bool(words)
        if word[0].isalnum() and word not in STOP_WORDS and word not in _ANY:
            if not words:
                last = small[-1] if small else ""
                definite, begins, done = last in the, start, not _DO.isdisjoint(small or ())
                follows = small is not None and bool(small) and small[0] in _OF and len(small) <= 2
            words.append(Word(word.replace("'", "").replace("\u2019", "")[:LONGEST], piece[0].isupper() and not start))
        elif not goes_on:
            if words:
                yield _Run(tuple(words), definite, begins, not word[0].isalnum(), done, follows)
            sign = not word[0].isalnum()
            small = None if sign else [*((small or []) if not words else []), word]
            words = []
        start = piece in {".", "!", "?", ":", ";", "\u201c", '"'}


def _without_verb(run: _Run, *, portuguese: bool, bare: bool) -> tuple[Word, ...]:
    """Of "boat leaves" and "boat moored" the boat. `bare`: "the boat leave" may stand there as well."""
    words = run.words
    if len(words) > 1 and not run.definite and not words[0].name and _is_verb(words[0].text, portuguese=portuguese):
        words = words[1:]
    if len(words) > 1 and run.done and run.ends and not words[-1].name:
        words = words[:-1]
    verbs = portuguese_third() if portuguese else _english_verbs(bare=bare)
    for at, word in enumerate(words[1:], 1):
        if not word.name and (word.text in verbs or _counts(words[at:])):
            words = words[:at]
            break
    while len(words) > 1 and not words[-1].name and _is_done(words[-1].text, ends=run.ends):
        words = words[:-1]
    return words


@cache
def _english_verbs(*, bare: bool) -> frozenset[str]:
    return english_third(clear=False) | english_past() | english_base(clear=not bare)


@cache
def _stems() -> frozenset[str]:
    return frozenset(map(stem, english_base()))


def _counts(words: Sequence[Word]) -> bool:
    """ "733 euros", but not the "1998 Volvo"."""
    return words[0].text.isdigit() and not any(word.name for word in words)


def _is_verb(word: str, *, portuguese: bool) -> bool:
    """What somebody does to the thing: "we call Ana's boat", "chamamos a Ana"."""
    return word.endswith("mos") or word in portuguese_third() if portuguese else word in english_base()


def _is_done(word: str, *, ends: bool) -> bool:
    """At the end of a sentence also "running"; elsewhere "the booking" is a thing as well."""
    return _DONE.fullmatch(word) is not None or (ends and word.endswith("ing") and stem(word) in _stems())


def _apart(words: tuple[Word, ...]) -> Iterator[tuple[Word, ...]]:
    """The thing, and a name that was given to it: "Ana's boat Kestrel"."""
    at = next((at for at in range(2, len(words)) if words[at].name and not words[at - 1].name), len(words))
    yield words[:at]
    if at < len(words):
        yield words[at:]
