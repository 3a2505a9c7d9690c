"""What is served changes in one step: engine, row, traffic; and whatever fails in between leaves it as it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from aion.app import start_generator
from aion.config import Settings
from aion.errors import Conflict, NotFound, Unavailable
from aion.records import Move
from aion.router.network import Origin
from aion.router.pairs import FIGURES
from aion.router.route import Strategy
from tests.gate.serving import BASE, House
from tests.router.taught import GARDEN, WORK, embed
from tests.store.night_examples import make_night
from tests.store.served_examples import make_verdict

pytestmark = pytest.mark.anyio
ASKED = {"work": "Who maintains the billing service?", "garden": "Who opens the north gate?"}
VECTORS = {"work": embed(WORK[0]), "garden": embed(GARDEN[0])}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "data")
    yield made
    made.store.close()


def asked(house: House, theme: str, conversation: str = "conv_1") -> list[str]:
    """The adapters that a question about something taught gets."""
    served = house.table.find("ana")
    if served is None:
        return []
    return list(served.router_for(conversation).pick(ASKED[theme], VECTORS[theme]).scales)


async def test_what_passed_answers_and_another_theme_stays(house: House) -> None:
    work, garden = house.make("w1"), house.make("g1", "garden")
    await house.promote(work)
    assert (asked(house, "work"), asked(house, "garden")) == ([work], [])
    row = await house.promote(garden)
    assert (asked(house, "work"), asked(house, "garden")) == ([work], [garden])
    assert (row.move, row.adapters, house.engine.loads) == (Move.PROMOTE, tuple(sorted((work, garden))), 2)


async def test_a_newer_adapter_takes_its_themes_place(house: House) -> None:
    old = house.make("w1")
    new = house.make("w2", created=30.0)
    await house.promote(old)
    assert (await house.promote(new)).adapters == (new,)
    assert asked(house, "work") == [new]
    assert old in house.engine.loaded  # the way back needs no new engine


async def test_an_engine_that_does_not_prove_itself_changes_nothing(house: House) -> None:
    old = house.make("w1")
    before = await house.promote(old)
    house.engine.fails = True
    with pytest.raises(Unavailable, match="did not prove"):
        await house.promote(house.make("w2", created=30.0))
    assert house.store.served.promotion(owner="ana") == before
    assert asked(house, "work") == [old]


async def test_one_that_cannot_be_proven_keeps_no_other_from_being_served(house: House) -> None:
    work, garden = house.make("w1"), house.make("g1", "garden")
    house.engine.refuses = {garden}
    row = await house.promote(work, garden)
    assert (row.adapters, asked(house, "work"), asked(house, "garden")) == ((work,), [work], [])
    assert "not at work" in house.promoter.unfit[garden]
    with pytest.raises(Unavailable, match="not at work"):
        await house.promote(garden)
    assert house.store.served.promotion(owner="ana") == row
    house.engine.refuses = set()
    assert (await house.promote(garden)).adapters == (garden, work)
    assert garden not in house.promoter.unfit


async def test_what_cannot_be_proven_is_not_tried_again_and_again(house: House) -> None:
    work, garden = house.make("w1"), house.make("g1", "garden")
    await house.promote(work, garden)
    house.engine.adapters, house.engine.refuses = [], {garden}  # it died, and came up with the base alone
    with pytest.raises(Unavailable, match="not at work"):
        await house.promoter.restore()
    assert await house.promoter.restore()
    loads = house.engine.loads
    assert not await house.promoter.restore()
    assert (house.engine.loaded, house.engine.loads) == ([work], loads)


async def test_a_row_that_is_refused_leaves_the_engine_as_it_was(house: House) -> None:
    old = house.make("w1")
    await house.promote(old)
    with pytest.raises(Conflict, match="refused"):
        await house.promote(house.make("w2", created=30.0, ship=False))
    assert (house.engine.loaded, asked(house, "work")) == ([old], [old])


async def test_the_start_serves_what_the_newest_row_says(house: House) -> None:
    work, garden = house.make("w1"), house.make("g1", "garden")
    await house.promote(work)
    await house.promote(garden)
    house.start()
    assert sorted(house.engine.loaded) == sorted((work, garden))
    assert (asked(house, "work"), asked(house, "garden")) == ([work], [garden])


async def test_a_damaged_adapter_is_left_out_at_the_start_and_the_others_serve(house: House) -> None:
    work, garden = house.make("w1"), house.make("g1", "garden")
    await house.promote(work)
    await house.promote(garden)
    path = house.store.blobs.path(house.candidate(work).adapter)
    path.chmod(0o600)
    path.write_bytes(b"adapter of another")
    house.start()
    assert house.engine.loaded == [garden]
    assert (asked(house, "work"), asked(house, "garden")) == ([], [garden])
    assert "not what was written" in house.promoter.unfit[work]


async def test_an_adapter_of_another_base_is_not_loaded(house: House) -> None:
    work = house.make("w1")
    await house.promote(work)
    assert house.promoter.plan("c" * 64) == []
    assert "another base" in house.promoter.unfit[work]


async def test_a_trial_gives_the_new_set_to_a_share_and_ends_either_way(house: House) -> None:
    old, new = house.make("w1"), house.make("w2", created=30.0)
    await house.promote(old)
    trial = await house.promote(new, share=0.5)
    sides = {tuple(asked(house, "work", f"conv_{number}")) for number in range(40)}
    assert sides == {(old,), (new,)}
    row = await house.promoter.settle(trial, accept=False, reason="worse", actor="canary")
    assert (row.move, row.adapters, row.trial, asked(house, "work")) == (Move.ROLL_BACK, (old,), (), [old])
    assert {one.lesson for one in house.store.nights.quarantined(owner="ana")} == {"lesson_w2"}
    with pytest.raises(Conflict, match="is over"):
        await house.promoter.settle(row, accept=True, reason="", actor="canary")


async def test_a_judgement_of_one_trial_ends_no_other(house: House) -> None:
    old, new = house.make("w1"), house.make("w2", created=30.0)
    await house.promote(old)
    judged = await house.promote(new, share=0.5)
    now = await house.promote(house.make("g1", "garden"), share=0.5)
    with pytest.raises(Conflict, match="is over"):
        await house.promoter.settle(judged, accept=False, reason="worse", actor="canary")
    assert house.store.served.promotion(owner="ana") == now


async def test_what_an_adapter_did_not_know_is_not_put_aside_with_it(house: House) -> None:
    old, new = house.make("w1"), house.make("w2", created=30.0)
    miss(house, new)
    await house.promote(old)
    trial = await house.promote(new, share=0.5)
    await house.promoter.settle(trial, accept=False, reason="worse", actor="canary")
    assert house.store.nights.quarantined(owner="ana") == []


async def test_what_is_left_and_does_not_know_it_keeps_nothing_from_being_put_aside(house: House) -> None:
    old, new = house.make("w1"), house.make("w2", created=30.0, lessons=("lesson_w1",))
    miss(house, old)
    await house.promote(old)
    trial = await house.promote(new, share=0.5)
    await house.promoter.settle(trial, accept=False, reason="worse", actor="canary")
    assert [one.lesson for one in house.store.nights.quarantined(owner="ana")] == ["lesson_w1"]


def miss(house: House, name: str) -> None:
    """Its newest verdict says that it knows nothing of what it was taught."""
    verdict = house.store.served.verdict(name, owner="ana")
    assert verdict is not None
    missing = replace(verdict, id=f"ver_{name}", unlearned=house.candidate(name).lessons)
    house.store.served.add_verdict(missing).result()


async def test_a_trial_that_goes_well_is_for_everyone(house: House) -> None:
    old, new = house.make("w1"), house.make("w2", created=30.0)
    await house.promote(old)
    trial = await house.promote(new, share=0.5)
    row = await house.promoter.settle(trial, accept=True, reason="as good", actor="canary")
    assert (row.move, row.adapters, asked(house, "work")) == (Move.PROMOTE, (new,), [new])
    assert house.store.nights.quarantined(owner="ana") == []


async def test_a_trial_gets_another_share_and_what_was_served_before_it_stays(house: House) -> None:
    old, new = house.make("w1"), house.make("w2", created=30.0)
    await house.promote(old)
    await house.promote(new, share=0.5)
    row = await house.promote(new, share=0.25)
    assert (row.move, row.adapters, row.trial, row.share) == (Move.TRY, (old,), (new,), 0.25)


async def test_what_the_same_night_brings_later_goes_on_its_trial_and_another_night_ends_it(house: House) -> None:
    old, new = house.make("w1"), house.make("w2", created=30.0)
    await house.promote(old)
    trial = await house.promote(new, share=0.5)
    late = house.make("t1", theme="theme_tea", created=31.0)
    told: dict[str, Any] = {"reason": "passed", "actor": "gate", "share": 0.5}
    row = await house.promoter.promote("ana", [late], night=trial.night, **told)
    assert (row.adapters, {*row.trial}) == ((old,), {new, late})
    with pytest.raises(Conflict):
        await house.promoter.settle(trial, accept=True, reason="as good", actor="canary")
    back = await house.promoter.settle(row, accept=False, reason="worse", actor="canary")
    assert back.adapters == (old,)
    again = await house.promote(new, share=0.5)
    row = await house.promoter.promote("ana", [late], night="night_later", **told)
    assert ({*row.adapters}, {*row.trial}) == ({*again.trial}, {new, late})


async def test_the_way_back_needs_no_new_engine(house: House) -> None:
    old, new = house.make("w1"), house.make("w2", created=30.0)
    await house.promote(old)
    await house.promote(new)
    loads = house.engine.loads
    row = await house.promoter.roll_back("ana", reason="worse", actor="ana")
    assert (row.adapters, asked(house, "work"), house.engine.loads) == ((old,), [old], loads)
    row = await house.promoter.roll_back("ana", "night_w2", reason="after all", actor="ana")
    assert (row.adapters, row.night) == ((new,), "night_w2")


async def test_back_to_a_night_that_brought_nothing_is_what_was_served_then(house: House) -> None:
    old, new = house.make("w1"), house.make("w2", created=30.0)
    first = await house.promote(old)
    house.store.nights.append_night(make_night(id="night_idle", owner="ana", at=first.at + 1e-4)).result()
    await house.promote(new)
    assert (await house.promoter.roll_back("ana", "night_idle", reason="", actor="ana")).adapters == (old,)
    with pytest.raises(NotFound, match="night_9"):
        await house.promoter.roll_back("ana", "night_9", reason="", actor="ana")


async def test_the_way_back_leaves_out_what_was_refused_since(house: House) -> None:
    work, garden = house.make("w1"), house.make("g1", "garden")
    await house.promote(work)
    await house.promote(garden)
    await house.promote(house.make("w2", created=30.0))
    refusal = make_verdict(house.candidate(work), id="ver_late", ship=False, against=(), at=90.0)
    house.store.served.add_verdict(refusal).result()
    assert (await house.promoter.roll_back("ana", reason="worse", actor="ana")).adapters == (garden,)


async def test_before_the_first_promotion_lies_the_untouched_base(house: House) -> None:
    await house.promote(house.make("w1"))
    row = await house.promoter.roll_back("ana", reason="", actor="ana")
    assert (row.adapters, house.table.find("ana")) == ((), None)


async def test_who_was_never_served_anything_has_nothing_to_go_back_from(house: House) -> None:
    with pytest.raises(Conflict, match="ever served") as refused:
        await house.promoter.roll_back("ana", reason="", actor="ana")
    assert refused.value.code == "nothing_served"
    assert house.store.served.promotion(owner="ana") is None


async def test_what_is_taken_out_answers_no_more_and_the_rest_does(house: House) -> None:
    work, garden = house.make("w1"), house.make("g1", "garden")
    await house.promote(work)
    await house.promote(garden)
    row = await house.promoter.take_out("ana", work, reason="", actor="ana")
    assert (row.move, row.adapters, asked(house, "work"), asked(house, "garden")) == (
        Move.RETIRE, (garden,), [], [garden],
    )  # fmt: skip
    with pytest.raises(Conflict, match="not served"):
        await house.promoter.take_out("ana", work, reason="", actor="ana")


async def test_what_is_taken_out_of_a_trial_leaves_the_others_on_it(house: House) -> None:
    old, new, garden = house.make("w1"), house.make("w2", created=30.0), house.make("g1", "garden")
    await house.promote(old)
    await house.promote(new, garden, share=0.5)
    row = await house.promoter.take_out("ana", new, reason="", actor="ana")
    assert (row.adapters, row.trial, row.share) == ((old,), (garden, old), 0.5)
    row = await house.promoter.take_out("ana", garden, reason="", actor="ana")
    assert (row.adapters, row.trial, row.share) == ((old,), (), 0.0)


async def test_what_was_forgotten_answers_no_more(house: House) -> None:
    work = house.make("w1")
    await house.promote(work)
    house.store.served.retire([work], reason="forgotten", actor="store", at=50.0).result()
    await house.promoter.refresh()
    assert asked(house, "work") == []


async def test_a_card_of_another_embedder_routes_nothing(house: House) -> None:
    work = house.make("w1")
    await house.promote(work)
    house.promoter.open(house.engine, embedder="another")
    assert asked(house, "work") == []
    assert "embedder" in house.promoter.unfit[work]


async def test_what_the_engine_had_to_leave_out_comes_back(house: House) -> None:
    work = house.make("w1")
    await house.promote(work)
    assert not await house.promoter.restore()
    house.engine.adapters = []  # it died, and came up with the base alone
    await house.promoter.refresh()
    house.promoter.open(house.engine, embedder="words")
    assert asked(house, "work") == []
    assert await house.promoter.restore()
    assert (house.engine.loaded, asked(house, "work")) == ([work], [work])


async def test_an_adapter_from_elsewhere_is_there_for_who_names_it_and_no_question_leads_to_it(house: House) -> None:
    work, foreign = house.make("w1"), house.make("f1", "", theme="theme_foreign")
    await house.promote(work)
    await house.promote(foreign)
    served = house.table.find("ana")
    assert served is not None
    assert (set(served.names), asked(house, "work")) == ({work, foreign}, [work])
    assert foreign not in house.promoter.unfit


async def test_without_an_engine_that_holds_adapters_none_is_served(house: House) -> None:
    house.promoter.open(object(), embedder="words")
    with pytest.raises(Unavailable, match="no engine"):
        await house.promote(house.make("w1"))


async def test_without_an_engine_nothing_is_gone_back_to_and_nothing_put_aside(house: House) -> None:
    old, new = house.make("w1"), house.make("w2", created=30.0)
    await house.promote(old)
    before = await house.promote(new)
    house.promoter.open(object(), embedder="words")
    with pytest.raises(Unavailable, match="no engine"):
        await house.promoter.roll_back("ana", reason="", actor="ana")
    assert house.store.served.promotion(owner="ana") == before
    assert house.store.nights.quarantined(owner="ana") == []


def network_of(*names: str, turns: tuple[str, ...] = ()) -> bytes:
    """Of these adapters; it takes nothing, which shows that it is at work."""
    layers = {"first": (8, 4 * len(VECTORS["work"]) + FIGURES), "second": (4, 8), "last": (1, 4)}
    tensors = {f"{layer}.weight": np.zeros(shape, np.float32) for layer, shape in layers.items()}
    tensors |= {f"{layer}.bias": np.full(shape[:1], -9.0, np.float32) for layer, shape in layers.items()}
    return save(tensors, metadata=Origin(tuple(sorted(names)), "words", turns).to_note())


def chosen_by(house: House) -> str:
    served = house.table.find("ana")
    assert served is not None
    return str(served.router.pick(ASKED["work"], VECTORS["work"]).why["strategy"])


async def test_a_network_is_promoted_and_taken_back_with_the_adapters_it_was_examined_over(house: House) -> None:
    house.start(Strategy.NETWORK)
    work = house.make("w1", network=network_of("cand_w1"))
    garden = house.make("g1", "garden", network=network_of("cand_w1", "cand_g1"))
    await house.promote(work)
    assert (chosen_by(house), asked(house, "work")) == ("network", [])
    await house.promote(garden)
    assert chosen_by(house) == "network"
    await house.promoter.take_out("ana", work, reason="", actor="ana")
    assert (chosen_by(house), asked(house, "garden")) == ("embedding", [garden])  # over this set nothing was examined
    await house.promoter.roll_back("ana", "night_w1", reason="", actor="ana")
    assert chosen_by(house) == "network"


async def test_without_the_setting_or_with_a_damaged_network_the_rule_chooses(house: House) -> None:
    data = network_of("cand_w1")
    work = house.make("w1", network=data)
    await house.promote(work)
    assert (chosen_by(house), asked(house, "work")) == ("embedding", [work])
    house.start(Strategy.NETWORK)
    assert chosen_by(house) == "network"
    name = house.store.served.verdicts(owner="ana")[0].network
    house.store.blobs.path(name).write_bytes(data[:-1] + b"x")
    house.start(Strategy.NETWORK)
    assert (chosen_by(house), asked(house, "work")) == ("embedding", [work])


async def test_a_network_that_learned_what_is_forgotten_chooses_no_more(house: House) -> None:
    house.start(Strategy.NETWORK)
    await house.promote(house.make("w1", network=network_of("cand_w1")))
    house.store.blobs.remove(house.store.served.verdicts(owner="ana")[0].network)
    assert chosen_by(house) == "network"
    await house.promoter.refresh()
    assert chosen_by(house) == "embedding"


async def test_the_setting_says_by_which_strategy_requests_are_routed(house: House, tmp_path: Path) -> None:
    await house.promote(house.make("w1"))
    for strategy in Strategy:
        told = {"data": tmp_path, "model": {"source": "fake"}, "router": {"strategy": strategy.value}}
        system: Any = SimpleNamespace(
            settings=Settings.model_validate(told), store=house.store, blobs=house.store.blobs
        )
        _, promoter = await start_generator(system, lambda *_: None, house.table)
        promoter.plan(BASE)
        promoter.open(house.engine, embedder="words")
        served = house.table.find("ana")
        assert served is not None
        why = served.router.pick(ASKED["work"], VECTORS["work"]).why
        assert why.get("wanted", why["strategy"]) == strategy.value
