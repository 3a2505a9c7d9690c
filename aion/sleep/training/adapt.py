"""Puts LoRA adapters on an opened base, runs packed rows through it, and takes the adapters out again as PEFT has them.

PEFT makes and switches the adapters; the product of each is ours, in one operation. Nothing here learns.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, cast

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora.layer import Linear as LoraLinear
from torch import Tensor, nn
from transformers import AttentionInterface, PreTrainedModel

from aion.errors import BadInput
from aion.models.adapters.convert import save_peft
from aion.models.adapters.lora import Lora, Marks, Pair
from aion.models.adapters.peft import PREFIX, read_peft
from aion.models.adapters.served import ServedBase
from aion.nets.attention import NAME, attend_packed
from aion.nets.frozen import FrozenLinear
from aion.nets.lora import apply_lora
from aion.nets.pack import Packed
from aion.sleep.training.base import Recipe
from aion.sleep.training.shrink import silence

ADAPTER: Final = "default"
DRAWN: Final = 64  # random vectors by which the size of a matrix is told, to a few in a hundred
JOINED: Final = {  # families that keep several projections in one matrix
    "q_proj": "qkv_proj",
    "k_proj": "qkv_proj",
    "v_proj": "qkv_proj",
    "gate_proj": "gate_up_proj",
    "up_proj": "gate_up_proj",
}


class FusedLora(LoraLinear):
    """PEFT's layer, computed as one operation."""

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        del args, kwargs
        layer = cast(FrozenLinear, self.base_layer)
        if self.disable_adapters:
            return layer(x)  # type: ignore[no-any-return]
        down, up = cast(nn.Linear, self.lora_A[ADAPTER]), cast(nn.Linear, self.lora_B[ADAPTER])
        return apply_lora(x, down.weight, up.weight, layer, self.scaling[ADAPTER])


def add_adapters(model: PreTrainedModel, recipe: Recipe) -> PeftModel:
    """Random `a`, zero `b`, by torch's seed: at first the model is the base."""
    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,  # type: ignore[arg-type]  # it divides; a whole number is not needed
        target_modules=find_targets(model, recipe.targets),
        lora_dropout=0.0,
        bias="none",
        task_type="CAUSAL_LM",
    )
    config._register_custom_module({FrozenLinear: FusedLora})  # noqa: SLF001 - PEFT's way to bring a layer
    AttentionInterface.register(NAME, attend_packed)
    model.set_attn_implementation(NAME)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PEFT asks transformers by a name that will go
        adapted = get_peft_model(model, config)
    adapted.train(recipe.recompute)  # dropout is none; transformers recomputes only what is in training
    if recipe.recompute:
        model.activation_checkpointing_enable({"use_reentrant": False})
    return cast(PeftModel, adapted)


def find_targets(model: nn.Module, targets: tuple[str, ...]) -> list[str]:
    """The modules of these names that the family has, by name or as part of a joined matrix."""
    names = {name.rpartition(".")[2] for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    found = {one if one in names else JOINED.get(one, one) for one in targets} & names
    if not found:
        raise BadInput(f"adapters were to go on {', '.join(targets)}; this model has {', '.join(sorted(names))}")
    return sorted(found)


def list_weights(model: PeftModel) -> dict[str, nn.Parameter]:
    """What is trained, by PEFT's names of files, in one order."""
    found = {name.replace(f".{ADAPTER}.", "."): one for name, one in model.named_parameters() if one.requires_grad}
    return dict(sorted(found.items()))


def decoder_of(model: PeftModel) -> nn.Module:
    """All but the head."""
    return cast(nn.Module, model.get_base_model().model)


def run_rows(model: PeftModel, packed: Packed) -> Tensor:
    """The last hidden rows, tokens x width."""
    out = decoder_of(model)(
        input_ids=packed.ids_T[None],
        position_ids=packed.positions_T[None],
        use_cache=False,
        spans=packed.spans,
    )
    hidden_T_H: Tensor = out.last_hidden_state[0]
    return hidden_T_H


def run_base(model: PeftModel, packed: Packed) -> Tensor:
    """The same with the adapters off, and nothing kept to go back."""
    with torch.no_grad(), model.disable_adapter():
        return run_rows(model, packed)


def call_between_layers(model: PeftModel, pause: Callable[[], None]) -> None:
    """Before each layer forward, and before each backward."""

    def before(*_: Any) -> None:
        pause()

    def after(_module: nn.Module, _inputs: Any, output: Any) -> None:
        hidden = output[0] if isinstance(output, tuple) else output
        if hidden.requires_grad:
            hidden.register_hook(before)

    for layer in cast(nn.ModuleList, decoder_of(model).layers):
        layer.register_forward_pre_hook(before)
        layer.register_forward_hook(after)


def load_parent(weights: Mapping[str, nn.Parameter], folder: Path, base: ServedBase, recipe: Recipe) -> None:
    """Goes on from an adapter; its rank, scale and targets must be the recipe's."""
    lora = read_peft(folder, base)
    found = {
        f"{PREFIX}{module}.lora_{half}.weight": torch.from_numpy(array)
        for module, pair in lora.pairs.items()
        for half, array in (("A", pair.a), ("B", pair.b))
    }
    shapes = {name: tuple(weight.shape) for name, weight in weights.items()}
    if {name: tuple(one.shape) for name, one in found.items()} != shapes or lora.alpha != recipe.alpha:
        raise BadInput("the adapter to go on from has another rank, scale or targets than the recipe; start anew")
    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(found[name])


def measure_sizes(model: PeftModel, seed: int) -> dict[str, float]:
    """Frobenius norms of the matrices that have adapters: how long they make random vectors, however they are held."""
    made, found = torch.Generator().manual_seed(seed), dict[str, float]()
    for name, layer in cast(nn.Module, model).named_modules():
        if isinstance(layer, LoraLinear):
            held = cast(nn.Linear, layer.base_layer)
            drawn = torch.randn(DRAWN, held.in_features, generator=made)
            inputs = torch.cat([drawn, torch.zeros(1, held.in_features)]).to(held.weight.device, held.weight.dtype)
            with torch.no_grad():
                outputs = held(inputs).float()
            found[name.removeprefix(PREFIX)] = float((outputs[:-1] - outputs[-1]).norm()) / DRAWN**0.5
    return found


def save_adapter(
    weights: Mapping[str, Tensor],
    folder: Path,
    *,
    base: ServedBase,
    marks: Marks,
    recipe: Recipe,
    sizes: Mapping[str, float] | None = None,
) -> None:
    """The PEFT folder, read back and compared before it counts; without `sizes` (see `silence`) with all of it."""
    modules = sorted(name.removesuffix(".lora_A.weight") for name in weights if name.endswith(".lora_A.weight"))
    arrays = {name: weight.detach().float().cpu().numpy() for name, weight in weights.items()}
    pairs = {
        module.removeprefix(PREFIX): Pair(
            a=arrays[f"{module}.lora_A.weight"], b=arrays[f"{module}.lora_B.weight"], alpha=recipe.alpha
        )
        for module in modules
    }
    lora = Lora(architecture=base.architecture, pairs=pairs, marks=marks)
    save_peft(silence(lora, recipe.leave_out, sizes) if sizes else lora, folder, base)
