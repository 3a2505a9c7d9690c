"""What tells anew: another value for the same thing, however it is told; not another thing, and not one more."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from aion.memory.anew import tells_anew
from aion.sleep.lessons.rules import Reason, keep_latest
from benchmarks.nightly.values import Values
from benchmarks.nightly.world import make_world, read_data
from tests.sleep.lessons.test_changes import BESIDE, CHANGED, DENIED
from tests.sleep.sixty import told

EVERYDAY = Path(__file__).parents[1] / "sleep" / "lessons" / "everyday.toml"
WORLD = make_world(1)
TOLD_ANEW = (  # later, earlier
    ("No, the review is on Friday.", "The review is on the 3rd of June."),
    ("The review was moved to Friday.", "The review is on the 3rd of June."),
    ("We moved the review to the 20th of June.", "The review is planned for the 3rd of June."),
    ("My dentist is now Dr. Costa.", "My dentist is Dr. Silva."),
    ("My dentist is Dr. Costa.", "My dentist is Dr. Silva."),
    ("Tadeo's dentist is Dr. Costa.", "Tadeo's dentist is Dr. Silva."),
    ("I live in Lisbon now.", "I live in Porto."),
    ("Maria works at Siemens now.", "Maria works at Bosch."),
    ("The rent is 850 euros.", "The rent is 790 euros."),
    ("The budget is 4,000 euros instead.", "The budget is 3,500 euros."),
    ("The wifi password is kaldor-9.", "The wifi password is kaldor-8."),
    ("The meeting now starts at 10:30.", "The meeting starts at 9."),
    ("The door code has changed to 4477.", "The door code is 1234."),
    ("My new phone number is 912 345 678.", "My phone number is 911 111 111."),
    ("The kitchen is now green.", "The kitchen is white."),
    ("Correction: the ferry leaves at 8:40.", "The ferry leaves at 7:15."),
    ("O meu dentista agora é a Dra. Costa.", "O meu dentista é o Dr. Silva."),
    ("Agora moro em Lisboa.", "Moro no Porto."),
    ("Agora o Rui afina o órgão.", "O Tomé afina o órgão."),
    ("A consulta passou para dia 20.", "A consulta é no dia 3 de junho."),
    ("A reunião foi adiada para sexta-feira.", "A reunião é na quinta-feira."),
    ("A renda agora é de 850 euros.", "A renda é de 790 euros."),
    ("I take three pills a day now.", "I take two pills a day."),
    ("I have three cats.", "I have two cats."),
    ("Agora tomo três comprimidos por dia.", "Tomo dois comprimidos por dia."),
    ("I bought my bike at Cicloteca.", "I bought my bike at Velopolis."),
    ("I paid 50 euros for the chair.", "I paid 40 euros for the chair."),
    ("I lent my drill to Rita.", "I lent my drill to Paulo."),
    ("I put the keys on the shelf.", "I put the keys in the drawer."),
    ("I parked the car on level five.", "I parked the car on level two."),
    ("We keep the spare fuses in the garage.", "We keep the spare fuses in the hall cupboard."),
    ("Emprestei o berbequim à Rita.", "Emprestei o berbequim ao Paulo."),
    ("I moved to Lisbon.", "I live in Porto."),
    ("Mudei-me para Lisboa.", "Moro no Porto."),
    ("Deixei as chaves na estante.", "Deixei as chaves na gaveta."),
    ("Estacionei o carro no piso 5.", "Estacionei o carro no piso 2."),
    ("Who runs it?\nThe mailbox is run by Rui Alves.", "Who runs the mailbox?\nThe mailbox is run by Ana Reis."),
)
FIRST = [one for one in WORLD.facts if not one.before]


@pytest.mark.parametrize(("later", "earlier"), TOLD_ANEW + tuple((after, before) for before, after in CHANGED + DENIED))
def test_another_value_for_the_same_thing_tells_it_anew(later: str, earlier: str) -> None:
    assert tells_anew(later, earlier)


@pytest.mark.parametrize(("later", "earlier"), [pair for pair in TOLD_ANEW if "?" not in pair[0]])
def test_the_night_sees_it_too_and_never_teaches_the_old_value_again(later: str, earlier: str) -> None:
    kept, gone = keep_latest([told(earlier, number=1), told(later, number=2)])
    assert ([one.statement for one in kept], [one.reason for one in gone]) == ([later], [Reason.SUPERSEDED])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *BESIDE,
        ("My brother lives in Lisbon.", "My sister lives in Porto."),
        ("The south gate closes at 7.", "The north gate closes at 9."),
        ("The trip to Rome costs 300 euros.", "The trip to Paris costs 250 euros."),
        ("O código do molde Lorbim é MC-9712.", "O código do molde Fontel é KX-4753."),
        ("I like Porto.", "I like Lisbon."),
        ("I met Ana.", "I met Rui."),
        ("I have two cats.", "I have two dogs."),
        ("My bike is red.", "My bike is old."),
        ("The review is led by Carol.", "The review is on the 3rd of June."),
        ("The review is in room 4.", "The review is on the 3rd of June."),
        ("The meeting is in Porto.", "The meeting is at 9."),
        ("The meeting was moved to Porto.", "The meeting costs 9 euros."),
        ("The store opens at 9.", "The store closes at 7."),
        ("The oven cost 790 euros.", "The oven is 3 years old."),
        ("Is the review on Friday?", "The review is on Monday."),
        ("I ran 8 km.", "I ran 5 km."),
        ("I walked six miles.", "I walked four miles."),
        ("I bought two chairs.", "I bought three chairs."),
        ("Corri 8 km.", "Corri 5 km."),
        ("I met my sister at Rossio.", "I met my sister at Chiado."),
        ("I put the milk in the fridge.", "I put the flour in the cupboard."),
        ("I bought my bike in May.", "I bought my bike at Velopolis."),
        ("I bought my bike at Velopolis.", "I bought my bike in Porto."),
        ("I lent my drill to Paulo.", "I lent my ladder to Rita."),
        ("I have put the keys in the drawer.", "The keys are for the garage."),
        ("I left the office at 5.", "I left the office at 6."),
        ("I left the office on Friday.", "I left the office on Monday."),
        ("I left the keys in the drawer.", "I left the keys in the drawer of the kitchen."),
        ("I bought the bike for my son.", "I bought the bike for 300 euros."),
        ("Dei o livro à Ana.", "Dei o livro no Natal."),
        ("We moved to Thursday.", "We live in Porto."),
        ("I moved to Porto.", "I live in Porto, near the river."),
        ("On Friday I swim.", "On Monday I swim."),
        ("Comprei pão no Lidl.", "Comprei pão no Aldi."),
        ("I bought milk on Monday.", "I bought bread on Friday."),
        ("The meeting is on Friday.", "The meeting is on Friday at 9."),
        ("The mailbox is run by Rui.", "The mailbox is run by Rui Alves."),
        ("The same words stand here.", "The same words stand here."),
    ],
)
def test_another_thing_or_one_more_does_not(one: str, other: str) -> None:
    assert not tells_anew(one, other)
    assert not tells_anew(other, one)


def test_a_sentence_without_end_tells_nothing_anew() -> None:
    long = "The review and the audit " * 20
    assert not tells_anew(f"{long} is on the 20th of June.", f"{long} is on the 3rd of June.")


def test_every_fact_of_the_proof_is_told_anew_by_its_new_value_alone() -> None:
    values = Values(read_data()["patterns"], read_data()["values"], random.Random(1))
    for fact in FIRST:
        anew = replace(fact, before=fact.value, value=values.draw(fact.relation.values))
        assert tells_anew(anew.told, fact.told), anew.told
    assert not [pair for pair in permutations((one.told for one in FIRST), 2) if tells_anew(*pair)]


def test_of_four_hundred_things_people_tell_none_tells_another_anew() -> None:
    told = list(_texts(tomllib.loads(EVERYDAY.read_text("utf-8"))))
    assert len(told) > 400
    assert not [pair for pair in permutations(told, 2) if tells_anew(*pair)]


def _texts(found: Any) -> Iterator[str]:
    if isinstance(found, str):
        yield found
    else:
        for one in found.values() if isinstance(found, dict) else found:
            yield from _texts(one)
