"""How near a memory must be: nearer where it lacks what is asked about, and never where it is about another one."""

from __future__ import annotations

import numpy as np
import pytest

from aion.memory.near import ALIKE, ANYTHING, Asked, Held, find_exchanged, is_near, same_kinds
from aion.memory.relation import Exchanged
from aion.records import Memory, MemoryKind
from tests.memory.test_fuse import note

FLOOR = 0.35


def asked(question: str) -> Asked:
    return Asked.of(question, ())


def least(question: str, memory: Memory) -> float | None:
    """The smallest cosine at which the memory is near; None at which it never is."""
    held = Held.of(memory)
    return next((at / 100 for at in range(101) if is_near(asked(question), held, at / 100, FLOOR)), None)


@pytest.mark.parametrize(
    ("question", "text", "cosine"),
    [
        ("Which person looks after the voucher panel now?", "The voucher panel is maintained by Ida.", 0.25),
        ("At what time does the ferry depart?", "The Kaldor ferry leaves at noon.", 0.35),
        ("Which foods should I avoid?", "I am allergic to peanuts.", 0.35),
        ("When do they get married?", "The wedding is in June.", 0.45),
        ("How do I boil an egg?", "I am allergic to eggs from ducks.", 0.45),
        ("What is the vessel's anchor made fast with?", "The anchor chain is forty metres long.", 0.45),
        ("Which person looks after the roster mailbox?", "The voucher panel is maintained by Ida.", 0.6),
        ("Bom dia!", "O meu cão tem sete anos.", 0.6),
        ("Quem pintou a Guernica?", "O meu cão tem sete anos.", 0.75),
        ("Which person looks after the voucher mailbox?", "The voucher panel is maintained by Ida.", None),
        ("Which person looks after the roster panel?", "The voucher panel is maintained by Ida.", None),
    ],
)
def test_how_near_a_memory_must_be(question: str, text: str, cosine: float | None) -> None:
    assert least(question, note(text)) == cosine


@pytest.mark.parametrize(("question", "near"), [("Quanto é 9 mais 5?", False), ("The planter: 9 or 5?", True)])
def test_numbers_alone_are_no_words_in_common(question: str, near: bool) -> None:
    """Both share two of three words with it; no vector is known."""
    asked, held = Asked.of(question, ()), Held.of(note("The juniper planter needs 9.5 litres of water a week."))
    assert is_near(asked, held, None, FLOOR) is near


def test_a_passage_speaks_of_many_things() -> None:
    passage = Memory(
        id="mem_1",
        owner="ana",
        kind=MemoryKind.PASSAGE,
        text="The voucher panel is maintained by Ida.",
        sources=(),
        created=1.0,
        updated=1.0,
    )
    assert least("Which person looks after the voucher mailbox?", passage) == FLOOR


def test_a_floor_that_lets_everything_in_lets_another_thing_in_as_well() -> None:
    held = Held.of(note("The voucher panel is maintained by Ida."))
    assert is_near(asked("Which person looks after the voucher mailbox?"), held, None, ANYTHING)


PANEL, QUEUE = note("The voucher panel is maintained by Ida."), note("The roster queue opens at nine.", seq=2)


def test_another_word_for_a_thing_is_looked_for_only_where_nothing_is_called_so() -> None:
    [found] = find_exchanged(asked("Who looks after the voucher console?"), [PANEL, QUEUE])
    assert found.pair == ("console", "panel")
    assert find_exchanged(asked("Who looks after the voucher queue?"), [PANEL, QUEUE]) == []
    assert find_exchanged(asked("Who looks after the parcel panel?"), [PANEL, QUEUE]) == []


def test_of_what_was_exchanged_the_nearest_means_the_same() -> None:
    words = {"console": (1.0, 0.0), "panel": (0.8, 0.6), "booth": (0.6, 0.8), "moon": (0.0, 1.0)}
    vectors = {word: np.asarray(vector, np.float32) for word, vector in words.items()}
    exchanged = [Exchanged(one, other, of_kind=True) for one in ("console", "moon") for other in ("panel", "booth")]
    assert same_kinds(exchanged, vectors) == {("console", "panel"), ("moon", "booth")}
    assert same_kinds(exchanged[:1], vectors | {"panel": np.asarray((ALIKE - 0.01, 0.0), np.float32)}) == frozenset()
