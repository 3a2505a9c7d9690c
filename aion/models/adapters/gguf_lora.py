"""GGUF LoRA files, as llama.cpp loads them: read strictly and written.

llama.cpp knows one alpha for all pairs and divides it by each pair's own rank. Where pairs have other alphas, the
difference is multiplied into their B: exact for powers of two, rounded to float32 otherwise. What llama.cpp would skip
in silence (norms) or stop at is refused here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import gguf
import numpy as np
from gguf.constants import GGMLQuantizationType as Kind

from aion.errors import BadInput
from aion.models.adapters.families import module_of, row_order, tensor_of
from aion.models.adapters.lora import Array, Lora, Pair, read_marks, require_finite
from aion.models.adapters.match import Slot, match_slots
from aion.models.adapters.served import ServedBase
from aion.models.adapters.tensors import corrupt
from aion.models.durable import replacing
from aion.models.gguf_file import GgufContents, GgufTensor, open_regular, parse_contents, refuse_pickle_name

ALPHA: Final = "adapter.lora.alpha"
ALORA: Final = "adapter.alora.invocation_tokens"
KINDS: Final = (Kind.F32, Kind.F16, Kind.BF16, Kind.Q8_0)
_HALF_A, _HALF_B = ".lora_a", ".lora_b"
_Q8_BLOCK: Final = 32


class LoraFile:
    """An open GGUF LoRA whose header was checked. It says what it holds before any tensor is loaded."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.name = name
        self._file = file
        self.contents = parse_contents(file, os.fstat(file.fileno()).st_size, name)
        _require_lora(self.contents, name)
        self.tensors: Mapping[str, GgufTensor] = {one.name: one for one in self.contents.tensors}
        self.architecture = self.contents.header.architecture
        self.marks = read_marks(self.contents.values, name)

    @property
    def alpha(self) -> float:
        """0 when the file has none: each pair is then added as it is."""
        alpha = self.contents.values.get(ALPHA, 0.0)
        if not isinstance(alpha, float) or not 0 <= alpha <= 1e9:
            raise corrupt(self.name, f"its {ALPHA} is {str(alpha)[:40]}")
        return alpha

    def slots(self) -> list[Slot]:
        """The pairs in the file, by PEFT's names of their modules."""
        bases = sorted({name[: -len(_HALF_A)] for name in self.tensors})
        return [self._slot(base) for base in bases]

    def read(self, tensor: str) -> Array:
        stored = self.tensors[tensor]
        self._file.seek(stored.offset)
        content = self._file.read(stored.size)
        if len(content) != stored.size:
            raise corrupt(self.name, "it became shorter while being read")
        rows = np.frombuffer(content, np.uint8).reshape(stored.shape[1], -1)
        found: Array = gguf.dequantize(rows, stored.kind).astype(np.float32, copy=False)
        return require_finite(found.reshape(stored.shape[::-1]), tensor, self.name)

    def _slot(self, base: str) -> Slot:
        a, b = self.tensors.get(base + _HALF_A), self.tensors.get(base + _HALF_B)
        if a is None or b is None:
            raise corrupt(self.name, f"{base[:120]!r} has only one half of its pair")
        for half in (a, b):
            if half.kind not in KINDS:
                known = ", ".join(kind.name for kind in KINDS)
                raise BadInput(
                    f"{self.name!r} holds {half.name[:120]!r} as {half.kind.name}; adapters are read as {known}",
                    code="unsupported_adapter",
                )
        module = module_of(self.architecture, base)
        if module is None:
            raise BadInput(
                f"{self.name!r} changes {base[:120]!r}, which no {self.architecture} model of transformers has;"
                " train on the usual projections",
                code="unsupported_adapter",
            )
        return Slot(module=module, a=a.name, b=b.name, a_shape=a.shape[::-1], b_shape=b.shape[::-1])


@contextmanager
def open_lora(path: Path) -> Iterator[LoraFile]:
    """Raises BadInput for what is no sound GGUF LoRA, before any tensor is read."""
    refuse_pickle_name(path)
    with open_regular(path) as file:
        yield LoraFile(file, path.name)


