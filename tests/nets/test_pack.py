"""Packing: nothing lost, nothing twice, and each sequence in a row gives what it gives alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    AttentionInterface,
    Gemma2Config,
    Gemma2ForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
)

from aion.errors import BadInput
from aion.nets.attention import NAME, attend_packed
from aion.nets.pack import IGNORE, SHARED, Packed, Piece, Span, fill_rows, fit_piece, lay_out, plan_rows, plan_steps

SMALL: dict[str, Any] = {
    "vocab_size": 61,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
}


def piece(length: int, answer: int = 1, seed: int = 0) -> Piece:
    ids = np.random.default_rng(seed + length).integers(0, 61, length)
    return Piece(ids, np.arange(length) >= length - answer)


def logits_of(model: PreTrainedModel, packed: Packed) -> torch.Tensor:
    out = model(
        input_ids=packed.ids_T[None],
        position_ids=packed.positions_T[None],
        use_cache=False,
        spans=packed.spans,
    )
    logits: torch.Tensor = out.logits[0]
    return logits


def test_first_fit_in_falling_length_as_by_hand() -> None:
    rows = plan_rows([4, 7, 3, 5, 1], length=10, seed=1)
    assert {frozenset(row) for row in rows} == {frozenset({1, 2}), frozenset({3, 0, 4})}


def test_every_sequence_is_in_one_row_that_holds_it() -> None:
    lengths = np.random.default_rng(1).integers(2, 100, 300).tolist()
    rows = plan_rows(lengths, length=128, seed=3)
    assert sorted(number for row in rows for number in row) == list(range(300))
    assert max(sum(lengths[number] for number in row) for row in rows) <= 128
    assert len(rows) <= sum(lengths) / 128 + 2


def test_a_sequence_longer_than_a_row_has_one_for_itself_and_the_others_stay_as_they_are() -> None:
    rows = plan_rows([4, 7, 3, 5, 1, 25], length=10, seed=1)
    assert {frozenset(row) for row in rows} == {frozenset({1, 2}), frozenset({3, 0, 4}), frozenset({5})}
    assert {frozenset(row) for row in plan_rows([25, 4, 30], length=10, seed=1)} == {frozenset({n}) for n in range(3)}
    lengths = np.random.default_rng(2).integers(30, 70, 100).tolist()
    made = [plan_steps(some, length=256, tokens_per_step=256, epochs=4, seed=1) for some in (lengths, [*lengths, 500])]
    assert len(made[1]) - len(made[0]) in range(4, 13), "one long sequence makes no other step longer"


def test_the_seed_alone_decides_the_order() -> None:
    lengths = [5] * 40
    assert plan_rows(lengths, 16, 7) == plan_rows(lengths, 16, 7) != plan_rows(lengths, 16, 8)


def test_a_training_sees_each_sequence_once_an_epoch_in_steps_of_the_size_asked_for() -> None:
    lengths = np.random.default_rng(2).integers(5, 60, 200).tolist()
    steps = plan_steps(lengths, length=64, tokens_per_step=256, epochs=2, seed=1)
    seen = [number for step in steps for row in step for number in row]
    assert sorted(seen) == sorted([*range(200), *range(200)])
    sizes = [sum(lengths[number] for row in step for number in row) for step in steps]
    assert np.median(sizes) == pytest.approx(256, abs=32)


def test_half_an_epoch_is_half_of_the_rows() -> None:
    whole = plan_steps([10] * 100, length=20, tokens_per_step=20, epochs=1, seed=1)
    half = plan_steps([10] * 100, length=20, tokens_per_step=20, epochs=0.5, seed=1)
    assert half == whole[:25]


def test_a_long_sequence_loses_the_front_of_its_prompt() -> None:
    cut = fit_piece(Piece(np.arange(10), np.arange(10) >= 7), 5)
    assert cut.ids.tolist() == [5, 6, 7, 8, 9]
    assert cut.labels.tolist() == [False, False, True, True, True]


def test_an_answer_is_never_cut() -> None:
    assert len(fit_piece(piece(10, answer=4), 5)) == 5
    with pytest.raises(BadInput, match="take 6 tokens, a row holds 5"):
        fit_piece(piece(10, answer=5), 5)


def test_a_sequence_that_teaches_nothing_is_refused() -> None:
    with pytest.raises(BadInput, match="teaches nothing"):
        fit_piece(Piece(np.arange(4), np.array([1, 0, 0, 0])), 8)


def test_targets_are_the_next_tokens_where_they_are_learned() -> None:
    packed = lay_out([Piece(np.array([5, 6, 7]), np.array([0, 0, 1]), 2.0), Piece(np.array([8, 9]), np.array([1, 1]))])
    assert packed.targets_T.tolist() == [IGNORE, 7, IGNORE, 9, IGNORE]
    assert packed.weights_T.tolist() == [0, 2, 0, 1, 0]
    assert packed.positions_T.tolist() == [0, 1, 2, 0, 1]
    assert packed.segments_T.tolist() == [0, 0, 0, 1, 1]
    assert packed.rows.tolist() == [1, 3]


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (LlamaConfig(**SMALL), LlamaForCausalLM),
        (MistralConfig(**SMALL, sliding_window=5), MistralForCausalLM),
        (Gemma2Config(**SMALL, sliding_window=5, attn_logit_softcapping=2.0), Gemma2ForCausalLM),
    ],
    ids=["llama", "sliding window", "soft cap"],
)
def test_a_sequence_in_a_row_gives_what_it_gives_alone(config: PreTrainedConfig, kind: type[PreTrainedModel]) -> None:
    """Held to transformers' own attention, one sequence at a time."""
    torch.manual_seed(1)
    model = kind(config).double().eval()
    pieces = [piece(9), piece(17), piece(4), piece(9, seed=3)]
    model.set_attn_implementation("eager")
    alone = torch.cat([model(input_ids=torch.from_numpy(one.ids)[None]).logits[0] for one in pieces])
    AttentionInterface.register(NAME, attend_packed)
    model.set_attn_implementation(NAME)
    together = logits_of(model, lay_out(pieces))
    assert torch.allclose(alone, together, atol=1e-6, rtol=0)  # their norms are in float32


