"""One typed tree of settings: defaults < DATA/aion.toml < environment (AION_...) < flags; the one reader of os.environ.

Read once and passed in; unknown keys are refused. A setting's help stands beside it, and `aion config` shows each
with its value and where that came from. It does not check that a model exists: `models.catalog` does. What changes the
file is in `aion.config.change`.
"""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import platformdirs
from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from aion.config.sections import (
    AUTO as AUTO,
)
from aion.config.sections import (
    EMBEDDED,
    AnswerSettings,
    CacheSettings,
    ContextSettings,
    EmbedderSettings,
    EngineSettings,
    GateSettings,
    HubSettings,
    LearningSettings,
    LogSettings,
    MemorySettings,
    ModelSettings,
    RouterSettings,
    ServerSettings,
    SleepSettings,
    TelemetrySettings,
    TrainSettings,
)
from aion.config.sections import (
    Section as Section,
)
from aion.errors import BadConfig

__all__ = [
    "AUTO",
    "CHANGE",
    "CONFIG_FILE",
    "EMBEDDED",
    "ENVIRONMENT",
    "ENV_PREFIX",
    "FLAG",
    "AnswerSettings",
    "CacheSettings",
    "ContextSettings",
    "EmbedderSettings",
    "EngineSettings",
    "GateSettings",
    "HubSettings",
    "LearningSettings",
    "Loaded",
    "LogSettings",
    "MemorySettings",
    "ModelSettings",
    "RouterSettings",
    "Section",
    "ServerSettings",
    "Settings",
    "SleepSettings",
    "Sources",
    "TelemetrySettings",
    "TrainSettings",
    "fields",
    "find_sources",
    "is_loopback_url",
    "leaves_of",
    "load",
    "parse_toml",
    "read_text",
    "split_environment",
    "value_of",
    "variable",
]

CONFIG_FILE = "aion.toml"
ENV_PREFIX = "AION_"
ENVIRONMENT, FLAG, CHANGE = "environment", "flag", "this change"  # where a value is from, if not from the file


class Settings(BaseSettings):
    """The whole tree."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix=ENV_PREFIX, env_nested_delimiter="__")

    data: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("aion", appauthor=False)),
        description="Folder of everything AION keeps.",
    )
    server: ServerSettings = Field(default_factory=ServerSettings)
    model: ModelSettings = Field(default_factory=ModelSettings)
    embedder: EmbedderSettings = Field(default_factory=EmbedderSettings)
    engine: EngineSettings = Field(default_factory=EngineSettings)
    answer: AnswerSettings = Field(default_factory=AnswerSettings)
    context: ContextSettings = Field(default_factory=ContextSettings)
    memory: MemorySettings = Field(default_factory=MemorySettings)
    cache: CacheSettings = Field(default_factory=CacheSettings)
    learning: LearningSettings = Field(default_factory=LearningSettings)
    telemetry: TelemetrySettings = Field(default_factory=TelemetrySettings)
    sleep: SleepSettings = Field(default_factory=SleepSettings)
    train: TrainSettings = Field(default_factory=TrainSettings)
    router: RouterSettings = Field(default_factory=RouterSettings)
    gate: GateSettings = Field(default_factory=GateSettings)
    hub: HubSettings = Field(default_factory=HubSettings)
    log: LogSettings = Field(default_factory=LogSettings)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings passes it by name
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - see below
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)  # load() merges the sources itself, so that it can say where each value came from


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings and, for each dotted key that is not at its default, where it came from."""

    settings: Settings
    origins: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sources:
    """What settings come from besides the file: that may change while AION runs, these do not."""

    data: Path
    environment: Mapping[str, Any] = field(repr=False)
    flags: Mapping[str, Any] = field(repr=False)

    @property
    def file(self) -> Path:
        return self.data / CONFIG_FILE

    @property
    def fixed(self) -> dict[str, str]:
        """What the file cannot change: by dotted key, where it is from."""
        return dict.fromkeys(self.environment, ENVIRONMENT) | dict.fromkeys(self.flags, FLAG)

    def load(self) -> Loaded:
        return self.merge(parse_toml(read_text(self.file), self.file))

    def merge(self, told: Mapping[str, Any], changed: Mapping[str, Any] | None = None) -> Loaded:
        """The settings with these values in the file, and those that are about to be written there."""
        merged: dict[str, Any] = {}
        origins: dict[str, str] = {}
        layers = ((str(self.file), told), (CHANGE, changed or {}), (ENVIRONMENT, self.environment), (FLAG, self.flags))
        for origin, values in layers:
            merged.update(values)
            origins.update(dict.fromkeys(values, origin))
        merged["data"] = self.data
        try:
            settings = Settings.model_validate(_nest(merged))
        except ValidationError as error:
            raise BadConfig(_explain(error, origins)) from None
        _refuse_unsafe(settings)
        return Loaded(settings, origins)


