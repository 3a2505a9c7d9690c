"""What an adapter has to fit: names, shapes and heads of a base, read from its GGUF header, and its hash.

It reads no weights. The hash is the caller's to compute (aion.models.hashes).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aion.errors import BadInput
from aion.models.adapters.lora import Marks
from aion.models.gguf_file import GgufContents, read_contents


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedBase:
    """A base model as far as adapters are concerned."""

    name: str  # of its file
    sha256: str
    architecture: str
    shapes: Mapping[str, tuple[int, int]]  # of each matrix by its GGUF name: rows (out), columns (in)
    layers: int
    heads: int
    kv_heads: int


def read_served(path: Path, sha256: str) -> ServedBase:
    """Raises BadInput for what is no model, and what `read_contents` raises."""
    contents = read_contents(path)
    if contents.header.is_adapter:
        raise BadInput(f"{path.name!r} is an adapter; name the model that it is for", code="wrong_model_kind")
    architecture = contents.header.architecture
    heads = _natural(contents, f"{architecture}.attention.head_count", path.name)
    return ServedBase(
        name=path.name,
        sha256=sha256,
        architecture=architecture,
        shapes={one.name: (one.shape[1], one.shape[0]) for one in contents.tensors if len(one.shape) == 2},
        layers=contents.header.block_count,
        heads=heads,
        kv_heads=_natural(contents, f"{architecture}.attention.head_count_kv", path.name) or heads,
    )


def _natural(contents: GgufContents, key: str, name: str) -> int:
    value = contents.values.get(key, 0)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise BadInput(
            f"{name!r} has a {key[:80]} for each layer; adapters are made for models with one", code="unsupported_base"
        )
    return value


def require_base(marks: Marks, base: ServedBase, name: str, *, unknown: bool = False) -> Marks:
    """The marks the adapter has from now on. Raises BadInput for another base, or for one that nothing names.

    `unknown` lets in a file that does not say what it was trained on: names and shapes alone then decide, and the
    marks say so. A file that names another base stays refused.
    """
    if marks.base == base.sha256:
        return marks
    if marks.base:
        raise BadInput(
            f"{name!r} was trained on the model with sha256 {marks.base[:12]}...; {base.name!r} is"
            f" {base.sha256[:12]}...: name the model it was trained on",
            code="wrong_base",
        )
    if not unknown:
        raise BadInput(
            f"{name!r} does not say which model file it was trained on, so nothing proves that it is for"
            f" {base.name!r}; if you know that it is, say so with --base-unknown",
            code="base_unknown",
        )
    return Marks(base=base.sha256, assumed="yes", theme=marks.theme, night=marks.night, dataset=marks.dataset)
