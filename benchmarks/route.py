"""Which requests the router gives to an adapter, which it leaves to the base, and how long that takes.

Themes are learned as a night learns them, vectors are of the embedded embedder. A request is counted as right when
exactly the adapters it belongs to were chosen. `nearest` is what a plain router does: the nearest taught text decides,
from a cosine of 0.5 on; `network` is trained on the cards it is asked about, as a night trains it; `model` asks the
embedded base, of a few requests of each kind, because each costs an answer. Rules were tuned on the part "tune";
"final" is to judge by, and was looked at once (docs/lab.md).
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from aion.config import Settings
from aion.gate.asking import EngineAsker
from aion.models.catalog import resolve_embedder
from aion.models.llama.embedder import LlamaEmbedder
from aion.models.opening import require_local
from aion.records import Example
from aion.router.asked import TOKENS
from aion.router.base import Route, Vector
from aion.router.card import RouteCard
from aion.router.index import NameIndex
from aion.router.make import make_card, texts_of
from aion.router.network import Origin
from aion.router.pairs import make_pairs
from aion.router.route import Router, Strategy
from aion.sleep.training.router_train import Pairs, train_at_night
from benchmarks.route_data import (
    ASKED_MANY,
    THINGS,
    Asked,
    Invented,
    examples_of_many,
    invent_many,
    learn_all,
    make_examples,
    make_requests,
    misspell,
)
from benchmarks.route_heads import make_heads, make_nights
from benchmarks.tools import Figure, percentile, print_head, print_load, print_table

NEAREST = 0.5
ITEMS = 40  # of each of many themes
SAMPLE = 400  # requests of a kind at many themes
TARGETS = {"in theme": 0.95, "held out": 0.95, "near miss": 0.99, "held-out miss": 0.99, "general": 0.99}
OTHER_WORDS = {"heads": make_heads, "nights": make_nights}  # things called otherwise than they were taught
Pick = Callable[[Asked], Route]
Vectors = Mapping[str, Vector]


async def embed(texts: Sequence[str]) -> Vectors:
    distinct = list(dict.fromkeys(texts))
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data=Path(folder))
        embedder = LlamaEmbedder(await resolve_embedder(settings), settings)
        await embedder.start()
        try:
            vectors, _ = await embedder.embed(distinct)
        finally:
            await embedder.close()
    return dict(zip(distinct, np.asarray(vectors, np.float32), strict=True))


def build_cards(examples: Mapping[str, Sequence[Example]], vectors: Vectors) -> dict[str, RouteCard]:
    return {name: make_card(taught, vectors, theme=name, embedder="bench") for name, taught in examples.items()}


def pick_with(router: Router, vectors: Vectors) -> Pick:
    return lambda one: router.pick(
        one.question,
        vectors[one.question],
        previous=one.previous,
        previous_vector=vectors[one.previous] if one.previous else None,
        words=vectors,
    )


def pick_nearest(cards: Mapping[str, RouteCard], vectors: Vectors) -> Pick:
    def pick(one: Asked) -> Route:
        like = {
            name: float((card.vectors_R_D.astype(np.float32) @ vectors[one.question]).max())
            for name, card in cards.items()
        }
        best = max(like, key=like.__getitem__)
        return Route(scales={best: 1.0} if like[best] >= NEAREST else {})

    return pick


def judge(asked: Sequence[Asked], pick: Pick, *, show: bool) -> dict[str, float]:
    right: defaultdict[str, list[bool]] = defaultdict(list)
    for one in asked:
        route = pick(one)
        right[one.exam].append(set(route.scales) == set(one.wanted))
        if show and not right[one.exam][-1]:
            print(f"    {one.exam}: {one.previous} {one.question!r} wanted {sorted(one.wanted)}: {route.why}")
    return {exam: float(np.mean(values)) for exam, values in right.items()}


def make_part(part: str, *, by_edit: bool, seed: int) -> tuple[dict[str, list[Example]], list[Asked]]:
    """What is taught, and what is asked."""
    if part in OTHER_WORDS:
        lessons, asked = OTHER_WORDS[part](seed)
        return learn_all(lessons), asked
    examples = make_examples(part, by_edit=by_edit, seed=seed)
    return examples, make_requests(part, examples, by_edit=by_edit, seed=seed)


def run_few(part: str, *, by_edit: bool, options: argparse.Namespace) -> None:
    examples, asked = make_part(part, by_edit=by_edit, seed=options.seed)
    texts = [text for taught in examples.values() for text in texts_of(taught)]
    texts += [text for one in asked for text in (one.question, one.previous) if text]
    vectors = asyncio.run(embed(texts))
    cards = build_cards(examples, vectors)
    router = Router(cards)
    beside = [text for one in asked for text in router.asks(one.question, one.previous)]
    vectors = {**vectors, **(asyncio.run(embed(beside)) if beside else {})}
    picks = {"nearest": pick_nearest(cards, vectors)}
    began = time.perf_counter()
    note = Origin(tuple(sorted(cards)), "bench").to_note()
    network = train_at_night(Pairs(*make_pairs(cards)), seed=options.seed, note=note, pause=lambda: None)
    trained = time.perf_counter() - began
    for one in (Strategy.KEYWORD, Strategy.EMBEDDING, Strategy.NETWORK):
        picks[one.value] = pick_with(Router(cards, strategy=one, network=network), vectors)
    print(f"\n  {part}, taught by {'corrected answers' if by_edit else 'statements'}, {len(cards)} themes")
    scores = {name: judge(asked, pick, show=options.show == name) for name, pick in picks.items()}
    counts = {exam: sum(one.exam == exam for one in asked) for exam in scores["nearest"]}
    if options.model:
        router = Router(cards, strategy=Strategy.MODEL)
        scores["model"] = asyncio.run(judge_model(asked, pick_with(router, vectors), options))
    print(f"  {'exam':<16}{'asked':>6}" + "".join(f"{name:>12}" for name in scores))
    for exam, count in counts.items():
        print(f"  {exam:<16}{count:>6}" + "".join(f"{score[exam]:>12.3f}" for score in scores.values()))
    default = scores[Strategy.EMBEDDING.value]
    took = time_picks(asked, picks[Strategy.EMBEDDING.value])
    figures = [
        Figure(f"{part}: {exam}", default[exam], "", target, at_least=True)
        for exam, target in TARGETS.items()
        if exam in default
    ]
    more = [Figure(f"{part}: to train the network", trained, "s"), *latency(f"{len(cards)} themes", took)]
    print_table([*figures, *more])


async def judge_model(asked: Sequence[Asked], pick: Pick, options: argparse.Namespace) -> dict[str, float]:
    """Of a few requests of each kind; the base is asked where something is named."""
    few: defaultdict[str, list[Asked]] = defaultdict(list)
    for one in random.Random(options.seed).sample(asked, len(asked)):
        if len(few[one.exam]) < options.model:
            few[one.exam].append(one)
    took: list[float] = []
    settled: dict[Asked, Route] = {}
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data=Path(folder))
        async with EngineAsker(await require_local(settings), [], settings) as asker:
            for one in (one for some in few.values() for one in some):
                settled[one] = route = pick(one)
                if route.base_question is not None:
                    began = time.perf_counter()
                    said = await asker.say(route.base_question.messages, {}, max_tokens=TOKENS)
                    took.append(time.perf_counter() - began)
                    settled[one] = route.base_question.settle(said.text)
    print(f"  model: {options.model} of each kind, asked {len(took)} times, p50 {percentile(took, 50):.2f} s")
    chosen = [one for some in few.values() for one in some]
    return judge(chosen, settled.__getitem__, show=options.show == "model")


def time_picks(asked: Sequence[Asked], pick: Pick) -> list[float]:
    took: list[float] = []
    for one in (*asked[:50], *asked):
        began = time.perf_counter()
        pick(one)
        took.append((time.perf_counter() - began) * 1e3)
    return took[50:]


def latency(name: str, took: Sequence[float]) -> list[Figure]:
    return [
        Figure(f"{name}: a choice, p50", percentile(took, 50), "ms", 2.0),
        Figure(f"{name}: a choice, p99", percentile(took, 99), "ms"),
    ]


def run_many(themes: int, seed: int) -> None:
    """Only items that a request names are ever compared by vector: those are embedded, all others are zeros."""
    things = invent_many(themes * ITEMS + SAMPLE, seed)
    taught, strange = things[: themes * ITEMS], things[themes * ITEMS :]
    examples = {
        f"theme {number}": examples_of_many(
            f"theme {number}", taught[number * ITEMS : (number + 1) * ITEMS], strange[number % SAMPLE]
        )
        for number in range(themes)
    }
    asked = ask_many(taught, strange, seed)
    zero = np.zeros(384, np.float32)
    blank = build_cards(examples, {text: zero for name in examples for text in texts_of(examples[name])})
    index = NameIndex(blank)
    places = {one.place for request in asked for one in index.find(request.question)}
    items = [blank[place.candidate].items[place.number] for place in places]
    needed = [text for item in items for text in (*item.texts, *item.missed, *item.common)]
    vectors = asyncio.run(embed([*needed, *(one.question for one in asked)]))
    touched = {place.candidate for place in places}
    filled = {
        name: make_card(
            examples[name], {t: vectors.get(t, zero) for t in texts_of(examples[name])}, theme=name, embedder="bench"
        )
        for name in touched
    }
    cards = blank | filled
    began = time.perf_counter()
    pick = pick_with(Router(cards), vectors)
    built = time.perf_counter() - began
    scores = judge(asked, pick, show=False)
    targets = {"in theme": 0.95, "near miss": 0.99, "other thing": 0.99}
    print_table(
        [
            *(
                Figure(f"{themes} themes: {exam}", value, "", targets.get(exam), at_least=True)
                for exam, value in scores.items()
            ),
            *latency(f"{themes} themes of {ITEMS}", time_picks(asked, pick)),
            Figure(f"{themes} themes: to make the router", built, "s"),
        ]
    )


def ask_many(taught: Sequence[Invented], strange: Sequence[Invented], seed: int) -> list[Asked]:
    """Taught things, things of the same kind with a strange name, and other things with a taught name."""
    draw = random.Random(seed + 1)
    asked: list[Asked] = []
    for place in draw.sample(range(len(taught)), SAMPLE):
        one, form, other = taught[place], draw.choice(ASKED_MANY), draw.choice(strange)
        thing = draw.choice([thing for thing in THINGS if thing != one.thing])
        mine = frozenset((f"theme {place // ITEMS}",))
        asked += [
            Asked("in theme", one.ask(form), mine),
            Asked("misspelt", one.ask(form, name=misspell(one.name, draw)), mine),
            Asked("near miss", one.ask(form, name=other.name), frozenset()),
            Asked("other thing", one.ask(form, thing=thing), frozenset()),
        ]
    return asked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=("tune", "final", *OTHER_WORDS), default="final")
    parser.add_argument("--themes", type=int, default=1000, help="invented themes in the second half; 0 leaves it out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", type=int, default=0, help="requests of each kind that the base is asked about, too")
    parser.add_argument("--show", default="", help="a strategy whose wrong choices are listed")
    options = parser.parse_args()
    meter = print_head(__doc__)
    for by_edit in (False,) if options.part in OTHER_WORDS else (False, True):
        run_few(options.part, by_edit=by_edit, options=options)
    if options.themes:
        run_many(options.themes, options.seed)
    print_load("after", meter)


if __name__ == "__main__":
    main()
