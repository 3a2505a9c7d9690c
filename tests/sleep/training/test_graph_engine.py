"""What a GGUF opened for training computes is what llama.cpp serves from it: by family, by setting, by kind of block.

Two differences are llama.cpp's own. It keeps keys and values as float16 (some thousandths here), and rounds what goes
into a matrix to what that kind of block is multiplied by: float16, bfloat16, or 8 bits in groups of 32 or 256. A number
near a half tips to either side, so over many layers no imitation stays equal; how far rounding leads is measured here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from aion.errors import BadInput
from aion.models.adapters.families import row_order
from aion.models.adapters.served import read_served
from aion.models.catalog import find_embedded_base
from aion.nets.blocks import BlockKind
from aion.nets.frozen import FrozenLinear
from aion.sleep.training.graph import open_base
from tests.models.adapters.engine_asking import LogProbs, ask_engine, ask_torch, distance
from tests.models.adapters.engine_models import WORDS
from tests.sleep.hard_models import CYCLE, GEMMA_CAPS, WINDOW, Hard, write_hard

pytestmark = pytest.mark.usefixtures("one_thread")
PROMPTS = [np.random.default_rng(seed).integers(3, WORDS, size).tolist() for seed, size in ((0, 5), (1, 20), (2, 40))]
SINGLES = [[7], [30], [101], [200]]
WINDOWED: dict[str, float | int | str] = {"attention.sliding_window": WINDOW}
QKV = ("attn_q", "attn_k", "attn_v")
EVENLY: dict[str, float | int | str] = {"rope.scaling.factor": 4.0}

FAMILIES = (
    Hard(name="llama", architecture="llama", head=32, values={"rope.freq_base": 5e5}, tied=False),
    Hard(name="llama_factors", architecture="llama", factors=True),
    Hard(name="llama_biases", architecture="llama", biases=(*QKV, "attn_output")),
    Hard(name="llama_evenly", architecture="llama", values=EVENLY | {"rope.scaling.type": "linear"}),
    Hard(name="llama_no_type", architecture="llama", values=EVENLY),
    Hard(name="llama_old_key", architecture="llama", values={"rope.scale_linear": 4.0}),
    Hard(name="llama_none", architecture="llama", values=EVENLY | {"rope.scaling.type": "none"}),
    Hard(name="llama_zero", architecture="llama", values={"rope.scaling.factor": 0.0}),
    Hard(name="mistral_window", architecture="llama", values=WINDOWED),  # which llama.cpp does not look at
    Hard(name="qwen2", architecture="qwen2", biases=QKV, tied=False),
    Hard(name="qwen3", architecture="qwen3", head=32, values={"rope.freq_base": 1e6}),
    Hard(name="gemma2", architecture="gemma2", layers=4, head=32, values=GEMMA_CAPS | WINDOWED),
    Hard(
        name="gemma2_period", architecture="gemma2", layers=4, values=WINDOWED | {"attention.sliding_window_pattern": 3}
    ),
    Hard(name="gemma3", architecture="gemma3", layers=8, values=WINDOWED | EVENLY | {"rope.freq_base": 1e6}),
    Hard(name="gemma3_local", architecture="gemma3", layers=8, values=WINDOWED | {"rope.freq_base_swa": 500.0}),
    Hard(
        name="gemma3_period", architecture="gemma3", layers=4, values=WINDOWED | {"attention.sliding_window_pattern": 3}
    ),
    Hard(name="gemma3_cap", architecture="gemma3", values=WINDOWED | {"final_logit_softcapping": 3.0}),
    Hard(name="gemma3_no_window", architecture="gemma3", values={"rope.freq_base": 1e6}),
    Hard(name="phi3", architecture="phi3", values=WINDOWED, tied=False),  # the window is switched off in llama.cpp
    Hard(name="phi3_part", architecture="phi3", values={"rope.dimension_count": 12}),
)
REFUSED = (
    (Hard(name="a", architecture="llama", values={"rope.scaling.type": "yarn"}), "'yarn', which training does not"),
    (
        Hard(name="b", architecture="llama", values={"rope.scaling.attn_factor": 2.0}),
        "sets rope.scaling.attn_factor to 2",
    ),
    (Hard(name="c", architecture="qwen3", values={"rope.dimension_count": 8}), "turns 8 of the 16 numbers of a head"),
    (Hard(name="d", architecture="gemma2", values={"rope.freq_base_swa": 500.0}), r"another rotary base \(500\)"),
    (Hard(name="e", architecture="phi3", values=EVENLY), "evenly, which training does not know for 'phi3'"),
    (
        Hard(name="f", architecture="qwen2", head=32, values={"attention.key_length": 16}),
        r"attn_q.* ask for \(64, 64\)",
    ),
    (Hard(name="g", architecture="qwen2", factors=True), "training does not know: rope_freqs.weight"),
    (
        Hard(name="h", architecture="llama", width=62, values={"attention.key_length": 16}),
        "settings do not fit together",
    ),
    (Hard(name="i", architecture="llama", layers=2, values={"attention.head_count": 4096}), "key_length"),
)


async def ask_both(path: Path, prompts: list[list[int]]) -> tuple[LogProbs, Any]:
    (served,) = await ask_engine(path, [], prompts, WORDS)
    return served, open_base(path, dtype=torch.float32).model


@pytest.mark.anyio
@pytest.mark.engine
@pytest.mark.parametrize("hard", FAMILIES, ids=lambda one: one.name)
async def test_every_family_says_what_llama_cpp_serves(tmp_path: Path, hard: Hard) -> None:
    """A setting that is not followed moves some word by 2 to 9."""
    served, model = await ask_both(write_hard(hard, tmp_path / "m.gguf"), PROMPTS)
    ours = ask_torch(model, PROMPTS)
    assert np.abs(served - ours).max() < 0.1
    assert distance(served, ours) < 0.015 < 0.02 * float(served.std())


def mixed(architecture: str) -> Hard:
    """Every packed kind, given to the matrices in turn."""
    biases = QKV if architecture == "qwen2" else ()
    return Hard(name=architecture, architecture=architecture, layers=3, width=256, inner=512, head=64, biases=biases,
                kinds=CYCLE)  # fmt: skip


@pytest.mark.anyio
@pytest.mark.engine
@pytest.mark.parametrize("architecture", ["llama", "qwen2", "qwen3", "gemma2", "gemma3", "phi3"])
async def test_every_family_says_so_with_all_kinds_of_blocks(tmp_path: Path, architecture: str) -> None:
    path = write_hard(mixed(architecture), tmp_path / "m.gguf")
    served, model = await ask_both(path, PROMPTS)
    kinds = {module.kind for module in model.modules() if isinstance(module, FrozenLinear)}
    plain = ask_torch(model, PROMPTS)
    assert kinds == set(CYCLE)
    assert distance(served, plain) < 2 * distance(with_rounding(model, PROMPTS), plain) < 0.3


def with_rounding(model: Any, prompts: Any) -> LogProbs:
    """What the model says when all that goes into its matrices is rounded as llama.cpp rounds it."""
    hooks = [
        module.register_forward_pre_hook(lambda layer, given: (ROUND[layer.kind](given[0]),))
        for module in model.modules()
        if isinstance(module, FrozenLinear)
    ]
    said = ask_torch(model, prompts)
    for hook in hooks:
        hook.remove()
    return said


def to_8_bits(x: Tensor, group: int, *, half: bool) -> Tensor:
    parts = x.reshape(-1, group)
    step = parts.abs().amax(1, keepdim=True) / 127
    whole = torch.where(step > 0, (parts / step).round(), 0)
    return (whole * (step.half().float() if half else step)).view(x.shape)


ROUND: dict[BlockKind, Callable[[Tensor], Tensor]] = {
    BlockKind.F32: lambda x: x,
    BlockKind.F16: lambda x: x.half().float(),
    BlockKind.BF16: lambda x: x.bfloat16().float(),
} | {
    kind: (lambda x: to_8_bits(x, 256, half=False)) if kind.endswith("_K") else (lambda x: to_8_bits(x, 32, half=True))
    for kind in CYCLE
}


@pytest.mark.anyio
@pytest.mark.engine
@pytest.mark.parametrize("kind", BlockKind)
async def test_each_kind_of_block_is_as_near_as_the_rounding_of_llama_cpp_allows(
    tmp_path: Path, kind: BlockKind
) -> None:
    """One layer and one word, so that little is rounded twice: the same rounding brings ours nearer."""
    hard = Hard(name="k", architecture="llama", layers=1, width=256, inner=512, head=64, kinds=(kind,), tied=False)
    served, model = await ask_both(write_hard(hard, tmp_path / "m.gguf"), SINGLES)
    plain, rounded = distance(served, ask_torch(model, SINGLES)), distance(served, with_rounding(model, SINGLES))
    assert rounded <= plain < 0.1


@pytest.mark.parametrize(("hard", "reason"), REFUSED, ids=lambda one: getattr(one, "name", ""))
def test_a_setting_that_is_not_followed_is_refused_by_name(tmp_path: Path, hard: Hard, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        open_base(write_hard(hard, tmp_path / "m.gguf"))


SENTENCES = 4  # after words drawn at random two are about as likely, and rounding decides
EMBEDDED_PROMPTS = (
    (504, 29391, 6118, 335, 260, 6926, 14994, 284, 624, 10759),
    (504, 29391, 6118, 335),
    (1, 4093, 198, 1780, 314, 260, 3575, 282, 4649, 47),
    (1, 4093, 198, 1780, 314, 260),
    tuple(np.random.default_rng(5).integers(20, 49000, 60).tolist()),
)


@pytest.mark.anyio
@pytest.mark.engine
async def test_the_embedded_base_says_what_llama_cpp_serves() -> None:
    """As near as the rounding alone takes ours from itself; rows left as the file has them are far outside."""
    path = find_embedded_base()
    (served,) = await ask_engine(path, [], EMBEDDED_PROMPTS, 49152)
    model: Any = open_base(path, dtype=torch.float32).model
    plain = ask_torch(model, EMBEDDED_PROMPTS)
    near, rounding = (
        distance(served, plain),
        distance(with_rounding(model, EMBEDDED_PROMPTS), np.where(np.isnan(served), np.nan, plain)),
    )
    likeliest = [int(np.nanargmax(one)) for one in served]
    assert likeliest[:SENTENCES] == plain.argmax(-1).tolist()[:SENTENCES]
    base = read_served(path, "")
    for name, module in model.named_modules():
        if name.endswith(("q_proj", "k_proj")):
            order = row_order(base, f"blk.{name.split('.')[2]}.attn_{name[-6]}.weight")
            module.blocks = module.blocks[order]
    wrong = distance(served, ask_torch(model, EMBEDDED_PROMPTS))
    assert near < 1.5 * rounding < 0.3
    assert wrong > 5 * near
