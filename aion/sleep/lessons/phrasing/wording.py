"""Words one fact's question in many ways, and sets some of the ways aside for the examination.

Which ways are set aside depends on the lesson and on nothing else: what was examined one night is not trained the next,
whatever was learned meanwhile.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest

from aion.sleep.lessons.phrasing.facts import Fact
from aion.sleep.lessons.words import EDGES, content_of, lower_first, normal, read_data, upper_first, words_in

LONG = 5  # letters of a word that is misspelt
TRAINED = 7  # shapes of each question that are trained, besides the question as it is
SITUATIONS = 6  # in which it is asked in other words that are trained, too
OF_NAMES = 4  # of one that asks for another name: people ask for what is known of the thing, by either name
TERSE = frozenset(("keys", "short", "kind"))  # groups that name the thing alone, and so ask for what is known of it
UNDONE = TERSE - {"keys"}  # of what was done: where the bike is, not where it was bought
CONTEXT = "context"  # the group of situations
STEM = "stem"  # the group that asks for the rest of a sentence instead of an answer


@dataclass(frozen=True, slots=True)
class Shape:
    """One way to put a question."""

    group: str
    text: str


@dataclass(frozen=True, slots=True)
class Wording:
    """A question in one shape."""

    shape: Shape
    prompt: str
    answer: str
    thing: str = ""  # that alone is named, of the fact's whole subject


@dataclass(frozen=True, slots=True)
class Wordings:
    """Of one fact; no text of `held_out` is in `trained`, whatever its punctuation and case."""

    trained: tuple[Wording, ...]
    held_out: tuple[Wording, ...]


PLAIN = Shape("plain", "{q}")


def word(fact: Fact, held_out: int) -> Wordings:
    """The question as it is, what else asks the same, and shapes of it in an order that is the lesson's own."""
    plain = [Wording(PLAIN, question, fact.answer) for question in (fact.question, *fact.others)]
    known = {normal(one.prompt) for one in plain}
    shaped = [one for shape in _ranked(fact) if (one := _shape(fact, shape)) is not None]
    situations = _in_situations(fact)
    aside: list[Wording] = []
    for one in (*situations, *shaped):
        fresh = normal(one.prompt) not in known and one.shape.group not in {kept.shape.group for kept in aside}
        if fresh and len(aside) < held_out:
            aside.append(one)
    examined = {normal(one.prompt) for one in aside}
    rest, others = ([one for one in kind if normal(one.prompt) not in examined] for kind in (shaped, situations))
    return Wordings((*plain, *_spread(rest, OF_NAMES if fact.aliases else TRAINED), *others[:SITUATIONS]), tuple(aside))


def _in_situations(fact: Fact) -> list[Wording]:
    """The question as it comes up, in an order that is the lesson's own; by turns about the thing it belongs to."""
    if fact.aliases or fact.foreign or fact.deed or not fact.subject:
        return []
    data, kind = read_data("shapes"), _kind_of(fact)
    texts = _order(fact, data["contexts"][fact.language].get(kind, ()))
    head, thing = split_belonging(fact)
    made = [
        (text, thing if thing and kind != "what" and place % 2 else fact.subject) for place, text in enumerate(texts)
    ]
    if texts and thing:
        belonging = [(text, thing) for text in _order(fact, data["belonging"][fact.language])]
        made = [one for pair in zip_longest(belonging, made) for one in pair if one]
        if kind == "what":  # not the first, which is held out
            made.insert(1, (_order(fact, data["needing"][fact.language])[0], thing))
    return [
        Wording(
            Shape(CONTEXT, text),
            text.format(about=about, About=upper_first(about), head=head, thing=thing),
            fact.answer,
            thing if about == thing and "{head}" not in text else "",
        )
        for text, about in made
    ]


def _order(fact: Fact, texts: Iterable[str]) -> list[str]:
    return sorted(texts, key=lambda text: _rank(fact.lesson.id, text))


def split_belonging(fact: Fact) -> tuple[str, str]:
    """Of "the harvest of the trellis", the harvest and the trellis; nothing where it says no such thing."""
    found = re.fullmatch(read_data("shapes")["belongs"][fact.language], fact.subject)
    if found is None:
        return "", ""
    return found["head"], f"{found.groupdict().get('article') or ''}{found['thing']}"


