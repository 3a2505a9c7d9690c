"""The trained router: numpy equals torch, training converges and repeats itself, damage is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load

from aion.errors import BadInput, Corrupt
from aion.nets.router import PairScorer
from aion.router.index import How
from aion.router.network import Origin, Scorer, find_network
from aion.router.pairs import FIGURES, Heard, make_pairs
from aion.router.route import Router, Strategy
from aion.sleep.training.router_train import Pairs, train_at_night, train_router
from tests.router.taught import GARDEN, WORK, card_of, embed

CARDS = {"cand_work": card_of(WORK), "cand_garden": card_of(GARDEN, "garden")}
PAIRS = Pairs(*make_pairs(CARDS))
TRAINED = train_router(PAIRS, seed=3)
DIMENSIONS = PAIRS.q_N_D.shape[1]


def test_numpy_computes_what_torch_does() -> None:
    net = PairScorer(DIMENSIONS, FIGURES)
    net.load_state_dict(load(TRAINED.weights))
    inputs = (PAIRS.q_N_D[:1].repeat(9, 0), PAIRS.t_N_D[:9], PAIRS.figures_N_F[:9])
    with torch.no_grad():
        wanted = torch.sigmoid(net(*(torch.from_numpy(one) for one in inputs))).numpy()
    scorer = Scorer.from_bytes(TRAINED.weights, dimensions=DIMENSIONS, figures=FIGURES)
    assert np.abs(scorer.score(PAIRS.q_N_D[0], *inputs[1:]) - wanted).max() < 1e-5


def test_training_converges_on_what_was_taught() -> None:
    scorer = Scorer.from_bytes(TRAINED.weights, dimensions=DIMENSIONS, figures=FIGURES)
    rows = zip(PAIRS.q_N_D, PAIRS.t_N_D, PAIRS.figures_N_F, strict=True)
    scores = np.array([scorer.score(q, t[None], figures[None])[0] for q, t, figures in rows])
    assert TRAINED.losses[-1] < 0.2 * TRAINED.losses[0]
    assert ((scores >= 0.5) == (PAIRS.wanted_N > 0)).mean() > 0.97


def test_the_same_pairs_and_seed_give_the_same_bytes_whatever_was_drawn_before() -> None:
    torch.rand(7)
    assert train_router(PAIRS, seed=3, epochs=2).weights == train_router(PAIRS, seed=3, epochs=2).weights
    assert train_router(PAIRS, seed=4, epochs=2).weights != train_router(PAIRS, seed=3, epochs=2).weights


def test_pairs_hold_wordings_against_others_of_their_item_and_near_misses_against_it() -> None:
    wanted = PAIRS.wanted_N > 0
    assert 0 < wanted.sum() < len(wanted)
    assert not any(np.array_equal(q, t) for q, t in zip(PAIRS.q_N_D[wanted], PAIRS.t_N_D[wanted], strict=True))
    near = PAIRS.figures_N_F[~wanted][:, list(How).index(How.NEAR)]
    assert near.sum() > len(near) / 2


def test_a_router_with_a_network_takes_what_was_taught_and_leaves_what_was_not() -> None:
    router = Router(CARDS, strategy=Strategy.NETWORK, network=TRAINED.weights)
    for question, wanted in (
        ("Who maintains the billing service?", {"cand_work"}),
        ("Who opens the north gate?", {"cand_garden"}),
        ("Who maintains the reporting service?", set[str]()),
        ("What is the capital of France?", set[str]()),
    ):
        assert set(router.pick(question, embed(question)).scales) == wanted


def test_it_means_what_the_question_before_was_about_for_the_network_too() -> None:
    router = Router(CARDS, strategy=Strategy.NETWORK, network=TRAINED.weights)
    before, asked = "Who maintains the billing service?", "And since when?"
    assert router.pick(asked, embed(asked)).scales == {}
    route = router.pick(asked, embed(asked), previous=before, previous_vector=embed(before))
    assert {one["how"] for one in route.why["took"] + route.why["left"]} == {"follows"}
    assert set(route.scales) <= {"cand_work"}


@pytest.mark.parametrize("change", [lambda data: data[:-9], lambda data: b"x" + data[1:], lambda _: b""])
def test_a_damaged_network_is_refused(change) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(Corrupt, match="let a night train it again"):
        Scorer.from_bytes(change(TRAINED.weights), dimensions=DIMENSIONS, figures=FIGURES)


def test_a_network_for_another_embedder_is_refused() -> None:
    with pytest.raises(Corrupt, match="another embedder"):
        Scorer.from_bytes(TRAINED.weights, dimensions=DIMENSIONS + 1, figures=FIGURES)


def test_pairs_of_one_kind_are_refused() -> None:
    one = Pairs(PAIRS.q_N_D[:3], PAIRS.t_N_D[:3], PAIRS.figures_N_F[:3], np.ones(3, np.float32))
    with pytest.raises(BadInput, match="teach more first"):
        train_router(one, seed=1)


def test_a_night_makes_the_same_bytes_on_any_number_of_threads_and_notes_what_of() -> None:
    origin, steps, threads = Origin(("cand_garden", "cand_work"), "words", ("turn_1",)), [], torch.get_num_threads()
    made = train_at_night(PAIRS, seed=3, note=origin.to_note(), pause=lambda: None)
    torch.set_num_threads(threads + 1)
    again = train_at_night(PAIRS, seed=3, note=origin.to_note(), pause=lambda: steps.append(torch.get_num_threads()))
    assert torch.get_num_threads() == threads + 1
    torch.set_num_threads(threads)
    assert again == made
    assert len(steps) > 50
    assert set(steps) == {1}
    assert Origin.from_bytes(made) == origin


def test_what_people_said_of_answers_is_learned_too() -> None:
    asked = "Whom do I phone about invoices?"
    for wanted in (True, False):
        pairs = make_pairs(
            CARDS, [Heard(asked, embed(asked), "les_0", wanted), Heard(asked, embed(asked), "gone", True)]
        )
        assert len(pairs[3]) == len(PAIRS.wanted_N) + 1
        assert (pairs[0][-1] == embed(asked)).all()
        assert pairs[3][-1] == wanted


def test_of_many_requests_some_are_left_out_evenly() -> None:
    few = make_pairs(CARDS, most=len(PAIRS.wanted_N) // 2)
    assert 0.2 * len(PAIRS.wanted_N) < len(few[3]) < 0.6 * len(PAIRS.wanted_N)
    assert 0 < few[3].sum() < len(few[3])


def noted(*adapters: str, embedder: str = "words") -> bytes:
    note = Origin(tuple(sorted(adapters)), embedder).to_note()
    return train_router(PAIRS, seed=1, epochs=1, note=note).weights


def found_by(cards: Mapping[str, object], blobs: Mapping[str, bytes]) -> bytes:
    def read(name: str) -> bytes:
        if name not in blobs:
            raise Corrupt("not what was written")
        return blobs[name]

    return find_network(cards, read)  # type: ignore[arg-type]


def test_a_network_is_used_over_exactly_the_adapters_it_was_examined_over() -> None:
    right = noted("cand_work", "cand_garden")
    for data, found in (
        (right, right),
        (noted("cand_work"), b""),
        (noted("cand_work", "cand_garden", "cand_more"), b""),
        (noted("cand_work", "cand_garden", embedder="other"), b""),
        (TRAINED.weights, b""),
        (b"no network", b""),
    ):
        name = hashlib.sha256(data).hexdigest()
        cards = CARDS | {"cand_work": replace(CARDS["cand_work"], network=name)}
        assert found_by(cards, {name: data}) == found
        assert found_by(cards, {}) == b""
    assert found_by(CARDS, {}) == b""
