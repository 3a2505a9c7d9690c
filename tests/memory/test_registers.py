"""What is told in one way of several things is no answer about another thing; one memory alone may be."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from aion.config import MemorySettings
from aion.memory.entities import entities_of
from aion.memory.fuse import Candidates, Places, judge
from aion.memory.near import Asked
from aion.records import Memory
from tests.memory.test_fuse import note

NEAR = 0.9
CODES = (
    "The ticket code of the roster queue is LP-3942.",
    "What is the ticket code of the voucher archive?\nThe ticket code of the voucher archive is GS-1116.",
)
KEEPERS = ("The roster panel is maintained by Ida.", "The voucher gateway is now maintained by Bo Nyman.")


def recalled(question: str, texts: Sequence[str]) -> list[str]:
    """Of notes that are all very near in meaning."""
    notes: list[Memory] = [note(text, seq=seq) for seq, text in enumerate(texts, 1)]
    near = {one.seq: NEAR for one in notes}
    candidates = Candidates(notes, dict.fromkeys(near, Places(0.0, 0.0)), near, {}, {})
    asked = Asked.of(question, entities_of(question))
    return [one.memory.text for one in judge(candidates, asked, settings=MemorySettings())[0]]


@pytest.mark.parametrize(
    ("question", "texts"),
    [
        ("Under which code do I file a ticket for the freight ledger?", CODES),
        ("What is the ticket code of the freight ledger?", CODES),
        ("Who looks after the freight ledger?", KEEPERS),
    ],
)
def test_another_thing_than_those_of_a_register_is_not_answered_from_it(question: str, texts: Sequence[str]) -> None:
    assert recalled(question, texts) == []
    assert recalled(question, texts[:1]) == [texts[0]]


def test_of_a_register_only_what_was_asked_for_is_recalled() -> None:
    assert recalled("What is the ticket code of the roster queue?", CODES) == [CODES[0]]


def test_one_thing_of_which_the_same_was_told_twice_is_no_register() -> None:
    told = ["The roster panel is maintained by Ida.", "The roster panel is now maintained by Bo Nyman."]
    assert recalled("Who looks after the freight ledger?", told) == told


@pytest.mark.parametrize("question", ["When do I have to hurry?", "Which ticket codes are there?"])
def test_a_question_that_names_nothing_may_mean_all_of_them(question: str) -> None:
    assert len(recalled(question, CODES)) == len(CODES)


def test_a_code_finds_its_entry_whatever_else_is_named() -> None:
    assert recalled("Is LP-3942 a code of the freight ledger?", CODES) == [CODES[0]]
