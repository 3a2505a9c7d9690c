"""Reads what a GGUF file says of itself, trusting none of it.

A strict parser of the v2/v3 header: every count and length is held against the bytes really left in the file before
anything is allocated, types are known ones, arrays are not nested, and each tensor lies inside the file. It runs
nothing, maps nothing and never looks at tensor data, so it cannot tell whether the weights make sense.
"""

from __future__ import annotations

import math
import os
import stat
import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final

from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFValueType, LlamaFileType

from aion.errors import BadInput, NotFound

MAX_HEADER_BYTES: Final = 64 << 20  # the largest vocabularies known need 15 MB
MAX_PAIRS: Final = 4096
MAX_TENSORS: Final = 1 << 16
MAX_ELEMENTS: Final = 1 << 21  # of one array; the largest known vocabulary has 262,144 tokens and 514,906 merges
MAX_STRING_BYTES: Final = 1 << 20
MAX_ALIGNMENT: Final = 1 << 16
MAX_DIMENSIONS: Final = 4
_PICKLE_PROTOCOLS: Final = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
PICKLE_SUFFIXES: Final = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"})

Value = int | float | bool | str | list[bytes] | bytes

_SCALARS: Final = {
    GGUFValueType.UINT8: "B",
    GGUFValueType.INT8: "b",
    GGUFValueType.UINT16: "H",
    GGUFValueType.INT16: "h",
    GGUFValueType.UINT32: "I",
    GGUFValueType.INT32: "i",
    GGUFValueType.FLOAT32: "f",
    GGUFValueType.BOOL: "?",
    GGUFValueType.UINT64: "Q",
    GGUFValueType.INT64: "q",
    GGUFValueType.FLOAT64: "d",
}
_FORMATS: Final = {kind: struct.Struct("<" + code) for kind, code in _SCALARS.items()}
_LENGTH: Final = struct.Struct("<Q")

_ALIGNMENT: Final = "general.alignment"
_TOKENS: Final = "tokenizer.ggml.tokens"
_KINDS: Final = "tokenizer.ggml.token_type"
# llama.cpp has read such lists past their end when their type or length was not the expected one.
_ENGINE_ARRAYS: Final = {
    _TOKENS: {GGUFValueType.STRING},
    "tokenizer.ggml.merges": {GGUFValueType.STRING},
    "tokenizer.ggml.scores": {GGUFValueType.FLOAT32},
    _KINDS: {GGUFValueType.INT32, GGUFValueType.UINT32},
}
# Nor does it look at the type of this one before it reads it: another type ends its process.
_ENGINE_SCALARS: Final = {_ALIGNMENT: GGUFValueType.UINT32, "adapter.lora.alpha": GGUFValueType.FLOAT32}
_PER_TOKEN: Final = ("tokenizer.ggml.scores", _KINDS)
_UNKNOWN_TOKEN, _CONTROL_TOKEN, _USER_TOKEN = 2, 3, 4

