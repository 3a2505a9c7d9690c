"""Emotion towards the answer: praise and blame, and everything that turns them round or belongs to something else."""

from __future__ import annotations

import pytest

from aion.capture.emotion import Emotion, blend, read_emotion


def value_of(text: str, answer: str = "") -> float:
    emotion = read_emotion(text, answer)
    return emotion.value if emotion else 0.0


@pytest.mark.parametrize(
    "text",
    [
        "Perfect, thank you",
        "Adorei!",
        "👍",
        "not bad at all",
        "nada mal",
        "That did the trick :)",
        "ficou ótimo, valeu",
    ],
)
def test_content_is_read(text: str) -> None:
    assert value_of(text) > 0.3


@pytest.mark.parametrize(
    "text",
    ["This is useless", "não gostei", "that doesn't help", "Que resposta péssima.", "😡", "not good", "isto não ajuda"],
)
def test_discontent_is_read(text: str) -> None:
    assert value_of(text) < -0.3


@pytest.mark.parametrize(
    "text",
    [
        "Great, wrong again",
        "Que maravilha, errou outra vez",
        "thanks for nothing",
        "muito útil, obrigadinho",
        "Very helpful 🙄",
        "so clever /s",
        'Nice "solution" you have there',
    ],
)
def test_marked_irony_is_blame(text: str) -> None:
    assert value_of(text) < 0


def test_praise_of_the_answers_own_words_is_irony_unless_it_is_warm() -> None:
    assert value_of("412 words. Nice counting.", "(412 words)") < 0
    assert value_of("412 words! Nice counting!", "(412 words)") > 0


def test_an_answer_that_says_nothing_is_mocked_by_saying_it_again() -> None:
    assert value_of("It depends. A true oracle.", "It depends.") < 0
    assert value_of("Seven metres. A tall one.", "Seven metres.") == 0
    assert value_of("It depends. On what?", "It depends.") == 0


@pytest.mark.parametrize(
    "text",
    [
        "I'm sad, my dog died yesterday.",
        "Estou triste, o meu cão morreu.",
        "My boss is terrible",
        "I love hiking",
        "The film I saw was awful",
        "Translate: what a terrible answer",
        "What's wrong with my car?",
        "```\nERROR useless terrible\n```",
        "> this is useless",
        "Qual é o pior filme de sempre?",
        "The train leaves at nine",
    ],
)
def test_what_is_not_about_the_answer_is_left_out(text: str) -> None:
    assert read_emotion(text) is None


def test_the_same_feeling_about_the_answer_counts() -> None:
    assert read_emotion("I'm happy") is None
    assert value_of("I'm happy with it") > 0


def test_emphasis_raises_the_value_up_to_half_again() -> None:
    plain, loud = read_emotion("this is nice"), read_emotion("this is REALLY niiiice!!!")
    assert plain == Emotion(0.7, 1.0, ("nice",))
    assert loud is not None
    assert (loud.value, loud.strength) == (1.0, 1.5)


def test_a_negation_turns_a_word_round_and_weakens_it() -> None:
    assert value_of("perfect") == 1.0
    assert value_of("never perfect") == -0.6
    assert value_of("never, perfect") == 1.0


def test_what_follows_but_counts_three_times_what_came_before() -> None:
    assert value_of("nice, but useless") == pytest.approx((0.7 / 3 - 1.0) / (1 / 3 + 1), abs=1e-4)


def test_an_accented_word_and_a_bare_one_are_the_same() -> None:
    assert value_of("Que resposta péssima") == value_of("que resposta pessima") < 0


def test_a_models_reading_is_blended_in() -> None:
    lexical = Emotion(0.5, 1.2, ("nice",))
    assert blend(lexical, None) is lexical
    assert blend(None, None) is None
    assert blend(None, -0.4) == Emotion(-0.4, 1.0, ("model",))
    assert blend(lexical, -0.9) == Emotion(-0.2, 1.2, ("nice", "model"))