def load(flags: Mapping[str, Any] | None = None) -> Loaded:
    """Merge the sources. `flags` is a dict of dotted keys; a None value means that the flag was not given."""
    return find_sources(flags).load()


def find_sources(flags: Mapping[str, Any] | None = None, inherited: Mapping[str, Any] | None = None) -> Sources:
    """`inherited` are variables by dotted key that a parent has read, and keeps from this process."""
    given = {key: value for key, value in (flags or {}).items() if value is not None}
    _refuse_unknown_variables(os.environ)
    environment = {**dict(leaves_of(_read_environment())), **(inherited or {})}
    data = Path(given.get("data") or environment.get("data") or Settings().data).expanduser().absolute()
    return Sources(data, environment, given)


def split_environment() -> tuple[dict[str, Any], dict[str, str]]:
    """The settings among the variables, by dotted key, and the environment without them.

    For a child process that is given its settings otherwise, so that none of its own children inherits a secret.
    """
    rest = {name: value for name, value in os.environ.items() if not name.upper().startswith(ENV_PREFIX)}
    return dict(leaves_of(_read_environment())), rest


def fields() -> Iterator[tuple[str, Any, str]]:
    """Every setting as (dotted key, default, help); the source of `aion config` and docs/settings.md."""
    for name, info in Settings.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, Section):
            for leaf, leaf_info in info.annotation.model_fields.items():
                yield f"{name}.{leaf}", leaf_info.get_default(call_default_factory=True), leaf_info.description or ""
        else:
            yield name, info.get_default(call_default_factory=True), info.description or ""


def value_of(settings: Settings, key: str) -> Any:
    """The value behind a dotted key."""
    value: Any = settings
    for part in key.split("."):
        value = getattr(value, part)
    return value


def variable(key: str) -> str:
    """The environment variable of a dotted key."""
    return ENV_PREFIX + key.upper().replace(".", "__")


def _read_environment() -> dict[str, Any]:
    try:
        return EnvSettingsSource(Settings)()
    except SettingsError as error:
        named = re.search(r'field "(\w+)"', str(error))
        section = named[1] if named else ""
        raise BadConfig(f"a variable {variable(section)}... cannot be read; a list is written as JSON") from None


def read_text(path: Path) -> str:
    """The file as it stands, with its ends of lines; no file is no settings."""
    try:
        return path.read_bytes().decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"cannot read {path}: {error}; make it a readable UTF-8 file or remove it") from None


def parse_toml(text: str, path: Path) -> dict[str, Any]:
    """Its leaves by dotted key."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadConfig(f"{path} is not valid TOML: {error}") from None
    if "data" in tree:
        raise BadConfig(f"data is set in {path}, which lies in the folder that it names; use AION_DATA or --data")
    return dict(leaves_of(tree))


def leaves_of(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """What stands in nested tables, by dotted key."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from leaves_of(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _nest(values: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in values.items():
        section, _, leaf = key.rpartition(".")
        place = tree.setdefault(section, {}) if section else tree
        if isinstance(place, dict):  # a section given as one value is refused by the types
            place[leaf] = value
    return tree


def _refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    known = {variable(key) for key, _, _ in fields()}
    for name in environ:
        if name.startswith(ENV_PREFIX) and "__" in name and name not in known:
            raise BadConfig(f"{name} is set but names no setting; `aion config` lists them all")


def _refuse_unsafe(settings: Settings) -> None:
    """Refuse a combination that would send a secret in the clear."""
    for secret, url, key in (
        (settings.model.api_key, settings.model.source.removeprefix("openai:"), "model.api_key"),
        (settings.hub.token, settings.hub.endpoint, "hub.token"),
    ):
        if secret is not None and url.startswith("http://") and not is_loopback_url(url):
            raise BadConfig(f"{key} would travel unencrypted to {url!r}; use https, or remove the secret")


def is_loopback_url(url: str) -> bool:
    """Whether an http(s) URL names this machine by number or as localhost."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _explain(error: ValidationError, origins: Mapping[str, str]) -> str:
    """One sentence a setting: key, value found, reason, where it came from."""
    lines = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"][:2])  # deeper parts name the alternatives of a union
        origin = next((o for k, o in origins.items() if key == k or k.startswith(key + ".")), "configuration")
        if problem["type"] == "extra_forbidden":
            lines.append(f"{key} is not a setting (from {origin}); `aion config` lists them all")
            continue
        shown = "(secret)" if key.endswith(("api_key", "token")) else repr(problem["input"])
        lines.append(f"{key} is {shown} (from {origin}): {problem['msg'].removeprefix('Value error, ')}")
    return "; ".join(dict.fromkeys(lines))
