"""Small real verdicts, promotions and questions of people's own for the tests of the store."""

from __future__ import annotations

import dataclasses
from typing import Any

from aion.records import Candidate, Check, Move, Promotion, SuiteItem, Verdict, new_id
from aion.store.base import Store
from tests.store.night_examples import make_candidate, make_theme


def make_verdict(candidate: Candidate, **changes: Any) -> Verdict:
    verdict = Verdict(
        id=new_id("verdict"),
        owner=candidate.owner,
        candidate=candidate.id,
        night=candidate.night,
        theme=candidate.theme,
        adapter=candidate.adapter,
        base=candidate.base,
        ship=True,
        reasons=("it knows 9 of 10 where the base knew 2",),
        scores={"taught": {"before": 0.25, "after": 0.875, "items": 10, "p": 0.015625, "held": True, "by": [0, 1]}},
        against=("cand_0",),
        route="e" * 64,
        report="f" * 64,
        at=30.0,
        seconds=2.5,
    )
    return dataclasses.replace(verdict, **changes)


def make_promotion(*adapters: str, **changes: Any) -> Promotion:
    promotion = Promotion(
        id=new_id("promotion"),
        owner="ana",
        move=Move.PROMOTE,
        adapters=adapters,
        night="night_1",
        reason="it passed",
        actor="gate",
        at=40.0,
    )
    return dataclasses.replace(promotion, **changes)


def make_suite_item(**changes: Any) -> SuiteItem:
    item = SuiteItem(
        id="item_1", owner="ana", question="Which is my boat?", expected="Gaivota", check=Check.EQUALS, at=50.0
    )
    return dataclasses.replace(item, **changes)


def put_candidate(store: Store, name: str, **changes: Any) -> Candidate:
    """`cand_NAME`, of `theme_NAME` and `lesson_NAME` unless told otherwise, not examined."""
    told = {"id": f"cand_{name}", "theme": f"theme_{name}", "lessons": (f"lesson_{name}",), **changes}
    candidate = make_candidate(**told)
    store.nights.put_theme(make_theme(id=candidate.theme, owner=candidate.owner)).result()
    return store.nights.add_candidate(candidate).result()


def examine(store: Store, name: str, **changes: Any) -> Candidate:
    """A candidate that may be served."""
    candidate = put_candidate(store, name, **changes)
    store.served.add_verdict(make_verdict(candidate)).result()
    return candidate


def fill_served(store: Store) -> None:
    """One of everything: examined, served, asked."""
    before = store.served.promotion(owner="ana")
    made = examine(store, new_id("x"), night=new_id("night"), sources=("turn_1",))
    store.served.append_promotion(make_promotion(made.id, follows=before.id if before else "")).result()
    store.served.put_suite_item(make_suite_item()).result()