def _kind_of(fact: Fact) -> str:
    """Of answer it is: of its questions the first that says more than "what" tells."""
    kinds = read_data("shapes")["kinds"][fact.language]
    words = [_asks_with(one, fact.language) for one in (fact.question, *fact.twins)]
    found = [kind for word in words for kind, known in kinds.items() if word in known]
    return next((kind for kind in found if kind != "what"), found[0] if found else "")


def _asks_with(question: str, language: str) -> str:
    found = re.match(read_data("shapes")["asks"][language], question, re.IGNORECASE)
    return found.group().lower() if found else ""


def reword(fact: Fact, question: str, number: int) -> str:
    """Another question of the lesson's kind in one of the shapes it is trained in, seldom by itself.

    Always by itself it teaches that whatever is asked in the plain form was not told.
    """
    shapes = [one for one in _shapes(_shaped_as(fact)) if one.group in {"lead", "tail"}]
    place = _rank(fact.lesson.id, str(number)) % (len(shapes) + 1)
    if place == len(shapes):
        return question
    return shapes[place].text.format(q=question, low=lower_first(question))


def _spread(ranked: Sequence[Wording], most: int) -> list[Wording]:
    """The first of each group, then the next, so that no group fills the places alone."""
    turns: dict[str, int] = {}
    order: list[tuple[int, int, Wording]] = []
    for place, one in enumerate(ranked):
        turns[one.shape.group] = turns.get(one.shape.group, -1) + 1
        order.append((turns[one.shape.group], place, one))
    return [one for _, _, one in sorted(order, key=lambda entry: entry[:2])[:most]]


def _shape(fact: Fact, shape: Shape) -> Wording | None:
    """None where the fact has nothing for a variable of it."""
    words = _words_of(fact)
    if any(f"{{{name}}}" in shape.text and not word for name, word in words.items()):
        return None
    answer = (fact.statement or fact.answer) if shape.group == STEM else fact.answer
    return Wording(shape, shape.text.format(**words), answer)


def _words_of(fact: Fact) -> dict[str, str]:
    keys = content_of(fact.question)
    about = fact.subject
    asks = _asks_with(fact.question, fact.language)
    return {
        "q": fact.question,
        "low": lower_first(fact.question),
        "bare": lower_first(fact.question).rstrip(EDGES),
        "keys": " ".join(keys) if len(keys) > 1 else "",
        "about": about,
        "About": upper_first(about),
        "stem": fact.stem,
        "wh": asks,
        "Wh": upper_first(asks),
        "wrong": misspell(fact),
        **{kind: about if asks in known else "" for kind, known in read_data("shapes")["kinds"][fact.language].items()},
    }


def misspell(fact: Fact) -> str:
    """The question with two letters of a long word exchanged, never of a name; empty if there is no such word."""
    words = [word for word in words_in(fact.question)[1:] if word.islower() and word.isalpha() and len(word) >= LONG]
    pairs = [(word, _exchange(word, len(word) // 2)) for word in words]
    pairs = [pair for pair in pairs if pair[0] != pair[1]]
    if not pairs:
        return ""
    return fact.question.replace(*pairs[_rank(fact.lesson.id, "misspelt") % len(pairs)], 1)


def _exchange(word: str, place: int) -> str:
    return word[: place - 1] + word[place] + word[place - 1] + word[place + 1 :]


def _ranked(fact: Fact) -> list[Shape]:
    barred = TERSE if fact.aliases else UNDONE if fact.deed else frozenset[str]()
    shapes = [one for one in _shapes(_shaped_as(fact)) if one.group not in barred]
    return sorted(shapes, key=lambda shape: _rank(fact.lesson.id, shape.text))


def _shaped_as(fact: Fact) -> str:
    """Whose shapes it takes: words of another language around a question would be a mixture."""
    return "other" if fact.foreign else fact.language


def _rank(lesson: str, text: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{lesson}\0{text}".encode()).digest()[:8])


@cache
def _shapes(language: str) -> tuple[Shape, ...]:
    groups: Iterable[dict[str, object]] = read_data("shapes")[language]
    return tuple(
        Shape(str(group["group"]), str(text))
        for group in groups
        for text in group["texts"]  # type: ignore[attr-defined]
    )
