"""A wrong answer is laid at the door of the night, of the router, or of the adapter."""

from __future__ import annotations

from aion.records import Json
from benchmarks.nightly.causes import Cause, describe_night, find_cause


def adapter(name: str, state: str, *sources: str) -> Json:
    told = {"night": "night_1", "theme": "theme_1", "theme_name": "work", "hash": "sum", "examined": None}
    return {"id": name, "state": state, "sources": sources} | told


ADAPTERS = [
    adapter("b", "refused", "turn_2", "turn_1"),
    adapter("a", "trial", "turn_1"),
    adapter("c", "served", "turn_3"),
]


def test_what_no_night_learned_is_told_from_what_a_night_refused() -> None:
    assert find_cause(["turn_9"], ADAPTERS, []) is Cause.UNTAUGHT
    assert find_cause(["turn_2"], ADAPTERS, ["a"]) is Cause.REFUSED
    assert find_cause(["turn_1"], [adapter("a", "passed", "turn_1")], []) is Cause.WITHDRAWN


def test_what_is_served_was_not_routed_or_routed_and_wrong() -> None:
    assert find_cause(["turn_1"], ADAPTERS, []) is Cause.UNROUTED
    assert find_cause(["turn_1"], ADAPTERS, ["c"]) is Cause.ELSEWHERE
    assert find_cause(["turn_1"], ADAPTERS, ["a", "c"]) is Cause.WRONG


def test_a_night_is_described_by_its_report() -> None:
    themes = [{"state": "trial"}, {"state": "refused"}, {"state": ""}]
    newest = {"night": "night_2", "themes": themes, "moves": [{"move": "try"}], "undone": False, "words": ["Learned."]}
    older = {"night": "night_1", "themes": [], "moves": [], "undone": True, "words": []}
    told = describe_night([newest, older], ADAPTERS)
    assert told["fates"] == {"shipped": 1, "refused": 1}
    assert told["promoted"]
    assert told["undone"] == ["night_1"]
    assert [one["state"] for one in told["adapters"]] == ["refused", "trial", "served"]
