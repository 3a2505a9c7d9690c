"""How well the signs of how an answer was received are read: precision and recall of each, on labelled turns.

The turns in data/signals.jsonl were written and labelled by hand for this project, in batches. The test part is the
last two batches (130 and 347 turns), written when the rules stood. The rules of corrections came after, from tune turns
alone, by the hand that had written the 347 and knew them: expect the figures of the 130, which that hand never read.
The batches before had their turn as test parts, were then seen, and became tune turns, as did 217 written for those
rules. `similar` is the cosine of the two questions, by the embedder that AION ships. Many turns
were made to be hard: unmarked irony, complaints without a word of blame.

Labels: a turn is `correction` when the person says what is right or that a fact is wrong, `complaint` when they say
that the answer is bad or not what they asked for, both when both; emotion is `negative` when words of the person judge
the answer or show impatience with it, and `none` for a correction given without such words.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from aion.capture.emotion import read_emotion
from aion.capture.signals import read_following
from benchmarks.tools import Figure, parse_options, print_head, print_load, print_table

TURNS = Path(__file__).parent / "data" / "signals.jsonl"
SIGNALS = ("re_ask", "rephrase", "correction", "thanks", "complaint", "continued")
NAMES = (*SIGNALS, "positive", "negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """One turn, the message that followed it, and what a person reads in that message."""

    lang: str
    question: str
    answer: str
    following: str
    gap_s: float
    similar: float
    signals: tuple[str, ...]
    emotion: str
    irony: bool
    negation: bool
    emoji: bool
    split: str

    @property
    def labels(self) -> set[str]:
        return {*self.signals, self.emotion} - {"none"}


@dataclass(frozen=True, slots=True)
class Score:
    """How often a sign was found rightly, found wrongly, and missed."""

    hits: int
    false: int
    missed: int

    @property
    def precision(self) -> float:
        return self.hits / (self.hits + self.false) if self.hits + self.false else 1.0

    @property
    def recall(self) -> float:
        return self.hits / (self.hits + self.missed) if self.hits + self.missed else 1.0


PARTS: dict[str, Callable[[Labelled], bool]] = {
    "tune": lambda turn: turn.split == "tune",
    "test": lambda turn: turn.split == "test",
    "test, English": lambda turn: turn.split == "test" and turn.lang == "en",
    "test, Portuguese": lambda turn: turn.split == "test" and turn.lang != "en",
    "test, irony": lambda turn: turn.split == "test" and turn.irony,
    "test, negation": lambda turn: turn.split == "test" and turn.negation,
    "English": lambda turn: turn.lang == "en",
    "European Portuguese": lambda turn: turn.lang == "pt-PT",
    "Brazilian Portuguese": lambda turn: turn.lang == "pt-BR",
    "irony": lambda turn: turn.irony,
    "negation": lambda turn: turn.negation,
    "emoji": lambda turn: turn.emoji,
}


def load_turns(path: Path = TURNS) -> tuple[Labelled, ...]:
    lines = map(json.loads, path.read_text("utf-8").splitlines())
    return tuple(Labelled(**(line | {"signals": tuple(line["signals"])})) for line in lines)


def found_in(turn: Labelled) -> set[str]:
    """What the readers say of it."""
    signals = read_following(turn.question, turn.answer, turn.following, similarity=turn.similar, gap_s=turn.gap_s)
    found = {signal.name for signal in signals}
    if emotion := read_emotion(turn.following, turn.answer):
        found.add("positive" if emotion.value > 0 else "negative")
    return found


def score(turns: Iterable[Labelled]) -> dict[str, Score]:
    pairs = [(turn.labels, found_in(turn)) for turn in turns]
    return {name: _count(name, pairs) for name in NAMES}


def quiet_share(turns: Sequence[Labelled]) -> float:
    """Of the turns that show nothing, the share in which nothing was found."""
    silent = [turn for turn in turns if not turn.labels]
    return sum(not found_in(turn) for turn in silent) / len(silent)


def macro(scores: dict[str, Score]) -> tuple[float, float]:
    """Precision and recall, each sign counting alike."""
    precision = sum(one.precision for one in scores.values()) / len(scores)
    return precision, sum(one.recall for one in scores.values()) / len(scores)


def _count(name: str, pairs: Sequence[tuple[set[str], set[str]]]) -> Score:
    hits = sum(name in labels and name in found for labels, found in pairs)
    false = sum(name not in labels and name in found for labels, found in pairs)
    return Score(hits, false, sum(name in labels for labels, _ in pairs) - hits)


def _figures(turns: Sequence[Labelled]) -> Iterator[Figure]:
    for part in ("tune", "test"):
        chosen = [turn for turn in turns if PARTS[part](turn)]
        scores = score(chosen)
        precision, recall = macro(scores)
        yield Figure(f"{part}: turns", len(chosen), "")
        yield Figure(f"{part}: precision, mean of the {len(NAMES)} signs", precision, "")
        yield Figure(f"{part}: recall, mean of the {len(NAMES)} signs", recall, "")
        yield Figure(f"{part}: nothing found where there is nothing", quiet_share(chosen), "")


def _print_parts(turns: Sequence[Labelled]) -> None:
    """Precision/recall, and in brackets how many turns carry the sign."""
    print("\n  " + f"{'precision/recall (turns)':<26}" + "".join(f"{name:>17}" for name in NAMES))
    for part, belongs in PARTS.items():
        scores = score(turn for turn in turns if belongs(turn))
        cells = (f"{one.precision:.2f}/{one.recall:.2f} ({one.hits + one.missed:3d})" for one in scores.values())
        print(f"  {part:<26}" + "".join(f"{cell:>17}" for cell in cells))


def _print_misses(turns: Sequence[Labelled]) -> None:
    """Where the readers and the labels part, in the part that rules may be written by."""
    print("\n  tune: what is read otherwise than labelled")
    for turn in turns:
        if turn.split == "tune" and (found := found_in(turn)) != turn.labels:
            missed, false = sorted(turn.labels - found), sorted(found - turn.labels)
            print(f"  {turn.lang:<6}missed {missed or '-'}, false {false or '-'}: {turn.following[:90]!r}")


def main() -> None:
    parse_options(__doc__ or "", seconds=1)
    meter = print_head(__doc__ or "")
    turns = load_turns()
    _print_parts(turns)
    print_table(list(_figures(turns)))
    _print_misses(turns)
    print_load("after", meter)


if __name__ == "__main__":
    main()
