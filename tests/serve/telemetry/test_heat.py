"""The heat map of entities against counts made by hand."""

from __future__ import annotations

from aion.serve.telemetry.heat import map_heat
from tests.serve.telemetry.examples import make_experience, moment, topic

DAYS = ["2026-11-19", "2026-11-20"]
THURSDAY, FRIDAY = moment("2026-11-19 09:00"), moment("2026-11-20 09:00")


def test_an_entity_counts_once_a_turn_and_is_shown_as_last_written() -> None:
    turns = [
        make_experience(at=FRIDAY, entities=(topic("porto", "PORTO"), topic("porto", "porto"), topic("bread"))),
        make_experience(at=THURSDAY, entities=(topic("porto", "Porto"),)),
        make_experience(at=THURSDAY, entities=(topic("porto", "Porto"),)),
    ]
    assert map_heat(DAYS, turns, 10) == {
        "days": DAYS,
        "entities": [
            {"key": "porto", "text": "PORTO", "kind": "name", "counts": [2, 1], "total": 3},
            {"key": "bread", "text": "Bread", "kind": "name", "counts": [0, 1], "total": 1},
        ],
    }


def test_the_most_frequent_are_kept_then_the_first_by_key() -> None:
    turns = [make_experience(entities=tuple(topic(key) for key in "cab")), make_experience(entities=(topic("c"),))]
    assert [row["key"] for row in map_heat(DAYS, turns, 2)["entities"]] == ["c", "a"]


def test_nothing_is_an_empty_map() -> None:
    assert map_heat(DAYS, [], 10) == {"days": DAYS, "entities": []}
