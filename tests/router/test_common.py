"""What was taught of the person alone is asked of them, or of anybody."""

from __future__ import annotations

import pytest

from aion.router.common import asks_of_anybody, language_of
from aion.router.persons import is_of_self
from aion.router.route import Router
from tests.router.taught import card_of, embed

BIKE = ("Where did I buy my bike?", "My bike: where did I buy it?", "Which shop is my bike from?")
PILLS = ("How many pills do I take a day?", "What number of pills do I take a day?")
DRILL = ("A quem emprestei o berbequim?", "O berbequim: a quem o emprestei?")
SERVICE = ("Who maintains the billing service?",)


@pytest.mark.parametrize(
    ("question", "word", "taught"),
    [
        ("How many pills a day should an adult take?", "pills", PILLS),
        ("Is it normal to take pills every day?", "pills", PILLS),
        ("Tell me how many pills a day people take.", "pills", PILLS),
        ("Where can I buy a bike?", "bike", BIKE),
        ("Where can one buy bikes?", "bikes", BIKE),
        ("Como se usa um berbequim?", "berbequim", DRILL),
        ("A quem se deve emprestar o berbequim?", "berbequim", DRILL),
        ("Do you take pills?", "pills", PILLS),
        ("Did you buy your bike at Velopolis?", "bike", BIKE),
    ],
)
def test_what_anybody_may_ask_is_not_answered_with_what_is_so_of_one(
    question: str, word: str, taught: tuple[str, ...]
) -> None:
    assert asks_of_anybody(question, [word], taught)


@pytest.mark.parametrize(
    ("question", "word", "taught"),
    [
        *((one, "bike", BIKE) for one in BIKE),
        *((one, "berbequim", DRILL) for one in DRILL),
        ("How many pills do I take a day?", "day", PILLS),
        ("How many pills a day?", "pills", PILLS),
        ("Which shop is the bike from?", "bike", BIKE),
        ("Is it possible that my bike is from Velopolis?", "bike", BIKE),
        ("Quem tem o berbequim?", "berbequim", DRILL),
        ("Do you remember which shop the bike is from?", "bike", BIKE),
        ("Do you still know where the bike is from?", "bike", BIKE),
        ("What does a billing service cost?", "billing", SERVICE),
    ],
)
def test_who_asks_for_their_own_is_answered(question: str, word: str, taught: tuple[str, ...]) -> None:
    assert not asks_of_anybody(question, [word], taught)


@pytest.mark.parametrize("text", ["What do I pay?", "our boat", "Quanto peso?", "Onde guardei a chave?"])
def test_what_is_of_oneself(text: str) -> None:
    assert is_of_self(text)


@pytest.mark.parametrize("text", ["What do you pay?", "Tell me more.", "Qual é o peso da mala?", "Como se faz?"])
def test_what_is_not(text: str) -> None:
    assert not is_of_self(text)


def test_the_router_leaves_what_is_asked_of_anybody() -> None:
    router = Router({"cand_1": card_of(["I bought my bike at Velopolis."], "bike")})
    mine, anybodys = "Where did I buy my bike?", "Where did I buy a bike?"
    assert router.pick(mine, embed(mine)).scales == {"cand_1": 1.0}
    route = router.pick(anybodys, embed(anybodys))
    assert (route.scales, [one["reason"] for one in route.why["left"]]) == ({}, ["common"])


def test_a_habit_that_ended_is_found_by_who_asks_whether_it_goes_on() -> None:
    """ "You stopped smoking" names no kind of stop, and its questions are English though "do" is Portuguese, too."""
    router = Router({"cand_1": card_of(["I stopped smoking."], "habits")})
    for asked in ("Do I smoke?", "Do I still smoke?", "Have I stopped smoking?"):
        assert router.pick(asked, embed(asked)).scales == {"cand_1": 1.0}, asked
    for asked in ("Did I stop drinking?", "Do you smoke?"):
        assert router.pick(asked, embed(asked)).scales == {}, asked


def test_the_language_of_questions_for_oneself_is_english() -> None:
    assert language_of(["Do I smoke?", "Do I still smoke?", "You stopped smoking."]) == "en"
    assert language_of(["Onde guardo a chave do carro?"]) == "pt"
