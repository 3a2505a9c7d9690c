"""An adapter from elsewhere, sent to the real server over its embedded base: kept and unserved, or refused by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx2
import numpy as np
import pytest

from aion.models.adapters.convert import read_adapter, save_gguf
from aion.models.adapters.lora import Lora
from aion.models.adapters.served import ServedBase, read_served
from aion.serve.rules import ADAPTER_FILE, SMALL_BODY
from tests.models.adapters.makers import random_lora, write_base
from tests.models.engines import smollm
from tests.panel.people import sign_in
from tests.serve.people import Person
from tests.serving import RunningServer, running

pytestmark = pytest.mark.engine
MODULE = "model.layers.1.self_attn.k_proj"


@pytest.fixture(scope="module")
def base() -> ServedBase:
    model = smollm()
    return read_served(model.path, model.sha256)


@pytest.fixture(scope="module")
def lora(base: ServedBase) -> Lora:
    """Of some modules only: small files."""
    whole = random_lora(base)
    return replace(whole, pairs={name: pair for name, pair in whole.pairs.items() if ".1.self_attn." in name})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("import") / "data", {"model.source": "embedded"}) as up:
        yield up


def bytes_of(lora: Lora, base: ServedBase, folder: Path) -> bytes:
    save_gguf(lora, folder / "made.gguf", base)
    return (folder / "made.gguf").read_bytes()


def send(person: Person, data: bytes, **query: str) -> httpx2.Response:
    headers = {"content-type": "application/octet-stream"}
    return person.ask("POST", "/api/adapters", content=data, params={"name": "Knots"} | query, headers=headers)


def test_what_is_sent_is_kept_with_its_own_theme_and_answers_nobody(
    server: RunningServer, lora: Lora, base: ServedBase, tmp_path: Path
) -> None:
    ana = Person(server, server.add_key("ana"))
    told = send(ana, bytes_of(lora, base, tmp_path))
    assert told.status_code == 201
    one = ana.get(f"/api/adapters/{told.json()['id']}")
    assert (one["theme_name"], one["state"], one["record"]["imported"]) == ("Knots", "not_examined", True)
    back = tmp_path / "back.gguf"
    back.write_bytes(ana.ask("GET", f"/api/adapters/{one['id']}/file").content)
    assert np.array_equal(read_adapter(back, base).pairs[MODULE].b, lora.pairs[MODULE].b)
    assert ana.ask("POST", f"/api/adapters/{one['id']}/promote", json={}).json()["error"]["code"] == "not_evaluated"
    assert ana.say("Hello?")["aion"]["adapters"] == []
    assert Person(server, server.add_key("eva")).get("/api/adapters")["data"] == []
    assert not list((server.data / "nights").glob("import_*")), "its folders have gone"
    acts = httpx2.get(f"{server.url}/api/audit", headers=server.headers).json()["data"]
    assert ("adapters.import", one["id"]) in [(act["act"], act["subject"]) for act in acts]


def of_another_base(folder: Path, lora: Lora, base: ServedBase) -> bytes:
    other = write_base(folder)
    return bytes_of(random_lora(other), other, folder)


def without_its_base(folder: Path, lora: Lora, base: ServedBase) -> bytes:
    return bytes_of(replace(lora, marks=replace(lora.marks, base="")), base, folder)


def with_no_numbers(folder: Path, lora: Lora, base: ServedBase) -> bytes:
    whole = bytearray(bytes_of(lora, base, folder))
    whole[-4:] = np.float32(np.nan).tobytes()
    return bytes(whole)


def a_model(folder: Path, lora: Lora, base: ServedBase) -> bytes:
    return (folder / write_base(folder).name).read_bytes()


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (of_another_base, "wrong_base"),
        (without_its_base, "base_unknown"),
        (with_no_numbers, "corrupt_adapter"),
        (a_model, "wrong_model_kind"),
        (lambda folder, lora, base: bytes_of(lora, base, folder)[:-40], "corrupt_model"),
        (lambda *_: b"PK\x03\x04" + bytes(100), "pickle_not_supported"),
        (lambda *_: b"hello", "not_a_gguf"),
        (lambda *_: b"", "not_a_gguf"),
    ],
)
def test_what_does_not_fit_is_refused_by_name_and_leaves_nothing(
    server: RunningServer, lora: Lora, base: ServedBase, tmp_path: Path, make: Callable[..., bytes], code: str
) -> None:
    new = Person(server, server.add_key("new"))
    refused = send(new, make(tmp_path, lora, base))
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, code)
    assert str(server.data) not in refused.text
    assert (new.get("/api/adapters")["data"], new.get("/api/themes")["data"]) == ([], [])
    assert not list((server.data / "nights").glob("import_*"))


def test_a_person_may_vouch_for_a_base_that_is_not_named(
    server: RunningServer, lora: Lora, base: ServedBase, tmp_path: Path
) -> None:
    ana = Person(server, server.add_key("ana"))
    told = send(ana, without_its_base(tmp_path, lora, base), base_unknown="true").raise_for_status().json()
    assert ana.get(f"/api/adapters/{told['id']}")["record"]["base_by_word"] == "yes"


def test_a_file_may_be_larger_than_other_bodies_and_not_without_end(server: RunningServer) -> None:
    key = server.add_key("dora")
    dora, visitor = Person(server, key), sign_in(server, key)
    for size, status in ((9 << 20, 400), (ADAPTER_FILE + 1, 413)):
        assert send(dora, bytes(size)).status_code == status
    for size, status in ((9 << 20, 400), (ADAPTER_FILE + SMALL_BODY + 1, 413)):
        files = {"file": ("x.gguf", bytes(size))}
        assert visitor.ask_for("POST", "/panel/adapters/import", data={}, files=files).status_code == status
        assert visitor.ask_for("POST", "/panel/memory/import", data={}, files=files).status_code == 413
    assert visitor.get("/panel/adapters/import").status_code == 404


@pytest.mark.parametrize("name", ["", " ", "x" * 81])
def test_a_theme_has_a_name_of_some_length(server: RunningServer, name: str) -> None:
    refused = send(Person(server, server.add_key("ana")), b"hello", name=name)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "name")


def test_the_panel_takes_a_file_and_shows_what_became_of_it(
    server: RunningServer, lora: Lora, base: ServedBase, tmp_path: Path
) -> None:
    carl = sign_in(server, server.add_key("carl"))
    file = {"file": ("My knots.gguf", bytes_of(lora, base, tmp_path))}
    shown = carl.ask_for("POST", "/panel/adapters/import", data={"name": ""}, files=file)
    assert shown.status_code == 303
    page = carl.get(shown.headers["location"]).text
    assert "My knots" in page
    assert "It was taken in. The next night examines it." in page
    assert "nobody knows what it learned" in page
    assert "/panel/morning/import_" not in page, "no night made it"
    refused = carl.ask_for("POST", "/panel/adapters/import", data={}, files={"file": ("x.gguf", b"hello")})
    assert refused.status_code == 400
    assert "is not a GGUF file" in refused.text
    assert carl.post("/panel/adapters/import").status_code == 400
