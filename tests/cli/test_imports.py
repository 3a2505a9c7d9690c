"""An adapter from elsewhere becomes a candidate like those of nights: examined by nobody, gone on from by none."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aion.cli.client import require_server
from aion.cli.imports import hand_over
from aion.errors import AionError
from aion.models.adapters.convert import read_adapter
from aion.serve.keys import CONTROL_OWNER
from aion.sleep.lessons.lineage import choose_line
from aion.store.sqlite import SqliteStore
from tests.cli.conftest import Ran
from tests.models.adapters.makers import random_lora, write_base, write_folder
from tests.serving import running

Aion = Callable[..., Ran]
MODULE = "model.layers.1.self_attn.k_proj"


def test_what_is_taken_in_is_a_candidate_with_both_forms_and_a_theme_of_its_own(tmp_path: Path) -> None:
    base = write_base(tmp_path)
    lora = read_adapter(write_folder(random_lora(base), tmp_path / "in"), base)
    with running(tmp_path / "data") as server:
        told = hand_over(require_server(server.data), server.data, lora, base, "Knots")
        assert not list((server.data / "nights").glob("*")), "its folder has gone"
        with closing(SqliteStore(server.data, read_only=True)) as store:
            [made] = store.nights.candidates(owner=CONTROL_OWNER)
            [theme] = store.nights.themes(owner=CONTROL_OWNER)
            assert (made.id, made.base, made.lessons, made.retired) == (told["id"], base.sha256, (), False)
            assert (theme.id, theme.name, theme.named) == (made.theme, "Knots", True)
            assert made.record["imported"]
            again = tmp_path / "again.gguf"
            again.write_bytes(store.blobs.get(made.adapter))
            assert np.array_equal(read_adapter(again, base).pairs[MODULE].b, lora.pairs[MODULE].b)
            assert list(store.verify()) == []
            assert choose_line([made], set(), base=base.sha256, config={}, heads={made.id}) == ()
            assert choose_line([replace(made, record={})], set(), base=base.sha256, config={}, heads={made.id}) != ()


def test_what_the_server_refuses_leaves_nothing(tmp_path: Path) -> None:
    base = write_base(tmp_path)
    lora = read_adapter(write_folder(random_lora(base), tmp_path / "in"), base)
    with running(tmp_path / "data") as server:
        with pytest.raises(AionError):
            hand_over(require_server(server.data), server.data, lora, base, "")
        assert not list((server.data / "nights").glob("*"))
        with closing(SqliteStore(server.data, read_only=True)) as store:
            assert (store.nights.themes(owner=None), store.nights.candidates(owner=None)) == ([], [])


def test_without_a_target_it_needs_a_server_and_an_adapter_of_its_base(aion: Aion, tmp_path: Path, data: Path) -> None:
    data.mkdir()
    base = write_base(tmp_path / "data")
    (data / "aion.toml").write_text(f"[model]\nsource = {str(tmp_path / 'data' / base.name)!r}\n")
    folder = write_folder(random_lora(base), tmp_path / "in")
    ran = aion("adapters", "import", str(folder))
    assert "start it with `aion up`" in ran.err
    ran = aion("adapters", "import", str(folder), "--kind", "f16")
    assert "go with a TARGET" in ran.err
