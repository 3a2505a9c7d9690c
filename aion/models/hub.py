"""Fetches one GGUF file from a model hub: resumed after a cut, proven by its hash, then used offline for ever.

Speaks the Hugging Face protocol (`/OWNER/NAME/resolve/REVISION/FILE`). The token goes to the hub's own origin alone,
never to the host a redirect names. It decides nothing about the content: `gguf_file` reads it, `catalog` accepts it.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

import aiohttp
import structlog
from yarl import URL

from aion.errors import BadInput, Conflict, Corrupt, Forbidden, NotFound, StorageFailed, StorageFull, Unavailable
from aion.models.durable import fsync_folder, write_json
from aion.records import Json

Progress = Callable[[int, int], None]

SIDECAR_SUFFIX: Final = ".source.json"
PART_SUFFIX: Final = ".part"
CHUNK_BYTES: Final = 1 << 20
READ_AHEAD_BYTES: Final = 1 << 18  # about what a broken connection takes with it
SPARE_BYTES: Final = 64 << 20  # left free beside the model, for the database and logs
MAX_REDIRECTS: Final = 5
FRUITLESS_TRIES: Final = 3  # attempts in a row that brought no byte
PAUSE_S: Final = 1.0  # before another attempt, times the fruitless ones
TIMEOUT: Final = aiohttp.ClientTimeout(total=None, connect=20, sock_connect=20, sock_read=60)

_PART_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_SHA256 = re.compile(r"[0-9a-f]{64}")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFile:
    """One file of one repository at one revision. Names are checked here, so that they can be parts of a path."""

    repo: str  # owner/name
    file: str
    revision: str = "main"

    def __post_init__(self) -> None:
        owner, slash, name = self.repo.partition("/")
        if not (slash and is_safe_part(owner) and is_safe_part(name)):
            raise BadInput(f"{self.repo[:200]!r} is not a repository; write owner/name", code="bad_hub_name")
        if not all(map(is_safe_part, self.file.split("/"))) or not self.file.lower().endswith(".gguf"):
            raise BadInput(f"{self.file[:200]!r} is not a .gguf file of a repository", code="bad_hub_name")
        if not all(map(is_safe_part, self.revision.split("/"))):
            raise BadInput(f"{self.revision[:200]!r} is not a revision; name a branch or commit", code="bad_hub_name")

    @classmethod
    def parse(cls, source: str) -> HubFile:
        """`hf:owner/name:file`."""
        repo, colon, file = source.removeprefix("hf:").partition(":")
        if not colon:
            raise BadInput(f"{source[:200]!r} names no file; write hf:owner/name:file.gguf", code="bad_hub_name")
        return cls(repo=repo, file=file)

    @property
    def source(self) -> str:
        return f"hf:{self.repo}:{self.file}"

    def path_in(self, folder: Path) -> Path:
        return folder.joinpath(*self.repo.split("/"), *self.file.split("/"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Remote:
    """What the hub says of a file before it is fetched."""

    url: URL  # at the exact commit
    commit: str
    etag: str
    size: int
    redirected: bool  # to a host with etags of its own

    @property
    def sha256(self) -> str:
        """Large files carry their SHA-256 as etag; others cannot be proven beyond their size."""
        return self.etag if _SHA256.fullmatch(self.etag) else ""


def is_safe_part(part: str) -> bool:
    return _PART_NAME.fullmatch(part) is not None and ".." not in part


def read_sidecar(path: Path) -> Json:
    """What was written beside a finished download; {} when there is none that can be read."""
    try:
        found = json.loads(_sidecar_of(path).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def find_downloaded(wanted: HubFile, target_dir: Path) -> Path | None:
    """The finished download, judged without any request: its sidecar names it and its size is right."""
    path = wanted.path_in(target_dir)
    known = read_sidecar(path)
    same = (known.get("source"), known.get("revision")) == (wanted.source, wanted.revision)
    return path if same and path.is_file() and path.stat().st_size == known.get("size") else None


async def download(
    repo: str,
    file: str,
    *,
    endpoint: str,
    token: str | None,
    target_dir: Path,
    revision: str = "main",
    progress: Progress | None = None,
) -> Path:
    """Fetch the file unless it is here already.

    Raises BadInput (names), Forbidden (hub_access_denied), NotFound (hub_not_found), Conflict, Corrupt, StorageFull,
    StorageFailed, Unavailable (hub_unavailable).
    """
    wanted = HubFile(repo=repo, file=file, revision=revision)
    if (found := find_downloaded(wanted, target_dir)) is not None:
        return found
    path = wanted.path_in(target_dir)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        async with _Hub(endpoint, token, wanted) as hub:
            remote = await hub.look_up()
            digest = await _fetch(hub, remote, path, progress or (lambda _done, _total: None))
        await asyncio.to_thread(_write_sidecar, path, wanted, remote, digest, endpoint)
    except (aiohttp.ClientError, TimeoutError) as error:  # before OSError, which some of them also are
        raise hub.unreachable(error) from error
    except OSError as error:
        raise _explain_disk(error, path.name) from error
    log.info("model downloaded", source=wanted.source, bytes=remote.size, sha256=digest)
    return path


class _Hub:
    """Asks the hub for one file; follows redirects itself, so that the token never leaves the hub's origin."""

    def __init__(self, endpoint: str, token: str | None, wanted: HubFile) -> None:
        self.endpoint, self.token, self.wanted = URL(endpoint.rstrip("/")), token, wanted
        self.name = f"the hub at {self.endpoint.origin()}"

    async def __aenter__(self) -> _Hub:
        self.session = aiohttp.ClientSession(
            timeout=TIMEOUT, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar(), read_bufsize=READ_AHEAD_BYTES
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()

    async def look_up(self) -> _Remote:
        """Exact commit, hash and size, before the first byte."""
        async with self._open("HEAD", self._address(self.wanted.revision), stop_at="X-Linked-ETag") as reply:
            return self._read_answer(reply)

    def _read_answer(self, reply: aiohttp.ClientResponse) -> _Remote:
        headers = reply.headers
        size = headers.get("X-Linked-Size") or headers.get("Content-Length") or ""
        if not size.isdecimal() or int(size) == 0:
            raise Unavailable(f"{self.name} does not say how large {self.wanted.source} is; try another file or hub")
        commit = headers.get("X-Repo-Commit", "")
        return _Remote(
            url=self._address(commit if is_safe_part(commit) else self.wanted.revision),
            commit=commit,
            etag=(headers.get("X-Linked-ETag") or headers.get("ETag") or "").removeprefix("W/").strip('"'),
            size=int(size),
            redirected=reply.status >= 300,
        )

    @asynccontextmanager
    async def get(self, remote: _Remote, start: int) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = {"Range": f"bytes={start}-"} if start else {}
        if start and not remote.redirected:
            headers["If-Range"] = f'"{remote.etag}"'
        async with self._open("GET", remote.url, headers=headers) as reply:
            yield reply

    def unreachable(self, error: BaseException | None) -> Unavailable:
        reason = type(error).__name__ if error is None or not str(error) else str(error)
        return Unavailable(
            f"{self.wanted.source} was asked for, and {self.name} could not be reached or did not deliver ({reason});"
            " connect and start again (what has come is kept), or give a local .gguf file",
            code="hub_unavailable",
        )

    def _address(self, revision: str) -> URL:
        return self.endpoint / self.wanted.repo / "resolve" / revision / self.wanted.file

    @asynccontextmanager
    async def _open(
        self, method: str, url: URL, *, headers: Mapping[str, str] | None = None, stop_at: str = ""
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The first reply that is no redirect, or that carries the header `stop_at`."""
        for _ in range(MAX_REDIRECTS + 1):
            sent = {"Accept-Encoding": "identity", "User-Agent": "aion", **(headers or {})}
            if self.token and url.origin() == self.endpoint.origin():
                sent["Authorization"] = f"Bearer {self.token}"
            async with self.session.request(method, url, headers=sent, allow_redirects=False) as reply:
                location = reply.headers.get("Location") if reply.status in (301, 302, 303, 307, 308) else None
                if location is None or stop_at in reply.headers:
                    self._refuse_failure(reply)
                    yield reply
                    return
                url = self._follow(url, location)
        raise Unavailable(f"{self.name} redirects in circles; look at hub.endpoint", code="hub_unavailable")

    def _follow(self, url: URL, location: str) -> URL:
        target = url.join(URL(location, encoded=True))
        if target.scheme not in ("http", "https") or (url.scheme == "https" and target.scheme != "https"):
            raise Unavailable(f"{self.name} redirects to an unencrypted address; look at hub.endpoint")
        return target

    def _refuse_failure(self, reply: aiohttp.ClientResponse) -> None:
        if reply.status < 400 or reply.status == 416:
            return
        asked = f"{self.name} was asked for {self.wanted.source} (revision {self.wanted.revision!r})"
        own = reply.url.origin() == self.endpoint.origin()  # a redirect's target says nothing about access
        if own and (reply.status == 404 or reply.headers.get("X-Error-Code", "").endswith("NotFound")):
            remedy = "check owner, name and file, or set hub.token if the repository is private"
            raise NotFound(f"{asked} and has no such file; {remedy}", code="hub_not_found")
        if own and reply.status in (401, 403):
            remedy = "use another hub.token: this one may not read it" if self.token else "set hub.token"
            raise Forbidden(
                f"{asked} and denies access; accept the model's terms on its page, and {remedy}",
                code="hub_access_denied",
            )
        wait = reply.headers.get("Retry-After", "")
        raise Unavailable(
            f"{asked} and answered {reply.status}; try again later, or give a local .gguf file",
            code="hub_unavailable",
            retry_after=float(wait) if wait.isdecimal() else None,
        )


class _Part:
    """The bytes that have come so far, and their running hash. Its methods block: call them in a thread."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.restart(truncate=False)

    def restart(self, *, truncate: bool = True) -> None:
        self.hash, self.done = hashlib.sha256(), 0
        self.file.seek(0)
        if truncate:
            self.file.truncate()

    def load(self) -> None:
        """Hash what an earlier attempt left."""
        self.restart(truncate=False)
        while chunk := self.file.read(CHUNK_BYTES):
            self.hash.update(chunk)
            self.done += len(chunk)

    def append(self, chunk: bytes) -> None:
        self.file.write(chunk)
        self.hash.update(chunk)
        self.done += len(chunk)

    def sync(self) -> None:
        self.file.flush()
        os.fsync(self.file.fileno())


async def _fetch(hub: _Hub, remote: _Remote, path: Path, report: Progress) -> str:
    """Put the whole, proven file at `path`; its SHA-256."""
    if await asyncio.to_thread(_is_proven, path, remote):
        return remote.sha256  # it came earlier, and only the note about it was lost
    name = f"{path.name}.{hashlib.sha256(remote.etag.encode()).hexdigest()[:16]}{PART_SUFFIX}"
    with (path.parent / name).open("ab+") as file:
        _lock(file, path.name)
        part = _Part(file)
        await asyncio.to_thread(part.load)
        if part.done > remote.size or not remote.sha256:
            part.restart()  # without a hash nothing proves that two halves belong together
        _require_space(path, remote.size - part.done)
        report(part.done, remote.size)
        await _receive_all(hub, remote, part, report)
        await asyncio.to_thread(part.sync)
    digest = part.hash.hexdigest()
    if remote.sha256 not in ("", digest):
        (path.parent / name).unlink()
        raise Corrupt(f"{path.name} does not have the hash that {hub.name} states; it was removed: start again")
    _sidecar_of(path).unlink(missing_ok=True)  # it speaks of the version that is being replaced
    (path.parent / name).replace(path)
    return digest


async def _receive_all(hub: _Hub, remote: _Remote, part: _Part, report: Progress) -> None:
    """Ask again from where the last attempt ended, as long as attempts bring something."""
    fruitless = 0
    while part.done < remote.size:
        before, problem = part.done, None
        try:
            await _receive(hub, remote, part, report)
        except (aiohttp.ClientError, TimeoutError) as error:
            problem = error
        fruitless = 0 if part.done > before else fruitless + 1
        if fruitless >= FRUITLESS_TRIES:
            await asyncio.to_thread(part.sync)
            raise hub.unreachable(problem) from problem
        await asyncio.sleep(fruitless * PAUSE_S)


async def _receive(hub: _Hub, remote: _Remote, part: _Part, report: Progress) -> None:
    async with hub.get(remote, part.done) as reply:
        if reply.status == 206 and reply.headers.get("Content-Range", "").startswith(f"bytes {part.done}-"):
            pass
        elif reply.status == 200:
            part.restart()  # the whole file comes, because the hub cannot or will not continue
        else:
            part.restart()
            return
        async for chunk in reply.content.iter_chunked(CHUNK_BYTES):
            if part.done + len(chunk) > remote.size:
                part.restart()
                raise Corrupt(f"{hub.name} sent more than the {remote.size} bytes it stated; start again")
            await asyncio.to_thread(part.append, chunk)
            report(part.done, remote.size)


def _is_proven(path: Path, remote: _Remote) -> bool:
    """Whether the file at `path` has the hash that the hub states."""
    if not remote.sha256 or not path.is_file() or path.stat().st_size != remote.size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == remote.sha256


def _lock(file: BinaryIO, name: str) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Conflict(f"{name} is being downloaded already; wait for it") from None


def _require_space(path: Path, missing: int) -> None:
    free = shutil.disk_usage(path.parent).free
    if missing + SPARE_BYTES > free:
        raise StorageFull(
            f"{path.name} needs {missing + SPARE_BYTES} more bytes ({SPARE_BYTES} of them kept free), and {free} are"
            " free; make room and start again"
        )


def _explain_disk(error: OSError, name: str) -> StorageFull | StorageFailed:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFull(f"no space left while writing {name}; what has come is kept: make room and start again")
    return StorageFailed(f"{name} cannot be written: {error.strerror}")


def _sidecar_of(path: Path) -> Path:
    return path.parent / (path.name + SIDECAR_SUFFIX)


def _write_sidecar(path: Path, wanted: HubFile, remote: _Remote, digest: str, endpoint: str) -> None:
    """Note where the file came from; only then is it a finished download. Parts of older versions go."""
    fsync_folder(path.parent)
    note = {
        "source": wanted.source,
        "endpoint": endpoint,
        "revision": wanted.revision,
        "commit": remote.commit,
        "etag": remote.etag,
        "sha256": digest,
        "hash_stated_by_hub": bool(remote.sha256),
        "size": remote.size,
        "downloaded": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_json(_sidecar_of(path), note)
    for part in path.parent.glob(f"{path.name}.*{PART_SUFFIX}"):
        part.unlink()
