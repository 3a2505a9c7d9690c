"""PEFT folders: adapter_model.safetensors with adapter_config.json beside it, read strictly and written.

What is read is held against the base's names and shapes before a tensor is loaded. PEFT itself is not needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from aion.errors import BadInput, NotFound
from aion.models.adapters.families import LAYER
from aion.models.adapters.lora import Array, Lora, Marks, Pair, read_marks, require_finite
from aion.models.adapters.match import Slot, match_slots
from aion.models.adapters.peft_config import LoraConfig, read_config, write_config
from aion.models.adapters.served import ServedBase
from aion.models.adapters.tensors import TensorFile, corrupt, open_tensors, read_json, write_tensors
from aion.models.durable import write_json

WEIGHTS: Final = "adapter_model.safetensors"
CONFIG: Final = "adapter_config.json"
PICKLE: Final = "adapter_model.bin"
PREFIX: Final = "base_model.model."
_TENSOR: Final = re.compile(r"base_model\.model\.([A-Za-z0-9_.]{1,200})\.lora_(A|B)\.weight")
_FOREIGN: Final = {
    "lora_magnitude_vector": "DoRA (use_dora)",
    "lora_embedding": "a LoRA of the embedding",
    "bias": "a trained bias",
    "lora_": "another kind of LoRA",
}


def read_peft(folder: Path, base: ServedBase) -> Lora:
    """The adapter in a PEFT folder. Raises BadInput for what is damaged, does not fit, or cannot be served."""
    config = read_config(read_json(_find(folder, CONFIG)), CONFIG)
    with open_weights(folder) as file:
        marks = read_marks(file.metadata, file.name)
        slots = match_slots(name_slots(file), base, file.name)
        pairs = {slot.module: _load_pair(file, slot, config) for slot in slots}
    return Lora(architecture=base.architecture, pairs=pairs, marks=marks)


def write_peft(lora: Lora, folder: Path, base: ServedBase) -> None:
    """Two files that PEFT and vLLM load, the weights as float32; the settings come last."""
    metadata = {"format": "pt", **lora.marks.to_texts()}
    write_tensors(folder / WEIGHTS, to_peft_tensors(lora), metadata)
    write_json(folder / CONFIG, write_config(lora, base.layers))


def to_peft_tensors(lora: Lora) -> dict[str, Array]:
    """The matrices under PEFT's names."""
    found: dict[str, Array] = {}
    for module, pair in lora.pairs.items():
        found[f"{PREFIX}{module}.lora_A.weight"] = pair.a
        found[f"{PREFIX}{module}.lora_B.weight"] = pair.b
    return found


@contextmanager
def open_weights(folder: Path) -> Iterator[TensorFile]:
    with open_tensors(_find(folder, WEIGHTS)) as file:
        yield file


def read_peft_marks(folder: Path) -> Marks:
    with open_weights(folder) as file:
        return read_marks(file.metadata, file.name)


def name_slots(file: TensorFile) -> list[Slot]:
    """The pairs in the file, by module. Raises BadInput for a tensor that is no half of a pair."""
    halves: dict[str, dict[str, str]] = {}
    for tensor in file.tensors:
        found = _TENSOR.fullmatch(tensor)
        if found is None:
            raise _refuse_tensor(tensor, file.name)
        pair = halves.setdefault(_plain_module(found[1]), {})
        if found[2] in pair:
            raise corrupt(file.name, f"two tensors are lora_{found[2]} of {found[1][:100]!r}")
        pair[found[2]] = tensor
    return [_pair_up(module, names, file) for module, names in sorted(halves.items())]


def _find(folder: Path, name: str) -> Path:
    if (folder / name).is_file():
        return folder / name
    if (folder / PICKLE).exists() and name == WEIGHTS:
        raise BadInput(
            f"{folder.name!r} has its weights in {PICKLE!r}, a Python pickle, which can run code when loaded;"
            f" save the adapter as {WEIGHTS}",
            code="pickle_not_supported",
        )
    raise NotFound(f"{folder.name!r} has no {name!r}; name a folder that PEFT wrote", code="adapter_not_found")


def _plain_module(module: str) -> str:
    """Without the detours that models of several parts have in their names."""
    found = LAYER.fullmatch(module)
    return f"model.layers.{found[1]}.{found[2]}" if found else module


def _pair_up(module: str, names: Mapping[str, str], file: TensorFile) -> Slot:
    if set(names) != {"A", "B"}:
        raise corrupt(file.name, f"{module!r} has lora_{next(iter(names))} alone")
    a, b = file.tensors[names["A"]].shape, file.tensors[names["B"]].shape
    return Slot(module=module, a=names["A"], b=names["B"], a_shape=a, b_shape=b)


def _refuse_tensor(tensor: str, name: str) -> BadInput:
    kind = next((what for part, what in _FOREIGN.items() if part in tensor), "no part of a LoRA")
    return BadInput(
        f"{name!r} holds {tensor[:120]!r}, which is {kind}: a GGUF LoRA has no place for it; train without it",
        code="unsupported_adapter",
    )


def _load_pair(file: TensorFile, slot: Slot, config: LoraConfig) -> Pair:
    rank, module = slot.a_shape[0], slot.a.removeprefix(PREFIX).removesuffix(".lora_A.weight")
    if config.rank_of(module) != rank:
        raise corrupt(file.name, f"{slot.module!r} has rank {rank}, {CONFIG} says {config.rank_of(module)}")
    if not config.aims_at(module):
        raise corrupt(file.name, f"it holds {slot.module!r}, which target_modules in {CONFIG} leaves out")
    a, b = (require_finite(file.read(tensor), tensor, file.name) for tensor in (slot.a, slot.b))
    return Pair(a=a, b=b, alpha=config.alpha_of(module, rank))
