"""The questions and texts that retrieval is judged by: real, answerable, and never chosen by what is tuned."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Any

import pytest

from benchmarks.retrieval_corpus import MOST_WORDS, Corpus, load_corpus, shorten
from benchmarks.retrieval_scores import (
    ANSWERS,
    DATA,
    Score,
    interval,
    load_questions,
    load_unrelated,
    mean_score,
    score,
)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return load_corpus()


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / "retrieval.jsonl").read_text("utf-8").splitlines()]


def test_the_texts_are_many_short_and_different(corpus: Corpus) -> None:
    texts = list(corpus.texts.values())
    assert 4000 <= len(texts) <= 8000
    assert len(set(texts)) == len(texts)
    assert max(len(text.split()) for text in texts) <= MOST_WORDS
    assert set(corpus.names.values()) == set(corpus.texts)


def test_the_corpus_is_the_same_every_time(corpus: Corpus) -> None:
    again = load_corpus()
    assert list(again.texts.items()) == list(corpus.texts.items())
    assert again.names == corpus.names


def test_a_text_keeps_its_first_paragraphs_up_to_a_number_of_words() -> None:
    assert shorten("One  two\nthree.\n\nFour.\n\n\n\nFive.\n\nSix.") == "One two three.\nFour.\nFive."
    assert shorten("word " * 400) == " ".join(["word"] * MOST_WORDS)
    assert shorten("Begin.\n\n" + "word " * MOST_WORDS) == "Begin."


def test_the_questions_are_many_varied_and_asked_once(rows: list[dict[str, Any]]) -> None:
    styles = Counter(row["style"] for row in rows if row["lang"] == "en")
    targets = {name for row in rows for name, grade in row["relevant"].items() if grade == ANSWERS}
    assert len({row["q"] for row in rows}) == len(rows) >= 320
    assert len(targets) >= 300
    assert len({name.split(".")[0] for name in targets}) >= 60
    assert styles["identifier"] + styles["keyword"] >= 0.2 * styles.total()
    assert sum(row["lang"] == "pt" for row in rows) >= 25


def test_a_third_chosen_by_the_hash_of_the_question_is_held_out(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        held_out = int(hashlib.sha256(row["q"].encode()).hexdigest(), 16) % 3 == 0
        assert row["split"] == ("test" if held_out else "tune"), row["q"]


def test_nearly_every_question_can_be_answered_by_this_python(corpus: Corpus, rows: list[dict[str, Any]]) -> None:
    questions, skipped = load_questions(corpus)
    assert len(questions) + skipped == len(rows)
    assert skipped <= 0.1 * len(rows)
    assert all(name in corpus.texts for one in questions for name in one.relevant)


def test_the_unrelated_questions_are_sixty_and_not_among_the_others(rows: list[dict[str, Any]]) -> None:
    unrelated = load_unrelated()
    assert len(set(unrelated)) == len(unrelated) == 60
    assert not {row["q"] for row in rows} & set(unrelated)


def test_an_order_is_worth_what_was_worked_out_by_hand() -> None:
    # gains 3 and 1; found: 1 at rank 1 and 3 at rank 3, so (1 + 3/2) / (3 + 1/log2(3)) of the best
    found = score(["useful", "other", "answer"], {"answer": 2, "useful": 1})
    assert round(found.ndcg, 4) == round(2.5 / 3.63093, 4)
    assert (round(found.mrr, 4), found.recall) == (0.3333, 1.0)
    assert score(["other"], {"answer": 2}) == Score(0.0, 0.0, 0.0)
    assert mean_score([found, Score(0.0, 0.0, 0.0)]).recall == 0.5


def test_the_interval_surrounds_the_mean_and_is_the_same_every_time() -> None:
    differences = [0.1, -0.05, 0.2, 0.0] * 25
    low, high = interval(differences)
    assert low < 0.0625 < high
    assert interval(differences) == (low, high)
    assert [round(end, 6) for end in interval([0.1] * 10)] == [0.1, 0.1]