EMBEDDING_ARCHITECTURES: Final = frozenset(
    {"bert", "nomic-bert", "nomic-bert-moe", "modern-bert", "neo-bert", "jina-bert-v2", "jina-bert-v3", "eurobert"}
    | {"gemma-embedding", "t5encoder", "llama-embed"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufHeader:
    """What a GGUF file says of itself; 0 or "" where it says nothing."""

    version: int
    kind: str  # general.type: model, adapter, mmproj ...
    architecture: str
    name: str
    adapter_type: str  # "lora" for a LoRA
    context_length: int
    block_count: int
    embedding_length: int
    pooling: int | None  # llama.cpp's pooling type, when the file fixes one
    quantisation: str  # such as Q4_1
    tensor_count: int
    parameters: int
    file_bytes: int
    parts: int  # files the model is split into
    tokenizer: str
    control_tokens: tuple[str, ...]  # texts the engine takes for control tokens wherever they stand
    user_tokens: tuple[str, ...]  # user-defined: also matched whole, but often plain text such as runs of spaces

    @property
    def is_adapter(self) -> bool:
        return self.kind == "adapter" or bool(self.adapter_type)

    @property
    def is_embedding(self) -> bool:
        """Whether it was made to give vectors rather than to write (pooling: 1 mean, 2 cls, 3 last)."""
        return self.architecture in EMBEDDING_ARCHITECTURES or self.pooling in (1, 2, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufTensor:
    """Where a tensor lies in its file, which was seen to reach that far."""

    name: str
    kind: GGMLQuantizationType
    shape: tuple[int, ...]  # as the file has it: the length of a row first
    offset: int  # of its first byte in the file
    size: int  # bytes

    @property
    def elements(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufContents:
    """The header with the settings and the table of tensors it was made from."""

    header: GgufHeader
    values: Mapping[str, Value]  # lists are raw bytes, and lists of texts are empty but for the vocabulary
    tensors: tuple[GgufTensor, ...]


def read_header(path: Path) -> GgufHeader:
    """Read and check the header. Raises BadInput: not_a_gguf, corrupt_model, unsupported_gguf, pickle_not_supported."""
    return read_contents(path).header


def read_contents(path: Path) -> GgufContents:
    """As `read_header`, with all settings and the place of each tensor."""
    refuse_pickle_name(path)
    with open_regular(path) as file:
        return parse_contents(file, os.fstat(file.fileno()).st_size, path.name)


def refuse_pickle_name(path: Path) -> None:
    if path.suffix.lower() in PICKLE_SUFFIXES:
        raise _pickle(path.name)


def parse_header(file: BinaryIO, size: int, name: str) -> GgufHeader:
    """As `read_header`, on an open file of `size` bytes; `name` is for messages."""
    return parse_contents(file, size, name).header


def parse_contents(file: BinaryIO, size: int, name: str) -> GgufContents:
    """As `read_contents`, on an open file of `size` bytes; `name` is for messages."""
    reader = _Reader(file, size, name)
    version = _read_preamble(reader)
    count, pairs = reader.count("tensors", MAX_TENSORS, 24), reader.count("settings", MAX_PAIRS, 13)
    values = _read_pairs(reader, pairs)
    tensors = _read_tensors(reader, count, values)
    return GgufContents(header=_Header(reader, values, tensors).build(version), values=values, tensors=tensors)


def open_regular(path: Path) -> BinaryIO:
    """Open without waiting on a pipe or device that stands where a file should."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise NotFound(f"there is no file {path.name!r}", code="model_file_not_found") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise BadInput(f"{path.name!r} cannot be read: {reason}", code="unreadable_model") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BadInput(f"{path.name!r} is not a file; name a .gguf file", code="unreadable_model")
    return os.fdopen(descriptor, "rb", buffering=1 << 18)


def _pickle(name: str) -> BadInput:
    return BadInput(
        f"{name!r} is, or is named like, a Python pickle, which can run code when loaded; use a .gguf file",
        code="pickle_not_supported",
    )


class _Reader:
    """Takes little-endian values one after another; refuses to go past the file's end or the header's limit."""

    def __init__(self, file: BinaryIO, size: int, name: str) -> None:
        self.file, self.size, self.name = file, size, name
        self.at = 0

    def corrupt(self, problem: str) -> BadInput:
        return BadInput(f"{self.name!r} is damaged: {problem}; get the file again", code="corrupt_model")

    def take(self, length: int) -> bytes:
        self.require(length)
        try:
            data = self.file.read(length)
        except OSError as error:
            raise BadInput(f"{self.name!r} cannot be read: {error.strerror}", code="unreadable_model") from None
        if len(data) != length:
            raise self.corrupt("it became shorter while being read")
        self.at += length
        return data

    def require(self, length: int) -> None:
        if length > self.size - self.at:
            raise self.corrupt(f"its header asks for {length} bytes at {self.at}, the file has {self.size}")
        if self.at + length > MAX_HEADER_BYTES:
            raise self.corrupt(f"its header is longer than {MAX_HEADER_BYTES >> 20} MiB")

    def number(self, kind: GGUFValueType) -> int | float | bool:
        form = _FORMATS[kind]
        raw = self.take(form.size)
        if kind is GGUFValueType.BOOL and raw[0] > 1:
            raise self.corrupt(f"a yes/no value is {raw[0]}")
        value: int | float | bool = form.unpack(raw)[0]
        return value

    def unsigned(self, kind: GGUFValueType = GGUFValueType.UINT64) -> int:
        return int(self.number(kind))

    def count(self, what: str, limit: int, least_bytes: int) -> int:
        """A count of things of `least_bytes` or more each: a wrong one is seen before any of them is read."""
        count = self.unsigned()
        if count > limit:
            raise self.corrupt(f"it announces {count} {what}, more than the {limit} allowed")
        self.require(count * least_bytes)
        return count

    def raw_string(self) -> bytes:
        length = _LENGTH.unpack(self.take(8))[0]
        if length > MAX_STRING_BYTES:
            raise self.corrupt(f"a text of {length} bytes, more than the {MAX_STRING_BYTES} allowed")
        return self.take(length)

    def string(self) -> str:
        try:
            return self.raw_string().decode("utf-8")
        except UnicodeDecodeError:
            raise self.corrupt(f"the text before byte {self.at} is not UTF-8") from None

    def value_type(self) -> GGUFValueType:
        number = self.unsigned(GGUFValueType.UINT32)
        try:
            return GGUFValueType(number)
        except ValueError:
            raise self.corrupt(f"unknown type {number} of a value") from None


def _read_preamble(reader: _Reader) -> int:
    """Check magic and version."""
    magic = reader.take(min(4, reader.size))
    if magic == b"PK\x03\x04" or magic[:2] in _PICKLE_PROTOCOLS:
        raise _pickle(reader.name)
    if magic != b"GGUF":
        raise BadInput(f"{reader.name!r} is not a GGUF file: it does not begin with GGUF", code="not_a_gguf")
    version = reader.unsigned(GGUFValueType.UINT32)
    if version not in (2, 3):
        hint = " (big-endian)" if version and version & 0xFFFF == 0 else ""
        raise BadInput(
            f"{reader.name!r} is GGUF version {version}{hint}; versions 2 and 3 are read: convert it anew",
            code="unsupported_gguf",
        )
    return version


def _read_pairs(reader: _Reader, count: int) -> dict[str, Value]:
    values: dict[str, Value] = {}
    lengths: dict[str, int] = {}
    for _ in range(count):
        key = reader.string()
        if not key or key in values:
            raise reader.corrupt(f"the setting {key[:80]!r} stands twice" if key else "a setting has no name")
        kind = reader.value_type()
        if kind is not _ENGINE_SCALARS.get(key, kind):
            raise reader.corrupt(f"{key} is of type {kind.name.lower()}")
        if kind is GGUFValueType.ARRAY:
            values[key], lengths[key] = _read_array(reader, key)
        elif key in _ENGINE_ARRAYS:
            raise reader.corrupt(f"{key} is of type {kind.name.lower()}")
        else:
            values[key] = reader.string() if kind is GGUFValueType.STRING else reader.number(kind)
    for key in _PER_TOKEN:
        if key in lengths and lengths[key] != lengths.get(_TOKENS):
            raise reader.corrupt(f"{key} has {lengths[key]} entries for {lengths.get(_TOKENS, 0)} tokens")
    return values


def _read_array(reader: _Reader, key: str) -> tuple[Value, int]:
    """The raw content of an array (kept only for the lists AION reads) and its length."""
    kind = reader.value_type()
    if kind is GGUFValueType.ARRAY:
        raise reader.corrupt(f"{key[:80]!r} is a list of lists, which llama.cpp does not read")
    if key in _ENGINE_ARRAYS and kind not in _ENGINE_ARRAYS[key]:
        raise reader.corrupt(f"{key} is a list of {kind.name.lower()}")
    width = 8 if kind is GGUFValueType.STRING else _FORMATS[kind].size
    count = reader.count(f"entries in {key[:80]!r}", MAX_ELEMENTS, width)
    if kind is not GGUFValueType.STRING:
        return reader.take(count * width), count
    texts = [reader.raw_string() for _ in range(count)]
    return (texts if key == _TOKENS else b""), count


def _read_tensors(reader: _Reader, count: int, values: Mapping[str, Value]) -> tuple[GgufTensor, ...]:
    """The tensors, after checking that all lie in the file one behind the other."""
    tensors = [_read_tensor(reader, index) for index in range(count)]
    if len({tensor.name for tensor in tensors}) != count:
        raise reader.corrupt("two tensors have the same name")
    alignment = values.get(_ALIGNMENT, 32)
    if not isinstance(alignment, int) or not 1 <= alignment <= MAX_ALIGNMENT or alignment & (alignment - 1):
        raise reader.corrupt(f"its alignment is {str(alignment)[:40]}, not a power of two up to {MAX_ALIGNMENT}")
    start = _round_up(reader.at, alignment)
    expected = 0
    for index, tensor in enumerate(tensors):
        end = start + tensor.offset + tensor.size
        if end > reader.size:
            raise reader.corrupt(f"tensor {index} ends past the file ({end} > {reader.size})")
        if tensor.offset != expected:
            raise reader.corrupt(f"tensor {index} begins at {tensor.offset} instead of {expected}")
        expected = _round_up(tensor.offset + tensor.size, alignment)
    return tuple(replace(tensor, offset=start + tensor.offset) for tensor in tensors)


def _read_tensor(reader: _Reader, index: int) -> GgufTensor:
    """One line of the table; its offset still counts from where the tensors begin."""
    name = reader.string()
    dimensions = reader.unsigned(GGUFValueType.UINT32)
    if dimensions > MAX_DIMENSIONS:
        raise reader.corrupt(f"tensor {index} has {dimensions} dimensions, more than {MAX_DIMENSIONS}")
    shape = tuple(reader.unsigned() for _ in range(dimensions))
    number, offset = reader.unsigned(GGUFValueType.UINT32), reader.unsigned()
    try:
        kind = GGMLQuantizationType(number)
    except ValueError:
        raise reader.corrupt(f"tensor {index} has the unknown type {number}") from None
    block, block_bytes = GGML_QUANT_SIZES[kind]
    if 0 in shape or (shape and shape[0] % block):
        raise reader.corrupt(f"tensor {index} has the impossible shape {list(shape)} for {kind.name}")
    size = math.prod(shape) // block * block_bytes
    return GgufTensor(name=name, kind=kind, shape=shape, offset=offset, size=size)


def _round_up(value: int, alignment: int) -> int:
    return -(-value // alignment) * alignment


class _Header:
    """Turns checked values into a GgufHeader; a wrong type of a known setting is damage too."""

    def __init__(self, reader: _Reader, values: Mapping[str, Value], tensors: tuple[GgufTensor, ...]) -> None:
        self.reader, self.values, self.tensors = reader, values, tensors

    def build(self, version: int) -> GgufHeader:
        architecture = self.text("general.architecture")
        pooling = f"{architecture}.pooling_type"
        control, user = self.special_tokens()
        return GgufHeader(
            version=version,
            kind=self.text("general.type") or "model",
            architecture=architecture,
            name=self.text("general.name"),
            adapter_type=self.text("adapter.type"),
            context_length=self.natural(f"{architecture}.context_length"),
            block_count=self.natural(f"{architecture}.block_count"),
            embedding_length=self.natural(f"{architecture}.embedding_length"),
            pooling=self.natural(pooling) if pooling in self.values else None,
            quantisation=self.quantisation(),
            tensor_count=len(self.tensors),
            parameters=sum(tensor.elements for tensor in self.tensors),
            file_bytes=self.reader.size,
            parts=self.natural("split.count") or 1,
            tokenizer=self.text("tokenizer.ggml.model"),
            control_tokens=control,
            user_tokens=user,
        )

    def text(self, key: str) -> str:
        value = self.values.get(key, "")
        if not isinstance(value, str):
            raise self.reader.corrupt(f"{key[:80]} is not a text")
        return value

    def natural(self, key: str) -> int:
        value = self.values.get(key, 0)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.reader.corrupt(f"{key[:80]} is not a whole number")
        return value

    def quantisation(self) -> str:
        """What the file says, or else the type that holds most of the elements."""
        if "general.file_type" in self.values:
            try:
                name = LlamaFileType(self.natural("general.file_type")).name
            except ValueError:
                name = "unknown"
            return name.removeprefix("MOSTLY_").removeprefix("ALL_")
        elements: Counter[str] = Counter()
        for tensor in self.tensors:
            elements[tensor.kind.name] += tensor.elements
        return elements.most_common(1)[0][0] if elements else ""

    def special_tokens(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        texts, types = self.values.get(_TOKENS, []), self.values.get(_KINDS, b"")
        if not isinstance(texts, list) or not isinstance(types, bytes):
            raise self.reader.corrupt("its vocabulary is not made of lists")
        control, user = [], []
        for text, (kind,) in zip(texts, struct.iter_unpack("<i", types), strict=False):
            if kind in (_UNKNOWN_TOKEN, _CONTROL_TOKEN) and text:
                control.append(text.decode("utf-8", "replace"))
            elif kind == _USER_TOKEN and text:
                user.append(text.decode("utf-8", "replace"))
        return tuple(control), tuple(user)
