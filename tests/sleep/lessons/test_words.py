"""Which language a text is in, though its names are of the other."""

from __future__ import annotations

import pytest

from aion.sleep.lessons.words import language_of


@pytest.mark.parametrize(
    "text",
    [
        "My sister Inês lives in Évora.",
        "João Conceição is my boss.",
        "I work as a nurse at Hospital de São João.",
        "Maria João, José and André are on my team.",
        "I love pão de queijo and açaí.",
        "Where did I park? Rua de São João",
        "Casa das Flores is a hotel.",
        "Pedro drinks no coffee.",
        "Como is a town in Italy.",
        "Send me a letter.",
    ],
)
def test_portuguese_names_make_no_sentence_portuguese(text: str) -> None:
    assert language_of(text) == "en"


@pytest.mark.parametrize(
    "text",
    [
        "Chamo-me Tiago.",
        "Odeio coentros.",
        "Adoro sushi.",
        "Sou médica.",
        "Somos três.",
        "A renda subiu.",
        "A Ana come no carro.",
        "No Natal os meus pais ficam em Braga.",
        "O Falcon usa PostgreSQL.",
        "Onde moro?",
        "Só a Marta tem a chave do arquivo.",
    ],
)
def test_a_few_portuguese_words_are_enough(text: str) -> None:
    assert language_of(text) == "pt"


def test_what_tells_nothing_is_taken_as_it_is_said_to_be() -> None:
    assert [language_of("Rex 4471", otherwise) for otherwise in ("en", "pt")] == ["en", "pt"]
