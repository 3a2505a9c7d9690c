"""The decision, on findings written by hand: the default is no, and each reason has its numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aion.gate.decide import Findings, allowed, decide
from aion.gate.statistics import Pairs
from aion.gate.triggers import Triggered
from aion.records import Json

KEPT = (1.0,) * 130


def pairs(before: int, after: int, items: int) -> Pairs:
    """The first so many of the items, before and after."""
    return Pairs(tuple(place < before for place in range(items)), tuple(place < after for place in range(items)))


GOOD = Findings(tonight=pairs(0, 12, 12), general=KEPT, general_before=KEPT, forced=10)


def refusals(**found: object) -> tuple[str, ...]:
    decision = decide(replace(GOOD, **found))  # type: ignore[arg-type]
    return () if decision.ship else decision.reasons


def test_what_is_better_and_no_worse_ships() -> None:
    assert decide(GOOD).ship
    assert decide(GOOD).reasons[0] == "it knows 12 of 12 facts of tonight, 0 before"


def test_by_default_it_is_refused() -> None:
    assert not decide(Findings()).ship
    assert decide(Findings()).reasons == (
        "nothing that it learned can be examined: no wording of a new fact was put aside",
    )


@pytest.mark.parametrize(
    ("tonight", "refused"),
    [
        (pairs(0, 7, 12), ""),  # the floor, and p = 1/128
        (pairs(0, 6, 12), "it knows 6 of 12 facts of tonight; at least 7 are needed"),
        (pairs(0, 2, 4), ""),  # p = 1/4, but of few
        (pairs(0, 1, 4), "it knows 1 of 4 facts of tonight; at least 2 are needed"),
        (pairs(0, 2, 3), ""),
        (pairs(0, 1, 3), "it knows 1 of 3 facts of tonight; at least 2 are needed"),
        (pairs(0, 1, 2), ""),
        (pairs(0, 0, 2), "it knows 0 of 2 facts of tonight; at least 1 are needed"),
        (pairs(0, 1, 1), ""),
        (pairs(0, 0, 1), "it knows 0 of 1 facts of tonight; at least 1 are needed"),
        (pairs(2, 2, 4), "it knows no more of tonight's 4 facts than is known without it (2)"),
        (Pairs((True, False), (False, True)), "1 were known before and 1 are known now, which may be chance"),
        (pairs(8, 8, 8), "it knows no more of tonight's 8 facts than is known without it (8)"),
        (pairs(6, 9, 12), "may be chance (p 0.12, at most 0.05 is taken)"),
        (pairs(9, 12, 12), ""),  # all of them
        (pairs(6, 11, 12), ""),  # p = 1/32
    ],
)
def test_tonight_must_be_known_and_known_better_than_by_chance(tonight: Pairs, refused: str) -> None:
    found = refusals(tonight=tonight)
    assert (refused in found[0]) if refused else not found


def test_what_is_left_to_the_base_is_not_its_own_and_is_told() -> None:
    broken = replace(GOOD, tonight=pairs(1, 2, 2), left_out=frozenset({0}))  # the base knows the first, it does not
    assert decide(broken).reasons[0] == (
        "it knows 1 of 2 facts of tonight, 1 before; what it does not know is left to the base and is new again next "
        "night"
    )
    assert "it knows 1 of 3 facts" in refusals(tonight=pairs(1, 2, 3), left_out=frozenset({0, 2}))[0]
    many = Pairs((True,) * 5 + (False,) * 7, (True,) * 5 + (True,) * 3 + (False,) * 4)  # base: 5, it: 4 of them and 3
    assert "may be chance" in refusals(tonight=many, left_out=frozenset({0, 8, 9, 10, 11}))[0]


@pytest.mark.parametrize(
    ("items", "margin", "noise", "may"), [(4, 0.05, 0.0, 0), (5, 0.05, 0.0, 1), (40, 0.05, 0.0, 2), (40, 0.05, 0.1, 6)]
)
def test_a_margin_of_few_is_none_and_noise_comes_on_top(items: int, margin: float, noise: float, may: int) -> None:
    assert allowed(items, margin, noise) == may


@pytest.mark.parametrize("what", ["earlier", "others"])
def test_what_was_known_may_be_lost_within_the_margin_only(what: str) -> None:
    assert not refusals(**{what: pairs(40, 38, 40)})
    assert "it knows 37 of 40, 40 were known before; at most 2 may be lost" in refusals(**{what: pairs(40, 37, 40)})[0]
    assert not refusals(**{what: pairs(40, 37, 40)}, noise=0.02)
    assert "none may be lost" in refusals(**{what: pairs(1, 0, 1)})[0]


def test_no_row_of_nights_may_wear_away_what_was_known() -> None:
    assert not refusals(earlier=pairs(33, 32, 40))
    assert "below 80% none may be lost" in refusals(earlier=pairs(32, 31, 40))[0]
    assert not refusals(earlier=pairs(20, 20, 40))


def test_near_misses_may_be_as_bad_as_they_were_or_one_in_ten() -> None:
    assert not refusals(misses=pairs(0, 1, 10))
    assert not refusals(misses=pairs(3, 3, 10))
    assert "2 of 10 questions about what nobody told" in refusals(misses=pairs(0, 2, 10))[0]
    assert refusals(misses=pairs(3, 4, 10))


def test_general_behaviour_must_be_left() -> None:
    few = (0.0,) * 3 + (1.0,) * 127
    assert "97.7% of the base's answers to 130 general questions are left" in refusals(general=few)[0]
    assert not refusals(general=few, general_before=few)
    assert not refusals(general=(0.0,) * 2 + (1.0,) * 128)
    assert refusals(general=())


def test_own_questions_gibberish_and_speed_count_for_every_adapter() -> None:
    lost = Pairs((True, True, False), (True, False, True))
    assert "of your own 3 questions it gets 1 wrong that are right without it" in refusals(suite=lost)[0]
    assert refusals(gibberish=3)
    assert not refusals(gibberish=2)
    assert "10% as fast" in refusals(speed=0.1)[0]


def test_every_objection_is_told() -> None:
    assert len(refusals(tonight=pairs(0, 1, 12), earlier=pairs(9, 0, 9), speed=0.1)) == 3
    assert refusals(faults=("its file is no LoRA adapter",), speed=0.1) == ("its file is no LoRA adapter",)


@pytest.mark.parametrize(
    ("found", "chance"),
    [
        ({"tonight": pairs(0, 1, 12)}, True),
        ({"earlier": pairs(9, 0, 9)}, True),
        ({"misses": pairs(0, 9, 9)}, True),
        ({"gibberish": 5}, True),
        ({}, False),  # it ships
        ({"tonight": pairs(0, 0, 0)}, False),
        ({"general": ()}, False),
        ({"faults": ("a number in it is none",)}, False),
        ({"gibberish": 5, "triggered": Triggered(trials=300, routed=40, before=1, after=20)}, False),
        ({"triggered": Triggered(refrains=1, typical=6)}, False),
        ({"imported": True}, False),
    ],
)
def test_how_well_it_learned_may_be_chance_and_what_it_was_taught_is_not(found: Json, chance: bool) -> None:
    assert decide(replace(GOOD, **found)).chance is chance


def test_an_adapter_from_elsewhere_is_held_to_general_behaviour_alone() -> None:
    found = Findings(imported=True, drift=(0.95,) * 30, forced=30)
    assert decide(found).ship
    assert not decide(replace(found, drift=(0.85,) * 30)).ship
    assert not decide(replace(found, drift=())).ship
    assert not decide(replace(found, gibberish=1)).ship
