"""Whether a GGUF LoRA may be loaded beside a base: the bytes that were meant, for this base, every number finite.

It reads the file and nothing else: whether the adapter does any good is for the gate to say.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final

import gguf
import numpy as np
from gguf.constants import GGMLQuantizationType as Kind

from aion.errors import BadInput
from aion.models.gguf_file import GgufContents, GgufTensor, open_regular, parse_contents, refuse_pickle_name

BASE_MARK: Final = "aion.base.sha256"  # of the model file that it was trained on
HALVES: Final = (".lora_a", ".lora_b")
KINDS: Final = (Kind.F32, Kind.F16, Kind.BF16, Kind.Q8_0)


def check_adapter(path: Path, sha256: str, base: GgufContents, base_sha256: str = "") -> None:
    """Raises BadInput (or NotFound) with what is wrong. Reads the whole file: call it in a thread.

    Without `base_sha256` names and shapes alone must fit the base.
    """
    refuse_pickle_name(path)
    with open_regular(path) as file:
        found = hashlib.sha256(file.read()).hexdigest()
        if found != sha256:
            raise _damaged(path, f"its SHA-256 is {found[:12]}..., not {sha256[:12]}... as recorded")
        file.seek(0)
        contents = parse_contents(file, os.fstat(file.fileno()).st_size, path.name)
        _require_base(path, contents, base, base_sha256)
        tensors = {tensor.name: tensor for tensor in contents.tensors}
        shapes = {tensor.name: tensor.shape for tensor in base.tensors}
        for tensor in contents.tensors:
            _require_fit(path, tensor, tensors, shapes)
            _require_finite(path, tensor, file)


def _require_base(path: Path, contents: GgufContents, base: GgufContents, base_sha256: str) -> None:
    if contents.header.kind != "adapter" or contents.header.adapter_type != "lora" or not contents.tensors:
        raise BadInput(f"{path.name!r} is no LoRA; name a GGUF LoRA", code="wrong_model_kind")
    marked = str(contents.values.get(BASE_MARK, ""))
    if contents.header.architecture != base.header.architecture or (base_sha256 and marked not in ("", base_sha256)):
        known = f"the model with SHA-256 {marked[:12]}..." if marked else f"a {contents.header.architecture[:40]} model"
        raise BadInput(f"{path.name!r} was trained on {known}, which is not the one served", code="wrong_base")


def _require_fit(
    path: Path, tensor: GgufTensor, tensors: Mapping[str, GgufTensor], shapes: Mapping[str, tuple[int, ...]]
) -> None:
    """It is half of a pair whose product has the shape of the matrix it is added to."""
    name, dot, half = tensor.name.rpartition(".")
    pair = [tensors.get(name + one) for one in HALVES]
    if dot + half not in HALVES or any(one is None or one.kind not in KINDS for one in pair):
        raise BadInput(f"{path.name!r} holds {tensor.name[:100]!r}, which is no half of a LoRA", code="corrupt_adapter")
    a, b = (one.shape for one in pair if one is not None)
    fits = len(a) == len(b) == 2 and a[1] == b[0] and (a[0], b[1]) == shapes.get(name)
    if not fits:
        raise BadInput(
            f"{path.name!r} has {list(a)} and {list(b)} for {name[:100]!r}, where the model served has "
            f"{list(shapes.get(name, ()))}; name the model it was trained on",
            code="wrong_base",
        )


def _require_finite(path: Path, tensor: GgufTensor, file: BinaryIO) -> None:
    file.seek(tensor.offset)
    rows = np.frombuffer(file.read(tensor.size), np.uint8).reshape(tensor.shape[1], -1)
    if not np.isfinite(gguf.dequantize(rows, tensor.kind)).all():
        raise _damaged(path, f"{tensor.name[:100]!r} holds values that are no numbers, or infinite")


def _damaged(path: Path, problem: str) -> BadInput:
    return BadInput(f"{path.name!r} is damaged: {problem}; train or get it again", code="corrupt_adapter")
