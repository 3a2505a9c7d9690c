"""Holds the matrices of an opened base in bitsandbytes' NF4 instead of the file's blocks, as QLoRA trains.

It is the alternative, not the default: an adapter is then fitted to weights that are not those served. bitsandbytes is
looked for when it is first needed, and nothing here reaches for a hub. Embedding and head stay what the file has.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

import torch
from torch import Tensor, nn

from aion.errors import BadInput
from aion.nets.frozen import FrozenLinear, LazyWeight, product_dtype
from aion.sleep.training.offline import keep_offline

PACKAGE: Final = "bitsandbytes"
BLOCK: Final = 64  # weights that share a factor; 256 factors share one of their own


def load_bitsandbytes() -> Any:
    """Raises BadInput where it is not installed, or does not work."""
    keep_offline()
    try:
        return importlib.import_module(PACKAGE)
    except (ImportError, OSError, RuntimeError) as error:
        raise BadInput(
            f"train.weights is nf4, which needs {PACKAGE}, and it cannot be imported ({type(error).__name__}); "
            "install aion[cuda], or set train.weights to gguf",
            code="unsupported_weights",
        ) from None


def hold_nf4(model: nn.Module, *, cached: bool = False) -> None:
    """Each matrix of the layers, one after the other, so that both forms of only one are held at a time."""
    tools = load_bitsandbytes().functional
    for name, module in list(model.named_modules()):
        if isinstance(module, FrozenLinear) and name != "lm_head":
            model.set_submodule(name, Nf4Linear(module, tools))
    for module in model.modules():
        if cached and isinstance(module, FrozenLinear):
            module.cache()


class Nf4Weight(LazyWeight):
    """What an Nf4Linear shows as its `weight`."""

    layer: Nf4Linear

    @staticmethod
    def __new__(cls, layer: Nf4Linear) -> Nf4Weight:
        size = (layer.out_features, layer.in_features)
        make = Tensor._make_wrapper_subclass  # noqa: SLF001 - the way torch documents
        weight: Nf4Weight = make(cls, size, dtype=layer.dtype, device=layer.blocks.device)
        weight.layer = layer
        return weight

    def read(self) -> Tensor:
        return self.layer.read(self.dtype)


class Nf4Linear(FrozenLinear):
    """A frozen linear layer in NF4, its factors quantised too; made from another, whose weights it rounds.

    The whole layer is dense while a product is computed.
    """

    def __init__(self, layer: FrozenLinear, tools: Any) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.kind, self.dtype, self.dense = layer.kind, layer.dtype, None
        weights = layer.weight.read().reshape(1, -1)  # its loop for CPUs is wrong where rows end inside a block
        packed, self.state = tools.quantize_4bit(weights, blocksize=BLOCK, compress_statistics=True, quant_type="nf4")
        self.register_buffer("blocks", packed, persistent=False)
        self.register_buffer("bias", layer.bias, persistent=False)
        self._unpack = tools.dequantize_4bit

    @property
    def weight(self) -> LazyWeight:  # type: ignore[override] # shown, not stored
        return Nf4Weight(self)

    def read(self, dtype: torch.dtype) -> Tensor:
        dense: Tensor = self._unpack(self.blocks, self.state)
        return dense.view(self.out_features, self.in_features).to(dtype)

    def cache(self) -> None:
        self.dense = self.read(product_dtype(self.dtype, self.blocks.device))

    def _fits(self, dtype: torch.dtype) -> bool:
        del dtype
        return True

    def _read(self, dtype: torch.dtype, rows: slice = slice(None)) -> Tensor:
        if self.dense is not None and self.dense.dtype == dtype:
            return self.dense[rows]
        return self.read(dtype)[rows]

    def _apply(self, fn: Any, recurse: bool = True) -> Nf4Linear:
        super()._apply(fn, recurse)
        self.state.to(self.blocks.device)
        return self
