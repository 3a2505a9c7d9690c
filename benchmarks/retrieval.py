"""How well recall finds what answers a question: by meaning, by words, by both, and by both with entities.

Every documentation string of the running Python's standard library becomes one memory of one person, in a real store
and index, embedded by the embedder that AION ships. The questions in data/retrieval.jsonl were written for it by hand.
A third of them, chosen by their hash, is the test part: no setting was chosen by it. Settings can be tried by their
variables (AION_MEMORY__RRF_K=20 ...). The four ways are compared without the relevance floor, which drops and never
reorders; what it drops, of answers and of questions about something else, is shown by itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from argparse import Namespace
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np

from aion.app import make_queue, start_embedder
from aion.config import MemorySettings, Settings, load
from aion.memory.base import Recall, Vector, Window
from aion.memory.embedding import EmbeddingDesk
from aion.memory.entities import entities_of
from aion.memory.index import EmbeddedIndex
from aion.memory.recall import Recaller
from aion.memory.terms import terms_of
from aion.memory.writing import MemoryWriter
from aion.records import Memory, MemoryKind
from aion.store.sqlite import SqliteStore
from benchmarks.retrieval_corpus import Corpus, load_corpus
from benchmarks.retrieval_scores import (
    ANSWERS,
    DEPTH,
    Question,
    Score,
    interval,
    load_questions,
    load_unrelated,
    mean_score,
    score,
)
from benchmarks.tools import Figure, parse_options, percentile, print_head, print_load, print_table

OWNER = "reader"
AT = 1_700_000_000.0
BATCH = 256
NO_FLOOR = -1.0
VECTOR, WORDS, HYBRID, ENTITIES = "vector", "BM25", "hybrid", "hybrid + entities"
FLOORS = (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)

Scores = Mapping[str, list[Score]]  # of each way, in the order of the questions


@dataclass(frozen=True, slots=True)
class Library:
    """The corpus, remembered."""

    store: SqliteStore
    index: EmbeddedIndex
    desk: EmbeddingDesk

    def recaller(self, settings: MemorySettings) -> Recaller:
        return Recaller(self.store.memories, self.index, self.desk, settings)


def fusions(settings: MemorySettings) -> dict[str, MemorySettings]:
    """The settings of both ways of searching with the two together."""
    return {
        HYBRID: settings.model_copy(update={"floor": NO_FLOOR, "entity_boost": 0.0}),
        ENTITIES: settings.model_copy(update={"floor": NO_FLOOR}),
    }


@asynccontextmanager
async def remembered(corpus: Corpus, settings: Settings, cache: Path) -> AsyncIterator[Library]:
    embedder = await start_embedder(settings, lambda *_: None)
    desk = EmbeddingDesk(make_queue(settings))
    desk.use(embedder)
    try:
        with tempfile.TemporaryDirectory(prefix="aion-retrieval-") as folder:
            store = SqliteStore(Path(folder))
            index = EmbeddedIndex(Path(folder) / "index", store.memories, desk.hash, desk.dimensions)
            try:
                index.repair()
                await remember_all(corpus, MemoryWriter(store.memories, index, desk, entities_of), desk, cache)
                yield Library(store, index, desk)
            finally:
                index.close()
                store.close()
    finally:
        await embedder.close()


async def remember_all(corpus: Corpus, writer: MemoryWriter, desk: EmbeddingDesk, cache: Path) -> None:
    vectors = await vectors_of(list(corpus.texts.values()), desk, cache)
    memories = [
        Memory(id=name, owner=OWNER, kind=MemoryKind.PASSAGE, text=text, sources=(), created=AT, updated=AT)
        for name, text in corpus.texts.items()
    ]
    for start in range(0, len(memories), BATCH):
        rows = zip(memories[start : start + BATCH], vectors[start : start + BATCH], strict=True)
        await asyncio.gather(*(writer.put(memory, vector) for memory, vector in rows))


async def vectors_of(texts: Sequence[str], desk: EmbeddingDesk, cache: Path) -> Sequence[Vector]:
    """From the cache, when this embedder has seen just these texts."""
    key = hashlib.sha256("\0".join((desk.hash, *texts)).encode()).hexdigest()[:16]
    path = cache / "retrieval" / f"{key}.npy"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        vectors = [
            vector for start in range(0, len(texts), BATCH) for vector in await desk.embed(texts[start:][:BATCH])
        ]
        fresh = path.with_suffix(".new.npy")
        np.save(fresh, np.stack(vectors))
        fresh.rename(path)
    return list(np.load(path))


async def ask(recaller: Recaller, question: str) -> Recall:
    return await recaller.recall(OWNER, question, limit=DEPTH, window=Window())


async def score_ways(library: Library, questions: Sequence[Question], settings: MemorySettings) -> Scores:
    """Question by question: it is embedded once, and every way gets the same vector and the same terms."""
    recallers = {way: library.recaller(chosen) for way, chosen in fusions(settings).items()}
    scores: dict[str, list[Score]] = {way: [] for way in (VECTOR, WORDS, *recallers)}
    for one in questions:
        for way, names in (await search_singly(library, one.text)).items():
            scores[way].append(score(names, one.relevant))
        for way, recaller in recallers.items():
            found = await ask(recaller, one.text)
            scores[way].append(score([item.memory.id for item in found.items], one.relevant))
    return scores


async def search_singly(library: Library, question: str) -> dict[str, list[str]]:
    """The order of each search by itself, without anything recall adds."""
    vector = (await library.desk.embed([question]))[0]
    terms = list(dict.fromkeys(terms_of(question)))
    hits = {
        VECTOR: library.index.search_vectors(vector, owner=OWNER, limit=DEPTH, window=Window()),
        WORDS: library.index.search_terms(terms, owner=OWNER, limit=DEPTH, window=Window()),
    }
    found = library.store.memories.fetch([seq for way in hits.values() for seq, _ in way], owner=OWNER)
    return {way: [found[seq].id for seq, _ in way_hits] for way, way_hits in hits.items()}


def print_groups(questions: Sequence[Question], scores: Scores) -> None:
    """One line a group and way: nDCG@10, MRR@10, recall@10."""
    styles = sorted({one.style for one in questions})
    groups = {"test, English": [("test", "en")], "tune, English": [("tune", "en")], "Portuguese": [("", "pt")]}
    print(f"\n  {'part':<26}{'questions':>10}  {'':<18}{'nDCG@10':>8}{'MRR@10':>8}{'recall@10':>10}")
    for name, wanted in groups.items():
        for style in ("", *styles) if name != "Portuguese" else ("",):
            places = [
                place
                for place, one in enumerate(questions)
                for split, lang in wanted
                if split in ("", one.split) and lang == one.lang and style in ("", one.style)
            ]
            for way, all_scores in scores.items():
                mean = mean_score([all_scores[place] for place in places])
                head = f"{name}{', ' + style if style else ''}"
                print(f"  {head:<26}{len(places):>10}  {way:<18}", end="")
                print(f"{mean.ndcg:>8.3f}{mean.mrr:>8.3f}{mean.recall:>10.3f}")


def judge(questions: Sequence[Question], scores: Scores) -> list[Figure]:
    """The promise, on the test part in English."""
    places = [place for place, one in enumerate(questions) if one.split == "test" and one.lang == "en"]
    ndcg = {way: [all_scores[place].ndcg for place in places] for way, all_scores in scores.items()}
    mean = {way: float(np.mean(values)) for way, values in ndcg.items()}
    figures = [Figure(f"nDCG@10, {way}", value, "") for way, value in mean.items()]
    for way in (HYBRID, ENTITIES):
        for single in (VECTOR, WORDS):
            difference = [a - b for a, b in zip(ndcg[way], ndcg[single], strict=True)]
            low, high = interval(difference)
            name = f"{way} - {single} (95 %: {low:+.3f} to {high:+.3f})"
            figures.append(Figure(name, mean[way] - mean[single], "", target=0.0, at_least=True))
    return figures


async def try_floors(library: Library, questions: Sequence[Question], settings: MemorySettings) -> None:
    """What each floor lets through: of the questions' answers, and for questions about something else."""
    english = [one for one in questions if one.lang == "en" and one.split == "tune"]
    unrelated = load_unrelated()
    floors = (NO_FLOOR, *sorted({*FLOORS, settings.floor}))
    recallers = {floor: library.recaller(settings.model_copy(update={"floor": floor})) for floor in floors}
    found = {
        text: {floor: (await ask(recaller, text)).items for floor, recaller in recallers.items()}
        for text in [*(one.text for one in english), *unrelated]
    }
    print(f"\n  best cosine           {'5 %':>7}{'25 %':>7}{'50 %':>7}{'75 %':>7}{'95 %':>7}")
    for name, texts in (("answerable, tune part", [one.text for one in english]), ("unrelated", unrelated)):
        best = [max((item.cosine or 0.0 for item in found[text][NO_FLOOR]), default=0.0) for text in texts]
        print(f"  {name:<22}" + "".join(f"{percentile(best, at):>7.3f}" for at in (5, 25, 50, 75, 95)))
    print(f"\n  {'floor':<7}{'nDCG@10':>9}{'an answer found':>17}{'unrelated recalled':>20}")
    for floor in floors[1:]:
        orders = [[item.memory.id for item in found[one.text][floor]] for one in english]
        mean = mean_score([score(order, one.relevant) for order, one in zip(orders, english, strict=True)])
        answered = fmean(
            any(one.relevant.get(name) == ANSWERS for name in order) for order, one in zip(orders, english, strict=True)
        )
        wrongly = fmean(bool(found[text][floor]) for text in unrelated)
        mark = "  the default" if floor == settings.floor else ""
        print(f"  {floor:<7g}{mean.ndcg:>9.3f}{answered:>17.1%}{wrongly:>20.1%}{mark}")


async def measure(options: Namespace) -> None:
    corpus = load_corpus()
    questions, skipped = load_questions(corpus)
    print(
        f"  {len(corpus.texts)} texts, {len(questions)} questions; {skipped} left out: this Python lacks their answers"
    )
    with tempfile.TemporaryDirectory(prefix="aion-retrieval-") as data:
        settings = load({"data": data}).settings
        async with remembered(corpus, settings, options.cache) as library:
            scores = await score_ways(library, questions, settings.memory)
            print_groups(questions, scores)
            await try_floors(library, questions, settings.memory)
    print_table(judge(questions, scores))


def main() -> None:
    options = parse_options(str(__doc__), seconds=0)
    meter = print_head(str(__doc__))
    asyncio.run(measure(options))
    print_load("after", meter)


if __name__ == "__main__":
    main()
