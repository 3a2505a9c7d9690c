"""One typed tree of settings: defaults < DATA/aion.toml < environment (AION_...) < flags; the one reader of os.environ.

Read once and passed in; unknown keys are refused. A setting's help stands beside it, and `aion config` shows each
with its value and where that came from. It does not check that a model exists: `models.catalog` does.
"""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from aion.errors import BadConfig

CONFIG_FILE = "aion.toml"
ENV_PREFIX = "AION_"
AUTO: Literal["auto"] = "auto"
EMBEDDED = "embedded"
Auto = Literal["auto"]


class Section(BaseModel):
    """A group of settings: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ServerSettings(Section):
    """The HTTP door."""

    host: str = Field(
        "127.0.0.1", description="Address to listen on. Any other than loopback needs an API key to exist first."
    )
    port: int = Field(8420, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    allowed_hosts: tuple[str, ...] = Field(
        (), description="Extra names accepted in the Host header, such as the one a reverse proxy uses."
    )
    max_body_bytes: int = Field(8 << 20, ge=1024, le=1 << 30, description="Largest request body.")
    max_header_bytes: int = Field(32 << 10, ge=1024, le=1 << 20, description="Largest block of request headers.")
    body_timeout_s: float = Field(30.0, gt=0, le=600, description="How long a request body may take to arrive.")
    shutdown_grace_s: float = Field(
        5.0, ge=0, le=8, description="How long running answers may go on after a stop signal."
    )

    @field_validator("host")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if value == "localhost":
            return "127.0.0.1"
        try:
            ipaddress.ip_address(value)
        except ValueError:
            raise ValueError("must be an IP address such as 127.0.0.1") from None
        return value

    @property
    def is_loopback(self) -> bool:
        return ipaddress.ip_address(self.host).is_loopback


class ModelSettings(Section):
    """The base model that answers."""

    source: str = Field(
        EMBEDDED,
        description="`embedded`, FILE.gguf, hf:owner/name:file, or openai:URL (openai:URL#name picks one of several).",
    )
    name: str = Field("aion", pattern=r"^[\w.:-]{1,64}$", description="The name clients use for it.")
    api_key: SecretStr | None = Field(
        None, description="Key for an openai: source; only sent over https or to loopback."
    )
    system_prompt: str = Field(
        AUTO,
        max_length=4000,
        description="Used when a request brings no system message. auto: a short one for the embedded model, whose own "
        "misleads it, and none for others; empty: none.",
    )
    temperature: float | Auto = Field(
        AUTO,
        description="Used when a request names none, 0 to 2. auto: 0.2 for the embedded model, which wanders at more, "
        "and the engine's own for others.",
    )

    @field_validator("temperature")
    @classmethod
    def _is_in_range(cls, value: float | str) -> float | str:
        if isinstance(value, float) and not 0 <= value <= 2:
            raise ValueError("must be auto or between 0 and 2")
        return value

    @property
    def instruction(self) -> str:
        """The system message of a request without one; empty for none."""
        if self.system_prompt != AUTO:
            return self.system_prompt
        return "You are a helpful assistant. Answer in one short sentence." if self.source == EMBEDDED else ""

    @property
    def usual_temperature(self) -> float | None:
        if self.temperature != AUTO:
            return float(self.temperature)
        return 0.2 if self.source == EMBEDDED else None


class EmbedderSettings(Section):
    """The model that turns text into vectors."""

    source: str = Field("embedded", description="`embedded` (MiniLM, English), FILE.gguf or hf:owner/name:file.")
    name: str = Field("aion-embed", pattern=r"^[\w.:-]{1,64}$", description="The name clients use for it.")


class EngineSettings(Section):
    """llama.cpp in its child process."""

    context: int = Field(
        4096,
        ge=256,
        le=1 << 20,
        description="Tokens one request may use, question and answer together; capped by the model's own.",
    )
    slots: int = Field(4, ge=1, le=64, description="Requests answered at the same time.")
    threads: int | Auto = Field(
        AUTO,
        description="Threads per engine; auto takes the physical cores and steps down while another program is busy.",
    )
    batch: int | Auto = Field(
        AUTO, description="Prompt tokens per step; small steps let a gone client's slot be freed sooner."
    )
    gpu_layers: int | Auto = Field(AUTO, description="Layers put on the GPU; auto puts as many as fit.")
    queue_tokens: int = Field(
        65536, ge=256, le=1 << 30, description="Tokens of waiting work before new requests get 429."
    )
    start_timeout_s: float = Field(
        120.0, gt=0, le=3600, description="How long a model may take to load and prove itself."
    )
    stall_timeout_s: float = Field(
        120.0, gt=0, le=3600, description="How long an engine may say nothing before it is taken for hung."
    )

    @field_validator("threads", "batch")
    @classmethod
    def _is_positive(cls, value: int | str) -> int | str:
        if isinstance(value, int) and not 1 <= value <= 4096:
            raise ValueError("must be auto or between 1 and 4096")
        return value


class AnswerSettings(Section):
    """Defaults of an answer."""

    max_tokens: int = Field(1024, ge=1, le=1 << 20, description="Longest answer when the request names no limit.")
    max_choices: int = Field(8, ge=1, le=64, description="Largest `n` of a request.")


class ContextSettings(Section):
    """What the base is given to read."""

    tokens: int | Auto = Field(
        AUTO, description="Most tokens of a prompt; auto: what the model's context leaves beside the answer."
    )
    recall_share: float = Field(
        0.25, ge=0, le=0.9, description="Largest part of those tokens that recalled memories may take."
    )
    recall_items: int = Field(5, ge=0, le=50, description="Most memories put before the model; 0 recalls nothing.")
    recent_turns: int = Field(
        4, ge=1, le=100, description="Latest exchanges kept word for word when older ones must be summarised."
    )

    @field_validator("tokens")
    @classmethod
    def _is_large_enough(cls, value: int | str) -> int | str:
        if isinstance(value, int) and not 128 <= value <= 1 << 20:
            raise ValueError("must be auto or between 128 and 1048576")
        return value


class MemorySettings(Section):
    """What is remembered, and how it is found."""

    from_chat: bool = Field(default=True, description="Whether statements made in conversations are remembered.")
    floor: float = Field(
        0.35, ge=0, le=1, description="Smallest cosine of a memory to the question; words in common can stand in."
    )
    candidates: int = Field(50, ge=5, le=1000, description="Memories each way of searching brings to the fusion.")
    rrf_k: float = Field(20.0, gt=0, le=1000, description="Constant of reciprocal rank fusion: 1 / (k + rank).")
    vector_weight: float = Field(1.0, ge=0, le=10, description="Weight of the search by meaning.")
    text_weight: float = Field(0.6, ge=0, le=10, description="Weight of the search by words.")
    entity_boost: float = Field(
        0.1, ge=0, le=10, description="Added share of the score when all entities of a question stand in a memory."
    )
    document_boost: float = Field(
        0.1, ge=0, le=10, description="Added share by likeness of a passage's whole document."
    )
    word_budget: int = Field(
        8000, ge=100, le=10_000_000, description="Index entries one keyword search may read: rarest words first."
    )
    duplicate_cosine: float = Field(
        0.95, ge=0.5, le=1, description="From here on two memories of the same words, numbers and names are one."
    )
    ema_c: float = Field(0.5, gt=0, le=1, description="c of a document vector's step min(1, c / (n + 1)).")


class CacheSettings(Section):
    """Answers given again to a question asked again."""

    hours: float = Field(24.0, ge=0, le=8760, description="How long an answer may be given again; 0 turns it off.")
    entries: int = Field(1000, ge=1, le=1_000_000, description="Most answers kept for one person.")
    cosine: float = Field(0.97, ge=0.8, le=1, description="Likeness from which two first questions count as the same.")
    reward: float = Field(0.25, ge=-1, le=1, description="Reward from which an answer was well received.")


class LearningSettings(Section):
    """How experience is judged."""

    tau: float = Field(0.62, ge=0, le=1, description="Confidence below which an answer counts as uncertain.")
    implicit_weight: float = Field(0.7, ge=0, le=1, description="Weight of implicit signals in a reward.")
    emotional_weight: float = Field(0.3, ge=0, le=1, description="Weight of emotion in a reward.")
    uncertainty_weight: float = Field(0.3, ge=0, le=1, description="Weight of uncertainty in a priority.")
    error_weight: float = Field(0.3, ge=0, le=1, description="Weight of errors in a priority.")
    satisfaction_weight: float = Field(0.2, ge=0, le=1, description="Weight of a strong reward in a priority.")
    novelty_weight: float = Field(0.2, ge=0, le=1, description="Weight of novelty in a priority.")
    cluster_cosine: float = Field(0.5, ge=0, le=1, description="Likeness from which a question joins a cluster.")
    model_emotion: bool = Field(
        default=False,
        description="Whether the base is asked how a person sounds, too; the embedded one is not able to.",
    )
    calibration_samples: int = Field(
        30,
        ge=10,
        le=100_000,
        description="Judged answers needed before confidence is calibrated, among them at least 5 good and 5 bad.",
    )
    resamples: int = Field(
        0, ge=0, le=8, description="Extra answers drawn to see whether the model agrees with itself."
    )
    abandoned_minutes: float = Field(
        30.0, gt=0, le=10_080, description="Silence after which a conversation counts as left."
    )


class TelemetrySettings(Section):
    """Numbers of the machine, and for other programs."""

    keep_days: int = Field(90, ge=1, le=36_500, description="Days for which what the machine was doing is kept.")
    otlp_endpoint: str = Field(
        "",
        pattern=r"^(https?://.+)?$",
        description="OpenTelemetry collector for traces, such as http://127.0.0.1:4318; empty sends nothing.",
    )


class HubSettings(Section):
    """Where hf: models come from."""

    endpoint: str = Field("https://huggingface.co", pattern=r"^https?://", description="Base address of the model hub.")
    token: SecretStr | None = Field(
        None, description="Access token for gated models; only sent over https or to loopback."
    )


class LogSettings(Section):
    """What is written to the log; never what people say."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least important level written.")
    json_lines: bool = Field(default=False, description="One JSON object a line instead of text.")


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


