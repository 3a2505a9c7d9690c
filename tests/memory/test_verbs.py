"""What is said of a thing is known by its verb, in classes of verbs and not by a list of sentences."""

from __future__ import annotations

import pytest

from aion.memory.statements import is_statement
from aion.memory.verbs import portuguese_third, third_person


@pytest.mark.parametrize(
    "sentence",
    [
        "The annual fair takes place in Vorden.",
        "The dial on the boiler reads 1.8 bar.",
        "The orchard yields four tonnes of pears.",
        "The goats graze behind the chapel.",
        "Piotr Wendel tunes the organ.",
        "Ludo's grandfather carves spoons and keeps bees.",
        "Members may bring two friends.",
        "The staff call the lift Bertha.",
        "Berta Nunes afina o piano.",
        "A vizinha rega as flores.",
        "O concerto decorre em Tomar.",
        "As sementes vêm de Elvas.",
        "Os pombos nidificam no campanário.",
        "Reunimo-nos às quartas na cripta.",
        "Também chamamos Pardal ao trator velho.",
        "Chamamos-lhe Trovão.",
    ],
)
def test_what_a_thing_or_somebody_does_is_a_statement(sentence: str) -> None:
    assert is_statement(sentence)


@pytest.mark.parametrize(
    "fragment",
    [
        "the best restaurants in Porto",
        "the main differences between TCP and UDP",
        "the rules of chess for beginners",
        "train times Lisbon Porto",
        "visa rules for Brazil 2024",
        "concerts in may lisbon",
        "what makes the sea salty",
        "regras do xadrez para principiantes",
        "a compra de uma casa em Portugal",
        "a cura da gripe com mel",
        "conta bancária para estudantes",
        "troca de óleo do carro",
        "quem afina o piano",
        "a visita a Sintra com crianças",
    ],
)
def test_a_search_in_which_a_noun_looks_like_a_verb_is_none(fragment: str) -> None:
    assert not is_statement(fragment)


def test_forms_are_made_by_rule() -> None:
    assert [third_person(verb) for verb in ("take", "carry", "watch", "have")] == ["takes", "carries", "watches", "has"]
    assert {"afina", "afinam", "afinou", "decorre", "traz"} <= portuguese_third()
