"""Makes the transformers model of a GGUF on the meta device, then gives it the file's own bytes.

The file is mapped, so nothing of it is held twice; only norms, biases and rotary tables become tensors of their own,
and, where the file has the rows of queries and keys in another order, those blocks. Nothing of it can be trained.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import torch
from gguf.constants import GGMLQuantizationType
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, PretrainedConfig, PreTrainedModel

from aion.errors import BadInput
from aion.models.adapters.families import row_order, tensor_of
from aion.models.adapters.served import ServedBase, read_served
from aion.models.gguf_file import GgufContents, GgufTensor, read_contents
from aion.nets.blocks import BlockKind, dequantise
from aion.nets.frozen import FrozenEmbedding, FrozenLinear
from aion.nets.gated import GatedLayer
from aion.nets.norm import FrozenNorm
from aion.sleep.training.graph.families import Kind, find_kind, make_config

EMBEDDING: Final = "token_embd.weight"
HEAD: Final = "output.weight"
LAST_NORM: Final = "output_norm.weight"
FACTORS: Final = "rope_freqs.weight"  # Llama 3: each rotary frequency is divided by its factor
LONG: Final = ("rope_factors_long.weight", "rope_factors_short.weight")


@dataclass(frozen=True, slots=True, eq=False)
class Base:
    """A model that only computes."""

    model: PreTrainedModel
    family: str
    config: PretrainedConfig
    bytes: int  # of the file


class _Scaled(FrozenEmbedding):
    """Gemma multiplies what it reads; in float32, as llama.cpp does."""

    factor: float = 1.0

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - nn.Embedding's name
        found = super().forward(input)
        return (found.float() * self.factor).to(found.dtype)


def open_base(path: Path, *, dtype: torch.dtype = torch.bfloat16, device: str = "cpu", cached: bool = False) -> Base:
    """`cached`: keep the matrices dense in `dtype`. Raises BadInput for what cannot be trained, naming why."""
    contents = read_contents(path)
    served = read_served(path, "")
    file = _File(path, contents, device)
    architecture = contents.header.architecture
    file.require_layers(served.layers)
    config = make_config(architecture, file.value, words=file.shape(EMBEDDING)[0], tied=HEAD not in file.tensors)
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = cast(PreTrainedModel, AutoModelForCausalLM.from_config(config, dtype=dtype))
    filler = _Filler(model, file, served, find_kind(architecture), dtype, cached=cached)
    filler.fill()
    return Base(model.eval(), architecture, config, path.stat().st_size)


class _File:
    """The tensors of a mapped file."""

    def __init__(self, path: Path, contents: GgufContents, device: str) -> None:
        self.name, self.device = path.name, device
        self.tensors: dict[str, GgufTensor] = {one.name: one for one in contents.tensors}
        self._values, self._architecture = contents.values, contents.header.architecture
        self._bytes = np.memmap(path, np.uint8, "r")
        for name in LONG:
            if name in self.tensors:
                raise BadInput(f"{path.name!r} has {name}: training does not know such a base", code="unsupported_base")

    def value(self, key: str, default: Any) -> Any:
        return self._values.get(f"{self._architecture}.{key}", default)

    def refuse(self, problem: str) -> BadInput:
        return BadInput(f"{self.name!r} {problem}; it cannot be trained", code="unsupported_base")

    def require_layers(self, layers: int) -> None:
        """Before a model of so many layers is made: each has tensors of its own."""
        if layers > len(self.tensors):
            raise self.refuse(f"announces {layers} layers and has {len(self.tensors)} tensors")

    def shape(self, name: str) -> tuple[int, int]:
        """Rows and columns; one row for what has one dimension."""
        if name not in self.tensors:
            raise BadInput(f"{self.name!r} has no tensor {name}; it is not whole", code="unsupported_base")
        columns, *rows = self.tensors[name].shape
        if len(rows) > 1:
            raise self.refuse(f"has {name} in {len(rows) + 1} dimensions")
        return (rows[0] if rows else 1), columns

    def blocks(self, name: str, order: Any = None) -> tuple[Tensor, BlockKind, int]:
        rows, columns = self.shape(name)
        tensor = self.tensors[name]
        try:
            kind = BlockKind(GGMLQuantizationType(tensor.kind).name)
        except ValueError:
            raise BadInput(
                f"{self.name!r} keeps {name} as {GGMLQuantizationType(tensor.kind).name}; training reads "
                f"{', '.join(BlockKind)}",
                code="unsupported_base",
            ) from None
        part = self._bytes[tensor.offset : tensor.offset + tensor.size].reshape(rows, -1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns that the mapped file must not be written to: nobody does
            blocks = torch.from_numpy(part if order is None else part[order])
        return blocks.to(self.device), kind, columns

    def numbers(self, name: str) -> Tensor:
        """A small tensor, dense in float32."""
        blocks, kind, columns = self.blocks(name)
        return dequantise(blocks, kind, columns, torch.float32).reshape(-1).clone()


class _Filler:
    """Puts one file's tensors into one model, each exactly once."""

    def __init__(
        self, model: PreTrainedModel, file: _File, served: ServedBase, kind: Kind, dtype: torch.dtype, *, cached: bool
    ) -> None:
        self._model, self._file, self._served, self._kind = model, file, served, kind
        self._dtype, self._cached = dtype, cached
        self._used: set[str] = set()

    def fill(self) -> None:
        self._fill_ends()
        for name, module in list(self._model.named_modules()):
            tensor = tensor_of(self._served.architecture, name) if type(module) is nn.Linear else None
            if tensor is not None and name != "lm_head":
                self._put(name, self._linear(tensor, (module.out_features, module.in_features)))
        for name, tensor in self._norms():
            self._put_norm(name, tensor)
        for layer in range(self._served.layers):
            name = f"model.layers.{layer}.mlp"
            self._put(name, GatedLayer(self._model.get_submodule(name)))
        self._fill_rotary()
        self._require_whole()

    def _fill_ends(self) -> None:
        tied = HEAD not in self._file.tensors
        before = self._model.get_input_embeddings()
        whole = (self._model.config.vocab_size, self._model.config.hidden_size)
        self._fits(EMBEDDING, whole)
        embedding = _Scaled(*self._take(EMBEDDING), dtype=self._dtype)
        embedding.factor = float(getattr(before, "scalar_embed_scale", 1.0))
        self._model.set_input_embeddings(embedding)
        self._fits(EMBEDDING if tied else HEAD, whole)
        same = (embedding.blocks, embedding.kind, embedding.embedding_dim)  # on a GPU two would take twice the room
        head = same if tied else self._file.blocks(HEAD)
        self._used.add(HEAD)
        self._put("lm_head", FrozenLinear(*head, dtype=self._dtype, cached=self._cached))

    def _fits(self, tensor: str, shape: tuple[int, int]) -> None:
        if (found := self._file.shape(tensor)) != shape:
            raise self._file.refuse(f"has {tensor} of shape {found}, and its settings ask for {shape}")

    def _linear(self, tensor: str, shape: tuple[int, int]) -> FrozenLinear:
        self._fits(tensor, shape)
        bias = tensor.removesuffix("weight") + "bias"
        values = None
        if bias in self._file.tensors:
            self._fits(bias, (1, shape[0]))
            values = self._file.numbers(bias)
            self._used.add(bias)
            if (order := row_order(self._served, tensor)) is not None:
                values = values[_inverse(order)]
        return FrozenLinear(*self._take(tensor), bias=values, dtype=self._dtype, cached=self._cached)

    def _take(self, tensor: str) -> tuple[Tensor, BlockKind, int]:
        self._used.add(tensor)
        order = row_order(self._served, tensor)
        return self._file.blocks(tensor, None if order is None else _inverse(order))

    def _norms(self) -> Iterator[tuple[str, str]]:
        yield "model.norm", LAST_NORM
        for layer in range(self._served.layers):
            for part, found in self._kind.norms.items():
                yield f"model.layers.{layer}.{part}", f"blk.{layer}.{found}.weight"

    def _put_norm(self, name: str, tensor: str) -> None:
        module = cast(Any, self._model.get_submodule(name))
        self._fits(tensor, (1, module.weight.numel()))
        self._used.add(tensor)
        eps = getattr(module, "variance_epsilon", None) or module.eps
        self._put(name, FrozenNorm(self._file.numbers(tensor), eps))

    def _fill_rotary(self) -> None:
        rotary = self._model.get_submodule("model.rotary_emb")
        make = cast(Callable[[PretrainedConfig], nn.Module], type(rotary))
        made = make(self._model.config)  # on the meta device its tables were lost
        if FACTORS in self._file.tensors and self._served.architecture == "llama":
            frequencies = cast(Tensor, made.inv_freq)
            self._fits(FACTORS, (1, frequencies.numel()))
            self._used.add(FACTORS)
            made.inv_freq = frequencies / self._file.numbers(FACTORS).cpu()
        self._put("model.rotary_emb", made.to(self._file.device))

    def _put(self, name: str, module: nn.Module) -> None:
        parent, _, leaf = name.rpartition(".")
        setattr(self._model.get_submodule(parent), leaf, module)

    def _require_whole(self) -> None:
        """No tensor of the file is left over, and no weight of the model is still empty."""
        left = sorted(self._file.tensors.keys() - self._used)
        if left:
            raise BadInput(
                f"{self._file.name!r} has tensors that training does not know: {', '.join(left[:3])}",
                code="unsupported_base",
            )
        named = [*self._model.named_parameters(), *self._model.named_buffers()]
        empty = [name for name, one in named if one.is_meta]
        if empty:
            raise BadInput(
                f"{self._file.name!r} does not fill {', '.join(empty[:3])}; it cannot be trained",
                code="unsupported_base",
            )
        self._model.requires_grad_(False)  # noqa: FBT003 - torch's name for it


def _inverse(order: Any) -> Any:
    """Where each row of transformers' stands in the file."""
    return np.argsort(order)
