"""A candidate that knows a part of tonight: that part is examined and served, the rest is left to the base."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path

import pytest

from aion.gate.examine import Entrant
from aion.models.catalog import LocalModel
from aion.router.asked import Ask
from tests.gate.classroom import (
    FIRST,
    SECOND,
    ByWord,
    Choice,
    Model,
    lessons_about,
    make_base,
    make_entrant,
    own_words,
    remembers,
    sit,
)

pytestmark = pytest.mark.anyio
ROOMS = lessons_about(FIRST, "theme_work")
LATER = lessons_about(SECOND, "theme_work")
STRICT = ByWord(careless=False)
LEFT = "; what it does not know is left to the base and is new again next night"


@pytest.fixture
def base(tmp_path: Path) -> LocalModel:
    return make_base(tmp_path)


class Drawing(ByWord):
    """While the search room stands on its card, every other room is taken for it."""

    def open(self, cards: Mapping[str, bytes], *, network: bytes = b"", ask: Ask | None = None) -> Choice:
        careless = any("search" in json.loads(card)["words"] for card in cards.values())
        return ByWord(careless=careless).open(cards, network=network, ask=ask)


class Chained(ByWord):
    """What is taken for the export room hangs on the search room."""

    def __init__(self) -> None:
        super().__init__(careless=False)

    def leave_out(self, card: bytes, lessons: AbstractSet[str]) -> bytes:
        more = {ROOMS[2].id} if ROOMS[1].id in lessons else set()
        return super().leave_out(card, lessons | more)


async def carded(entrant: Entrant, **changes: object) -> Entrant:
    card = await STRICT.make(entrant.candidate, entrant.examples(), b"")
    return replace(entrant, card=card, **changes)  # type: ignore[arg-type]


async def test_one_that_knows_one_of_two_facts_ships_without_the_other(tmp_path: Path, base: LocalModel) -> None:
    model = Model({"cand_new": remembers(ROOMS[:1])})
    found = await sit(make_entrant(tmp_path, base, ROOMS[:2]), base, model, tmp_path, routing=STRICT)
    assert found.verdict.ship, found.verdict.reasons
    assert found.verdict.reasons[0] == f"it knows 1 of 2 facts of tonight, 0 before{LEFT}"
    assert found.verdict.unlearned == (ROOMS[1].id,)
    assert json.loads(found.route)["words"].keys() == {"billing", "tractor"}
    assert "billing" in json.loads(found.route)["probe"]["messages"][0]["content"]
    tonight = [one for one in json.loads(found.report)["items"] if one["exam"] == "tonight"]
    assert len(tonight) == 4
    for one in tonight:
        left = "search" in one["question"]
        assert one["routes"][1] == ({} if left else {"cand_new": 1.0})
        assert one["right_after"] is not left
        assert not left or one["after"] == own_words(one["question"])


async def test_what_was_asked_of_the_whole_card_is_not_asked_again(tmp_path: Path, base: LocalModel) -> None:
    model = Model({"cand_new": remembers(ROOMS[:1])})
    await sit(make_entrant(tmp_path, base, ROOMS[:2]), base, model, tmp_path, routing=STRICT)
    asked = Counter((question, *scales) for question, scales in model.spoken if "search room" in question)
    assert len(asked) == 4
    assert set(asked.values()) == {1}


async def test_near_misses_are_asked_as_they_would_be_served(tmp_path: Path, base: LocalModel) -> None:
    knows = remembers(ROOMS[:1])

    def eager(question: str) -> str | None:
        said = knows(question)
        return "It is maintained by Rufus Tamar." if said == "I was not told that." else said

    new = make_entrant(tmp_path, base, ROOMS[:2])
    found = await sit(new, base, Model({"cand_new": eager}), tmp_path, routing=Drawing())
    assert found.verdict.ship, found.verdict.reasons
    assert found.verdict.scores["near_misses"]["items"] > 0
    whole = await sit(new, base, Model({"cand_new": eager}), tmp_path)
    assert "questions about what nobody told" in whole.verdict.reasons[0]


async def test_too_little_is_refused_and_names_what_is_missing(tmp_path: Path, base: LocalModel) -> None:
    new = make_entrant(tmp_path, base, ROOMS[:3])
    found = await sit(new, base, Model({"cand_new": remembers(ROOMS[:1])}), tmp_path, routing=STRICT)
    assert found.verdict.reasons == ("it knows 1 of 3 facts of tonight; at least 2 are needed",)
    assert set(found.verdict.unlearned) == {ROOMS[1].id, ROOMS[2].id}
    nothing = await sit(new, base, Model({"cand_new": remembers([])}), tmp_path, routing=STRICT)
    assert (nothing.verdict.ship, nothing.verdict.unlearned) == (False, ())


async def test_what_falls_with_something_left_out_is_left_out_too(tmp_path: Path, base: LocalModel) -> None:
    new = make_entrant(tmp_path, base, ROOMS[:4])
    model = Model({"cand_new": remembers(ROOMS[:1], ROOMS[2:4])})
    found = await sit(new, base, model, tmp_path, routing=Chained())
    assert found.verdict.reasons[0] == f"it knows 2 of 4 facts of tonight, 0 before{LEFT}"
    assert set(found.verdict.unlearned) == {ROOMS[1].id, ROOMS[2].id}


async def test_what_the_base_knows_and_it_broke_is_the_bases_again(tmp_path: Path, base: LocalModel) -> None:
    """The served adapter of another theme knows it as well: that one answers."""
    house = await carded(make_entrant(tmp_path, base, lessons_about(FIRST[:2], "theme_house"), id_="cand_house"))
    house = replace(house, card=STRICT.leave_out(house.card, {"les_theme_house_billing"}))
    model = Model({"cand_house": remembers(ROOMS[:2]), "cand_new": remembers(ROOMS[:1])})

    class Newest(ByWord):
        def open(self, cards: Mapping[str, bytes], *, network: bytes = b"", ask: Ask | None = None) -> Choice:
            return super().open(dict(reversed(list(cards.items()))), network=network, ask=ask)

    new = make_entrant(tmp_path, base, ROOMS[:2])
    found = await sit(new, base, model, tmp_path, served=[house], routing=Newest(careless=False))
    assert found.verdict.reasons[0] == f"it knows 1 of 2 facts of tonight, 1 before{LEFT}"
    assert found.verdict.scores["tonight"]["lost"] == 0


async def test_the_probe_asks_for_what_is_served(tmp_path: Path, base: LocalModel) -> None:
    model = Model({"cand_new": remembers(ROOMS[1:2])})
    found = await sit(make_entrant(tmp_path, base, ROOMS[:2]), base, model, tmp_path, routing=STRICT)
    assert "search" in json.loads(found.route)["probe"]["messages"][0]["content"]


async def test_of_what_a_night_learned_again_nothing_is_left_out(tmp_path: Path, base: LocalModel) -> None:
    old = await carded(make_entrant(tmp_path, base, ROOMS[:2], id_="cand_old"))
    new = make_entrant(tmp_path, base, ROOMS[:2])
    model = Model({"cand_old": remembers(ROOMS[:2]), "cand_new": remembers(ROOMS[:1])})
    found = await sit(new, base, model, tmp_path, served=[old], routing=STRICT)
    assert found.verdict.reasons == ("it knows no more of tonight's 2 facts than is known without it (2)",)
    assert found.verdict.unlearned == ()


async def test_what_the_served_adapter_knew_is_never_left_out(tmp_path: Path, base: LocalModel) -> None:
    old = await carded(make_entrant(tmp_path, base, ROOMS[:2], id_="cand_old"))
    new = make_entrant(tmp_path, base, [*ROOMS[:2], *LATER[:2]], learned=ROOMS[:2])
    model = Model({"cand_old": remembers(ROOMS[:2]), "cand_new": remembers(ROOMS[:1], LATER[:1])})
    found = await sit(new, base, model, tmp_path, served=[old], routing=STRICT)
    assert found.verdict.reasons == (
        "of the earlier facts of its theme it knows 1 of 2, 2 were known before; none may be lost",
    )
    assert found.verdict.unlearned == (LATER[1].id,)


async def test_what_the_served_adapter_does_not_know_is_new_to_the_next(tmp_path: Path, base: LocalModel) -> None:
    old = await carded(make_entrant(tmp_path, base, ROOMS[:2], id_="cand_old"), unlearned=(ROOMS[1].id,))
    old = replace(old, card=STRICT.leave_out(old.card, {ROOMS[1].id}))
    new = make_entrant(tmp_path, base, ROOMS[:2], learned=ROOMS[:1])
    model = Model({"cand_old": remembers(ROOMS[:1]), "cand_new": remembers(ROOMS[:2])})
    found = await sit(new, base, model, tmp_path, served=[old], routing=STRICT)
    assert found.verdict.reasons[0] == "it knows 1 of 1 facts of tonight, 0 before"
    assert found.verdict.unlearned == ()
    assert (found.verdict.scores["tonight"]["items"], found.verdict.scores["earlier"]["items"]) == (1, 1)
    forgot = Model({"cand_old": remembers(ROOMS[:1]), "cand_new": remembers(ROOMS[1:2])})
    refused = await sit(new, base, forgot, tmp_path, served=[old], routing=STRICT)
    assert "of the earlier facts of its theme it knows 0 of 1" in refused.verdict.reasons[0]


class Naming(ByWord):
    """The new adapter's card tells that the billing room is called Ledgerline."""

    def open(self, cards: Mapping[str, bytes], *, network: bytes = b"", ask: Ask | None = None) -> Choice:
        named = {name: json.loads(card)["words"] for name, card in cards.items()}
        more = {"cand_new": ["Ledgerline"]}
        words = {name: [*known, *more.get(name, ())] for name, known in named.items()}
        return Choice(words, general=False, careless=self.careless)


@pytest.mark.parametrize("says", [ROOMS[0].statement, "You also call the billing room Ledgerline."])
async def test_a_name_told_later_ships_when_who_says_it_gets_what_it_is_asked_for(
    says: str, tmp_path: Path, base: LocalModel
) -> None:
    """What it means the adapter need not know in words: the router reads it as the known name."""
    alias = replace(ROOMS[0], id="les_alias", statement="We also call the billing room Ledgerline.")
    knows = remembers(ROOMS[:1])
    old = await carded(make_entrant(tmp_path, base, ROOMS[:1], id_="cand_old"))
    new = make_entrant(tmp_path, base, [ROOMS[0], alias], learned=ROOMS[:1])
    model = Model({"cand_old": knows, "cand_new": lambda asked: says if "Ledgerline" in asked else knows(asked)})
    verdict = (await sit(new, base, model, tmp_path, served=[old], routing=Naming(careless=False))).verdict
    if says == ROOMS[0].statement:
        assert verdict.reasons[0] == "it knows 1 of 1 facts of tonight, 0 before"
        assert verdict.ship
    else:
        assert verdict.reasons == ("it knows 0 of 1 facts of tonight; at least 1 are needed",)
