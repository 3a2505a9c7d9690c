"""One adapter from one form into the other, with its marks, held against its base, and read back after writing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from gguf.constants import GGMLQuantizationType as Kind

from aion.errors import Corrupt
from aion.models.adapters.gguf_lora import read_gguf, write_gguf
from aion.models.adapters.lora import Lora, Marks
from aion.models.adapters.peft import read_peft, write_peft
from aion.models.adapters.served import ServedBase, require_base


def read_adapter(source: Path, base: ServedBase, *, unknown: bool = False) -> Lora:
    """A PEFT folder or a GGUF LoRA that is for this base; see `require_base` for `unknown`."""
    lora = read_peft(source, base) if source.is_dir() else read_gguf(source, base)
    return replace(lora, marks=require_base(lora.marks, base, source.name, unknown=unknown))


def export_gguf(folder: Path, base: ServedBase, target: Path, marks: Marks, kind: Kind = Kind.F32) -> Lora:
    """The GGUF LoRA of a PEFT folder that was trained on this base, marked as told. For the trainer's own folders."""
    lora = replace(read_peft(folder, base), marks=replace(marks, base=base.sha256))
    save_gguf(lora, target, base, kind)
    return lora


def save_gguf(lora: Lora, target: Path, base: ServedBase, kind: Kind = Kind.F32) -> None:
    """Without pairs that add nothing, which would cost as much at every token as the others do."""
    heard = {name: pair for name, pair in lora.pairs.items() if not pair.is_silent}
    served = replace(lora, pairs=heard or lora.pairs)
    write_gguf(served, target, base, kind)
    _require_same(served, read_gguf(target, base), target.name, exact=kind is Kind.F32)


def save_peft(lora: Lora, folder: Path, base: ServedBase) -> None:
    write_peft(lora, folder, base)
    _require_same(lora, read_peft(folder, base), folder.name, exact=True)


def _require_same(written: Lora, read: Lora, name: str, *, exact: bool) -> None:
    """What was written says the same when it is read; its numbers too, unless it was rounded on purpose."""
    same = written.marks == read.marks and written.pairs.keys() == read.pairs.keys()
    if same and exact and len({pair.alpha for pair in written.pairs.values()}) == 1:
        same = all(
            np.array_equal(pair.a, read.pairs[module].a) and np.array_equal(pair.b, read.pairs[module].b)
            for module, pair in written.pairs.items()
        )
    if not same:
        raise Corrupt(f"{name!r} reads back as something else than was written; check the disk and export it again")
