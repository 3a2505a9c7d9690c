"""An answer is given again only to the same person, for the same question, while all it stands on is unchanged."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from aion.config import CacheSettings
from aion.memory.base import Vector
from aion.memory.cache import AnswerCache, Cached

NOW = 1_000_000.0
PRINT = b"same model"


def at_angle(degrees: float) -> Vector:
    return np.array([math.cos(math.radians(degrees)), math.sin(math.radians(degrees))], dtype=np.float32)


ENTRY = Cached(
    fingerprint=PRINT,
    question="What is the capital of France?",
    vector=at_angle(0),
    answer="Paris.",
    finish="stop",
    turn="turn_1",
    sources=(("mem_1", 4),),
    version=7,
    at=NOW,
    reward=0.5,
)


@pytest.fixture
def cache() -> AnswerCache:
    made = AnswerCache(CacheSettings())
    made.offer("ana", ENTRY)
    return made


def found(cache: AnswerCache, question: str = ENTRY.question, **more: object) -> str | None:
    asked = {"owner": "ana", "fingerprint": PRINT, "vector": None, "now": NOW + 1} | more
    hit = cache.find(question=question, **asked)  # type: ignore[arg-type]
    return None if hit is None else hit.match


def test_the_same_question_is_answered_from_the_cache(cache: AnswerCache) -> None:
    assert found(cache) == "exact"
    assert found(cache, "  What is the  capital of France?\n") == "exact"


def test_a_near_question_with_the_same_facts_is_too(cache: AnswerCache) -> None:
    asked = "Tell me the capital of France"
    assert found(cache, asked, vector=at_angle(13)) == "near"  # cosine 0.974
    assert found(cache, asked, vector=at_angle(15)) is None  # cosine 0.966
    assert found(cache, asked) is None


def test_a_near_question_about_something_else_is_not(cache: AnswerCache) -> None:
    assert found(cache, "What is the capital of Spain?", vector=at_angle(1)) is None
    assert found(cache, "What is not the capital of France?", vector=at_angle(1)) is None
    assert found(cache, "What is the capital of France in 1430?", vector=at_angle(1)) is None


def test_nobody_is_given_anothers_answer(cache: AnswerCache) -> None:
    assert found(cache, owner="rui") is None
    assert found(cache, owner="rui", vector=at_angle(0)) is None
    cache.note_reward("rui", "turn_1", -1.0)
    assert cache.drop_turns("rui", ["turn_1"]) == 0
    assert cache.drop_sources("rui", ["mem_1"]) == 0
    assert found(cache) == "exact"


def test_another_model_prompt_or_sampling_has_no_part_in_it(cache: AnswerCache) -> None:
    assert found(cache, fingerprint=b"other model") is None
    assert found(cache, fingerprint=b"other model", vector=at_angle(0)) is None


def test_only_what_was_well_received_is_given_again(cache: AnswerCache) -> None:
    for reward, match in ((None, None), (0.24, None), (0.25, "exact"), (-1.0, None)):
        cache.offer("ana", replace(ENTRY, reward=reward))
        assert found(cache) == match


def test_feedback_opens_and_closes_an_answer(cache: AnswerCache) -> None:
    cache.offer("ana", replace(ENTRY, reward=None))
    cache.note_reward("ana", "turn_1", 1.0)
    assert found(cache) == "exact"
    cache.note_reward("ana", "turn_1", -0.2)
    assert found(cache) is None


def test_an_old_answer_is_not_given_again(cache: AnswerCache) -> None:
    assert found(cache, now=NOW + 24 * 3600 - 1) == "exact"
    assert found(cache, now=NOW + 24 * 3600) is None


def test_what_was_forgotten_answers_nothing(cache: AnswerCache) -> None:
    assert cache.drop_sources("ana", ["mem_2"]) == 0
    assert cache.drop_sources("ana", ["mem_1"]) == 1
    assert found(cache) is None
    cache.offer("ana", ENTRY)
    assert cache.drop_turns("ana", ["turn_1"]) == 1
    assert len(cache) == 0


def test_another_model_empties_it_for_everyone(cache: AnswerCache) -> None:
    cache.offer("rui", ENTRY)
    cache.drop_model()
    assert len(cache) == 0


def test_changed_memories_are_recalled_again_before_an_answer_is_given(cache: AnswerCache) -> None:
    assert cache.confirm("ana", ENTRY, (("mem_1", 4),), version=9)
    hit = cache.find("ana", PRINT, ENTRY.question, None, now=NOW)
    assert hit is not None
    assert hit.entry.version == 9
    assert not cache.confirm("ana", hit.entry, (("mem_1", 5),), version=10)
    assert found(cache) is None


def test_an_entry_that_has_gone_cannot_be_confirmed(cache: AnswerCache) -> None:
    cache.drop_turns("ana", ["turn_1"])
    assert not cache.confirm("ana", ENTRY, ENTRY.sources, version=9)
    assert not cache.confirm("rui", ENTRY, ENTRY.sources, version=9)


def test_the_least_recently_used_goes_first() -> None:
    cache = AnswerCache(CacheSettings(entries=2))
    for number in (1, 2):
        cache.offer("ana", replace(ENTRY, question=f"question {number}", turn=f"turn_{number}"))
    assert found(cache, "question 1") == "exact"
    cache.offer("ana", replace(ENTRY, question="question 3", turn="turn_3"))
    assert [found(cache, f"question {n}") for n in (1, 2, 3)] == ["exact", None, "exact"]


def test_no_hours_turn_it_off() -> None:
    cache = AnswerCache(CacheSettings(hours=0))
    cache.offer("ana", ENTRY)
    assert len(cache) == 0