def shared(beginning: list[int], rest: list[int], answer: list[int]) -> Piece:
    ids = [*beginning, *rest, *answer]
    return Piece(np.array(ids), np.arange(len(ids)) >= len(ids) - len(answer))


def test_a_beginning_of_several_sequences_is_laid_out_once() -> None:
    pieces = [shared([7, 8, 9], [1], [2, 3]), piece(5), shared([7, 8, 9], [4, 5], [6])]
    packed = lay_out(pieces, share=3)
    beginning = packed.spans.index(Span(3))
    assert sorted((span.length, span.after) for span in packed.spans) == [
        (3, -1),
        (3, beginning),
        (3, beginning),
        (5, -1),
    ]
    assert packed.ids_T[packed.segments_T == SHARED].tolist() == [7, 8, 9]
    assert packed.positions_T[packed.segments_T == 2].tolist() == [3, 4, 5]


def test_what_is_learned_is_never_in_a_shared_beginning() -> None:
    """Nor is the token it is learned from: its answers differ."""
    same = [shared([7, 8, 9], [], [2, 3]), shared([7, 8, 9], [], [2, 4])]
    packed = lay_out(same, share=1)
    assert [span.length for span in packed.spans] == [2, 3, 3]
    assert sorted(packed.targets_T[packed.rows].tolist()) == [2, 2, 3, 4]


def test_a_row_is_filled_up_with_what_nobody_learns_from() -> None:
    packed, plain = lay_out([piece(9), piece(5)], even=8), lay_out([piece(9), piece(5)])
    assert packed.spans == (Span(9), Span(5), Span(2))
    assert packed.rows.tolist() == plain.rows.tolist()
    assert packed.segments_T[14:].tolist() == [SHARED] * 2
    assert len(lay_out([piece(9), piece(7)], even=8)) == 16
    assert fill_rows(packed.rows, 4).tolist() == [*plain.rows.tolist(), *plain.rows[:1].tolist() * 2]


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (LlamaConfig(**SMALL), LlamaForCausalLM),
        (MistralConfig(**SMALL, sliding_window=5), MistralForCausalLM),
        (Gemma2Config(**SMALL, sliding_window=5, attn_logit_softcapping=2.0), Gemma2ForCausalLM),
    ],
    ids=["llama", "sliding window", "soft cap"],
)
def test_sharing_beginnings_changes_neither_answers_nor_gradients(
    config: PreTrainedConfig, kind: type[PreTrainedModel]
) -> None:
    torch.manual_seed(1)
    model = kind(config).double().eval()
    AttentionInterface.register(NAME, attend_packed)
    model.set_attn_implementation(NAME)
    one, other = list(range(10, 20)), list(range(30, 36))
    pieces = [
        shared(one, [1], [2, 3]),
        shared(other, [4], [5]),
        shared(one, [6, 7, 8, 9, 3, 2], [5, 5, 1]),
        piece(12),
        shared(other, [9, 1], [6, 2]),
        shared(one, [], [8]),
    ]

    def learn(share: int) -> tuple[dict[int, torch.Tensor], torch.Tensor]:
        model.zero_grad()
        packed = lay_out(pieces, share=share, even=16 if share else 1)
        logits = logits_of(model, packed)[packed.rows]
        torch.nn.functional.cross_entropy(logits, packed.targets_T[packed.rows], reduction="sum").backward()
        grad = model.get_input_embeddings().weight.grad
        segments = packed.segments_T[packed.rows]
        return {number: logits[segments == number].detach() for number in range(len(pieces))}, grad.clone()

    alone, grad = learn(0)
    together, shared_grad = learn(4)
    assert len(lay_out(pieces, share=4)) == len(lay_out(pieces)) - 2 * 9 - 6
    assert all(torch.allclose(alone[number], together[number], atol=1e-6, rtol=0) for number in alone)
    assert torch.allclose(grad, shared_grad, atol=1e-5, rtol=0)


def test_no_gradient_crosses_from_one_sequence_to_another() -> None:
    q, k, v = (torch.randn(1, 2, 12, 4, dtype=torch.float64, requires_grad=True) for _ in range(3))
    out, _ = attend_packed(torch.nn.Identity(), q, k, v, None, spans=(Span(5), Span(7)))
    out[0, 5:].sum().backward()
    for tensor in (q, k, v):
        assert tensor.grad is not None
        assert not tensor.grad[:, :, :5].any()
        assert tensor.grad[:, :, 5:].any()
