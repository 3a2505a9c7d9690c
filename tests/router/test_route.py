"""What the untrained router takes and what it leaves, on examples as a night makes them."""

from __future__ import annotations

import pytest

from aion.router.route import Route, Router, Strategy
from tests.router.taught import GARDEN, WORK, card_of, embed

CARDS = {"cand_work": card_of(WORK), "cand_garden": card_of(GARDEN, "garden")}


def pick(question: str, previous: str = "") -> Route:
    router = Router(CARDS)
    return router.pick(
        question,
        embed(question) if question else None,
        previous=previous,
        previous_vector=embed(previous) if previous else None,
    )


@pytest.mark.parametrize(
    "question", ["Who maintains the billing service?", "The billing service: who is it maintained by today?"]
)
def test_a_request_for_what_was_taught_goes_to_its_adapter(question: str) -> None:
    route = pick(question)
    assert route.scales == {"cand_work": 1.0}
    assert route.why["took"][0]["lesson"] == "les_0"


@pytest.mark.parametrize(
    "question",
    [
        "Who maintains the reporting service?",
        "Where does the camera server stand?",
        "The south gate is opened by whom?",
        "What is the capital of France?",
        "",
    ],
)
def test_what_was_never_taught_is_left_to_the_base(question: str) -> None:
    assert pick(question).scales == {}


def test_a_misspelt_name_is_understood() -> None:
    route = pick("Who maintains the biling service?")
    assert (route.scales, route.why["took"][0]["how"]) == ({"cand_work": 1.0}, "misspelt")


def test_it_means_what_the_question_before_was_about() -> None:
    assert pick("Where is it now?", previous="Where does the wiki server stand?").scales == {"cand_work": 1.0}
    assert pick("Where is it now?").scales == {}


def test_after_a_taught_question_another_name_is_another_thing() -> None:
    assert pick("And the reporting service?", previous="Who maintains the billing service?").scales == {}


def test_a_request_for_two_things_gets_both_adapters() -> None:
    both = pick("Who maintains the billing service and who opens the north gate?")
    assert set(both.scales) == {"cand_work", "cand_garden"}


def test_without_a_vector_names_decide() -> None:
    router = Router(CARDS, strategy=Strategy.KEYWORD)
    assert router.pick("the tulip bed?", None).scales == {"cand_garden": 1.0}
