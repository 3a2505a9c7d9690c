"""What was taught of the person is not said of somebody else who is asked about."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from aion.router.common import language_of
from aion.router.make import make_card, texts_of
from aion.router.persons import asks_of_another, is_of_self
from aion.router.route import Router
from aion.router.words import plain_runs
from tests.router.taught import card_of, embed, examples_of

EVERYDAY = tomllib.loads((Path(__file__).parents[1] / "sleep" / "lessons" / "everyday.toml").read_text("utf-8"))
SMOKING, BIKE = "I stopped smoking.", "I bought my bike at Velopolis."
CARNE, BICICLETA = "Deixei de comer carne.", "A minha bicicleta foi comprada na Velopolis."
OTHERS = {
    SMOKING: (
        "Does she still smoke?",
        "Does Peter smoke?",
        "Did my sister stop smoking?",
        "Peter stopped smoking, didn't he?",
    ),
    BIKE: (
        "Where did Peter buy his bike?",
        "Where did my wife buy her bike?",
        "Which shop is his bike from?",
        "Which shop is my brother's bike from?",
        "Is Peter's bike from Velopolis?",
        "Is your bike from Velopolis?",
    ),
    "My sister lives in Porto.": ("Where does her sister live?", "Where does Peter's sister live?"),
    CARNE: ("Ela ainda come carne?", "O João deixou de comer carne?", "A minha irmã deixou de comer carne?"),
    BICICLETA: (
        "Onde foi comprada a bicicleta dele?",
        "Onde foi comprada a bicicleta do Rui?",
        "Onde foi comprada a bicicleta da minha irmã?",
        "Onde foi comprada a sua bicicleta?",
    ),
}
OWN = {
    SMOKING: ("Have I stopped smoking?", "Did I tell my sister that I stopped smoking?"),
    BIKE: (
        "Did they sell me the bike?",
        "Is the bike from Velopolis?",
        "Did Velopolis sell my bike?",
        "What's my bike's shop?",
        "Complete: your bike is from",
    ),
    "My sister lives in Porto.": ("Where does my sister live now?", "Does she live in Porto?"),
    CARNE: ("Eu ainda como carne?", "Disse ao Rui que deixei de comer carne?"),
    BICICLETA: ("Onde comprei a bicicleta?", "A Velopolis vendeu a minha bicicleta?"),
    "The billing service is maintained by Nadia Fenn.": ("Does Peter maintain the billing service?",),
}


def is_of_another(told: str, question: str) -> bool:
    *taught, answer = card_of([told], language=language_of([told])).items[0].texts
    return asks_of_another(question, [word for run in plain_runs(question) for word in run], taught, answer)


@pytest.mark.parametrize(("told", "question"), [(told, one) for told, listed in OTHERS.items() for one in listed])
def test_somebody_else_is_asked_about(told: str, question: str) -> None:
    assert is_of_another(told, question)


@pytest.mark.parametrize(("told", "question"), [(told, one) for told, listed in OWN.items() for one in listed])
def test_who_asks_is_asked_about(told: str, question: str) -> None:
    assert not is_of_another(told, question)


@pytest.mark.parametrize("language", ["en", "pt"])
def test_nothing_that_a_night_makes_of_what_people_tell_is_asked_of_another(language: str) -> None:
    asked = 0
    for told in EVERYDAY[language]:
        examples = examples_of([told], language=language)
        items = make_card(examples, {one: embed("x") for one in texts_of(examples)}, theme="", embedder="words").items
        if not items or not any(map(is_of_self, items[0].texts[:-1])):
            continue
        *taught, answer = items[0].texts
        prompts = [str(one.messages[-1]["content"]) for one in examples if one.answer == answer]
        words = [[word for run in plain_runs(one) for word in run] for one in prompts]
        fooled = [one for one, said in zip(prompts, words, strict=True) if asks_of_another(one, said, taught, answer)]
        assert fooled == []
        asked += len(prompts)
    assert asked > 500


def test_the_router_leaves_it_to_the_base_and_says_why() -> None:
    router = Router({"cand_1": card_of([SMOKING])})
    route = router.pick("Does Peter smoke?", embed("Do I smoke?"))
    assert not route.scales
    assert [one["reason"] for one in route.why["left"]] == ["another"]
    assert router.pick("Do I smoke?", embed("Do I smoke?")).scales


def test_another_name_that_was_told_for_somebody_is_no_stranger() -> None:
    told = ("We visit our nephew Tobias on Sundays.", "We call Tobias Zebbo.")
    router = Router({"cand_1": card_of(told)})
    asked = ("When does Zebbo get a visit?", "When does Peter get a visit?")
    assert [bool(router.pick(one, embed(one)).scales) for one in asked] == [True, False]
