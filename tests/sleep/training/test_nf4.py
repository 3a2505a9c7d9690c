"""NF4: the layers compute what bitsandbytes' own do, training on them repeats itself, and without it nothing breaks.

Most need bitsandbytes, which is installed with aion[cuda] alone; its kernels for processors are enough.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from aion.errors import BadInput
from aion.models.sealed import sum_file
from aion.nets.frozen import FrozenLinear
from aion.sleep.training.base import JOB
from aion.sleep.training.checkpoint import latest_valid
from aion.sleep.training.graph import open_base
from aion.sleep.training.nf4 import Nf4Linear, hold_nf4
from aion.sleep.training.offline import keep_offline
from aion.sleep.training.train import train
from tests.sleep.small_jobs import ignore, make_job

WIDE = "model.layers.0.mlp.gate_proj"  # with rows of whole blocks
ADAPTER = "adapter_model.safetensors"
INSTALLED = importlib.util.find_spec("bitsandbytes") is not None
needs_it = pytest.mark.skipif(not INSTALLED, reason="bitsandbytes is not installed")

pytestmark = pytest.mark.usefixtures("single")


def hold(base: Path, *, cached: bool = False, dtype: torch.dtype = torch.float32) -> Any:
    model = open_base(base, dtype=dtype).model
    hold_nf4(model, cached=cached)
    return model


def layer_of(model: Any, name: str) -> FrozenLinear:
    found = model.get_submodule(name)
    assert isinstance(found, FrozenLinear)
    return found


def test_without_bitsandbytes_nf4_is_refused_with_what_to_do(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(BadInput, match=r"install aion\[cuda\], or set train.weights to gguf"):
        train(make_job(tmp_path / "job", base, weights="nf4"), tell=ignore)


def test_what_bitsandbytes_would_fetch_from_a_hub_is_never_asked_for(tmp_path: Path) -> None:
    """As PEFT does: it imports bitsandbytes where that is, and that imports kernels where they are."""
    (tmp_path / "kernels.py").write_text("raise SystemExit('asked')")
    (tmp_path / "bitsandbytes.py").write_text("try:\n    import kernels\nexcept ImportError:\n    print('did without')")
    told = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nfrom aion.sleep.training.offline import keep_offline\n"
    command = [sys.executable, "-c", told + "keep_offline()\nimport bitsandbytes"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=Path(__file__).parents[3])
    assert (done.returncode, done.stdout) == (0, "did without\n"), done.stderr


@needs_it
def test_a_layer_computes_what_bitsandbytes_own_does_forward_and_back(base: Path) -> None:
    keep_offline()
    bnb = importlib.import_module("bitsandbytes")
    before, ours = (layer_of(one, WIDE) for one in (open_base(base, dtype=torch.float32).model, hold(base)))
    own = bnb.nn.Linear4bit(ours.in_features, ours.out_features, bias=False, quant_type="nf4")
    own.weight = bnb.nn.Params4bit(before.weight.read(), compress_statistics=True, quant_type="nf4", module=own)
    own = own.to("cpu")
    x = torch.randn(7, ours.in_features)
    found, wanted = x.clone().requires_grad_(), x.clone().requires_grad_()
    ours(found).square().sum().backward()
    own(wanted).square().sum().backward()
    assert torch.allclose(ours(x), own(x.requires_grad_()), rtol=1e-5, atol=1e-6)
    assert torch.allclose(found.grad, wanted.grad, rtol=1e-4, atol=1e-5)  # type: ignore[arg-type]


@needs_it
def test_only_the_matrices_of_layers_are_rounded_and_each_to_a_sixteenth_value_of_its_block(base: Path) -> None:
    exact, model = open_base(base, dtype=torch.float32).model, hold(base)
    rounded = {name for name, one in model.named_modules() if isinstance(one, Nf4Linear)}
    frozen = {name for name, one in exact.named_modules() if isinstance(one, FrozenLinear)}
    assert rounded == frozen - {"lm_head"}
    for name in rounded:
        blocks = layer_of(model, name).weight.read().reshape(-1, 64)
        assert max(len(row.unique()) for row in blocks) <= 16
        apart = (blocks - layer_of(exact, name).weight.read().reshape(-1, 64)).abs()
        assert (apart.amax(1) < 0.2 * blocks.abs().amax(1)).all()


@needs_it
def test_what_is_kept_dense_gives_the_same_adapter(base: Path, tmp_path: Path) -> None:
    sums = [
        train(make_job(tmp_path / str(cache), base, weights="nf4", cache=cache), tell=ignore).files[ADAPTER]
        for cache in (True, False)
    ]
    assert sums[0] == sums[1]


@needs_it
def test_it_learns_on_nf4_with_moments_in_eight_bits(base: Path, tmp_path: Path) -> None:
    result = train(
        make_job(
            tmp_path / "job", base, checkpoint_s=1e9, epochs=40, learning_rate=5e-3, rank=64, alpha=64.0, weights="nf4"
        ),
        tell=ignore,
    )
    assert result.losses[0] > 4.0
    assert max(result.losses[-5:]) < 0.2
    assert "bitsandbytes" in result.record["versions"]


class StopError(Exception):
    """What a caller raises who wants the training to end."""


@needs_it
def test_stopped_on_nf4_it_goes_on_to_the_same_bytes(base: Path, tmp_path: Path) -> None:
    """Rank 64, so that there are factors large enough for moments of 8 bits."""
    to: Any = {"weights": "nf4", "rank": 64}
    wanted = train(make_job(tmp_path / "plain", base, **to), tell=ignore).files[ADAPTER]
    folder = make_job(tmp_path / "job", base, **to)
    for layers in (30, 45):
        left = iter(range(layers))

        def pause(left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise StopError

        with pytest.raises(StopError):
            train(folder, tell=ignore, pause=pause)
    checkpoint = latest_valid(folder / "checkpoints", sum_file(folder / JOB))
    assert checkpoint is not None
    assert {one.dtype for name, one in checkpoint.tensors.items() if name.startswith("state1.")} > {torch.uint8}
    assert train(folder, tell=ignore).files[ADAPTER] == wanted
