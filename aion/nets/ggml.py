"""Finds the loops of ggml, the engine's own library, that turn blocks into float32, as functions on torch tensors.

The library is the extension module of the engine's package, looked up by name and loaded without its Python part. It
is never needed: where it is missing or does not export a loop, None is returned and torch does the work.
"""

from __future__ import annotations

import ctypes
import importlib.util
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

PACKAGE: Final = "xllamacpp"


@cache
def open_library() -> ctypes.CDLL | None:
    """The engine's library, or None where there is none that can be loaded."""
    spec = importlib.util.find_spec(PACKAGE)
    folders = (spec and spec.submodule_search_locations) or []
    for path in sorted(file for folder in folders for file in Path(folder).glob("*.so")):
        try:
            return ctypes.CDLL(str(path))
        except OSError:
            continue  # for another system or Python: torch does the same work
    return None


def find_dequantiser(kind: str, weights: int) -> Callable[[Tensor], Tensor] | None:
    """ggml's loop for that kind of block, each of `weights` weights: blocks_N_b -> float32 weights_N_w, on a CPU."""
    row = getattr(open_library(), f"dequantize_row_{kind[0].lower()}{kind[1:]}", None)
    if row is None:
        return None
    row.argtypes, row.restype = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64), None

    def read(blocks_N_b: Tensor) -> Tensor:
        blocks = blocks_N_b.contiguous()
        out = torch.empty(len(blocks), weights)
        row(blocks.data_ptr(), out.data_ptr(), out.numel())
        return out

    return read
