"""`aion adapters`: files in, files out, and refusals in one sentence."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aion.models.adapters.convert import save_gguf
from aion.models.adapters.gguf_lora import read_gguf
from aion.models.adapters.peft import read_peft
from aion.models.adapters.served import ServedBase
from aion.serve.keys import CONTROL_OWNER
from aion.store.sqlite import SqliteStore
from tests.cli.conftest import Ran
from tests.models.adapters.makers import random_lora, write_base, write_folder
from tests.store.night_examples import make_candidate, make_theme

Aion = Callable[..., Ran]


@pytest.fixture
def base(tmp_path: Path) -> ServedBase:
    return write_base(tmp_path)


@pytest.fixture
def model(tmp_path: Path, base: ServedBase) -> str:
    return str(tmp_path / base.name)


def test_a_foreign_folder_is_imported_on_a_persons_word_and_shown(
    aion: Aion, tmp_path: Path, base: ServedBase, model: str
) -> None:
    folder = write_folder(random_lora(base), tmp_path / "in", marked=False)
    target = str(tmp_path / "out.gguf")
    refused = aion("adapters", "import", str(folder), target, "--base", model)
    assert refused.code == 2
    assert "--base-unknown" in refused.err
    ran = aion("adapters", "import", str(folder), target, "--base", model, "--base-unknown")
    assert ran.code == 0, ran.err
    assert "your word" in ran.err
    shown = aion("adapters", "inspect", target).out
    assert "rank: 4\nalpha: 8\nmodules: 14 (down_proj, gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj)" in shown
    assert f"base: {base.sha256} (by a person's word)" in shown
    assert "architecture: llama" in shown


def test_an_adapter_goes_out_to_peft_and_back_in_unchanged(
    aion: Aion, tmp_path: Path, base: ServedBase, model: str
) -> None:
    first, gguf, last = (str(tmp_path / name) for name in ("first", "a.gguf", "last"))
    lora = random_lora(base)
    write_folder(lora, Path(first))
    assert aion("adapters", "export", first, gguf, "--base", model).code == 0
    assert aion("adapters", "import", gguf, last, "--base", model).code == 0
    for name, pair in read_peft(Path(last), base).pairs.items():
        assert np.array_equal(pair.b, lora.pairs[name].b)
    assert json.loads(aion("adapters", "inspect", last, "--json").out)["marks"]["night"] == "night-1"


def test_an_export_can_be_smaller_and_says_what_that_costs(
    aion: Aion, tmp_path: Path, base: ServedBase, model: str
) -> None:
    folder = write_folder(random_lora(base, rank=32), tmp_path / "in")
    ran = aion(
        *("adapters", "export", str(folder), str(tmp_path / "a.gguf"), "--base", model, "--rank", "8"),
        *("--kind", "q8_0", "--json"),
    )
    assert ran.code == 0, ran.err
    assert "largest error" in ran.err
    found = json.loads(ran.out)
    assert (found["rank"], sorted(found["kinds"])) == (8, ["F16", "Q8_0"])
    assert len(read_gguf(tmp_path / "a.gguf", base).pairs) == 14


def test_the_served_model_is_the_base_unless_one_is_named(aion: Aion, tmp_path: Path, data: Path, model: str) -> None:
    data.mkdir()
    (data / "aion.toml").write_text(f"[model]\nsource = {model!r}\n")
    served = write_base(tmp_path / "data")
    folder = write_folder(random_lora(served), tmp_path / "in")
    assert aion("adapters", "export", str(folder), str(tmp_path / "a.gguf")).code == 0
    (data / "aion.toml").write_text('[model]\nsource = "openai:http://127.0.0.1:9"\n')
    ran = aion("adapters", "export", str(folder), str(tmp_path / "b.gguf"))
    assert ran.code == 2
    assert "name its GGUF with --base" in ran.err


def keep_candidate(data: Path, base: ServedBase, file: Path) -> None:
    """A night's adapter of two people, as the server keeps it."""
    store = SqliteStore(data)
    adapter = store.blobs.put(file.read_bytes())
    for owner in (CONTROL_OWNER, "bea"):
        store.nights.put_theme(make_theme(id=f"theme_{owner}", owner=owner)).result()
        made = make_candidate(id=f"cand_{owner}", owner=owner, theme=f"theme_{owner}", base=base.sha256)
        store.nights.add_candidate(dataclasses.replace(made, adapter=adapter, lessons=(), sources=())).result()
    store.close()


def test_what_a_night_made_is_listed_shown_and_exported_by_its_id(
    aion: Aion, tmp_path: Path, data: Path, base: ServedBase, model: str
) -> None:
    lora = random_lora(base)
    save_gguf(lora, tmp_path / "a.gguf", base)
    data.mkdir()
    keep_candidate(data, base, tmp_path / "a.gguf")
    mine = f"cand_{CONTROL_OWNER}"
    assert [row["id"] for row in json.loads(aion("adapters", "list", "--json").out)] == [mine]
    assert len(json.loads(aion("adapters", "list", "--everyone", "--json").out)) == 2
    assert mine in aion("adapters", "list").out
    assert "theme: theme-1" in aion("adapters", "inspect", mine).out
    ran = aion("adapters", "export", mine, str(tmp_path / "out"), "--base", model)
    assert ran.code == 0, ran.err
    pair = read_peft(tmp_path / "out", base).pairs["model.layers.1.self_attn.k_proj"]
    assert np.array_equal(pair.b, lora.pairs["model.layers.1.self_attn.k_proj"].b)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("inspect", "nowhere"), "there is no"),
        (("inspect", "{in}/adapter_model.safetensors"), "is not a GGUF file"),
        (("export", "{in}", "{in}", "--base", "{model}"), "exists; name another target"),
        (("export", "{in}", "{in}2", "--base", "{model}", "--kind", "f16"), "--kind is for GGUF"),
        (("export", "{in}", "{in}2"), "there is no data folder"),
        (("export", "{in}", "{in}2", "--base", "nowhere"), "there is no"),
        (("export", "{in}", "{in}2", "--base", "{other}"), "was trained on the model with sha256"),
    ],
)
def test_a_refusal_is_one_sentence(
    aion: Aion, tmp_path: Path, base: ServedBase, model: str, words: tuple[str, ...], sentence: str
) -> None:
    folder = write_folder(random_lora(base), tmp_path / "in")
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / write_base(tmp_path / "other", head=True).name
    ran = aion("adapters", *(word.format(**{"in": folder, "model": model, "other": other}) for word in words))
    assert ran.code == 2
    assert sentence in ran.err
    assert ran.err.count("aion: ") == 1
