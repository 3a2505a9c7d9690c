"""How fast and how exactly memories are found among ten thousand to a million, beside the usual libraries.

AION searches as it is shipped: real store on disk, real index, one person's memories; its exact search reads the floats
of the candidates from the database, and its hybrid search is everything after embedding: vectors, words, fusion, texts.
The peers hold the same data in a process of their own: FAISS flat and HNSW, sqlite-vec, bm25s, tantivy. All take turns
in every round, in an order that rotates; a ratio is taken within its round. AION's scan uses one processor.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.recall_data import NEAREST, Data, make_data
from benchmarks.recall_engines import OURS, Asked, Built, Ours, Peers, open_ours, open_peers
from benchmarks.tools import Figure, default_cache, interleave, median, percentile, print_head, print_load, print_table

SIZES = (10_000, 100_000, 1_000_000)
BY_VECTOR = ("AION exact", "FAISS flat", "FAISS flat, all processors", "FAISS HNSW", "sqlite-vec")
BY_WORDS = ("AION words", "bm25s", "tantivy")
ENGINES = (*BY_VECTOR, *BY_WORDS, "AION hybrid")
PROMISED_AT = 100_000
WARM_UP = 10


@dataclass(frozen=True, slots=True)
class Found:
    """What one size showed of every engine."""

    size: int
    built: Mapping[str, Built]
    rounds: Mapping[str, list[Asked]]
    recall: Mapping[str, float]  # at ten, of the searches by vector
    kept: float  # share of the ten best by words that leaving out frequent words keeps

    def ms(self, name: str, percent: float = 50) -> float:
        return percentile([taken for asked in self.rounds[name] for taken in asked.ms], percent)

    def ratio(self, name: str, other: str) -> float:
        pairs = zip(self.rounds[name], self.rounds[other], strict=True)
        return median([median(mine.ms) / median(theirs.ms) for mine, theirs in pairs])


def measure_size(size: int, cache: Path, rounds: int) -> Found:
    questions = 30 if size > PROMISED_AT else 100
    cache.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=cache, prefix="recall-") as name:
        folder = Path(name)
        data = make_data(folder, size, questions)
        print_load(f"{_short(size)} made")
        with open_ours(folder / "data", data) as ours, open_peers(cache, folder, data) as peers:
            built = ours.build()
            for engine in ENGINES:
                if engine not in OURS:
                    built[engine] = peers.build(engine)
                    print(f"  {_short(size)}: {engine} built in {built[engine].seconds:.1f} s", flush=True)
            asked = take_turns(ours, peers, questions, rounds)
            kept = _mean_share(ours.uncut_words(range(questions)), asked["AION words"][0].results)
        print_load(f"{_short(size)} measured")
    return Found(size, built, asked, _recalls(data, asked), kept)


def take_turns(ours: Ours, peers: Peers, questions: int, rounds: int) -> dict[str, list[Asked]]:
    def ask(name: str, count: int) -> Asked:
        return (ours if name in OURS else peers).ask(name, range(count))

    for name in ENGINES:
        ask(name, WARM_UP)
    asked: dict[str, list[Asked]] = defaultdict(list)
    for _, name in interleave(ENGINES, range(rounds)):
        asked[name].append(ask(name, questions))
    return asked


def _recalls(data: Data, asked: Mapping[str, list[Asked]]) -> dict[str, float]:
    return {name: _mean_share(data.nearest.tolist(), asked[name][0].results) for name in BY_VECTOR}


def _mean_share(true: Sequence[Sequence[int]], found: Sequence[Sequence[int]]) -> float:
    shares = [
        len({*wanted[:NEAREST]} & {*given[:NEAREST]}) / len(wanted[:NEAREST])
        for wanted, given in zip(true, found, strict=True)
        if wanted
    ]
    return sum(shares) / len(shares)


def figures_of(found: Found) -> list[Figure]:
    at, promised = _short(found.size), found.size == PROMISED_AT
    exact, hybrid = "AION exact", "AION hybrid"
    return [
        Figure(f"{at}: AION exact / sqlite-vec", found.ratio(exact, "sqlite-vec"), "x", 0.4),
        Figure(f"{at}: AION exact / FAISS flat", found.ratio(exact, "FAISS flat"), "x"),
        Figure(f"{at}: AION exact, recall@10", found.recall[exact], "", 0.99, at_least=True),
        Figure(f"{at}: FAISS HNSW, recall@10", found.recall["FAISS HNSW"], ""),
        Figure(f"{at}: AION exact, p50", found.ms(exact), "ms", 5.0 if promised else None),
        Figure(f"{at}: AION exact, p95", found.ms(exact, 95), "ms"),
        Figure(f"{at}: AION hybrid, p50", found.ms(hybrid), "ms", 10.0 if promised else None),
        Figure(f"{at}: AION hybrid, p95", found.ms(hybrid, 95), "ms"),
        Figure(f"{at}: AION words, ten best kept by the cut", found.kept, ""),
    ]


def print_growth(all_found: Sequence[Found]) -> None:
    """One line an engine, one column a size: median time, time to build, room taken."""
    heads = [f"{_short(found.size):>28}" for found in all_found]
    print(f"\n  {'p50 ms | build s | MB':<28}{''.join(heads)}")
    for name in ENGINES:
        cells = [
            f"{found.ms(name):.2f} | {found.built[name].seconds:.1f} | {found.built[name].size / 1e6:.0f}"
            for found in all_found
        ]
        print(f"  {name:<28}" + "".join(f"{cell:>28}" for cell in cells))


def _short(size: int) -> str:
    return f"{size // 1_000_000}M" if size >= 1_000_000 else f"{size // 1000}k"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="10k only: to see that it runs, not to quote")
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="leave out the sizes above this")
    parser.add_argument("--rounds", type=int, default=5, help="how often every engine is asked (default 5)")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="folder for environments and data")
    return parser.parse_args()


def main() -> None:
    options = parse_arguments()
    print_head(str(__doc__))
    largest = SIZES[0] if options.quick else options.largest
    found = [measure_size(size, options.cache, options.rounds) for size in SIZES if size <= largest]
    print_growth(found)
    print_table([figure for one in found for figure in figures_of(one)])


if __name__ == "__main__":
    main()
