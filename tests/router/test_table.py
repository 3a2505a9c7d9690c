"""Which set a conversation gets: always the same one, the trial as often as it should, and none once dropped."""

from __future__ import annotations

from collections.abc import Mapping

from aion.router.base import NO_WORDS, Route, Vector
from aion.router.table import RouteTable, ServedSet


class Fixed:
    """A router that always picks the same."""

    def __init__(self, name: str) -> None:
        self.name = name

    def read(self, text: str) -> str:
        return text

    def asks(self, question: str, previous: str = "") -> list[str]:
        return []

    def pick(
        self,
        question: str,
        vector: Vector | None,
        *,
        previous: str = "",
        previous_vector: Vector | None = None,
        words: Mapping[str, Vector] = NO_WORDS,
    ) -> Route:
        return Route(scales={self.name: 1.0})


def served(share: float) -> ServedSet:
    names = frozenset({"old", "new"})
    return ServedSet(promotion="promo_1", names=names, router=Fixed("old"), trial=Fixed("new"), share=share)


def test_a_conversation_stays_on_its_side_of_a_trial() -> None:
    trial = [served(0.3).on_trial(f"conv_{number}") for number in range(2000)]
    assert trial == [served(0.3).on_trial(f"conv_{number}") for number in range(2000)]
    assert 0.25 < sum(trial) / len(trial) < 0.35
    wider = [served(0.6).on_trial(f"conv_{number}") for number in range(2000)]
    assert all(after for before, after in zip(trial, wider, strict=True) if before)  # a larger share takes none away


def test_the_router_is_the_one_of_the_side() -> None:
    found = served(0.5)
    for number in range(50):
        conversation = f"conv_{number}"
        expected = found.trial if found.on_trial(conversation) else found.router
        assert found.router_for(conversation) is expected
    assert served(0.0).router_for("conv_1") is not served(0.0).trial


def test_what_an_answer_depends_on_changes_with_a_promotion_and_a_side() -> None:
    table = RouteTable()
    assert table.mark("ana", "conv_1") == ()
    table.put("ana", served(0.5))
    marks = {tuple(table.mark("ana", f"conv_{number}")) for number in range(50)}
    assert marks == {("promo_1", "trial"), ("promo_1", "")}
    assert table.mark("bob", "conv_1") == ()
    table.drop("ana")
    assert table.find("ana") is None
