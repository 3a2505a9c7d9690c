"""A card without some of its lessons: nobody is led to them, and the rest is what it was."""

from __future__ import annotations

import numpy as np
import pytest

from aion.errors import BadInput
from aion.router.card import RouteCard
from aion.router.route import Router
from aion.router.trim import leave_out
from tests.router.taught import WORK, card_of, embed

ASKED = ("Who maintains the billing service?", "Who maintains the search service?", "Where does the wiki server stand?")


def picked(card: RouteCard) -> list[bool]:
    router = Router({"cand": card})
    return [bool(router.pick(one, embed(one)).scales) for one in ASKED]


def test_what_is_left_out_leads_nobody_there_and_the_rest_does_as_before() -> None:
    card = card_of(WORK)
    less = RouteCard.from_bytes(leave_out(card, {"les_1"}).to_bytes())
    assert (picked(card), picked(less)) == ([True, True, True], [True, False, True])
    assert less.items == tuple(one for one in card.items if one.lesson != "les_1")
    assert less.threshold == card.threshold


def test_each_item_keeps_its_own_rows() -> None:
    card = card_of(WORK)
    less = leave_out(card, {"les_0", "les_2"})
    kept = [text for item in less.items for text in item.texts]
    assert np.array_equal(less.vectors_R_D, np.stack([embed(one) for one in kept]).astype(np.float16))
    missed = [text for item in less.items for text in item.missed]
    assert np.array_equal(less.missed_R_D, np.stack([embed(one) for one in missed]).astype(np.float16))
    assert len(less.common_R_D) == sum(len(item.common) for item in less.items)


def test_another_name_goes_with_the_lesson_that_told_it() -> None:
    card = card_of((*WORK[:1], "The billing service is also called Ledgerline."))
    assert card.aliases
    assert leave_out(card, {"les_1"}).aliases == ()
    assert leave_out(card, {"les_1"}).told == ("The billing service is also called Ledgerline.",)
    assert leave_out(card, {"les_0"}).aliases == card.aliases


def test_nothing_left_out_is_the_same_card_and_a_card_of_nothing_is_none() -> None:
    card = card_of(WORK)
    assert leave_out(card, set()).to_bytes() == card.to_bytes()
    with pytest.raises(BadInput, match="leads nowhere"):
        leave_out(card, {"les_0", "les_1", "les_2", "les_3"})
