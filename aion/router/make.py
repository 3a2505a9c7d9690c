"""Makes a route card of the examples that an adapter learned from; it embeds nothing, and no examined wording enters.

What names an item is read off its own near misses: they are its question about something else, so the word that they
lack is the one that tells it from its like. Where there is no near miss, the words that are rarest among the items do.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from aion.errors import BadInput
from aion.memory.terms import fold, stem
from aion.records import Example, ExampleKind, Json
from aion.router.alias import find_aliases
from aion.router.calibrate import choose_threshold
from aion.router.card import Item, Key, RouteCard
from aion.router.common import MARGINS, common_questions, language_of
from aion.router.words import Run, runs_of, stems_of, verbs_of

Vectors = Mapping[str, npt.NDArray[np.float32]]
TEXTS = 8  # requests kept of an item, its answer not counted: more of them say nothing new, and cost memory
RARE = 2  # words that name an item of which no near miss is known


@dataclass(slots=True)
class _Taught:
    """What the examples say of one lesson."""

    prompts: list[str] = field(default_factory=list)
    reversals: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    answer: str = ""


def texts_of(examples: Sequence[Example], earlier: RouteCard | None = None) -> list[str]:
    """Everything that has to be embedded before a card can be made, general prompts included; each once."""
    items = _make_items(_gather(examples), earlier)
    texts = [text for item in items for text in (*item.texts, *item.missed, *item.common)]
    return list(dict.fromkeys([*texts, *_general(examples)]))


def make_card(
    examples: Sequence[Example],
    vectors: Vectors,
    *,
    theme: str,
    embedder: str,
    earlier: RouteCard | None = None,
    probe: Json | None = None,
) -> RouteCard:
    """`vectors` of all `texts_of` the same examples; `earlier` is the card of the adapter that this one went on from.

    A lesson that the examples only repeat keeps what the earlier card knows of it.
    """
    items = _make_items(_gather(examples), earlier)
    if not items:
        raise BadInput("a route card was asked for of examples that teach nothing; give those the adapter learned from")
    missing = [text for text in texts_of(examples, earlier) if text not in vectors]
    if missing:
        raise BadInput(f"{len(missing)} texts of a route card have no vector; embed all that texts_of names")
    dims = len(vectors[items[0].answer])
    rows = _stack([text for item in items for text in item.texts], vectors, dims)
    missed = _stack([text for item in items for text in item.missed], vectors, dims)
    common = _stack([text for item in items for text in item.common], vectors, dims)
    general = _stack(_general(examples), vectors, dims)
    return RouteCard(
        theme=theme,
        embedder=embedder,
        items=items,
        vectors_R_D=rows.astype(np.float16),
        missed_R_D=missed.astype(np.float16),
        common_R_D=common.astype(np.float16),
        threshold=choose_threshold(items, rows, general),
        margin=MARGINS[language_of(text for item in items for text in item.texts)],
        aliases=tuple(alias for item in items for alias in find_aliases(item.answer)),
        probe=probe or {},
    )


def _stack(texts: Sequence[str], vectors: Vectors, dims: int) -> npt.NDArray[np.float32]:
    return np.stack([vectors[text] for text in texts]) if texts else np.zeros((0, dims), np.float32)


def _general(examples: Sequence[Example]) -> list[str]:
    return [_prompt_of(one) for one in examples if one.kind is ExampleKind.ANCHOR]


def _prompt_of(example: Example) -> str:
    return str(example.messages[-1]["content"])


def _gather(examples: Sequence[Example]) -> dict[str, _Taught]:
    """By lesson. Of a held-out wording only the answer is taken: what is asked is for the examination alone."""
    refusals = {one.answer for one in examples if one.kind is ExampleKind.CONTRAST}
    found: dict[str, _Taught] = {}
    for one in examples:
        if len(one.lessons) != 1:
            continue
        taught = found.setdefault(one.lessons[0], _Taught())
        if one.answer in refusals:
            taught.missed += [] if one.held_out else [_prompt_of(one)]
            continue
        taught.answer = taught.answer or one.answer
        if not one.held_out:
            (taught.reversals if one.kind is ExampleKind.REVERSAL else taught.prompts).append(_prompt_of(one))
    return {lesson: taught for lesson, taught in found.items() if taught.answer}


def _make_items(taught: Mapping[str, _Taught], earlier: RouteCard | None) -> tuple[Item, ...]:
    known = {item.lesson: item for item in earlier.items} if earlier else {}
    for lesson, one in taught.items():
        if not one.missed and lesson in known and known[lesson].answer == one.answer:
            one.missed.extend(known[lesson].missed)  # what is only repeated comes without its near misses
    spread = Counter(word for one in taught.values() for word in _usual_words(one))
    framing = {word for one in taught.values() for prompt in one.missed for word in stems_of(prompt)}
    made: list[Item] = []
    for lesson, one in taught.items():
        before = known.get(lesson)
        if before is not None and before.answer == one.answer and len(before.texts) > len(one.prompts):
            made.append(before)
            continue
        texts = (*_plainest(one.prompts, TEXTS), *_plainest(one.reversals, 1), one.answer)
        keys = _keys_of(one, spread, framing)
        common = common_questions(_spoken(keys[0].phrase, texts), language_of(texts)) if keys else ()
        made.append(Item(lesson, texts, keys, tuple(one.missed), common))
    return tuple(made)


def _plainest(prompts: Iterable[str], most: int) -> list[str]:
    """The first of those that ask in the same words: the question as it is, then the shortest."""
    distinct: dict[tuple[str, ...], str] = {}
    for one in prompts:
        distinct.setdefault(tuple(sorted(set(stems_of(one)))), one)
    as_it_is, others = list(distinct.values())[:1], list(distinct.values())[1:]
    return [*as_it_is, *sorted(others, key=len)][:most]


def _usual_words(taught: _Taught) -> list[str]:
    """Those of most of its prompts, and where there are any such also of the answer, in the order they stand there."""
    counts = Counter(word for prompt in taught.prompts for word in set(stems_of(prompt)))
    usual = [word for word in counts if 2 * counts[word] >= len(taught.prompts)]
    order = list(dict.fromkeys(stems_of(taught.answer)))
    both = [word for word in order if word in usual]
    words = both or usual or order
    verbs = verbs_of(taught.answer)
    return [word for word in words if word not in verbs] or words


def _keys_of(taught: _Taught, spread: Mapping[str, int], framing: AbstractSet[str]) -> tuple[Key, ...]:
    """What it is about, and where it is also asked backwards, what was told of that."""
    words = _usual_words(taught)
    missed = {word for prompt in taught.missed for word in stems_of(prompt)} or framing
    lacking = [word for word in words if word not in missed] if missed else []
    places = {word: place for place, word in enumerate(words)}
    rarest = sorted(lacking or words, key=lambda word: (spread[word], -places[word]))
    telling = rarest[:1] if lacking else rarest[:RARE]
    keys = [Key(tuple(telling), _phrase_of(telling[0], taught.prompts))] if telling else []
    told = {*stems_of(taught.answer)} - {*words} - verbs_of(taught.answer, done=False)
    names = {word for alias in find_aliases(taught.answer) for word in alias.name}
    told &= names or told  # of "is also called Ledgerline" the name alone
    for prompt in taught.reversals:
        value = [word for word in stems_of(prompt) if word in told]
        keys += [Key(tuple(value), tuple(value))] if value else []
    return tuple(dict.fromkeys(keys))


def _phrase_of(word: str, prompts: Iterable[str]) -> Run:
    """The shortest run that it stands in: what is asked about, without what is asked of it."""
    runs = [run for prompt in prompts for run in runs_of(prompt) if word in run]
    return min(runs, key=len, default=(word,))


def _spoken(phrase: Run, texts: Iterable[str]) -> str:
    """As it stands in a text, accents included."""
    for text in texts:
        words = re.findall(r"[^\W_]+", text)
        stems = [stem(fold(word)) for word in words]
        for at in range(len(words) - len(phrase) + 1):
            if tuple(stems[at : at + len(phrase)]) == phrase:
                return " ".join(words[at : at + len(phrase)])
    return " ".join(phrase)
