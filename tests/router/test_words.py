"""How the router reads words: runs, spellings, follow-ups and other names that were told."""

from __future__ import annotations

import pytest

from aion.router.alias import find_aliases
from aion.router.common import asks_in_general, common_questions, language_of
from aion.router.follow import follows, hangs_on
from aion.router.words import Spellings, runs_of, stems_of


def test_a_run_ends_at_small_words_signs_and_possessives() -> None:
    assert runs_of("Who maintains the billing service?") == (("maintain",), ("bill", "servic"))
    assert runs_of("Orla's favourite drink: what?") == (("orla",), ("favourit", "drink"))
    assert runs_of("A equipa de natação") == (("equipa",), ("natacao",))


@pytest.mark.parametrize("slip", ["sevrice", "servce", "serviice", "service", "services"])
def test_a_slip_of_the_pen_is_read_as_the_word_that_was_meant(slip: str) -> None:
    assert Spellings(["the service"], {"servic"}).find(slip) == "servic"


@pytest.mark.parametrize(
    ("word", "known"), [("padel", "papel"), ("boat", "coat"), ("mal", "mel"), ("torvald", "torvale")]
)
def test_another_word_is_not_taken_for_a_slip(word: str, known: str) -> None:
    assert Spellings([known], {known}).find(word) != known


@pytest.mark.parametrize(
    ("sentence", "name", "key"),
    [
        ("The billing service is also called Ledgerline.", ("ledgerlin",), ("bill", "servic")),
        ("You call the greenhouse the jungle.", ("jungl",), ("greenhous",)),
        ("We call Tobias Tobi.", ("tobi",), ("tobia",)),
        ("Our billing service is Ledgerline.", ("ledgerlin",), ("bill", "servic")),
        ("Chamamos ouro verde ao azeite.", ("ouro", "verd"), ("azeit",)),
        ("O mel também é conhecido como o Abelhão.", ("abelhao",), ("mel",)),
    ],
)
def test_another_name_is_read_off_a_sentence(sentence: str, name: tuple[str, ...], key: tuple[str, ...]) -> None:
    assert (name, key) in {(one.name, one.key) for one in find_aliases(sentence)}
    assert all(tuple(stems_of(one.meant)) == one.key for one in find_aliases(sentence))


@pytest.mark.parametrize("sentence", ["The wiki server stands in Torvale.", "The kettle was bought in Quessa.", ""])
def test_a_plain_fact_tells_no_other_name(sentence: str) -> None:
    assert find_aliases(sentence) == ()


def test_a_question_that_points_back_is_known_from_one_that_does_not() -> None:
    assert all(follows(one) for one in ("Em que terra se encontra?", "E quem a afina?", "A que horas começa?"))
    assert not any(follows(one) for one in ("Como se diz bom dia em inglês?", "Onde fica Lisboa?", "O que é um barco?"))
    assert all(follows(one) for one in ("Is it still there?", "And since when?", "Qual é o telefone dele?", "Quem?"))
    assert not any(follows(one) for one in ("And the reporting service?", "What is the capital of Peru?", "E o vinho?"))


@pytest.mark.parametrize(
    "said",
    [
        "Let's talk about the lamp for a moment.",
        "I have just been thinking about Greta's hairdresser.",
        "Estava agora a pensar na bancada Vascal.",
        "Tenho uma pergunta sobre o elevador Jandel",
    ],
)
def test_after_an_announcement_a_question_that_names_nothing_hangs_on_it(said: str) -> None:
    assert all(
        hangs_on(one, said) for one in ("Which name do I look for?", "In which room?", "Em que dia vem o técnico?")
    )
    others = (
        "What is the capital of Peru?",
        "How do I descale a kettle?",
        "How many legs does a spider have?",
        "Thanks!",
    )
    assert not any(hangs_on(one, said) for one in others)
    assert not hangs_on("In which room?", "Where is the lamp?")
    assert not hangs_on("In which room?", "The garage is locked.")


def test_a_question_about_how_things_are_is_known_by_its_form() -> None:
    assert all(asks_in_general(one) for one in ("How do I descale a kettle?", "O que significa remo?"))
    assert not any(asks_in_general(one) for one in ("Where was the kettle bought?", "Como se chama o treinador?"))


def test_what_anybody_may_ask_is_asked_in_the_language_of_the_item() -> None:
    assert language_of(["O fornecedor de mel é Helga Sorel."]) == "pt"
    assert common_questions("attic", language_of(["The spare key of the attic"]))[0] == "What is an attic?"
