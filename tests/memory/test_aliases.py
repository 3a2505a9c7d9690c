"""Two names of one thing are read off what says so, and off nothing else."""

from __future__ import annotations

import pytest

from aion.memory.aliases import OtherName, read_alias


@pytest.mark.parametrize(
    ("sentence", "known", "other"),
    [
        ("The parcel robot is also called Brummel.", "The parcel robot", "Brummel"),
        ("We call the old barn Noah.", "the old barn", "Noah"),
        ("At home we call Tobias Tobi.", "Tobias", "Tobi"),
        ("I call the greenhouse the jungle.", "the greenhouse", "the jungle"),
        ("Everyone calls the new intern Sprout.", "the new intern", "Sprout"),
        ("We call Aunt Dora's bicycle Rocket.", "Aunt Dora's bicycle", "Rocket"),
        ("We call Pavel's cellar the mine.", "Pavel's cellar", "the mine"),
        ("We call it Noah.", "it", "Noah"),
        ("CRV is short for the community reading van.", "the community reading van", "CRV"),
        ("The depot goes by the name of Marmot.", "The depot", "Marmot"),
        ("The nickname of the old tractor is Thunder.", "the old tractor", "Thunder"),
        ("The workshop is better known as the Den.", "The workshop", "the Den"),
        ("Também chamamos Pardal ao trator velho.", "o trator velho", "Pardal"),
        ("Chamo Nana à minha irmã.", "a minha irmã", "Nana"),
        ("Ao armazém chamamos Caverna.", "o armazém", "Caverna"),
        ("Chamamos-lhe Trovão.", "lhe", "Trovão"),
        ("O armazém também se chama Caverna.", "O armazém", "Caverna"),
        ("O armazém é conhecido por Caverna.", "O armazém", "Caverna"),
        ("A alcunha da carrinha branca é Joaninha.", "a carrinha branca", "Joaninha"),
        ("A carrinha tem a alcunha de Joaninha.", "A carrinha", "Joaninha"),
    ],
)
def test_another_name_is_read(sentence: str, known: str, other: str) -> None:
    assert read_alias(sentence) == OtherName(known, other)


@pytest.mark.parametrize(
    "sentence",
    [
        "We call the plumber on Mondays.",
        "I call my sister Sundays.",
        "Ana calls the dentist Monday.",
        "My mother calls the vet a saint.",
        "The shop is also open on Sundays.",
        "The museum is known as a good place to rest.",
        "The bus goes by the Town Hall.",
        "The price is the same as last year.",
        "A padaria é conhecida por vender broa.",
        "O museu é conhecido pelas suas esculturas.",
        "Chamamos o Rui às cinco.",
        "Chamamos Rui às cinco.",
        "A Ana chama o médico.",
        "O Rui também é de Faro.",
        "",
    ],
)
def test_what_only_looks_like_another_name_is_none(sentence: str) -> None:
    assert read_alias(sentence) is None
