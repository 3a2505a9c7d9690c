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
from aion.nets.blocks import FLOATS, LAYOUTS, BlockKind, check_blocks, dequantise

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
        args, kwargs = tree_map_only(LazyWeight, lambda one: one.read(), (args, kwargs or {}))
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
    and rounded afterwards where a CPU has no bfloat16). A layer of more than SCRATCH weights is made dense in slices.
    So besides its input and its result a pass holds at most SCRATCH weights (or one row, or one column of blocks, where
    that is more), what `dequantise` needs for itself, and one or two partial results no larger than the result.
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
        if self._fits(dtype):
            out_N_o = functional.linear(x_N_i, self._read(dtype), bias).to(x.dtype)
        else:
            out_N_o = x.new_empty(len(x_N_i), self.out_features)
            for rows in self._slices():
                due = None if bias is None else bias[rows]
                out_N_o[:, rows] = functional.linear(x_N_i, self._read(dtype, rows), due)
        return out_N_o.view(*x.shape[:-1], self.out_features)

    def multiply_back(self, grad: Tensor) -> Tensor:
        """The gradient of x. A layer that is too large is cut along its longer side, which is the quicker way."""
        dtype = product_dtype(grad.dtype, grad.device)
        grad_N_o = grad.reshape(-1, self.out_features).to(dtype)
        if self._fits(dtype):
            back_N_i = grad_N_o @ self._read(dtype)
        elif self.in_features > self.out_features:
            back_N_i = self._back_by_columns(grad_N_o)
        else:
            back_N_i = self._back_by_rows(grad_N_o)
        return back_N_i.to(grad.dtype).view(*grad.shape[:-1], self.in_features)

    def _back_by_columns(self, grad_N_o: Tensor) -> Tensor:
        layout, back_N_i = LAYOUTS[self.kind], grad_N_o.new_empty(len(grad_N_o), self.in_features)
        step = max(1, SCRATCH // self.out_features // layout.weights)
        for begin in range(0, self.in_features // layout.weights, step):
            part = self.blocks[:, begin * layout.bytes : (begin + step) * layout.bytes]
            first, count = begin * layout.weights, part.shape[1] // layout.bytes * layout.weights
            back_N_i[:, first : first + count] = grad_N_o @ dequantise(part, self.kind, count, grad_N_o.dtype)
        return back_N_i

    def _back_by_rows(self, grad_N_o: Tensor) -> Tensor:
        """Partial products are added in float32."""
        back_N_i = grad_N_o.new_zeros(len(grad_N_o), self.in_features, dtype=torch.float32)
        for rows in self._slices():
            back_N_i += grad_N_o[:, rows] @ self._read(grad_N_o.dtype, rows)
        return back_N_i

    def _slices(self) -> list[slice]:
        step = max(1, SCRATCH // self.in_features)
        return [slice(begin, min(begin + step, self.out_features)) for begin in range(0, self.out_features, step)]

    def _fits(self, dtype: torch.dtype) -> bool:
        """Whether all weights may be dense at once: they are few, or so already."""
        at_hand = FLOATS.get(self.kind) == dtype or (self.dense is not None and self.dense.dtype == dtype)
        return at_hand or self.in_features * self.out_features <= SCRATCH

    def _read(self, dtype: torch.dtype, rows: slice = slice(None)) -> Tensor:
        if self.dense is not None and self.dense.dtype == dtype:
            return self.dense[rows]
        return dequantise(self.blocks[rows], self.kind, self.in_features, dtype)

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
