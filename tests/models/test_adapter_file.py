"""What of an adapter's file is refused before llama.cpp sees it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import gguf
import numpy as np
import pytest

from aion.errors import BadInput, NotFound
from aion.models.adapter_file import BASE_MARK, check_adapter
from aion.models.gguf_file import GgufContents, read_contents

INNER, WIDTH, RANK = 64, 32, 4
BASE_HASH = "ab" * 32


def write_base(path: Path) -> GgufContents:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tensor("blk.0.ffn_down.weight", np.zeros((WIDTH, INNER), np.float32))
    finish(writer)
    return read_contents(path)


def write_lora(
    path: Path,
    *,
    architecture: str = "llama",
    matrix: str = "blk.0.ffn_down.weight",
    half: str = "lora_b",
    width: int = WIDTH,
    value: float = 0.5,
    mark: str = BASE_HASH,
    kind: gguf.GGMLQuantizationType = gguf.GGMLQuantizationType.F32,
) -> str:
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_string(BASE_MARK, mark)
    b = np.full((width, RANK), 0.5, np.float32)
    b[3, 1] = value
    writer.add_tensor(f"{matrix}.lora_a", gguf.quantize(np.ones((RANK, INNER), np.float32), kind), raw_dtype=kind)
    writer.add_tensor(f"{matrix}.{half}", b)
    finish(writer)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def finish(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture
def base(tmp_path: Path) -> GgufContents:
    return write_base(tmp_path / "base.gguf")


@pytest.mark.parametrize("kind", ["F32", "F16", "BF16", "Q8_0"])
def test_a_sound_adapter_is_let_in(base: GgufContents, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.gguf"
    check_adapter(path, write_lora(path, kind=gguf.GGMLQuantizationType[kind]), base, BASE_HASH)


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"value": float("nan")}, "corrupt_adapter", "lora_b' holds values that are no numbers"),
        ({"value": float("inf")}, "corrupt_adapter", "or infinite"),
        ({"mark": "cd" * 32}, "wrong_base", "trained on the model with SHA-256 cdcdcdcdcdcd"),
        ({"architecture": "qwen2"}, "wrong_base", "not the one served"),
        ({"width": 16}, "wrong_base", r"\[64, 4\] and \[4, 16\] .* has \[64, 32\]"),
        ({"matrix": "blk.7.ffn_down.weight"}, "wrong_base", "name the model it was trained on"),
        ({"half": "lora_c"}, "corrupt_adapter", "no half of a LoRA"),
    ],
)
def test_an_adapter_that_must_not_be_loaded_is_refused_with_the_reason(
    base: GgufContents, tmp_path: Path, change: dict[str, str], code: str, said: str
) -> None:
    path = tmp_path / "a.gguf"
    digest = write_lora(path, **change)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match=said) as caught:
        check_adapter(path, digest, base, BASE_HASH)
    assert caught.value.code == code


def test_other_bytes_than_those_examined_are_refused(base: GgufContents, tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    digest = write_lora(path)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(BadInput, match=f"not {digest[:12]}"):
        check_adapter(path, digest, base, BASE_HASH)
    with pytest.raises(BadInput, match="ends past the file"):
        check_adapter(path, hashlib.sha256(path.read_bytes()).hexdigest(), base, BASE_HASH)


def test_a_model_or_nothing_in_its_place_is_refused(base: GgufContents, tmp_path: Path) -> None:
    path = tmp_path / "base.gguf"
    with pytest.raises(BadInput, match="is no LoRA"):
        check_adapter(path, hashlib.sha256(path.read_bytes()).hexdigest(), base)
    with pytest.raises(NotFound, match="no file"):
        check_adapter(tmp_path / "none.gguf", "", base)
