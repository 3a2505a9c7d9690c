"""Linear and embedding layers whose weights stay the blocks of a GGUF file: they are read, never trained or copied.

A FrozenLinear is dequantised anew for each product, forward and backward, so that nothing but the blocks stays in
memory; or once, by `cache()`, where there is room. It passes gradients to its input and has none of its own. PEFT
wraps it as the nn.Linear it is. It cannot be merged into, saved in a state_dict, or differentiated twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NoReturn

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.utils._pytree import tree_map_only

from aion.errors import BadInput
from aion.nets.blocks import FLOATS, BlockKind, check_blocks, dequantise

SCRATCH: Final = 1 << 22  # weights of one layer that are dense at one time: 8 MB in bfloat16
BFLOAT16_CPUS: Final = (
    "amx_bf16",
    "avx512_bf16",
    "bf16",
)  # torch's names for instructions that multiply it; Arm's last


def product_dtype(dtype: torch.dtype, device: torch.device) -> torch.dtype:
    """What products are computed in for inputs of `dtype`: that, unless it is bfloat16 and this CPU has none."""
    if dtype != torch.bfloat16 or device.type != "cpu":
        return dtype
    found = torch.cpu.get_capabilities()
    return dtype if any(found.get(name) for name in BFLOAT16_CPUS) else torch.float32


class LazyWeight(Tensor):
    """What a frozen layer shows as its `weight`: shape, dtype and device at no cost, numbers only when asked for.

    Any operation that reads it dequantises the whole. Those that would write to it are refused: a merged adapter would
    otherwise be lost without a word.
    """

    blocks: Tensor
    kind: BlockKind

    @staticmethod
    def __new__(cls, blocks: Tensor, kind: BlockKind, columns: int, dtype: torch.dtype) -> LazyWeight:
        size = (blocks.shape[0], columns)
        make = Tensor._make_wrapper_subclass  # noqa: SLF001 - the way torch documents
        weight: LazyWeight = make(cls, size, dtype=dtype, device=blocks.device)
        weight.blocks, weight.kind = blocks, kind
        return weight

    def read(self) -> Tensor:
        return dequantise(self.blocks, self.kind, self.shape[1], self.dtype)

    @property
    def data(self) -> LazyWeight:
        return self

    @data.setter
    def data(self, _: object) -> NoReturn:
        refuse_to_write("setting its data")

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        if func is torch.ops.aten.detach.default:
            return args[0]
        if func._schema.is_mutable:  # noqa: SLF001 - no public way to ask
            refuse_to_write(str(func))
        args, kwargs = tree_map_only(LazyWeight, LazyWeight.read, (args, kwargs or {}))
        return func(*args, **kwargs)


def refuse_to_write(what: str) -> NoReturn:
    raise BadInput(f"{what} would write to a weight that stays as blocks of the served file; keep the adapter apart")


class _Product(torch.autograd.Function):
    """x times a frozen weight; saves neither of them, since only the blocks are needed to go back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, layer: FrozenLinear) -> Tensor:
        ctx.layer = layer
        return layer.multiply(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        layer: FrozenLinear = ctx.layer
        return layer.multiply_back(grad), None


class FrozenLinear(nn.Linear):
    """x @ W.T + bias for a W that stays in blocks.

    Products are computed in the dtype of x: float32 with exact weights, bfloat16 with weights rounded to it (in float32
    and rounded afterwards where a CPU has no bfloat16). A layer of more than SCRATCH weights is made dense some rows at
    a time. So besides its input and its result a pass holds at most SCRATCH weights (or one row, if that is more), what
    `dequantise` needs for itself, and one partial result: tokens x those rows forward, two of tokens x columns back.
    `dtype` is that of the shown `weight` and of the cache.
    """

    bias: Tensor | None  # type: ignore[assignment] # frozen too: a buffer, no parameter

    def __init__(
        self,
        blocks: Tensor,
        kind: BlockKind,
        columns: int,
        *,
        bias: Tensor | None = None,
        cached: bool = False,
        dtype: torch.dtype = torch.bfloat16,
    ) -> None:
        check_blocks(blocks, kind, columns)
        if bias is not None and bias.shape != (blocks.shape[0],):
            raise BadInput(f"{blocks.shape[0]} rows take a bias each; one of shape {tuple(bias.shape)} was found")
        nn.Module.__init__(self)
        self.in_features, self.out_features, self.kind, self.dtype = columns, blocks.shape[0], kind, dtype
        self.blocks: Tensor
        self.register_buffer("blocks", blocks, persistent=False)
        self.register_buffer("bias", bias, persistent=False)
        self.dense: Tensor | None = None
        if cached:
            self.cache()

    @property
    def weight(self) -> LazyWeight:  # type: ignore[override] # shown, not stored
        return LazyWeight(self.blocks, self.kind, self.in_features, self.dtype)

    def cache(self) -> None:
        """Keeps the weights dense from now on; rounds them to `dtype` as each product would."""
        dtype = product_dtype(self.dtype, self.blocks.device)
        self.dense = dequantise(self.blocks, self.kind, self.in_features, dtype)

    def drop_cache(self) -> None:
        self.dense = None

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - nn.Linear's name
        result: Tensor = _Product.apply(input, self)  # type: ignore[no-untyped-call]
        return result

    def multiply(self, x: Tensor) -> Tensor:
        dtype = product_dtype(x.dtype, x.device)
        x_N_i, bias = x.reshape(-1, self.in_features).to(dtype), None if self.bias is None else self.bias.to(dtype)
        parts = self._parts(dtype)
        if len(parts) == 1:
            out_N_o = functional.linear(x_N_i, self._rows(parts[0], dtype), bias).to(x.dtype)
        else:
            out_N_o = x.new_empty(len(x_N_i), self.out_features)
            for part in parts:
                out_N_o[:, part] = functional.linear(
                    x_N_i, self._rows(part, dtype), None if bias is None else bias[part]
                )
        return out_N_o.view(*x.shape[:-1], self.out_features)

    def multiply_back(self, grad: Tensor) -> Tensor:
        """The gradient of x. Partial products are added in float32."""
        dtype = product_dtype(grad.dtype, grad.device)
        grad_N_o, parts = grad.reshape(-1, self.out_features).to(dtype), self._parts(dtype)
        if len(parts) == 1:
            total_N_i = grad_N_o @ self._rows(parts[0], dtype)
        else:
            total_N_i = grad.new_zeros(len(grad_N_o), self.in_features, dtype=torch.float32)
            for part in parts:
                total_N_i += grad_N_o[:, part] @ self._rows(part, dtype)
        return total_N_i.to(grad.dtype).view(*grad.shape[:-1], self.in_features)

    def _parts(self, dtype: torch.dtype) -> list[slice]:
        """The rows to make dense at one time; all of them when they are few, or dense already."""
        at_hand = FLOATS.get(self.kind) == dtype or (self.dense is not None and self.dense.dtype == dtype)
        step = self.out_features if at_hand else max(1, SCRATCH // self.in_features)
        return [slice(begin, min(begin + step, self.out_features)) for begin in range(0, self.out_features, step)]

    def _rows(self, part: slice, dtype: torch.dtype) -> Tensor:
        if self.dense is not None and self.dense.dtype == dtype:
            return self.dense
        return dequantise(self.blocks[part], self.kind, self.in_features, dtype)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> FrozenLinear:
        """Moves the blocks and takes on the dtype; a cache is made again, for it may have been rounded."""
        cached, self.dense = self.dense is not None, None
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.dtype = fn(torch.empty(0, dtype=self.dtype, device=self.blocks.device)).dtype
        if cached:
            self.cache()
        return self


class FrozenEmbedding(nn.Embedding):
    """Rows of a weight that stays in blocks; only those asked for are dequantised."""

    def __init__(self, blocks: Tensor, kind: BlockKind, columns: int, *, dtype: torch.dtype = torch.bfloat16) -> None:
        check_blocks(blocks, kind, columns)
        nn.Module.__init__(self)
        self.num_embeddings, self.embedding_dim, self.kind, self.dtype = blocks.shape[0], columns, kind, dtype
        self.padding_idx, self.max_norm, self.norm_type = None, None, 2.0
        self.scale_grad_by_freq, self.sparse = False, False
        self.blocks: Tensor
        self.register_buffer("blocks", blocks, persistent=False)

    @property
    def weight(self) -> LazyWeight:  # type: ignore[override] # shown, not stored
        return LazyWeight(self.blocks, self.kind, self.embedding_dim, self.dtype)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - nn.Embedding's name
        chosen_N_b = self.blocks[input.reshape(-1)]
        return dequantise(chosen_N_b, self.kind, self.embedding_dim, self.dtype).view(*input.shape, self.embedding_dim)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> FrozenEmbedding:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.dtype = fn(torch.empty(0, dtype=self.dtype, device=self.blocks.device)).dtype
        return self