def load(flags: Mapping[str, Any] | None = None) -> Loaded:
    """Merge the sources. `flags` is a dict of dotted keys; a None value means that the flag was not given."""
    given = {key: value for key, value in (flags or {}).items() if value is not None}
    _refuse_unknown_variables(os.environ)
    environment = _read_environment()
    data = Path(given.get("data") or environment.get("data") or Settings().data).expanduser().absolute()
    layers = [
        (str(data / CONFIG_FILE), _read_toml(data / CONFIG_FILE)),
        ("environment", dict(_leaves(environment))),
        ("flag", given),
    ]
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for origin, values in layers:
        merged.update(values)
        origins.update(dict.fromkeys(values, origin))
    merged["data"] = data
    try:
        settings = Settings.model_validate(_nest(merged))
    except ValidationError as error:
        raise BadConfig(_explain(error, origins)) from None
    _refuse_unsafe(settings)
    return Loaded(settings, origins)


def split_environment() -> tuple[dict[str, Any], dict[str, str]]:
    """The settings among the variables, by dotted key, and the environment without them.

    For a child process that is given its settings otherwise, so that none of its own children inherits a secret.
    """
    rest = {name: value for name, value in os.environ.items() if not name.upper().startswith(ENV_PREFIX)}
    return dict(_leaves(_read_environment())), rest


def fields() -> Iterator[tuple[str, Any, str]]:
    """Every setting as (dotted key, default, help); the source of `aion config` and docs/settings.md."""
    for name, info in Settings.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, Section):
            for leaf, leaf_info in info.annotation.model_fields.items():
                yield f"{name}.{leaf}", leaf_info.get_default(call_default_factory=True), leaf_info.description or ""
        else:
            yield name, info.get_default(call_default_factory=True), info.description or ""


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


def _read_toml(path: Path) -> dict[str, Any]:
    """The file's leaves by dotted key; no file is no settings."""
    try:
        tree = tomllib.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"cannot read {path}: {error}; make it a readable UTF-8 file or remove it") from None
    except tomllib.TOMLDecodeError as error:
        raise BadConfig(f"{path} is not valid TOML: {error}") from None
    if "data" in tree:
        raise BadConfig(f"data is set in {path}, which lies in the folder that it names; use AION_DATA or --data")
    return dict(_leaves(tree))


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
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
