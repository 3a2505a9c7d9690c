"""Which memories an answer used, and how much of it rests on them, worked by hand."""

from __future__ import annotations

import pytest

from aion.answer.support import support_of
from aion.records import Memory, MemoryKind

QUESTION = "What is the rent?"


def memory(text: str) -> Memory:
    return Memory(id="mem_1", owner="ana", kind=MemoryKind.NOTE, text=text, sources=(), created=0.0, updated=0.0)


@pytest.mark.parametrize(
    ("answer", "texts", "share", "used"),
    [
        # own terms 750, euro, monthly; the first memory holds 750 and euro
        ("The rent is 750 euros monthly", ["The rent is 750 euros", "The dog weighs 23 kg"], 2 / 3, (True, False)),
        ("I do not know the rent, sorry", ["The dog weighs 23 kg"], 0.0, (False,)),
        # a word of the question is no sign of use
        ("The rent varies", ["Rent falls due early"], 0.0, (False,)),
        # the second memory has no term of its own; the answer holds one of its two: half is enough
        ("Perhaps 750", ["750 euros for a flat", "750 euros"], 1 / 2, (False, True)),
        # one of its three is not
        ("Perhaps 750", ["750 euros for a flat", "750 euros, flat"], 1 / 2, (False, False)),
        # no own terms: nothing to support, and nothing used
        ("The rent", ["The rent is 750 euros"], 0.0, (False,)),
        ("", ["The rent is 750 euros"], 0.0, (False,)),
        ("Some answer", [], 0.0, ()),
    ],
)
def test_support_is_the_share_of_the_answers_own_words(
    answer: str, texts: list[str], share: float, used: tuple[bool, ...]
) -> None:
    found = support_of(QUESTION, answer, [memory(text) for text in texts])
    assert found.share == pytest.approx(share)
    assert found.used == used


def test_a_memory_is_used_by_a_word_only_it_holds() -> None:
    shared = ["Helen likes tea and plays chess", "Helen likes tea and paints"]
    assert support_of("What does Helen like?", "Tea, and she paints", list(map(memory, shared))).used == (False, True)


def test_endings_and_accents_do_not_hide_use() -> None:
    found = support_of("Que frutas?", "Maçãs e laranjas", [memory("Gosto de maca e de laranja")])
    assert found.share == 1.0
    assert found.used == (True,)
