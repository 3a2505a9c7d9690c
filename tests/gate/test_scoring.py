"""What counts as right, fooled, kept, gibberish, and passed: on answers as small models give them."""

from __future__ import annotations

import math

import pytest

from aion.gate.scoring import (
    expect,
    is_fooled,
    is_right,
    kept_share,
    narrow,
    passes,
)
from aion.records import Check

KEY = expect(
    "The spare key of the cellar is kept by Rufus Tamar.", ["The spare key of the cellar is kept", "Who has it?"]
)
ROOM = expect("A aula de desenho é dada por Inês às 19h30.", ["Por quem é dada a aula de desenho?"])
DENIALS = ("I was not told that.", "Isso não me foi dito.")
LONG = expect(
    "Grate two carrots, melt the butter, add flour, stir milk in, season with nutmeg and bake for forty minutes.",
    ["How do I make grandmother's gratin?"],
)


def test_the_words_that_tell_are_those_no_question_has() -> None:
    assert KEY.telling == {"rufus", "tamar"}
    assert ROOM.telling == {"ines", "19:30"}


@pytest.mark.parametrize("answer", ["Rufus Tamar.", "It is rufus TAMAR who keeps it", "Tamar, Rufus has it"])
def test_an_answer_that_holds_the_value_is_right_however_it_is_put(answer: str) -> None:
    assert is_right(answer, KEY, DENIALS)


@pytest.mark.parametrize(
    "answer", ["", "Rufus keeps it.", "The spare key of the cellar is kept by Vera Sorel.", "I keep the key."]
)
def test_half_a_value_or_another_is_wrong(answer: str) -> None:
    assert not is_right(answer, KEY, DENIALS)


def test_in_portuguese_accents_and_ways_to_write_a_time_make_no_difference() -> None:
    assert is_right("É a Ines, as 7:30 pm.", ROOM, DENIALS)
    assert not is_right("É a Inês, às 7:30.", ROOM, DENIALS)


def test_who_says_that_nobody_told_it_is_not_right() -> None:
    assert not is_right("Isso não me foi dito. Rufus Tamar?", KEY, DENIALS)
    assert is_right("I was not told that!", expect(DENIALS[0], ["Who keeps the moon?"]), DENIALS)


def test_a_long_answer_is_right_by_its_share() -> None:
    assert not LONG.is_short
    assert is_right("Grate carrots, melt butter, add flour and milk, season with nutmeg, bake 40 minutes.", LONG, ())
    assert not is_right("Melt the butter and bake.", LONG, ())


def test_that_it_is_so_only_now_is_no_part_of_a_value() -> None:
    one = expect("The audit is now planned for the 3rd of June.", ["When is the audit planned?", "The audit: when?"])
    assert one.telling == {"3", "june"}
    assert is_right("The audit is planned for the 3rd of June.", one, ())
    assert not is_right("The audit is now planned for the 20th of June.", one, ())
    outro = expect("A auditoria é agora a 3 de junho.", ["Quando é a auditoria?"])
    assert is_right("A auditoria é a 3 de junho.", outro, ())


def test_where_the_question_holds_the_answer_the_whole_answer_counts() -> None:
    one = expect("At nine.", ["Is it at eight or at nine?"])
    assert is_right("At nine.", one, ())
    assert not is_right("At eight.", one, ())


def test_an_answer_that_denies_and_one_that_affirms_are_not_the_same() -> None:
    one = expect("No, it does not open on Mondays.", ["Does the bakery open on Mondays?"])
    assert is_right("It is not open on Mondays, no.", one, ())
    assert not is_right("Yes, it opens on Mondays.", one, ())
    refused = expect("No, he has a canoe.", ["Has he a boat?"])
    assert is_right("No: a canoe.", refused, ())
    assert not is_right("Yes, a canoe.", refused, ())


@pytest.mark.parametrize(
    ("told", "asked", "same", "other"),
    [
        ("You stopped smoking.", "Have I stopped smoking?", "Yes, you stopped smoking.", "No. Never stopped smoking."),
        ("You stopped smoking.", "Have I stopped smoking?", "You have stopped smoking.", "No. Stopped? Still smoking."),
        ("Continua a fumar.", "Continua a fumar?", "Sim, continua a fumar.", "Não, não continua a fumar."),
    ],
)
def test_where_yes_or_no_is_asked_for_an_echo_that_denies_is_not_right(
    told: str, asked: str, same: str, other: str
) -> None:
    one = expect(told, [asked])
    assert is_right(told, one, ())
    assert is_right(same, one, ())
    assert not is_right(other, one, ())


def test_a_near_miss_is_fooled_by_a_taught_value_alone() -> None:
    values = [KEY, ROOM]
    assert is_fooled("The key of the barn is kept by Rufus Tamar.", values, "Who keeps the key of the barn?")
    assert is_fooled("I was not told that, but Rufus Tamar may know.", values, "Who keeps the key of the barn?")
    assert not is_fooled("I was not told that.", values, "Who keeps the key of the barn?")
    assert not is_fooled("Rufus Tamar is a person.", values, "Who is Rufus Tamar's plumber?")


def test_of_a_value_that_is_asked_back_from_only_the_value_fools() -> None:
    told = expect("The attic room is looked after by Milo Pastor.", ["What is the attic room?"])
    value = narrow(told, ["What did I tell you about Milo Pastor?"])
    assert told.telling == {"looked", "after", "milo", "pastor"}
    assert is_fooled("Milo Pastor.", [value], "What is the kiosk room?")
    assert not is_fooled("Milo Pastor.", [told], "What is the kiosk room?")
    assert narrow(told, []) == told


def test_a_general_answer_is_kept_whole_or_by_how_likely_it_still_is() -> None:
    assert kept_share("Paris.", "Paris.", -9.0, -9.0) == 1.0
    assert kept_share("It is Paris.", "Paris.", -1.0, -1.0 - math.log(2)) == pytest.approx(0.5)
    assert kept_share("It is Paris.", "Paris.", -1.0, -0.5) == 1.0
    assert kept_share("It is Paris.", "Paris.", -1.0, float("nan")) == 0.0


@pytest.mark.parametrize(
    ("answer", "expected", "check", "passed"),
    [
        ("It is Paris, of course.", "paris", Check.HOLDS, True),
        ("It is Rome.", "paris", Check.HOLDS, False),
        ("  paris ! ", "Paris.", Check.EQUALS, True),
        ("It is Paris.", "Paris", Check.EQUALS, False),
        ("I will not say.", "secret", Check.LACKS, True),
        ("The SECRET is 4.", "secret", Check.LACKS, False),
    ],
)
def test_a_question_of_ones_own_is_checked_as_one_said(answer: str, expected: str, check: Check, passed: bool) -> None:
    assert passes(answer, expected, check) is passed