def read_gguf(path: Path, base: ServedBase) -> Lora:
    """The adapter in a GGUF LoRA. Raises BadInput for what is damaged, does not fit, or cannot be turned into PEFT."""
    with open_lora(path) as file:
        if file.architecture != base.architecture:
            raise BadInput(
                f"{file.name!r} is for {file.architecture[:80]!r}, {base.name!r} is {base.architecture!r};"
                " name the model it was trained on",
                code="wrong_base",
            )
        slots = match_slots(file.slots(), base, file.name)
        pairs = {slot.module: _load_pair(file, slot, base) for slot in slots}
        return Lora(architecture=base.architecture, pairs=dict(sorted(pairs.items())), marks=file.marks)


def write_gguf(lora: Lora, path: Path, base: ServedBase, kind: Kind = Kind.F32) -> None:
    """The file that llama.cpp loads. The same adapter gives the same bytes."""
    with replacing(path) as temporary:
        writer = gguf.GGUFWriter(temporary, lora.architecture)
        writer.add_type("adapter")
        writer.add_string("adapter.type", "lora")
        writer.add_float32(ALPHA, lora.alpha)
        for key, text in lora.marks.to_texts().items():
            writer.add_string(key, text)
        for tensor, array in _to_gguf_tensors(lora, base):
            content, stored = encode(np.ascontiguousarray(array), kind, tensor)
            writer.add_tensor(tensor, content, raw_dtype=stored)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def encode(array: Array, kind: Kind, tensor: str) -> tuple[Any, Kind]:
    """The matrix as that kind. Q8_0 has rows of whole blocks; others stay float16."""
    if kind is Kind.Q8_0 and array.shape[-1] % _Q8_BLOCK:
        kind = Kind.F16
    if kind is Kind.F32:
        return array, kind
    if kind is Kind.F16 and float(np.abs(array).max(initial=0.0)) > float(np.finfo(np.float16).max):
        raise BadInput(f"{tensor} holds values too large for F16; write F32", code="unsupported_adapter", param="kind")
    return gguf.quantize(array, kind), kind


def _to_gguf_tensors(lora: Lora, base: ServedBase) -> Iterator[tuple[str, Array]]:
    """The matrices under GGUF's names and in its order of rows, one alpha for all."""
    alpha = lora.alpha
    for module, pair in lora.pairs.items():
        tensor = _require_tensor(lora.architecture, module)
        order = row_order(base, tensor)
        b = pair.b if pair.alpha == alpha else pair.b * np.float32(pair.alpha / alpha)
        yield tensor + _HALF_A, pair.a
        yield tensor + _HALF_B, b if order is None else b[order]


def _load_pair(file: LoraFile, slot: Slot, base: ServedBase) -> Pair:
    order = row_order(base, slot.a.removesuffix(_HALF_A))
    b = file.read(slot.b)
    if order is not None:
        b = b[np.argsort(order)]
    rank = slot.a_shape[0]
    return Pair(a=file.read(slot.a), b=b, alpha=file.alpha or float(rank))


def _require_tensor(architecture: str, module: str) -> str:
    tensor = tensor_of(architecture, module)
    if tensor is None:
        raise BadInput(f"{architecture} has no {module!r} to change", code="unsupported_adapter")
    return tensor


def _require_lora(contents: GgufContents, name: str) -> None:
    header = contents.header
    if header.kind != "adapter" or header.adapter_type != "lora":
        found = f"general.type {header.kind[:40]!r}, adapter.type {header.adapter_type[:40]!r}"
        raise BadInput(f"{name!r} is no LoRA but has {found}; name a GGUF LoRA", code="wrong_model_kind")
    if ALORA in contents.values:
        raise BadInput(
            f"{name!r} sets {ALORA!r}, an adapter that wakes at certain tokens; AION serves plain LoRA only",
            code="unsupported_adapter",
        )
    if not contents.tensors:
        raise corrupt(name, "it holds no tensors")
    for one in contents.tensors:
        if not one.name.endswith((_HALF_A, _HALF_B)) or len(one.shape) != 2:
            raise BadInput(
                f"{name!r} holds {one.name[:120]!r}, which is no half of a LoRA; get one with pairs alone",
                code="unsupported_adapter",
            )
