"""What somebody does or did is asked for by its verb: when, where, with whom, how much; in doubt it is not asked."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from aion.memory.statements import is_statement
from aion.memory.verbs import base_of, portuguese_first
from aion.sleep.lessons.phrasing.deeds import ask_deed
from aion.sleep.lessons.phrasing.facts import read_fact
from aion.sleep.lessons.phrasing.wording import CONTEXT, UNDONE, word
from aion.sleep.lessons.rules import keep_latest
from tests.sleep.sixty import told

EVERYDAY: dict[str, list[str]] = tomllib.loads((Path(__file__).parent / "everyday.toml").read_text("utf-8"))
OPENLY = ("What did I tell you about ", "O que foi dito sobre ")
DEEDS = (
    ("I bought my bike at Velopolis.", "Where did I buy my bike?"),
    ("I lent my drill to Paulo.", "Who did I lend my drill to?"),
    ("My daughter started school in September.", "When did my daughter start school?"),
    ("Grandpa died in 2011.", "When did Grandpa die?"),
    ("I broke my left arm when I was eight.", "When did I break my left arm?"),
    ("We deploy on Wednesdays.", "When do we deploy?"),
    ("I usually wake up at six.", "When do I wake up?"),
    ("I go to work by train.", "How do I go to work?"),
    ("I take two pills a day.", "How many pills do I take a day?"),
    ("I owe Marta 50 euros.", "How much do I owe Marta?"),
    ("Marta owes me 50 euros.", "How much does Marta owe me?"),
    ("I pay 12 euros a month for Netflix.", "How much do I pay for Netflix?"),
    ("The meeting lasted two hours.", "How long did the meeting last?"),
    ("I gave Ana the red scarf.", "What did I give Ana?"),
    ("I inherited the clock from my grandfather.", "Who did I inherit the clock from?"),
    ("My mother grew up on a farm.", "Where did my mother grow up?"),
    ("I run three times a week.", "How often do I run?"),
    ("The cat is afraid of the vacuum cleaner.", "What is the cat afraid of?"),
    ("I have three children.", "How many children do I have?"),
    ("I'm getting married in May.", "When am I getting married?"),
    ("It takes me 25 minutes to get to work.", "How long does it take me to get to work?"),
    ("Comprei a minha bicicleta na Velopolis.", "Onde comprei a minha bicicleta?"),
    ("Emprestei o berbequim ao Paulo.", "A quem emprestei o berbequim?"),
    ("A minha filha começou a escola em setembro.", "Quando é que a minha filha começou a escola?"),
    ("Parti o braço esquerdo aos oito anos.", "Quando parti o braço esquerdo?"),
    ("Formei-me em Coimbra em 2009.", "Quando me formei em Coimbra?"),
    ("Vou para o trabalho de comboio.", "Como vou para o trabalho?"),
    ("Devo 50 euros à Marta.", "Quanto devo à Marta?"),
    ("Pago 12 euros por mês pela Netflix.", "Quanto pago pela Netflix?"),
    ("Demoro 25 minutos a chegar ao trabalho.", "Quanto tempo demoro a chegar ao trabalho?"),
    ("Tenho três filhos.", "Quantos filhos tenho?"),
    ("Corro três vezes por semana.", "Quantas vezes corro por semana?"),
    ("Estudei com o Marco.", "Com quem estudei?"),
    ("O gato tem medo do aspirador.", "De que tem medo o gato?"),
    ("A caldeira foi revista em outubro.", "Quando foi revista a caldeira?"),
    ("Ninguém trabalha a 24 de dezembro.", "Quem trabalha a 24 de dezembro?"),
    ("A minha tese é sobre musgos.", "Sobre o que é a minha tese?"),
)
UNSURE = (  # of what "in", "at" or the end tells it is not sure
    "I ran the Porto marathon in 3:41.",
    "I sold the boat two weeks ago.",
    "We moor our boat here.",
    "I felt tired in the morning because of the heat.",
    "He retired last year.",
    "My uncle said that the boat was sold in May.",
    "Nobody came on Sunday.",
    "The invoices doubled at 40 euros each.",
    "Corri a maratona do Porto em 3h41.",
    "A serra Fontel corta a 30 graus.",
    "O meu carro gasta 5 litros aos 100.",
    "Tenho um carro.",
    "Devo ligar ao Rui.",
    "Cheguei cansado.",
)


@pytest.mark.parametrize(("said", "question"), DEEDS)
def test_what_was_done_is_asked_for_by_the_verb(said: str, question: str) -> None:
    assert read_fact(told(said)).question == question


@pytest.mark.parametrize("language", ["en", "pt"])
def test_most_of_what_people_tell_is_asked_for_as_such(language: str) -> None:
    facts = [read_fact(told(said)) for said in EVERYDAY[language]]
    openly = [fact.lesson.statement for fact in facts if fact.question.startswith(OPENLY)]
    assert len(facts) >= 150
    assert len(openly) <= 0.22 * len(facts), openly


@pytest.mark.parametrize("said", UNSURE)
def test_what_is_not_sure_is_not_asked(said: str) -> None:
    language = told(said).language
    assert ask_deed(said, language) is None


def test_what_was_done_to_a_thing_is_never_asked_by_the_thing_alone() -> None:
    fact = read_fact(told("I bought my bike at Velopolis."))
    asked = word(fact, held_out=3)
    assert (fact.subject, fact.core) == ("my bike", "at Velopolis")
    groups = {one.shape.group for one in (*asked.trained, *asked.held_out)}
    assert not groups & {CONTEXT, *UNDONE}
    assert len(asked.held_out) == 3
    assert all("bike" in one.prompt for one in asked.held_out)


def test_two_things_done_in_two_places_are_both_kept() -> None:
    lived = [told(f"I lived in {city}.", number=number) for number, city in enumerate(("Ghent", "Oslo"))]
    assert len(keep_latest(lived)[0]) == 2
    bought = [
        told(f"I replaced the battery in {month}.", number=number) for number, month in enumerate(("June", "July"))
    ]
    assert [one.statement for one in keep_latest(bought)[0]] == ["I replaced the battery in July."]


@pytest.mark.parametrize(
    ("past", "base"),
    [
        ("painted", "paint"),
        ("planned", "plan"),
        ("baked", "bake"),
        ("married", "marry"),
        ("died", "die"),
        ("agreed", "agree"),
        ("called", "call"),
        ("visited", "visit"),
        ("preferred", "prefer"),
        ("installed", "install"),
        ("moved", "move"),
    ],
)
def test_the_plain_form_of_a_past_one(past: str, base: str) -> None:
    assert base_of(past) == base


@pytest.mark.parametrize(
    ("first", "third"),
    [
        ("paguei", "pagou"),
        ("fiquei", "ficou"),
        ("comecei", "começou"),
        ("corri", "correu"),
        ("parti", "partiu"),
        ("calço", "calça"),
        ("protejo", "protege"),
        ("aqueço", "aquece"),
        ("durmo", "dorme"),
        ("conduzo", "conduz"),
        ("incluo", "inclui"),
        ("bloqueio", "bloqueia"),
        ("fiz", "fez"),
        ("pintámos", "pintaram"),
    ],
)
def test_what_a_portuguese_speaker_does_said_of_them(first: str, third: str) -> None:
    assert portuguese_first()[first][0] == third


def test_a_form_that_may_be_two_tenses_is_not_turned() -> None:
    assert not {"comemos", "partimos", "celebramos"} & set(portuguese_first())


@pytest.mark.parametrize(
    "said",
    [
        "Falo holandês.",
        "Calço o 43.",
        "Corro três vezes por semana.",
        "Guardo as medalhas numa caixa de sapatos.",
        "Cultivo tomates na varanda.",
        "Emprestei o berbequim ao Paulo.",
        "Formei-me em Coimbra em 2009.",
    ],
)
def test_what_portuguese_speakers_tell_of_themselves_is_kept(said: str) -> None:
    assert is_statement(said)


@pytest.mark.parametrize(
    "said",
    [
        "Ensaio clínico randomizado",
        "Conto infantil sobre um dragão",
        "Passo a passo para instalar o Docker",
        "Acordo de paz entre os dois países.",
        "Visto americano para turismo",
        "Parto natural ou cesariana",
        "Junto à porta da cozinha.",
        "Percebi, obrigado.",
    ],
)
def test_nouns_that_look_like_it_are_not(said: str) -> None:
    assert not is_statement(said)
