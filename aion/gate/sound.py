"""Looks at an adapter's file before an engine loads it: is it the file it should be, for this base, and all numbers?

It says nothing about what the adapter knows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import gguf
import numpy as np

from aion.errors import AionError
from aion.models.catalog import LocalModel
from aion.models.gguf_file import GgufContents, GgufTensor, open_regular, read_contents
from aion.records import Candidate

BASE_MARK = "aion.base.sha256"
HALVES = (".lora_a", ".lora_b")
REASONS = 3  # of one file; more of them say the same


def find_faults(candidate: Candidate, path: Path, base: LocalModel) -> list[str]:
    """What speaks against loading it, in words; nothing when it is sound."""
    if candidate.base != base.sha256:
        return [f"it was made for another base ({candidate.base[:12]}, served is {base.sha256[:12]})"]
    try:
        contents = read_contents(path)
        if _sum_of(path) != candidate.adapter:
            return ["its file is not the one that was handed over: the sums differ"]
    except AionError as error:
        return [f"its file cannot be used: {error.message}"]
    except OSError as error:
        return [f"its file cannot be read: {error.strerror}"]
    return list(_faults_in(contents, path, base))[:REASONS]


def _sum_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _faults_in(contents: GgufContents, path: Path, base: LocalModel) -> Iterator[str]:
    header = contents.header
    if header.adapter_type != "lora" or not contents.tensors:
        yield "its file is no LoRA adapter"
        return
    if header.architecture != base.header.architecture:
        yield f"it is for {header.architecture[:40]!r} models, the base is {base.header.architecture!r}"
    marked = contents.values.get(BASE_MARK)
    if marked is not None and marked != base.sha256:
        yield "its file says that it was made for another base"
    for tensor in contents.tensors:
        if not tensor.name.endswith(HALVES) or len(tensor.shape) != 2:
            yield f"it holds {tensor.name[:80]!r}, which is no half of a LoRA"
        elif bad := _count_bad(tensor, path):
            yield f"{bad} of the numbers in {tensor.name[:80]!r} are infinite or no numbers"


def _count_bad(tensor: GgufTensor, path: Path) -> int:
    with open_regular(path) as file:
        file.seek(tensor.offset)
        rows = np.frombuffer(file.read(tensor.size), np.uint8).reshape(tensor.shape[1], -1)
    found = gguf.dequantize(rows, tensor.kind)
    return int(found.size - np.isfinite(found).sum())
