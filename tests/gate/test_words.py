"""The same thing written otherwise is the same to the gate; other things are not."""

from __future__ import annotations

import pytest

from aion.gate.words import is_form, normal, words_of

SAME = [
    ("Évora, at the MARKET!", "evora at the market"),
    ("at 7:30 pm", "at 19h30"),
    ("às 19:00", "as 7 p.m."),
    ("seven o'clock", "7 o clock"),
    ("twenty-one keys", "21 keys"),
    ("vinte e uma chaves", "21 chaves"),
    ("1,200 euros", "€1.200"),
    ("912 345 678", "912345678"),
    ("3,5 kg", "3.50 kg"),
    ("May 3rd", "May 3"),
    ("o 2º andar", "o 2 andar"),
    ("it doesn't open", "it does not open"),
    ("40%", "40 percent"),
]
OTHER = [("7:30", "7:45"), ("7 am", "7 pm"), ("1.5", "15"), ("Martim", "Martins"), ("open", "not open"), ("12", "21")]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_in_another_form_reads_alike(one: str, other: str) -> None:
    assert set(words_of(one)) == set(words_of(other))


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_what_differs_stays_apart(one: str, other: str) -> None:
    assert normal(one) != normal(other)


def test_forms_of_a_word_are_told_from_words_that_begin_alike() -> None:
    assert is_form("maintains", "maintained")
    assert not is_form("house", "housekeeper")
    assert not is_form("kept", "kettle")
