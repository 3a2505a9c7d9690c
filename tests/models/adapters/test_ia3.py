"""Why (IA)^3 stays in PEFT: what it adds to a matrix has as many ranks as the matrix, so no small LoRA can hold it.

(IA)^3 multiplies what comes out of a matrix W (keys, values), or goes into it (the FFN's last one), by learned numbers
l. What that adds is diag(l - 1) W, or W diag(l - 1): where no l is 1, its rank is that of W. llama.cpp's adapters add
matrices of low rank and its control vectors add to the stream, so neither can hold it; the nearest LoRA of rank r
leaves out the singular values behind r, which are most of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aion.nets.compress import reduce_rank

torch = pytest.importorskip("torch")
peft = pytest.importorskip("peft")

ROWS, COLUMNS = 48, 64


def make_ia3() -> tuple[Any, Any, Any]:
    """A matrix, PEFT's (IA)^3 on it, and its multipliers, drawn around 1."""
    torch.manual_seed(5)
    model = torch.nn.Sequential(torch.nn.Linear(COLUMNS, ROWS, bias=False))
    weight = model[0].weight.detach().double().numpy().copy()
    kind = peft.IA3Config(target_modules=["0"], feedforward_modules=[])
    adapted = peft.get_peft_model(model, kind)
    (scales,) = [one for name, one in adapted.named_parameters() if "ia3_l" in name]
    torch.nn.init.normal_(scales, 1.0, 0.1)
    return weight, adapted, scales.detach().double().numpy().reshape(-1)


def test_peft_adds_the_scaled_rows_of_the_matrix() -> None:
    weight, adapted, scales = make_ia3()
    with torch.no_grad():
        out = adapted(torch.eye(COLUMNS)).double().numpy().T
    assert np.allclose(out, weight + np.diag(scales - 1) @ weight, atol=1e-6)


def test_what_it_adds_has_full_rank_and_the_nearest_small_lora_misses_most_of_it() -> None:
    weight, _, scales = make_ia3()
    added = np.diag(scales - 1) @ weight
    assert np.linalg.matrix_rank(added) == ROWS
    errors = {rank: reduce_rank(added, np.eye(ROWS), rank=rank).error for rank in (1, 4, 16, ROWS)}
    assert errors[ROWS] < 1e-12
    assert errors[16] > 0.3
    assert errors[4] > 0.7
    values = np.linalg.svd(added, compute_uv=False)
    assert errors[16] == pytest.approx(np.linalg.norm(values[16:]) / np.linalg.norm(values))


def test_only_where_few_multipliers_moved_can_a_lora_hold_it() -> None:
    weight, _, scales = make_ia3()
    scales[4:] = 1
    assert reduce_rank(np.diag(scales - 1) @ weight, np.eye(ROWS), rank=4).error < 1e-12
