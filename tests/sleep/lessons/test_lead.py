"""What leads into a sentence is not learned with it, and what only looks like that is."""

from __future__ import annotations

import pytest

from aion.sleep.lessons.phrasing.facts import without_lead


@pytest.mark.parametrize(
    "sentence",
    [
        "No dogs are allowed in the office.",
        "No Natal os meus pais ficam em Braga.",
        "No meu escritório usamos Windows.",
        "So far we have 3 clients.",
        "Now I live in Porto.",
        "Agora o escritório fica na doca.",
        "Well Street is where the office is.",
        "Viva Fit é o meu ginásio.",
        "Guarda fica a 1056 metros de altitude.",
        "Não moro em Lisboa.",
    ],
)
def test_a_word_that_means_something_stays(sentence: str) -> None:
    assert without_lead(sentence) == sentence


@pytest.mark.parametrize(
    ("sentence", "left"),
    [
        ("No, my car is blue.", "My car is blue."),
        ("no my car is blue", "My car is blue"),
        ("Well - my dog is Rex.", "My dog is Rex."),
        ("So the meeting is at 10.", "The meeting is at 10."),
        ("Hi Paula is my boss.", "Paula is my boss."),
        ("Hi, I'm Rita and I work here.", "I'm Rita and I work here."),
        ("Bom dia, o escritório fecha às 18h.", "O escritório fecha às 18h."),
        ("Lembra-te que o código é 4471.", "O código é 4471."),
        ("Please remember that I am vegan.", "I am vegan."),
    ],
)
def test_what_only_leads_in_goes(sentence: str, left: str) -> None:
    assert without_lead(sentence) == left
