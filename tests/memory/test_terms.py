"""The words a text is found by."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aion.memory.terms import LONGEST, terms_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("file", "files"),
        ("city", "cities"),
        ("box", "boxes"),
        ("stop", "stopped"),
        ("stop", "stopping"),
        ("iterate", "iterating"),
        ("iteration", "iterations"),
        ("class", "classes"),
        ("reunião", "reuniões"),
        ("canção", "cancoes"),
        ("carro", "carros"),
        ("Validação", "validacao"),
        ("Ana's", "ana"),
    ],
)
def test_forms_of_one_word_are_one_term(one: str, other: str) -> None:
    assert terms_of(one) == terms_of(other) != []


@pytest.mark.parametrize(
    ("one", "other"), [("bus", "bu"), ("4471", "4472"), ("his4", "his5"), ("king", "k"), ("red", "r")]
)
def test_different_words_stay_apart(one: str, other: str) -> None:
    assert terms_of(one) != terms_of(other)


def test_stop_words_of_both_languages_are_left_out() -> None:
    assert terms_of("What is the name of my sister?") == ["name", "sister"]
    assert terms_of("Qual é o nome da minha irmã?") == ["nome", "irma"]
    assert terms_of("I don't know, they're not there") == ["know"]


@given(st.text(max_size=300))
def test_terms_are_short_plain_words_whatever_comes(text: str) -> None:
    for term in terms_of(text):
        assert term.isascii()
        assert term.isalnum()
        assert 0 < len(term) <= LONGEST


@given(st.text(alphabet="abcdefgsingedoyx ", max_size=80))
def test_the_terms_of_terms_are_found_again(text: str) -> None:
    assert terms_of(text) == terms_of(text.upper())
