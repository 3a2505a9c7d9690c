"""A model hub on loopback with the redirects, headers and faults of real ones; it writes down every request."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    host: str  # hub or cdn
    method: str
    path: str
    range: str | None
    if_range: str | None
    authorization: str | None


@dataclass
class FakeHub:
    """Serves one file. Set the fields to choose how it behaves."""

    content: bytes
    repo: str = "owner/name"
    file: str = "model.gguf"
    redirect: bool = True  # large files live on another host
    accept_range: bool = True
    token: str | None = None  # gated when set
    cuts: list[int] = field(default_factory=list)  # bytes sent before each of the first replies breaks off
    stated_hash: str | None = None
    stated_size: int | None = None
    etag: str | None = None  # instead of the hash
    seen: list[Seen] = field(default_factory=list)
    url: str = ""
    cdn_url: str = ""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def gets(self) -> list[Seen]:
        """Requests for bytes, on the host that sends them."""
        return [seen for seen in self.seen if seen.method == "GET" and seen.host == ("cdn" if self.redirect else "hub")]

    def _note(self, host: str, request: web.Request) -> None:
        headers = request.headers
        self.seen.append(
            Seen(
                host,
                request.method,
                request.path,
                headers.get("Range"),
                headers.get("If-Range"),
                headers.get("Authorization"),
            )
        )

    async def resolve(self, request: web.Request) -> web.StreamResponse:
        self._note("hub", request)
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.Response(status=401, headers={"X-Error-Code": "GatedRepo"})
        _, owner, name, _, revision, file = request.path.split("/", 5)
        if f"{owner}/{name}" != self.repo:
            return web.Response(status=401, headers={"X-Error-Code": "RepoNotFound"})
        if file != self.file or revision not in ("main", COMMIT):
            return web.Response(status=404, headers={"X-Error-Code": "EntryNotFound"})
        headers = {"X-Repo-Commit": COMMIT}
        etag = self.etag or self.stated_hash or self.sha256
        if not self.redirect:
            return await self._send(request, {**headers, "ETag": f'"{etag}"'})
        headers |= {"X-Linked-ETag": f'"{etag}"', "X-Linked-Size": str(self.stated_size or len(self.content))}
        return web.Response(status=302, headers={**headers, "Location": f"{self.cdn_url}/blob?sign=a%2Fb%3D"})

    async def blob(self, request: web.Request) -> web.StreamResponse:
        self._note("cdn", request)
        if not request.raw_path.endswith("?sign=a%2Fb%3D"):  # a signature survives only letter by letter
            return web.Response(status=403)
        return await self._send(request, {"ETag": '"of-the-cdn"'})

    async def _send(self, request: web.Request, headers: dict[str, str]) -> web.StreamResponse:
        start, status = 0, 200
        asked = request.headers.get("Range")
        if asked and self.accept_range and request.headers.get("If-Range", headers["ETag"]) == headers["ETag"]:
            start, status = int(asked.removeprefix("bytes=").removesuffix("-")), 206
            headers["Content-Range"] = f"bytes {start}-{len(self.content) - 1}/{len(self.content)}"
        reply = web.StreamResponse(status=status, headers=headers)
        reply.content_length = len(self.content) - start
        await reply.prepare(request)
        if request.method == "HEAD":
            return reply
        if self.cuts:
            await reply.write(self.content[start : start + self.cuts.pop(0)])
            await asyncio.sleep(0.1)  # lets the client take what was sent: it drops what it has not read by then
            assert request.transport is not None
            request.transport.close()
            return reply
        await reply.write(self.content[start:])
        return reply


@asynccontextmanager
async def serve(hub: FakeHub) -> AsyncIterator[FakeHub]:
    """Run the hub and its second host until the block ends."""
    runners = []
    for route, handler, name in (("/{path:.*}", hub.resolve, "url"), ("/blob", hub.blob, "cdn_url")):
        app = web.Application()
        app.router.add_get(route, handler)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        setattr(hub, name, f"http://127.0.0.1:{runner.addresses[0][1]}")
        runners.append(runner)
    try:
        yield hub
    finally:
        for runner in runners:
            await runner.cleanup()
