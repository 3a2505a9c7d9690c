"""The questions written for the standard library's documentation, and what an order of answers is worth.

nDCG@10 has the gain 2^grade - 1 and the discount log2(rank + 1); its ideal is the best order of everything that was
judged relevant, found or not. Grades: 2 answers the question, 1 is useful for it. What nobody judged counts as 0, so
all figures are lower bounds, and alike so for every way of searching.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np

from benchmarks.retrieval_corpus import Corpus

DATA = Path(__file__).parent / "data"
DEPTH = 10
ANSWERS = 2  # the grade of what answers a question
DRAWS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question; `relevant` are grades by the name that the text stands under in the corpus."""

    text: str
    relevant: Mapping[str, int]
    lang: str
    style: str
    split: str


@dataclass(frozen=True, slots=True)
class Score:
    """What one order of answers is worth."""

    ndcg: float
    mrr: float
    recall: float


def load_questions(corpus: Corpus) -> tuple[list[Question], int]:
    """Those that this Python's documentation can answer, and how many it cannot."""
    rows = [json.loads(line) for line in (DATA / "retrieval.jsonl").read_text("utf-8").splitlines()]
    questions = [_question(row, corpus) for row in rows]
    kept = [one for one in questions if ANSWERS in one.relevant.values()]
    return kept, len(rows) - len(kept)


def load_unrelated() -> list[str]:
    """Questions that nothing in the documentation answers."""
    return (DATA / "retrieval_unrelated.txt").read_text("utf-8").splitlines()


def _question(row: Mapping[str, object], corpus: Corpus) -> Question:
    relevant: dict[str, int] = {}
    grades = row["relevant"]
    assert isinstance(grades, dict)
    for name, grade in grades.items():
        if name in corpus.names:
            place = corpus.names[name]
            relevant[place] = max(grade, relevant.get(place, 0))
    texts = {key: str(row[key]) for key in ("lang", "style", "split")}
    return Question(text=str(row["q"]), relevant=relevant, **texts)


def score(found: Sequence[str], relevant: Mapping[str, int]) -> Score:
    grades = [relevant.get(name, 0) for name in found[:DEPTH]]
    answers = sum(grade == ANSWERS for grade in relevant.values())
    first = next((rank for rank, grade in enumerate(grades, 1) if grade == ANSWERS), None)
    return Score(
        ndcg=_gain(grades) / _gain(sorted(relevant.values(), reverse=True)[:DEPTH]),
        mrr=1 / first if first else 0.0,
        recall=sum(grade == ANSWERS for grade in grades) / min(answers, DEPTH),
    )


def _gain(grades: Sequence[int]) -> float:
    return sum((math.pow(2, grade) - 1) / math.log2(rank + 1) for rank, grade in enumerate(grades, 1))


def mean_score(scores: Sequence[Score]) -> Score:
    return Score(
        fmean(one.ndcg for one in scores), fmean(one.mrr for one in scores), fmean(one.recall for one in scores)
    )


def interval(differences: Sequence[float]) -> tuple[float, float]:
    """Where the mean lies with 95 % by drawing the questions anew; the same draws every time."""
    values = np.asarray(differences)
    picked = np.random.default_rng(0).integers(0, len(values), (DRAWS, len(values)))
    low, high = np.percentile(values[picked].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)
