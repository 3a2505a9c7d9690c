"""What is refused of an adapter's files, and that the sentence says what was found and what to do."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from aion.errors import BadInput, NotFound, Refused
from aion.models.adapters.convert import read_adapter, save_gguf
from aion.models.adapters.gguf_lora import read_gguf
from aion.models.adapters.lora import Marks
from aion.models.adapters.peft import read_peft
from aion.models.adapters.served import ServedBase, read_served
from aion.models.adapters.tensors import open_tensors
from tests.models.adapters.makers import finish, random_lora, write_base, write_folder


@pytest.fixture
def base(tmp_path: Path) -> ServedBase:
    return write_base(tmp_path)


@pytest.fixture
def folder(tmp_path: Path, base: ServedBase) -> Path:
    return write_folder(random_lora(base), tmp_path / "in")


def refuse(read: Callable[[], Any]) -> Refused:
    with pytest.raises(Refused) as caught:
        read()
    assert "/" not in caught.value.message.replace(" / ", "").replace("1/", ""), "a message names no folder"
    return caught.value


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("use_dora", True, "DoRA"),
        ("bias", "all", "biases"),
        ("lora_bias", True, "biases"),
        ("modules_to_save", ["lm_head"], "whole trained modules"),
        ("trainable_token_indices", [1, 2], "trained tokens"),
        ("alora_invocation_tokens", [5], "no place"),
        ("target_parameters", ["mlp.experts"], "no place"),
        ("layer_replication", [[0, 2]], "no place"),
        ("use_qalora", True, "no place"),
        ("fan_in_fan_out", True, "no place"),
        ("a_field_of_tomorrow", {"x": 1}, "no place"),
        ("init_lora_weights", "pissa_niter_4", "path_initial_model_for_weight_conversion"),
        ("init_lora_weights", "olora", "changed the base"),
        ("peft_type", "LOHA", "only LORA"),
        ("peft_type", "IA3", "multiplies"),
        ("task_type", "SEQ_CLS", "CAUSAL_LM"),
        ("lora_alpha", 0, "above 0"),
        ("lora_alpha", "16", "above 0"),
        ("r", 2.5, "whole number"),
        ("r", True, "whole number"),
        ("alpha_pattern", {"(a+)+$": 2}, "plain names"),
        ("alpha_pattern", {"q_proj": -1}, "above 0"),
        ("rank_pattern", ["q_proj"], "object"),
        ("use_rslora", "yes", "true or false"),
        ("target_modules", [1], "list of names"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_the_name_of_its_field(
    tmp_path: Path, base: ServedBase, field: str, value: Any, words: str
) -> None:
    error = refuse(lambda: read_peft(write_folder(random_lora(base), tmp_path / "in", **{field: value}), base))
    assert repr(field) in error.message
    assert words in error.message
    assert error.code == "unsupported_adapter"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("lora_dropout", 0.1),
        ("init_lora_weights", "gaussian"),
        ("inference_mode", False),
        ("modules_to_save", None),
        ("task_type", None),
        ("target_modules", "all-linear"),
        ("layers_to_transform", [0, 1]),
        ("velora_config", None),
    ],
)
def test_what_changes_nothing_is_let_through(tmp_path: Path, base: ServedBase, field: str, value: Any) -> None:
    assert len(read_peft(write_folder(random_lora(base), tmp_path / "in", **{field: value}), base).pairs) == 14


def test_a_rank_other_than_the_tensors_have_is_refused(tmp_path: Path, base: ServedBase) -> None:
    error = refuse(lambda: read_peft(write_folder(random_lora(base), tmp_path / "in", r=8), base))
    assert "has rank 4, adapter_config.json says 8" in error.message


def test_a_tensor_that_peft_would_leave_out_is_refused(tmp_path: Path, base: ServedBase) -> None:
    error = refuse(lambda: read_peft(write_folder(random_lora(base), tmp_path / "in", target_modules=["q_proj"]), base))
    assert "target_modules" in error.message


def test_weights_in_a_pickle_are_refused_by_name(tmp_path: Path, base: ServedBase, folder: Path) -> None:
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    assert refuse(lambda: read_peft(folder, base)).code == "pickle_not_supported"
    assert refuse(lambda: read_gguf(tmp_path / "x.bin", base)).code == "pickle_not_supported"


def test_a_folder_without_an_adapter_is_refused(tmp_path: Path, base: ServedBase) -> None:
    with pytest.raises(NotFound, match=r"has no 'adapter_config\.json'; name a folder that PEFT wrote"):
        read_peft(tmp_path, base)


def test_a_pipe_in_place_of_weights_does_not_make_us_wait(base: ServedBase, folder: Path) -> None:
    (folder / "adapter_model.safetensors").unlink()
    os.mkfifo(folder / "adapter_model.safetensors")
    assert isinstance(refuse(lambda: read_peft(folder, base)), NotFound)


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        ("base_model.model.model.layers.0.mlp.up_proj.lora_magnitude_vector", "DoRA"),
        ("base_model.model.model.embed_tokens.lora_embedding_A", "LoRA of the embedding"),
        ("base_model.model.model.layers.0.mlp.up_proj.lora_B.bias", "trained bias"),
        ("base_model.model.lm_head.weight", "no part of a LoRA"),
    ],
)
def test_a_tensor_that_is_no_half_of_a_pair_is_named(base: ServedBase, folder: Path, tensor: str, words: str) -> None:
    add_tensor(folder / "adapter_model.safetensors", tensor, (4,))
    error = refuse(lambda: read_peft(folder, base))
    assert tensor in error.message
    assert words in error.message


def add_tensor(path: Path, name: str, shape: tuple[int, ...]) -> None:
    def append(header: dict[str, Any]) -> None:
        end = max(entry["data_offsets"][1] for key, entry in header.items() if key != "__metadata__")
        size = 4 * int(np.prod(shape))
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [end, end + size]}

    change_header(path, append, extra=bytes(4 * int(np.prod(shape))))


def change_header(path: Path, change: Callable[[dict[str, Any]], None], extra: bytes = b"") -> None:
    content = path.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :] + extra)


QUERY = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"dtype": "I8"}, "are read as F32, F16, BF16"),
        ({"dtype": ["F32"]}, "are read as F32, F16, BF16"),
        ({"shape": [4, 65]}, "not its size"),
        ({"shape": [1 << 62, 1 << 62]}, "not its size"),
        ({"shape": [0, 64]}, "impossible shape"),
        ({"shape": [True, 256]}, "impossible shape"),
        ({"shape": []}, "impossible shape"),
        ({"data_offsets": [0, 1 << 63]}, "not its size"),
        ({"data_offsets": [4, 1028]}, "begins at"),
        ({"more": 1}, "not described"),
    ],
)
def test_a_size_that_is_not_true_is_refused_before_anything_is_read(
    base: ServedBase, folder: Path, entry: Mapping[str, Any], words: str
) -> None:
    change_header(folder / "adapter_model.safetensors", lambda header: header[QUERY].update(entry))
    assert words in refuse(lambda: read_peft(folder, base)).message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "0 bytes"),
        (struct.pack("<Q", 1 << 60) + b"{}", "header asks for"),
        (struct.pack("<Q", 3) + b"{}", "asks for 3 bytes, the file has 10"),
        (struct.pack("<Q", 2) + b"[]", "not a safetensors file"),
        (struct.pack("<Q", 2) + b"{}", "0 tensors"),
        (struct.pack("<Q", 16) + b'{"a":1,"a":NaN} ', "JSON is wrong"),
        (struct.pack("<Q", 13) + b'{"a":1,"a":2}', "twice"),
        (struct.pack("<Q", 9) + b'{"a":NaN}', "NaN is no number"),
        (struct.pack("<Q", 200006) + b'{"a":' + b"[" * 200000 + b"}", "nested too deeply"),
        (struct.pack("<Q", 22) + b'{"__metadata__":{"a":1', "JSON is wrong"),
        (struct.pack("<Q", 24) + b'{"__metadata__":{"a":1}}', "object of texts"),
    ],
)
def test_a_header_that_is_none_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "x.safetensors").write_bytes(content)

    def read() -> None:
        with open_tensors(tmp_path / "x.safetensors"):
            pass

    assert words in refuse(read).message


def test_bytes_that_no_tensor_owns_are_refused(base: ServedBase, folder: Path) -> None:
    weights = folder / "adapter_model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content + bytes(4))
    assert "its tensors end at" in refuse(lambda: read_peft(folder, base)).message
    weights.write_bytes(content)

    def leave_a_gap(header: dict[str, Any]) -> None:
        last = max((one for one in header if one != "__metadata__"), key=lambda one: header[one]["data_offsets"])
        header[last]["data_offsets"] = [offset + 8 for offset in header[last]["data_offsets"]]

    change_header(weights, leave_a_gap, extra=bytes(8))
    assert "begins at" in refuse(lambda: read_peft(folder, base)).message


def test_two_spellings_of_one_module_are_refused(base: ServedBase, folder: Path) -> None:
    other = QUERY.replace("model.model.layers", "model.model.language_model.layers")
    add_tensor(folder / "adapter_model.safetensors", other, (4, 64))
    assert "two tensors are lora_A" in refuse(lambda: read_peft(folder, base)).message


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none_are_refused_in_both_formats(tmp_path: Path, base: ServedBase, number: float) -> None:
    lora = random_lora(base)
    lora.pairs["model.layers.0.mlp.up_proj"].b[3, 1] = number
    assert "1 values in" in refuse(lambda: read_peft(write_folder(lora, tmp_path / "in"), base)).message
    with pytest.raises(BadInput, match="infinite or no numbers"):
        save_gguf(lora, tmp_path / "a.gguf", base)


def test_an_adapter_for_another_base_is_refused_by_hash(tmp_path: Path, base: ServedBase, folder: Path) -> None:
    other = replace(base, sha256="e" * 64)
    for unknown in (False, True):
        error = refuse(lambda unknown=unknown: read_adapter(folder, other, unknown=unknown))  # type: ignore[misc]
        assert error.code == "wrong_base"
        assert base.sha256[:12] in error.message
        assert "e" * 12 in error.message


def test_an_adapter_that_names_no_base_needs_a_persons_word_and_is_marked(tmp_path: Path, base: ServedBase) -> None:
    folder = write_folder(random_lora(base), tmp_path / "foreign", marked=False)
    error = refuse(lambda: read_adapter(folder, base))
    assert error.code == "base_unknown"
    assert "--base-unknown" in error.message
    lora = read_adapter(folder, base, unknown=True)
    assert lora.marks == Marks(base=base.sha256, assumed="yes")
    save_gguf(lora, tmp_path / "a.gguf", base)
    assert read_adapter(tmp_path / "a.gguf", base).marks.assumed == "yes"


def test_a_foreign_adapter_is_refused_by_shape(tmp_path: Path, base: ServedBase) -> None:
    lora = random_lora(base)
    wide = replace(lora.pairs["model.layers.1.mlp.up_proj"], a=np.zeros((4, 65), np.float32))
    pairs = {**lora.pairs, "model.layers.1.mlp.up_proj": wide}
    folder = write_folder(replace(lora, pairs=pairs), tmp_path / "in", marked=False)
    error = refuse(lambda: read_adapter(folder, base, unknown=True))
    assert "'model.layers.1.mlp.up_proj' as 96 x 65, 'llama.gguf' has it as 96 x 64" in error.message


@pytest.mark.parametrize("module", ["model.layers.2.mlp.up_proj", "model.layers.0.mlp.experts", "lm_head", "score"])
def test_a_module_that_the_base_has_not_is_refused(tmp_path: Path, base: ServedBase, module: str) -> None:
    lora = random_lora(base)
    pairs = {**lora.pairs, module: lora.pairs["model.layers.1.mlp.up_proj"]}
    folder = write_folder(replace(lora, pairs=pairs), tmp_path / "in")
    assert f"changes {module!r}, which 'llama.gguf' (llama) has not" in refuse(lambda: read_peft(folder, base)).message


@pytest.mark.parametrize("mark", ["x" * 201, "two\nlines", "\x1b[31mred"])
def test_marks_that_are_no_line_of_text_write_are_refused(tmp_path: Path, base: ServedBase, mark: str) -> None:
    lora = replace(random_lora(base), marks=Marks(base=base.sha256, theme=mark))
    assert "short line" in refuse(lambda: read_peft(write_folder(lora, tmp_path / "in"), base)).message


@pytest.mark.parametrize("marks", [Marks(base="abc"), Marks(base="A" * 64), Marks(dataset="d" * 63)])
def test_a_mark_that_is_no_sum_is_refused(tmp_path: Path, base: ServedBase, marks: Marks) -> None:
    folder = write_folder(replace(random_lora(base), marks=marks), tmp_path / "in")
    assert "no SHA-256" in refuse(lambda: read_peft(folder, base)).message


def write_lora(
    path: Path, *, kind: str = "adapter", adapter: str = "lora", architecture: str = "llama"
) -> gguf.GGUFWriter:
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type(kind)
    writer.add_string("adapter.type", adapter)
    writer.add_float32("adapter.lora.alpha", 8.0)
    return writer


def add_pair(writer: gguf.GGUFWriter, name: str = "blk.0.attn_q.weight", rank: int = 4) -> None:
    writer.add_tensor(f"{name}.lora_a", np.zeros((rank, 64), np.float32))
    writer.add_tensor(f"{name}.lora_b", np.zeros((64, rank), np.float32))


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"kind": "model"}, "is no LoRA"),
        ({"adapter": "control"}, "is no LoRA"),
        ({"architecture": "qwen2"}, "is for 'qwen2', 'llama.gguf' is 'llama'"),
    ],
)
def test_a_gguf_that_is_no_lora_for_this_base_is_refused(
    tmp_path: Path, base: ServedBase, header: Mapping[str, str], words: str
) -> None:
    writer = write_lora(tmp_path / "a.gguf", **header)
    add_pair(writer)
    finish(writer)
    assert words in refuse(lambda: read_gguf(tmp_path / "a.gguf", base)).message


def test_what_llama_cpp_would_skip_in_silence_is_refused(tmp_path: Path, base: ServedBase) -> None:
    writer = write_lora(tmp_path / "a.gguf")
    add_pair(writer)
    writer.add_tensor("blk.0.attn_norm.weight", np.zeros(64, np.float32))
    finish(writer)
    assert "no half of a LoRA" in refuse(lambda: read_gguf(tmp_path / "a.gguf", base)).message


def test_a_pair_with_one_half_is_refused(tmp_path: Path, base: ServedBase) -> None:
    writer = write_lora(tmp_path / "a.gguf")
    writer.add_tensor("blk.0.attn_q.weight.lora_b", np.zeros((64, 4), np.float32))
    finish(writer)
    assert "one half" in refuse(lambda: read_gguf(tmp_path / "a.gguf", base)).message


def test_numbers_of_a_kind_that_is_not_read_are_named(tmp_path: Path, base: ServedBase) -> None:
    writer = write_lora(tmp_path / "a.gguf")
    kind = gguf.GGMLQuantizationType.Q4_0
    content = gguf.quantize(np.ones((4, 64), np.float32), kind)
    writer.add_tensor("blk.0.attn_q.weight.lora_a", content, raw_dtype=kind)
    writer.add_tensor("blk.0.attn_q.weight.lora_b", np.zeros((64, 4), np.float32))
    finish(writer)
    assert "as Q4_0; adapters are read as F32, F16" in refuse(lambda: read_gguf(tmp_path / "a.gguf", base)).message


def test_halves_of_two_ranks_are_refused(tmp_path: Path, base: ServedBase) -> None:
    writer = write_lora(tmp_path / "a.gguf")
    writer.add_tensor("blk.0.attn_q.weight.lora_a", np.zeros((3, 64), np.float32))
    writer.add_tensor("blk.0.attn_q.weight.lora_b", np.zeros((64, 4), np.float32))
    finish(writer)
    assert "do not multiply" in refuse(lambda: read_gguf(tmp_path / "a.gguf", base)).message


def test_an_adapter_that_wakes_at_tokens_is_refused(tmp_path: Path, base: ServedBase) -> None:
    writer = write_lora(tmp_path / "a.gguf")
    writer.add_array("adapter.alora.invocation_tokens", [1, 2])
    add_pair(writer)
    finish(writer)
    assert "wakes at certain tokens" in refuse(lambda: read_gguf(tmp_path / "a.gguf", base)).message


@pytest.mark.parametrize("tensor", ["blk.0.attn_qkv.weight", "token_embd.weight", "blk.0.\x1b[31m.weight", "x"])
def test_a_matrix_that_peft_has_no_name_for_is_refused(tmp_path: Path, base: ServedBase, tensor: str) -> None:
    writer = write_lora(tmp_path / "a.gguf")
    add_pair(writer, tensor)
    finish(writer)
    error = refuse(lambda: read_gguf(tmp_path / "a.gguf", base))
    assert repr(tensor) in error.message
    assert error.message.isprintable()


def test_a_rank_beyond_all_use_is_refused(tmp_path: Path, base: ServedBase) -> None:
    writer = write_lora(tmp_path / "a.gguf")
    add_pair(writer, rank=1025)
    finish(writer)
    assert "rank 1025" in refuse(lambda: read_gguf(tmp_path / "a.gguf", base)).message


def test_an_adapter_is_not_taken_for_a_base(tmp_path: Path) -> None:
    writer = write_lora(tmp_path / "a.gguf")
    add_pair(writer)
    finish(writer)
    assert "is an adapter" in refuse(lambda: read_served(tmp_path / "a.gguf", "")).message
