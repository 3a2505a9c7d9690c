"""What was told weighed against what was learned: the newer counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from aion.answer.known import REASON, find_outdated, leave_outdated, said_in
from aion.memory.base import Recalled
from aion.records import Memory, MemoryKind, Origin, Source, Trust
from aion.router.base import Route, Wording
from aion.router.table import Learned

OLD, NEW = "The review is on the 3rd of June.", "The review is now on the 20th of June."
NIGHT = 10.0
KNOWN = {"cand_1": Learned(at=NIGHT, lessons={"les_1": frozenset({"turn_old", "mem_old"})})}


def recalled(name: str, text: str, at: float, trust: Trust = Trust.OWN, **changes: Any) -> Recalled:
    """`name` old: mem_old, of turn_old."""
    source = Source(ref=f"turn_{name}", origin=Origin.PERSON, trust=trust, hash="a" * 64, at=at)
    fields = {"kind": changes.pop("kind", MemoryKind.SAID), "sources": changes.pop("sources", (source,))}
    memory = Memory(id=f"mem_{name}", owner="ana", text=text, created=at, updated=at, seq=1, **fields)
    return Recalled(memory=memory, score=1.0, cosine=0.5, bm25=None, **changes)


TOLD, ANEW = recalled("old", OLD, 1.0), recalled("new", NEW, 20.0)


def route_of(lesson: str = "les_1") -> Route:
    took = {"adapter": "cand_1", "theme": "work", "lesson": lesson, "words": ["review"], "how": "exact"}
    return Route(scales={"cand_1": 1.0}, why={"took": [took], "left": []}, wordings=(Wording("a", "b"),))


def leave(*items: Recalled, route: Route | None = None, told: Sequence[Memory] = (TOLD.memory,)) -> Route:
    return leave_outdated(
        route or route_of(), [item.memory for item in items], KNOWN, lambda ref: told if ref == "turn_old" else ()
    )


def test_what_is_told_anew_since_is_out_of_date() -> None:
    assert find_outdated([TOLD, ANEW]) == {"mem_old"}
    assert find_outdated([ANEW, TOLD]) == {"mem_old"}
    assert not find_outdated([replace(TOLD, pinned=True), ANEW]), "it is there whatever was told"


def test_what_is_being_told_is_the_newest() -> None:
    assert find_outdated([TOLD], NEW) == {"mem_old"}
    assert not find_outdated([ANEW], "The review is led by Carol Reis.")
    [why] = leave_outdated(route_of(), (), KNOWN, lambda ref: [TOLD.memory], said=NEW).why["left"]
    assert (why["reason"], why["memory"]) == (REASON, "")
    assert leave_outdated(route_of(), (), KNOWN, lambda ref: [ANEW.memory], said=NEW).scales == {"cand_1": 1.0}


def test_only_a_short_request_is_read_for_what_it_tells() -> None:
    assert said_in(NEW) == NEW
    assert said_in("When is the review?") == ""
    assert said_in(f"{NEW} " * 100) == ""


def test_an_older_wording_never_outdates_a_newer_one() -> None:
    assert find_outdated([recalled("old", NEW, 1.0), recalled("new", OLD, 20.0)]) == {"mem_old"}


def test_a_page_outdates_nothing_and_loses_nothing() -> None:
    page: dict[str, Any] = {"kind": MemoryKind.PASSAGE}
    assert not find_outdated([TOLD, recalled("new", NEW, 20.0, trust=Trust.APPROVED, **page)])
    assert not find_outdated([recalled("old", OLD, 1.0, **page), ANEW])
    assert not find_outdated([TOLD, recalled("new", NEW, 20.0, trust=Trust.UNTRUSTED)])


def test_of_what_says_more_nothing_is_left_out() -> None:
    more = recalled("old", f"{OLD} It is held in Porto.", 1.0)
    assert not find_outdated([more, ANEW])


def test_what_was_edited_since_is_not_what_was_learned() -> None:
    edited = recalled("old", "The review is off.", 20.0)
    assert leave(edited, told=[edited.memory]).scales == {}


def test_what_was_only_said_again_leaves_the_adapter() -> None:
    again = recalled("old", OLD, 20.0, sources=(*TOLD.memory.sources, *recalled("again", OLD, 20.0).memory.sources))
    assert leave(again, told=[again.memory]).scales == {"cand_1": 1.0}


def test_an_adapter_that_learned_otherwise_is_left_and_the_turn_says_why() -> None:
    left = leave(ANEW)
    assert (left.scales, left.wordings, left.why["took"]) == ({}, (), [])
    [why] = left.why["left"]
    assert (why["adapter"], why["reason"], why["memory"]) == ("cand_1", REASON, "mem_new")


def test_an_adapter_stays_where_nothing_newer_speaks_against_what_is_asked() -> None:
    other = recalled("new", "The review is now led by Carol Reis.", 20.0)
    assert leave(TOLD).scales == leave(other).scales == {"cand_1": 1.0}
    assert leave(ANEW, route=route_of("les_other")).scales == {"cand_1": 1.0}, "another thing was asked for"
    before = recalled("new", NEW, 5.0)
    assert leave(before).scales == {"cand_1": 1.0}, "the night knew of it"


def test_one_of_two_adapters_is_left_and_the_other_answers() -> None:
    route = route_of()
    both = replace(route, scales={"cand_1": 1.0, "cand_2": 1.0})
    left = leave(ANEW, route=both)
    assert (left.scales, left.wordings) == ({"cand_2": 1.0}, route.wordings)
