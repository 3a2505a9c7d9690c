"""What somebody stopped doing is said of now; what ended at a time, and what is no doing, is left as it was told."""

from __future__ import annotations

import pytest

from aion.memory.ended import base_of_doing, no_longer


@pytest.mark.parametrize(
    ("told", "now"),
    [
        ("I stopped smoking.", "I no longer smoke."),
        ("We have given up eating meat!", "We no longer eat meat."),
        ("My printer has stopped working", "My printer no longer works."),
        ("Ana and Rui quit running together.", "Ana and Rui no longer run together."),
        ("Deixei de fumar.", "Já não fumo."),
        ("Eu já deixei de comer carne.", "Já não como carne."),
        ("O Rui deixou de conduzir o carro.", "O Rui já não conduz o carro."),
    ],
)
def test_what_ended_is_said_of_now(told: str, now: str) -> None:
    assert no_longer(told) == now


@pytest.mark.parametrize(
    "told",
    [
        "I smoke.",
        "I stopped smoking in 2019.",
        "I stopped smoking when Ana was born.",
        "I gave up everything.",
        "I stopped at the bakery.",
        "I gave up sugar.",
        "Deixei de fumar há dois anos.",
        "Deixei as chaves na gaveta.",
        "Deixei de me deitar tarde.",
    ],
)
def test_what_is_not_sure_is_left_as_it_was_told(told: str) -> None:
    assert no_longer(told) == ""


@pytest.mark.parametrize(
    ("doing", "verb"),
    [
        ("smoking", "smoke"),
        ("driving", "drive"),
        ("running", "run"),
        ("eating", "eat"),
        ("studying", "study"),
        ("seeing", "see"),
        ("lying", "lie"),
        ("using", "use"),
        ("working", "work"),
        ("gambling", "gamble"),
        ("commuting", "commute"),
    ],
)
def test_the_verb_of_what_is_done(doing: str, verb: str) -> None:
    assert base_of_doing(doing) == verb
