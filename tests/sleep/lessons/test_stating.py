"""A short answer becomes a sentence only where the two fit together."""

from __future__ import annotations

import pytest

from aion.sleep.lessons.phrasing.stating import state, subject_of

STATED = (
    ("Who fixed the roof?", "Rui did", "Rui fixed the roof."),
    ("Quem arranjou o telhado?", "Foi o Rui", "o Rui arranjou o telhado."),
    ("When is the rent due?", "the 5th", "The rent is due the 5th."),
    ("Where was my grandmother born?", "in Évora", "My grandmother was born in Évora."),
    ("What is my favourite breed?", "Beagle", "My favourite breed is Beagle."),
    ("Onde é que Pedro mora?", "Em Faro", "Pedro mora em Faro."),
    ("What is the boat called?", "Gaivota", "The boat is called Gaivota."),
    ("What do we use for CI?", "GitHub Actions", "We use GitHub Actions for CI."),
    ("When do I take omeprazole?", "Every morning", "I take omeprazole every morning."),
    ("When does the museum open?", "At nine", "The museum opens at nine."),
    ("Where do I live?", "In Porto", "I live in Porto."),
    ("O que é que o Rui toca?", "Baixo", "O Rui toca Baixo."),
    ("Quais são os nomes dos meus filhos?", "Inês e Duarte", "Os nomes dos meus filhos são Inês e Duarte."),
    ("De quem é o carro azul?", "Da Marta", "O carro azul é da Marta."),
)
UNSTATED = (
    ("How old is Inês?", "She is 7"),
    ("Who has the keys?", "Paula and Rui have them"),
    ("Where do I live?", "Lisbon"),
    ("What time does the pharmacy close?", "8pm"),
    ("When does Ana go to work?", "At nine"),
    ("What's for dinner on Fridays?", "Pizza"),
    ("Onde deixei as chaves?", "Em cima da mesa"),
    ("Onde moro?", "Em Lisboa"),
    ("Onde é que guardo a escada?", "No barracão"),
    ("Onde fica a sede?", "Braga"),
    ("Qual a senha da porta?", "4471"),
)


@pytest.mark.parametrize(("question", "answer", "said"), STATED)
def test_a_short_answer_becomes_a_sentence(question: str, answer: str, said: str) -> None:
    language = "pt" if question.startswith(("Quem", "O que", "De quem", "Onde", "Quais")) else "en"
    assert state(question, answer, language).casefold() == said.casefold()


@pytest.mark.parametrize(("question", "answer"), UNSTATED)
def test_an_answer_that_does_not_fit_its_question_states_nothing(question: str, answer: str) -> None:
    language = "pt" if question.startswith(("Onde", "Qual")) else "en"
    assert not state(question, answer, language)


def test_what_a_question_is_about_loses_a_verb_and_no_noun() -> None:
    about = {
        "Where did I leave the keys?": "the keys",
        "Who does the dishes?": "the dishes",
        "Where does the choir sing?": "the choir",
        "Who does the choir sing with?": "the choir",
    }
    assert {question: subject_of(question, "en") for question in about} == about
