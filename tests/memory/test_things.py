"""Which things a text speaks of, and how those of a question stand to those of a memory."""

from __future__ import annotations

import pytest

from aion.memory.relation import relate
from aion.memory.terms import terms_of
from aion.memory.things import things_of


def things(text: str) -> list[str]:
    return [" ".join(word.text for word in one.words) for one in things_of(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Who maintains the voucher panel for Rui?", ["voucher panel", "rui"]),
        ("When does the Kaldor ferry leave?", ["kaldor ferry"]),
        ("Which colleague keeps the voucher panel running?", ["voucher panel"]),
        ("How do I descale an oven?", []),
        ("The lantern boat leaves at noon.", ["lantern boat"]),
        ("Greta's coat costs 733 euros.", ["greta coat"]),
        ("My car is a green 1998 Volvo.", ["car", "volvo"]),
        ("We also call Ana's blue boat Kestrel.", ["ana blue boat", "kestrel"]),
        ("Quem afina a lixadora Pendril?", ["lixadora pendril"]),
        ("A aula de piano da Marta custa 20 euros.", ["aula piano", "marta"]),
        ("Chamamos Vexo à plaina Zanque.", ["vexo", "plaina zanque"]),
        ("Bom dia!", ["bom dia"]),
        ("", []),
    ],
)
def test_a_thing_is_what_has_an_article_or_a_name(text: str, found: list[str]) -> None:
    assert things(text) == found


def test_the_head_of_a_thing_stands_last_and_in_portuguese_first() -> None:
    assert [one.head.text for one in things_of("Where is the voucher panel?")] == ["panel"]
    assert [one.head.text for one in things_of("Onde está a lixadora Pendril?")] == ["lixadora"]


def told(question: str, text: str) -> str:
    """What relates the two, in a word."""
    relation = relate(things_of(question), things_of(text), frozenset(terms_of(text)))
    if relation.exchanged:
        return "another"
    if relation.named:
        return "named"
    return "shared" if relation.shared else "missing" if relation.missing else "nothing"


@pytest.mark.parametrize(
    ("question", "text", "relation"),
    [
        ("Who keeps the voucher panel running?", "The voucher panel is maintained by Ida.", "named"),
        ("Who keeps the vuocher panel running?", "The voucher panel is maintained by Ida.", "named"),
        ("Where is Ana's bike?", "Ana's bicycle stands in the shed.", "named"),
        ("What does Rui drive?", "rui has a van", "named"),
        ("When does the ferry leave?", "The Kaldor ferry leaves at noon.", "shared"),
        ("Does Helena have the van?", "The van is at the garage.", "shared"),
        ("What is the code of the north gate?", "The code of the south gate is 4471.", "another"),
        ("What is the code of the north gate?", "The code of the north door is 4471.", "another"),
        ("What is the code of the wharf?", "The code of the south gate is 4471.", "nothing"),
        ("What is the code of the wharf crane?", "The code of the south gate is 4471.", "missing"),
        ("Quem afina a lixadora Bristo?", "Ida afina a lixadora Pendril.", "another"),
        ("Quem pintou a Guernica?", "Ida afina a lixadora Pendril.", "missing"),
        ("Tell me a joke.", "The voucher panel is maintained by Ida.", "nothing"),
    ],
)
def test_the_things_of_two_texts_are_the_same_others_or_missing(question: str, text: str, relation: str) -> None:
    assert told(question, text) == relation


def test_what_was_exchanged_may_be_told_to_mean_the_same() -> None:
    asked, held = things_of("Who keeps the voucher console running?"), things_of("The voucher panel is Ida's.")
    [exchanged] = relate(asked, held, frozenset()).exchanged
    assert (exchanged.pair, exchanged.of_kind) == (("console", "panel"), True)
    assert relate(asked, held, frozenset(), frozenset({exchanged.pair})).named
