"""Where a setting's value comes from, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aion import config
from aion.errors import BadConfig


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for key, _, _ in config.fields():
        monkeypatch.delenv(config.variable(key), raising=False)
    return tmp_path


def load(data: Path, **flags: Any) -> config.Loaded:
    return config.load({"data": str(data), **flags})


def refused(data: Path, **flags: Any) -> str:
    with pytest.raises(BadConfig) as caught:
        load(data, **flags)
    return caught.value.message


def test_each_source_wins_over_the_one_before(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(data).settings.server.port == 8420
    (data / "aion.toml").write_text("[server]\nport = 1\n")
    assert load(data).settings.server.port == 1
    monkeypatch.setenv("AION_SERVER__PORT", "2")
    assert load(data).settings.server.port == 2
    assert load(data, **{"server.port": 3}).settings.server.port == 3


def test_sources_merge_leaf_by_leaf(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (data / "aion.toml").write_text('[server]\nhost = "::1"\nport = 1\n')
    monkeypatch.setenv("AION_SERVER__PORT", "2")
    server = load(data).settings.server
    assert (server.host, server.port) == ("::1", 2)


def test_each_value_knows_where_it_came_from(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (data / "aion.toml").write_text("[engine]\nslots = 2\n")
    monkeypatch.setenv("AION_LOG__LEVEL", "debug")
    origins = load(data, **{"server.port": 3}).origins
    assert origins["engine.slots"] == str(data / "aion.toml")
    assert (origins["log.level"], origins["server.port"]) == ("environment", "flag")
    assert "server.host" not in origins


def test_a_flag_that_was_not_given_changes_nothing(data: Path) -> None:
    assert load(data, **{"server.port": None}).settings.server.port == 8420


def test_the_data_folder_may_come_from_the_environment(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AION_DATA", str(data))
    (data / "aion.toml").write_text("[server]\nport = 7\n")
    assert config.load().settings.server.port == 7


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ("[server]\nprot = 1\n", "server.prot is not a setting"),
        ("[sever]\nport = 1\n", "sever is not a setting"),
        ("server = 5\n", "server is 5"),
        ("[server]\nport = 99999\n", "server.port is 99999"),
        ("[server]\nport = 'x'\n", "server.port is 'x'"),
        ("[server]\nhost = 'example'\n", "must be an IP address"),
        ("[engine]\nthreads = 0\n", "must be auto or between 1 and 4096"),
        ("[log]\nlevel = 'loud'\n", "log.level is 'loud'"),
        ("data = '/elsewhere'\n", "use AION_DATA or --data"),
        ("[server\n", "is not valid TOML"),
    ],
)
def test_a_bad_file_is_refused_with_key_and_place(data: Path, toml: str, told: str) -> None:
    (data / "aion.toml").write_text(toml)
    message = refused(data)
    assert told in message
    assert str(data / "aion.toml") in message


def test_a_file_that_is_not_text_is_refused(data: Path) -> None:
    (data / "aion.toml").write_bytes(b"\xff\xfe\x00")
    assert "cannot read" in refused(data)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("AION_SERVER__PROT", "1", "AION_SERVER__PROT is set but names no setting"),
        ("AION_X__Y", "1", "AION_X__Y is set but names no setting"),
        ("AION_SERVER__PORT", "-1", "server.port is '-1' (from environment)"),
        ("AION_SERVER", "5", "server is 5 (from environment)"),
        ("AION_SERVER__ALLOWED_HOSTS", "a,b", "AION_SERVER... cannot be read"),
    ],
)
def test_a_bad_variable_is_refused(
    data: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    assert told in refused(data)


def test_a_flag_beside_a_broken_table_is_still_one_sentence(data: Path) -> None:
    (data / "aion.toml").write_text("server = 5\n")
    assert "server is 5" in refused(data, **{"server.port": 1})


def test_a_secret_never_travels_in_the_clear(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AION_MODEL__API_KEY", "canary-secret")
    message = refused(data, **{"model.source": "openai:http://models.example/v1"})
    assert "unencrypted" in message
    assert "canary" not in message
    for url in ("https://models.example/v1", "http://127.0.0.1:11434/v1", "http://localhost:1/v1"):
        load(data, **{"model.source": f"openai:{url}"})


def test_a_hub_token_never_travels_in_the_clear(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AION_HUB__TOKEN", "canary-secret")
    assert "hub.token" in refused(data, **{"hub.endpoint": "http://hub.example"})


def test_secrets_do_not_show_in_the_tree_or_in_a_refusal(data: Path) -> None:
    (data / "aion.toml").write_text("[model]\napi_key = 'canary-secret'\n")
    assert "canary" not in repr(load(data))
    (data / "aion.toml").write_text("[model]\napi_key = ['canary-secret']\n")
    assert "canary" not in refused(data)


def test_a_child_gets_settings_and_no_variables(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AION_MODEL__API_KEY", "canary-secret")
    monkeypatch.setenv("AION_SERVER__ALLOWED_HOSTS", '["a.example"]')
    given, rest = config.split_environment()
    assert not any(name.startswith("AION_") for name in rest)
    assert "canary-secret" not in json.dumps(rest)
    for name in ("AION_MODEL__API_KEY", "AION_SERVER__ALLOWED_HOSTS"):
        monkeypatch.delenv(name)
    settings = load(data, **json.loads(json.dumps(given))).settings
    assert settings.model.api_key is not None
    assert settings.model.api_key.get_secret_value() == "canary-secret"
    assert settings.server.allowed_hosts == ("a.example",)


def test_localhost_is_its_number_and_names_this_machine(data: Path) -> None:
    assert load(data, **{"server.host": "localhost"}).settings.server.host == "127.0.0.1"
    assert not load(data, **{"server.host": "0.0.0.0"}).settings.server.is_loopback


def test_every_setting_has_a_help(data: Path) -> None:
    assert all(sentence for _, _, sentence in config.fields())


def test_only_the_embedded_model_is_led_by_default(data: Path) -> None:
    embedded, other = (
        load(data).settings.model,
        load(data, **{"model.source": "openai:http://127.0.0.1:1"}).settings.model,
    )
    assert "short" in embedded.instruction
    assert (embedded.usual_temperature, other.instruction, other.usual_temperature) == (0.2, "", None)


def test_what_is_set_leads_every_model(data: Path) -> None:
    flags = {"model.source": "x.gguf", "model.system_prompt": "Be kind.", "model.temperature": 0.0}
    model = load(data, **flags).settings.model
    assert (model.instruction, model.usual_temperature) == ("Be kind.", 0.0)
    with pytest.raises(BadConfig, match="between 0 and 2"):
        load(data, **{"model.temperature": 2.5})
