"""Each clause is asked by itself, what is not so is asked as what is, and what is no subject is asked about openly."""

from __future__ import annotations

import pytest

from aion.sleep.lessons.phrasing.facts import read_fact
from tests.sleep.sixty import told

CLAUSES = (
    (
        "My wife's name is Carla and she works at the hospital in Braga.",
        {"Who is my wife?", "Where does my wife work?"},
    ),
    ("I am 42 years old and I live in Faro.", {"How old am I?", "Where do I live?"}),
    (
        "My sister is Ana, my brother is Rui and our cousin is Zé.",
        {"Who is my sister?", "Who is my brother?", "Who is our cousin?"},
    ),
    ("The plumber is Mr. Santos and he charges 40 euros.", {"Who is the plumber?", "What does the plumber charge?"}),
    ("My sister Ana, who lives in Porto, is a vet.", {"What is my sister Ana?"}),
    ("My sister is Ana. She lives in Porto.", {"Who is my sister?", "Where does my sister live?"}),
    ("A minha mulher chama-se Carla e trabalha em Braga.", {"Como se chama a minha mulher?"}),
    (
        "O canalizador é o Sr. Santos e cobra 40 euros à hora.",
        {"Quem é o canalizador?", "O que cobra o canalizador?"},
    ),
    ("Moro em Faro e trabalho em Olhão.", {"Onde moro?", "Onde trabalho?"}),
)
NOT_SO = (
    ("The shop isn't open on Sundays.", "When is the shop not open?"),
    ("My brother is not married.", "Is my brother married?"),
    ("Pedro doesn't drink coffee.", "What does Pedro not drink?"),
    ("We don't ship to Canada.", "Do we ship to Canada?"),
    ("I no longer eat meat.", "Do I still eat meat?"),
    ("I don't have a car anymore.", "Do I still have a car?"),
    ("Ana doesn't work at the bank any more.", "Does Ana still work at the bank?"),
    ("I stopped smoking.", "Have I stopped smoking?"),
    ("I used to live in Madrid.", "Where did I use to live?"),
    ("I used to smoke.", "Did I use to smoke?"),
    ("I gave up sugar.", "What did I give up?"),
    ("We quit the choir.", "What did we quit?"),
    ("My brother quit smoking in May.", "When did my brother quit smoking?"),
    ("My printer has stopped working.", "Has my printer stopped working?"),
    ("Deixei de fumar.", "Deixei de fumar?"),
    ("A Ana deixou de comer carne.", "A Ana deixou de comer carne?"),
    ("My daughter cannot eat nuts.", "What can my daughter not eat?"),
    ("O Pedro não bebe café.", "O que é que o Pedro não bebe?"),
    ("A loja não abre ao domingo.", "Quando é que a loja não abre?"),
    ("Não posso comer glúten.", "O que é que não posso comer?"),
)
UNCLEAR = (
    "Ana said she would come on Sunday.",
    "If the boiler shows E4, press reset twice.",
    "Next week we are on vacation.",
    "Esta semana a Ana está em Madrid.",
)


@pytest.mark.parametrize(("said", "questions"), CLAUSES)
def test_each_clause_is_asked_of_whom_it_is_about(said: str, questions: set[str]) -> None:
    fact = read_fact(told(said))
    assert questions <= {fact.question, *fact.others}
    assert len(fact.answer.split()) == len(said.split())


@pytest.mark.parametrize(("said", "question"), NOT_SO)
def test_what_is_not_so_is_asked_as_what_is(said: str, question: str) -> None:
    assert read_fact(told(said)).question == question


@pytest.mark.parametrize("said", UNCLEAR)
def test_what_has_no_plain_subject_is_asked_about_openly(said: str) -> None:
    assert read_fact(told(said)).question.startswith(("What did I tell you about", "O que foi dito sobre"))


def test_two_things_are_never_asked_back_for_as_one() -> None:
    assert not read_fact(told("My boss is Paula, not Pedro.")).back
    assert read_fact(told("My boss is Paula.")).back == "Who is Paula?"


def test_a_list_is_no_second_clause() -> None:
    fact = read_fact(told("Ana and my sister live in Porto."))
    assert fact.question == "Where do Ana and my sister live?"
    assert read_fact(told("The pie needs leeks, barley and dill.")).core == "leeks, barley and dill"


@pytest.mark.parametrize(
    ("said", "questions"),
    [
        ("I stopped smoking.", ("Do I still smoke?", "Do I smoke?")),
        ("I no longer eat meat.", ("Do I eat meat?",)),
        ("My printer has stopped working.", ("Does my printer still work?", "Does my printer work?")),
        ("Deixei de fumar.", ("Eu ainda fumo?", "Eu fumo?")),
        ("O Rui deixou de fumar.", ("O Rui ainda fuma?",)),
    ],
)
def test_what_ended_answers_who_asks_whether_it_is_so(said: str, questions: tuple[str, ...]) -> None:
    assert set(questions) <= set(read_fact(told(said)).others)
