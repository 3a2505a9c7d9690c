"""When two texts are one memory: never because they are merely alike."""

from __future__ import annotations

import pytest

from aion.memory.duplicates import adds_nothing, same_facts, same_statement, same_words

ALIKE = 0.99


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Ana's code is 4471", "Ana's code is 4471."),
        ("The meeting is on Monday at nine", "the meeting is on Monday, at nine!"),
        ("My sister Ana lives in Porto", "So, my sister Ana lives in Porto."),
        ("My sister Ana lives in Porto", "My sister Ana lives in Porto now"),
        ("I don't eat meat at home", "I do not eat meat at home"),
        ("A minha irmã vive no Porto com o Rui", "A minha irmã também vive no Porto com o Rui"),
    ],
)
def test_the_same_said_a_little_otherwise_is_one(left: str, right: str) -> None:
    assert same_statement(left, right, ALIKE, 0.95)
    assert same_statement(right, left, ALIKE, 0.95)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Ana's code is 4471", "Ana's code is 4472"),
        ("Ana's code for the blue back door is 4471", "Bruno's code for the blue back door is 4471"),
        ("I eat meat at home with my friends", "I don't eat meat at home with my friends"),
        ("I eat meat at home with my friends", "I never eat meat at home with my friends"),
        ("Como carne em casa com os amigos", "Não como carne em casa com os amigos"),
        ("Ana owes Bruno 50 euros since May", "Bruno owes Ana 50 euros since May"),
        (
            "The meeting about the new office in Porto is on monday",
            "The meeting about the new office in Porto is on friday",
        ),
        ("I was the director of the school in Leeds", "I am the director of the school in Leeds"),
        ("I paid 50 for the blue car in the yard", "I paid 50 for the blue car in the yard in 2019"),
        ("My uncle lives in the old house by the sea", "My uncle Rui lives in the old house by the sea"),
        ("The flat costs 500 € a month with water", "The flat costs 500 $ a month with water"),
    ],
)
def test_another_number_name_negation_or_word_is_another_statement(left: str, right: str) -> None:
    assert not same_statement(left, right, ALIKE, 0.95)
    assert not same_statement(right, left, ALIKE, 0.95)


def test_likeness_is_needed_and_never_enough() -> None:
    assert not same_statement("My sister lives in Porto", "My sister lives in Porto now", 0.94, 0.95)
    assert not same_statement("My sister lives in Porto", "My sister lives in Porto now", None, 0.95)
    assert not same_statement("Tea is hot", "Ice is cold", 1.0, 0.95)


def test_words_are_compared_without_case_marks_and_articles() -> None:
    assert same_words("The CODE is 4471!", "code is 4471")
    assert not same_words("code is 4471", "4471 is code")
    assert not same_words("the", "a")


@pytest.mark.parametrize(
    ("text", "known", "nothing_new"),
    [
        ("Ana's code is 4471", "Ana's code is 4471 and Bruno's is 9", True),
        ("So Ana's code is 4471, right", "Ana's code is 4471", True),
        ("Ana's code is not 4471", "Ana's code is 4471", False),
        ("Ana's code is 4472", "Ana's code is 4471", False),
        ("Ana's code is 4471 and she lives in Porto", "Ana's code is 4471", False),
    ],
)
def test_what_repeats_a_memory_adds_nothing(text: str, known: str, nothing_new: bool) -> None:
    assert adds_nothing(text, known) is nothing_new


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("What's the capital of France?", "Tell me the capital of France", True),
        ("What is the capital of France?", "What is the capital of Spain?", False),
        ("what is the capital of spain", "What is the capital of France?", False),
        ("convert 12 miles to km", "convert 13 miles to km", False),
        ("Is it safe to eat?", "Is it not safe to eat?", False),
        ("is it open on monday", "is it open on tuesday", False),
        ("que horas são em Lisboa", "que horas são em Madrid", False),
        ("fly from Porto to Rome", "fly from Rome to Porto", False),
    ],
)
def test_questions_with_other_facts_are_other_questions(left: str, right: str, same: bool) -> None:
    assert same_facts(left, right) is same
