"""How well entities are found: precision, recall and F1 of each kind and language on hand-labelled short texts.

The texts are in data/entities.jsonl, all written for this project; every third is held out ("test"): it was labelled
before the rules were tuned and they were never tuned on it. Phrases are not labelled and not judged. An entity counts
when its kind and its normalised text are those of the label; its weight does not.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aion.memory.entities import entities_of, key_of
from benchmarks.tools import Figure, median, parse_options, print_head, print_load, print_table, rounds_for

DATA = Path(__file__).parent / "data" / "entities.jsonl"
KINDS = ("name", "number", "date", "code")
LANGUAGES = ("en", "pt")
SPLITS = ("tune", "test")
Named = frozenset[tuple[str, str]]  # (kind, normalised text)


@dataclass(frozen=True, slots=True)
class Sample:
    """A labelled text."""

    lang: str
    split: str
    text: str
    entities: Named


@dataclass(frozen=True, slots=True)
class Score:
    """What was found, what of it is right, and what was to be found."""

    right: int
    found: int
    labelled: int

    @property
    def precision(self) -> float:
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.labelled if self.labelled else 1.0

    @property
    def f1(self) -> float:
        return 2 * self.right / (self.found + self.labelled) if self.found + self.labelled else 1.0


def load_samples(path: Path = DATA) -> list[Sample]:
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [Sample(row["lang"], row["split"], row["text"], _labels(row["entities"])) for row in rows]


def _labels(entities: Iterable[dict[str, str]]) -> Named:
    return frozenset((entity["kind"], key_of(entity["text"])) for entity in entities)


def found_in(text: str) -> Named:
    return frozenset((one.kind, key_of(one.text)) for one in entities_of(text) if one.kind in KINDS)


def score(samples: Sequence[Sample], kinds: Sequence[str] = KINDS) -> Score:
    right = found = labelled = 0
    for sample in samples:
        mine = {one for one in found_in(sample.text) if one[0] in kinds}
        theirs = {one for one in sample.entities if one[0] in kinds}
        right, found, labelled = right + len(mine & theirs), found + len(mine), labelled + len(theirs)
    return Score(right, found, labelled)


def figures_of(samples: Sequence[Sample]) -> list[Figure]:
    figures = []
    for split in SPLITS:
        part = [sample for sample in samples if sample.split == split]
        for lang in LANGUAGES:
            spoken = [sample for sample in part if sample.lang == lang]
            figures += [
                figure for kind in KINDS for figure in _figures(f"{split} {lang} {kind}", score(spoken, (kind,)))
            ]
        figures += _figures(f"{split}, all", score(part))
    return figures


def _figures(name: str, found: Score) -> list[Figure]:
    counts = f"{found.right} right of {found.found} found, {found.labelled} labelled"
    return [
        Figure(f"{name}: precision ({counts})", found.precision, ""),
        Figure(f"{name}: recall", found.recall, ""),
        Figure(f"{name}: F1", found.f1, ""),
    ]


def time_a_text(samples: Sequence[Sample], seconds: float) -> float:
    """Microseconds for one text: the median of whole rounds over all texts."""
    times = []
    for _ in rounds_for(seconds, least=5):
        begun = time.perf_counter()
        for sample in samples:
            entities_of(sample.text)
        times.append((time.perf_counter() - begun) / len(samples) * 1e6)
    return median(times)


def main() -> None:
    assert __doc__
    options = parse_options(__doc__, seconds=6.0)
    meter = print_head(__doc__)
    samples = load_samples()
    figures = figures_of(samples)
    figures.append(Figure(f"time for one of {len(samples)} texts", time_a_text(samples, options.seconds), "us"))
    print_load("after", meter)
    print_table(figures)


if __name__ == "__main__":
    main()
