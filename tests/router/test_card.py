"""Route cards: what they know of the examples, and that nothing damaged is read."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from aion.errors import BadInput, Corrupt
from aion.records import ExampleKind
from aion.router.card import RouteCard
from aion.router.common import MARGINS
from aion.router.make import make_card, texts_of
from aion.router.route import Router
from tests.router.taught import WORK, card_of, embed, examples_of


def test_a_card_is_read_back_as_it_was_written() -> None:
    card = dataclasses.replace(card_of(WORK), network="ab" * 32, probe={"prompt": "Quem é?", "top": [1, 2]})
    data = card.to_bytes()
    back = RouteCard.from_bytes(data)
    assert (back.items, back.threshold, back.network, back.probe) == (
        card.items,
        card.threshold,
        card.network,
        card.probe,
    )
    assert np.array_equal(back.vectors_R_D, card.vectors_R_D)
    assert np.array_equal(back.missed_R_D, card.missed_R_D)
    assert back.to_bytes() == data


@pytest.mark.parametrize("place", range(0, 100, 9))
def test_a_card_with_a_flipped_byte_is_refused(place: int) -> None:
    data = bytearray(card_of(WORK[:1]).to_bytes())
    data[place * (len(data) - 1) // 99] ^= 0x10
    with pytest.raises(Corrupt, match="examine its adapter again"):
        RouteCard.from_bytes(bytes(data))


@pytest.mark.parametrize("keep", [0, 5, 40, 0.5, 0.99])
def test_a_card_that_was_cut_is_refused(keep: float) -> None:
    data = card_of(WORK[:1]).to_bytes()
    with pytest.raises(Corrupt):
        RouteCard.from_bytes(data[: int(keep * len(data)) if keep < 1 else int(keep)])


def test_a_card_whose_vectors_are_no_numbers_is_refused() -> None:
    card = card_of(WORK[:1])
    with pytest.raises(Corrupt, match="does not hold what it should"):
        RouteCard.from_bytes(dataclasses.replace(card, vectors_R_D=card.vectors_R_D * np.float16(np.nan)).to_bytes())


def test_no_examined_wording_stands_in_a_card() -> None:
    examples = examples_of(WORK)
    examined = {one.messages[-1]["content"] for one in examples if one.held_out}
    card = card_of(WORK)
    assert len(examined) >= 8
    assert examined.isdisjoint(text for item in card.items for text in (*item.texts, *item.missed))


def test_what_tells_an_item_from_its_like_is_read_off_its_near_misses() -> None:
    telling = {item.answer: item.keys[0].telling for item in card_of(WORK).items}
    assert telling == {WORK[0]: ("bill",), WORK[1]: ("search",), WORK[2]: ("backup",), WORK[3]: ("wiki",)}
    assert card_of(WORK).items[0].keys[0].phrase == ("bill", "servic")


@pytest.mark.parametrize(
    "told", ["You also call the billing service Ledgerline.", "The billing service is also called Ledgerline."]
)
def test_the_verb_of_a_told_name_names_nothing(told: str) -> None:
    """ "What are young cats called?" was led to the adapter that knows another name for the billing service."""
    item = card_of((told, *WORK[1:])).items[0]
    assert {word for key in item.keys for word in key.telling} == {"bill", "ledgerlin"}


def test_a_lesson_that_is_only_examined_now_keeps_what_the_earlier_card_knew() -> None:
    before = card_of(WORK)
    examples = [one for one in examples_of(WORK) if one.held_out or "les_0" not in one.lessons]
    vectors = {text: embed(text) for text in texts_of(examples, before)}
    after = make_card(examples, vectors, theme="work", embedder="words", earlier=before)
    assert {item.lesson: item for item in after.items}["les_0"] == before.items[0]
    assert {item.lesson for item in after.items} == {item.lesson for item in before.items}


def test_a_lesson_that_is_only_repeated_keeps_the_near_misses_that_say_what_names_it() -> None:
    """Else two things of Corin would be named by what they are, and everybody's rehearsal were taken for Corin's."""
    told = ("Corin's choir rehearsal starts at 15:50.", "Corin's house move is on the 18th of August.")
    before = card_of(told)
    examples = [one for one in examples_of(told) if not ("les_0" in one.lessons and one.kind is ExampleKind.CONTRAST)]
    vectors = {text: embed(text) for text in texts_of(examples, before)}
    after = make_card(examples, vectors, theme="work", embedder="words", earlier=before)
    assert after.items[0].missed == before.items[0].missed
    assert after.items[0].keys[0].telling == ("corin",)
    assert not Router({"cand_corin": after}).pick("When does Evaristo's choir rehearsal start?", None).scales


def test_a_card_of_nothing_and_one_without_vectors_are_refused() -> None:
    with pytest.raises(BadInput, match="teach nothing"):
        make_card([], {}, theme="work", embedder="words")
    with pytest.raises(BadInput, match="have no vector"):
        make_card(examples_of(WORK), {}, theme="work", embedder="words")


def test_the_language_of_a_card_is_that_of_what_is_asked() -> None:
    """A statement of names alone has none: "a" stands in both."""
    card = card_of(("Teofil Oxenby afina a lixadora Pendril.",), "oficina", language="pt")
    assert card.margin == MARGINS["pt"]
