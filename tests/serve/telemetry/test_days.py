"""Days in UTC, and what lies in them."""

from __future__ import annotations

from datetime import date

import pytest

from aion.errors import BadInput
from aion.records import Cluster
from aion.serve.telemetry.days import MOST_THEMES, Range, add_names, day_of, make_range, start_of, sum_days
from tests.serve.telemetry.examples import make_experience, moment

NOON = moment("2026-11-20 12:00")


def test_a_day_goes_from_midnight_to_midnight_in_utc() -> None:
    assert start_of(date(2026, 11, 20)) == moment("2026-11-20 00:00")
    assert day_of(moment("2026-11-20 00:00")) == "2026-11-20"
    assert day_of(moment("2026-11-20 00:00") - 0.001) == "2026-11-19"
    assert day_of(-1.0) == "1969-12-31"


def test_thirty_days_are_the_default_today_included() -> None:
    asked = make_range(None, None, now=NOON)
    assert (asked.first, asked.last, len(asked.days())) == (date(2026, 10, 22), date(2026, 11, 20), 30)
    assert (asked.since, asked.until) == (moment("2026-10-22 00:00"), moment("2026-11-21 00:00"))
    assert make_range(None, date(1, 1, 3), now=NOON).first == date(1, 1, 1)


@pytest.mark.parametrize(("first", "last"), [((2026, 11, 2), (2026, 11, 1)), ((2025, 1, 1), (2026, 1, 2))])
def test_a_range_that_cannot_be_is_refused(first: tuple[int, int, int], last: tuple[int, int, int]) -> None:
    with pytest.raises(BadInput) as refused:
        make_range(date(*first), date(*last), now=NOON)
    assert refused.value.param == "since"


def test_a_year_may_be_asked_for() -> None:
    assert len(make_range(date(2028, 1, 1), date(2028, 12, 31), now=NOON).days()) == 366


def test_turns_lie_in_their_day_and_their_theme_and_quiet_days_are_there() -> None:
    asked = Range(date(2026, 11, 18), date(2026, 11, 20))
    found = sum_days(
        asked,
        [
            make_experience(at=NOON, theme="cl_2", confidence=0.6),
            make_experience(at=NOON - 2 * 86_400, theme="cl_1", confidence=0.2),
            make_experience(at=NOON, theme="cl_2", confidence=0.4),
        ],
        [(NOON, {"cpu_percent": 50.0})],
    )
    days = [(row["day"], row["turns"], row["confidence"]) for row in found["days"]]
    assert days == [("2026-11-18", 1, 0.2), ("2026-11-19", 0, None), ("2026-11-20", 2, 0.5)]
    assert [row["resources"] is None for row in found["days"]] == [True, True, False]
    assert [(row["theme"], row["turns"]) for row in found["themes"]] == [("cl_2", 2), ("cl_1", 1)]
    assert (found["total"]["turns"], found["total"]["confidence"]) == (3, 0.4)


def test_the_themes_of_two_people_are_two_even_without_a_name() -> None:
    asked = make_range(None, None, now=NOON)
    found = sum_days(asked, [make_experience(), make_experience(owner="rui")], [])
    assert [(row["owner"], row["theme"]) for row in found["themes"]] == [("ana", ""), ("rui", "")]


def test_the_rarest_themes_are_left_out_and_counted() -> None:
    turns = [make_experience(theme=f"cl_{place:03}") for place in range(MOST_THEMES + 2)]
    found = sum_days(make_range(None, None, now=NOON), [*turns, make_experience(theme="cl_051")], [])
    assert (len(found["themes"]), found["themes_left_out"], found["themes"][0]["theme"]) == (50, 2, "cl_051")


def test_a_theme_is_called_what_its_cluster_is() -> None:
    rows = [{"theme": "cl_1", "owner": "ana"}, {"theme": "", "owner": "rui"}]
    held = {"ana": [Cluster(id="cl_1", owner="ana", name="bread, oven", count=1, vector=(), updated=0.0)], "rui": []}
    assert [row["name"] for row in add_names(rows, lambda owner: held[owner])] == ["bread, oven", ""]
