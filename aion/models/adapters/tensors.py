"""Reads safetensors files that others made, trusting none of them, and writes them.

The header is held against the bytes that are really there before anything is allocated: known types, sizes that
follow from the shapes, tensors one behind the other from first byte to last. Only floating point is read, and it
comes back as float32. Nothing in the format can carry code.
"""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from aion.errors import BadInput
from aion.models.adapters.lora import Array
from aion.models.durable import replacing
from aion.models.gguf_file import open_regular, refuse_pickle_name

MAX_HEADER_BYTES: Final = 16 << 20
MAX_JSON_BYTES: Final = 1 << 20
MAX_TENSORS: Final = 1 << 16
MAX_DIMENSIONS: Final = 4
_ALIGNMENT: Final = 8
_WIDTHS: Final = {"F32": 4, "F16": 2, "BF16": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTensor:
    """A line of the header; it was seen to fit the file."""

    kind: str  # F32, F16 or BF16
    shape: tuple[int, ...]
    offset: int  # of its first byte in the file
    size: int  # bytes


class TensorFile:
    """An open safetensors file whose header was checked. Tensors are read one by one, as float32."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.name = name
        self._file = file
        self.metadata, self.tensors = _read_header(file, os.fstat(file.fileno()).st_size, name)

    def read(self, tensor: str) -> Array:
        stored = self.tensors[tensor]
        self._file.seek(stored.offset)
        content = self._file.read(stored.size)
        if len(content) != stored.size:
            raise corrupt(self.name, "it became shorter while being read")
        return decode(content, stored.kind).reshape(stored.shape)


@contextmanager
def open_tensors(path: Path) -> Iterator[TensorFile]:
    """Raises BadInput for what is no sound safetensors file, before any tensor is read."""
    refuse_pickle_name(path)
    with open_regular(path) as file:
        yield TensorFile(file, path.name)


def write_tensors(path: Path, tensors: Mapping[str, Array], metadata: Mapping[str, str]) -> None:
    """float32, sorted by name. Unlike the package's own writer, which shuffles metadata, always the same bytes."""
    header: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))} if metadata else {}
    at = 0
    for name, array in sorted(tensors.items()):
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [at, at + 4 * array.size]}
        at += 4 * array.size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, array in sorted(tensors.items()):
            file.write(array.astype("<f4", copy=False).tobytes())


def decode(content: bytes, kind: str) -> Array:
    """Little-endian numbers as float32: exact for all three kinds."""
    if kind == "BF16":
        return (np.frombuffer(content, "<u2").astype(np.uint32) << 16).view(np.float32)
    return np.frombuffer(content, "<f4" if kind == "F32" else "<f2").astype(np.float32)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of at most 1 MiB."""
    with open_regular(path) as file:
        content = file.read(MAX_JSON_BYTES + 1)
    if len(content) > MAX_JSON_BYTES:
        raise corrupt(path.name, f"it is longer than {MAX_JSON_BYTES >> 20} MiB")
    return parse_object(content, path.name)


def parse_object(content: bytes, name: str) -> dict[str, Any]:
    """A JSON object in which no name stands twice, and every number is one."""
    try:
        found = json.loads(content.decode("utf-8"), object_pairs_hook=_require_unique, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        problem = "it is nested too deeply" if isinstance(error, RecursionError) else f"its JSON is wrong: {error}"
        raise corrupt(name, problem[:200]) from None
    if not isinstance(found, dict):
        raise corrupt(name, "its JSON is no object")
    return found


def corrupt(name: str, problem: str) -> BadInput:
    return BadInput(f"{name!r} is damaged: {problem}; get the file again", code="corrupt_adapter")


def _require_unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is no number")


def _read_header(file: BinaryIO, size: int, name: str) -> tuple[dict[str, str], dict[str, StoredTensor]]:
    if size < 8:
        raise corrupt(name, f"it has {size} bytes")
    length = struct.unpack("<Q", file.read(8))[0]
    if length > min(size - 8, MAX_HEADER_BYTES):
        raise corrupt(name, f"its header asks for {length} bytes, the file has {size}")
    content = file.read(length)
    if not content.startswith(b"{"):
        raise BadInput(f"{name!r} is not a safetensors file; name one, or a GGUF LoRA", code="not_safetensors")
    entries = parse_object(content, name)
    metadata = _read_metadata(entries.pop("__metadata__", {}), name)
    if not 0 < len(entries) <= MAX_TENSORS:
        raise corrupt(name, f"it announces {len(entries)} tensors; 1 to {MAX_TENSORS} are read")
    tensors = {tensor: _read_entry(entry, 8 + length, tensor, name) for tensor, entry in entries.items()}
    _require_contiguous(tensors, 8 + length, size, name)
    return metadata, tensors


def _read_metadata(found: Any, name: str) -> dict[str, str]:
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise corrupt(name, "its __metadata__ is no object of texts")
    return found


def _read_entry(entry: Any, start: int, tensor: str, name: str) -> StoredTensor:
    shown = repr(tensor[:100])
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise corrupt(name, f"the tensor {shown} is not described by dtype, shape and data_offsets")
    kind, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(kind, str) or kind not in _WIDTHS:
        raise BadInput(
            f"{name!r} holds {shown} as {str(kind)[:20]!r}; adapters are read as {', '.join(_WIDTHS)}",
            code="unsupported_adapter",
        )
    if not _are_naturals(shape) or not 1 <= len(shape) <= MAX_DIMENSIONS or 0 in shape:
        raise corrupt(name, f"the tensor {shown} has the impossible shape {str(shape)[:80]}")
    if not _are_naturals(offsets) or len(offsets) != 2 or offsets[1] - offsets[0] != math.prod(shape) * _WIDTHS[kind]:
        raise corrupt(name, f"the tensor {shown} has the offsets {str(offsets)[:80]}, which are not its size")
    return StoredTensor(kind=kind, shape=tuple(shape), offset=start + offsets[0], size=offsets[1] - offsets[0])


def _are_naturals(found: Any) -> bool:
    return isinstance(found, list) and all(type(number) is int and 0 <= number < 1 << 63 for number in found)


def _require_contiguous(tensors: Mapping[str, StoredTensor], start: int, size: int, name: str) -> None:
    expected = start
    for tensor in sorted(tensors.values(), key=lambda one: one.offset):
        if tensor.offset != expected:
            raise corrupt(name, f"a tensor begins at {tensor.offset} instead of {expected}")
        expected += tensor.size
    if expected != size:
        raise corrupt(name, f"its tensors end at {expected}, the file has {size} bytes")
