"""A statement is asked for the kind of thing it tells: a time, a place, an age, an amount."""

from __future__ import annotations

import pytest

from aion.sleep.lessons.phrasing.facts import read_fact
from aion.sleep.lessons.rules import keep_latest
from tests.sleep.sixty import told

KINDS = (
    ("I work on Mondays.", "When do I work?"),
    ("I swim in the morning.", "When do I swim?"),
    ("I study in the evenings.", "When do I study?"),
    ("A Ana casa-se em junho.", "Quando se casa a Ana?"),
    ("Marta works on Fridays.", "When does Marta work?"),
    ("The office is at 221 Baker Street.", "Where is the office?"),
    ("The office is on 5th Avenue.", "Where is the office?"),
    ("The office is on the second floor.", "Where is the office?"),
    ("The office is in room three.", "Where is the office?"),
    ("The concert is on 12 June.", "When is the concert?"),
    ("The meeting is at 3 PM.", "When is the meeting?"),
    ("The meeting is on 5 May in room 3.", "When is the meeting?"),
    ("A renda é de 850 euros.", "De quanto é a renda?"),
    ("O gabinete é no 2º andar.", "Onde é o gabinete?"),
    ("A festa é na Rua 25 de Abril.", "Onde é a festa?"),
    ("A festa é no dia 25 de abril.", "Quando é a festa?"),
    ("A Inês nasceu a 3 de maio de 2015.", "Quando nasceu a Inês?"),
    ("A Inês nasceu em Évora.", "Onde nasceu a Inês?"),
    ("Trabalho à noite.", "Quando trabalho?"),
    ("O Rui é de Faro.", "De onde é o Rui?"),
    ("My sister is 34.", "How old is my sister?"),
    ("My dog Rex is 4.", "How old is my dog Rex?"),
    ("My sister is from Porto originally.", "Where is my sister from?"),
    ("My sister is getting married in June.", "When is my sister getting married?"),
    ("The gym closes at 22 on weekdays.", "When does the gym close on weekdays?"),
    ("A loja abre às 9 nos dias úteis.", "Quando abre a loja nos dias úteis?"),
    ("We have lunch at one except on Fridays.", "When do we have lunch?"),
    ("A loja abre às 9 exceto aos domingos.", "Quando abre a loja?"),
    ("My brother will work in Berlin from May.", "Where will my brother work?"),
    ("The guests may park on the square.", "Where may the guests park?"),
    ("Ana should call in the morning.", "When should Ana call?"),
    ("The watering can stands behind the shed.", "Where does the watering can stand?"),
)
BESIDE = (
    ("My sister is 34.", "My sister is getting married in June.", "My sister is from Porto.", "My sister is a vet."),
    ("I work at Siemens.", "I work in Braga.", "I work on Saturdays too."),
    ("The gym closes at 22 on weekdays.", "The gym closes at 20 on Saturdays."),
    ("A loja abre às 9 nos dias úteis.", "A loja abre às 10 ao sábado."),
    ("The hall is near the river.", "The hall is for members only.", "The hall is heated by gas."),
    ("O salão é de madeira.", "O salão é para sócios."),
)


@pytest.mark.parametrize(("said", "question"), KINDS)
def test_a_statement_is_asked_for_what_it_tells(said: str, question: str) -> None:
    assert read_fact(told(said)).question == question


@pytest.mark.parametrize("said", BESIDE)
def test_facts_of_different_kinds_of_one_thing_stand_beside_each_other(said: tuple[str, ...]) -> None:
    kept, _ = keep_latest([told(one, number=number) for number, one in enumerate(said)])
    assert len(kept) == len(said)
