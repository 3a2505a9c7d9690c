"""Made-up memories to be searched at any size: clustered unit vectors, and texts recombined from documentation strings.

The same for every run of one Python. Vectors and texts have nothing to do with each other: this data measures time, and
whether the nearest vectors are found; how well a text answers a question is the business of retrieval.py.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.retrieval_corpus import load_corpus

SEED = 20261121
CLUSTERS = 2000
SPREAD = 0.7  # of a vector around its cluster's middle: two of one cluster have a cosine of about 0.67
BLOCK = 50_000  # vectors made or compared at a time
QUESTION_WORDS = 10
NEAREST = 10
_SENTENCE_END = re.compile(r"(?<=[.])\s+")

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Data:
    """What is remembered, and what is asked. `nearest` has the true places of the nearest vectors to a question."""

    vectors: Floats
    texts: list[str]
    questions: Floats
    worded: list[str]
    nearest: npt.NDArray[np.int64]


def make_data(folder: Path, size: int, questions: int) -> Data:
    """The vectors lie in a file of the folder, for the peers to read too."""
    folder.mkdir(parents=True, exist_ok=True)
    vectors, asked = _make_vectors(folder / "vectors.npy", size, questions)
    np.save(folder / "questions.npy", asked)
    texts, worded = make_texts(size, questions)
    return Data(vectors, texts, asked, worded, _find_nearest(vectors, asked))


def _make_vectors(path: Path, size: int, questions: int) -> tuple[Floats, Floats]:
    generator = np.random.default_rng(SEED)
    middles = generator.standard_normal((CLUSTERS, 384), np.float32)
    vectors = np.lib.format.open_memmap(path, "w+", np.float32, (size, 384))
    for start in range(0, size, BLOCK):
        vectors[start : start + BLOCK] = _draw(generator, middles, min(BLOCK, size - start))
    vectors.flush()
    return vectors, _draw(generator, middles, questions)


def _draw(generator: np.random.Generator, middles: Floats, count: int) -> Floats:
    drawn = generator.standard_normal((count, middles.shape[1]), np.float32) * np.float32(SPREAD)
    drawn += middles[generator.integers(0, len(middles), count)]
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), np.float32)


def make_texts(size: int, questions: int) -> tuple[list[str], list[str]]:
    """Two sentences and a number each; a question has the first words of a sentence."""
    chance = random.Random(SEED)
    parts = (part for text in load_corpus().texts.values() for part in _SENTENCE_END.split(text))
    sentences = sorted({part for part in parts if 20 < len(part) < 300})
    texts = [" ".join((*chance.sample(sentences, 2), f"item {chance.randrange(size)}")) for _ in range(size)]
    asked = [" ".join(chance.choice(sentences).split()[:QUESTION_WORDS]) for _ in range(questions)]
    return texts, asked


def _find_nearest(vectors: Floats, asked: Floats) -> npt.NDArray[np.int64]:
    """By comparing with every vector, in blocks; of equal ones the first."""
    best = np.zeros((len(asked), 0), np.int64)
    scores = np.zeros((len(asked), 0), np.float32)
    for start in range(0, len(vectors), BLOCK):
        found = asked @ vectors[start : start + BLOCK].T
        places = np.broadcast_to(np.arange(start, start + found.shape[1]), found.shape)
        scores, best = np.hstack((scores, found)), np.hstack((best, places))
        order = np.argsort(-scores, axis=1, kind="stable")[:, :NEAREST]
        scores, best = np.take_along_axis(scores, order, 1), np.take_along_axis(best, order, 1)
    return best
