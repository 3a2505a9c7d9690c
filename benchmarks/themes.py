"""How lessons find their themes over simulated nights: purity, the share that only gathers, and the number of themes.

The facts of benchmarks/teach.py and the sixty of tests/sleep/sixty.py, told in an order drawn by a seed, with the
vectors of the embedded embedder. Purity is the share of the lessons in themes whose true theme is the commonest in
theirs. No lesson may ever move; that is counted, too.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from aion.config import Settings
from aion.memory.base import Vector
from aion.models.catalog import resolve_embedder
from aion.models.llama.embedder import LlamaEmbedder
from aion.records import Lesson
from aion.sleep.lessons.themes import Arrangement, arrange, gathers
from aion.sleep.nights.embed import text_of
from benchmarks.teach import make_themes
from benchmarks.tools import print_head
from tests.sleep.sixty import sixty

Told = list[tuple[Lesson, str]]  # with the true theme


def collect() -> dict[str, Told]:
    sets: dict[str, Told] = {"sixty": [(one, f"field {place // 12}") for place, one in enumerate(sixty())]}
    for part in ("tune", "final"):
        themes = make_themes(1, by_edit=False, part=part)
        sets[part] = [(fact.lesson, theme.name) for theme in themes for fact in theme.facts]
    return sets | {"all of them": [one for told in sets.values() for one in told]}


async def embed(lessons: Sequence[Lesson]) -> dict[str, Vector]:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data=Path(folder))
        embedder = LlamaEmbedder(await resolve_embedder(settings), settings)
        await embedder.start()
        try:
            vectors, _ = await embedder.embed([text_of(one) for one in lessons])
        finally:
            await embedder.close()
    return {one.id: np.asarray(vector, np.float32) for one, vector in zip(lessons, vectors, strict=True)}


def live(told: Told, vectors: Mapping[str, Vector], *, nights: int, seed: int) -> tuple[Arrangement, int]:
    """The last night's arrangement, and how many lessons moved on the way."""
    order = random.Random(seed).sample([one for one, _ in told], len(told))
    made, moved = Arrangement((), {}), 0
    for night in range(1, nights + 1):
        have = order[: len(order) * night // nights]
        after = arrange(have, vectors, made.themes, made.placed, embedder="bench", now=float(night))
        moved += sum(after.placed[lesson] != home for lesson, home in made.placed.items())
        made = after
    return made, moved


def judge(made: Arrangement, told: Told) -> tuple[float, float, int]:
    """Purity, share in the gathering theme, themes."""
    gathering = {one.id for one in made.themes if gathers(one)}
    homes: defaultdict[str, list[str]] = defaultdict(list)
    for lesson, true in told:
        if made.placed[lesson.id] not in gathering:
            homes[made.placed[lesson.id]].append(true)
    sorted_in = sum(len(one) for one in homes.values())
    pure = sum(Counter(one).most_common(1)[0][1] for one in homes.values())
    return pure / max(1, sorted_in), 1 - sorted_in / len(told), len(homes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    print_head(__doc__ or "")
    sets = collect()
    vectors = asyncio.run(embed([one for one, _ in sets["all of them"]]))
    for name, told in sets.items():
        for nights in (1, 5, 10):
            lived = [live(told, vectors, nights=nights, seed=seed) for seed in range(options.seeds)]
            judged = [judge(made, told) for made, _ in lived]
            pure, gathers, themes = (sum(column) / len(judged) for column in zip(*judged, strict=True))
            moved = sum(count for _, count in lived)
            print(
                f"  {name:12} {len(told):3} lessons, {nights:2} nights: purity {pure:.2f}, gathering {gathers:.2f}, "
                f"{themes:.0f} themes, {moved} moved"
            )


if __name__ == "__main__":
    main()
