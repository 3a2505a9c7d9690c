"""What an adapter's files say of themselves, from headers alone: no base is needed and no tensor is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aion.models.adapters.gguf_lora import open_lora
from aion.models.adapters.lora import Marks, most_common, read_marks
from aion.models.adapters.match import Slot
from aion.models.adapters.peft import CONFIG, WEIGHTS, name_slots, open_weights
from aion.models.adapters.peft_config import read_config
from aion.models.adapters.tensors import read_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """An adapter as its files show it."""

    form: str  # gguf or peft
    architecture: str  # "" where the form does not say
    rank: int  # of most pairs
    other_ranks: tuple[int, ...]
    alpha: float  # of most pairs; 0: each pair is added as it is
    modules: tuple[str, ...]
    kinds: tuple[str, ...]  # how the numbers are stored
    parameters: int
    size: int  # bytes
    marks: Marks


def describe_adapter(source: Path) -> Description:
    """Raises BadInput for what is damaged or could not be served on any base."""
    return _describe_peft(source) if source.is_dir() else _describe_gguf(source)


def _describe_gguf(path: Path) -> Description:
    with open_lora(path) as file:
        return _build(
            file.slots(),
            form="gguf",
            kinds={tensor.kind.name for tensor in file.tensors.values()},
            size=file.contents.header.file_bytes,
            marks=file.marks,
            alpha=file.alpha,
            architecture=file.architecture,
        )


def _describe_peft(folder: Path) -> Description:
    with open_weights(folder) as file:
        config = read_config(read_json(folder / CONFIG), CONFIG)
        slots = name_slots(file)
        return _build(
            slots,
            form="peft",
            kinds={tensor.kind for tensor in file.tensors.values()},
            size=(folder / WEIGHTS).stat().st_size,
            marks=read_marks(file.metadata, file.name),
            alpha=most_common(config.alpha_of(slot.module, slot.a_shape[0]) for slot in slots),
            architecture="",
        )


def _build(
    slots: Sequence[Slot], *, form: str, kinds: set[str], size: int, marks: Marks, alpha: float, architecture: str
) -> Description:
    rank = int(most_common(slot.a_shape[0] for slot in slots))
    return Description(
        form=form,
        architecture=architecture,
        rank=rank,
        other_ranks=tuple(sorted({slot.a_shape[0] for slot in slots} - {rank})),
        alpha=alpha,
        modules=tuple(slot.module for slot in slots),
        kinds=tuple(sorted(kinds)),
        parameters=sum(slot.parameters for slot in slots),
        size=size,
        marks=marks,
    )
