"""Speaks HTTP to an OpenAI-compatible server, our own llama.cpp child and anyone's alike: jobs out, deltas in.

One keep-alive session a server; `models.events` reads what it streams. It does not retry, queue, follow redirects, read
proxies from the environment, or know which server it talks to.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import aiohttp
import orjson

from aion.errors import BadInput, Unavailable
from aion.models.base import Delta, Job
from aion.models.events import EventReader
from aion.models.upstream import decode_body, error_of
from aion.records import Json

CHAT = "/v1/chat/completions"
COMPLETION = "/v1/completions"
MAX_BODY_BYTES = 256 << 20
MAX_ERROR_BYTES = 64 << 10
_NUMBERS = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "frequency_penalty",
    "presence_penalty",
    "repeat_penalty",
    "seed",
)
KEEP_ALIVE_S = 4.0  # llama.cpp and uvicorn hang up after 5 s: we do so first, or a request would meet a closed door


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a server understands of OpenAI's API; the default is all of it."""

    logprobs: bool = True
    usage: bool = True  # stream_options.include_usage
    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"


def payload_of(job: Job, model: str, dialect: Dialect | None = None) -> Json:
    """The job as the JSON of a streamed chat or text completion. Adapters are left to those who have them."""
    dialect = dialect or Dialect()
    payload: Json = {"model": model, "stream": True, dialect.limit: job.sampling.max_tokens}
    if dialect.usage:
        payload["stream_options"] = {"include_usage": True}
    payload |= _sampling_of(job)
    if job.prompt is not None:
        payload["prompt"] = job.prompt
        if dialect.logprobs:
            payload["logprobs"] = max(1, job.top_logprobs)  # 0 means none at all to some servers
        return payload
    payload["messages"] = list(job.messages)
    if job.tools and job.tool_choice != "none":
        payload |= {"tools": list(job.tools), "tool_choice": job.tool_choice}
    elif dialect.logprobs:  # llama.cpp refuses both at once in a stream
        payload |= {"logprobs": True, "top_logprobs": job.top_logprobs}
    if job.response_format is not None:
        payload["response_format"] = job.response_format
    return payload


def path_of(job: Job) -> str:
    """Where the job is posted to."""
    return CHAT if job.prompt is None else COMPLETION


def _sampling_of(job: Job) -> Json:
    """Only what was asked for: the rest is the model's own default. top_k, min_p, repeat_penalty are llama.cpp's."""
    sampling = job.sampling
    wanted: Json = {name: value for name in _NUMBERS if (value := getattr(sampling, name)) is not None}
    if sampling.stop:
        wanted["stop"] = list(sampling.stop)
    if sampling.logit_bias:
        wanted["logit_bias"] = dict(sampling.logit_bias)
    return wanted


class Wire:
    """A connection to one server. `key` is sent as a bearer token with every request, and appears nowhere else."""

    def __init__(
        self,
        base_url: str,
        key: str | None = None,
        *,
        stall_timeout_s: float = 120.0,
        connect_timeout_s: float = 10.0,
        reuse: bool = True,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._key = key or ""
        self._stall = stall_timeout_s
        self._reuse = reuse  # of connections, which on loopback gains less than it risks
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout_s, sock_read=stall_timeout_s)
        self._session: aiohttp.ClientSession | None = None
        self._closed = False
        self._hangs_up = False  # llama.cpp does after a stream, although it promises not to: so it is asked to
        self._live: set[aiohttp.StreamReader] = set()

    async def get(self, path: str) -> Any:
        """The JSON that lies at a path."""
        return await self._fetch("GET", path, None)

    async def post(self, path: str, payload: Json | list[Any]) -> Any:
        """The JSON answer to a JSON request, when it is not streamed."""
        return await self._fetch("POST", path, payload)

    async def stream(self, path: str, payload: Json) -> AsyncGenerator[Delta, None]:
        """Deltas of one streamed completion, exactly one of them with `finish`.

        Closing the iterator closes the connection at once, which is how a server learns that nobody listens.
        """
        async with self._answer("POST", path, payload, last=self._hangs_up) as response:
            events = EventReader(self._key)
            while not events.done and (data := await response.content.readany()):
                for delta in events.feed(data):
                    yield delta
            for delta in events.end():
                yield delta
            await _read_to_end(response.content)

    async def close(self) -> None:
        """Hang up on everything, also on streams that still run."""
        self._closed = True
        for content in self._live:  # aiohttp would close the connection and leave its reader waiting for ever
            content.set_exception(aiohttp.ClientConnectionError("closed"))
        if self._session is not None:
            await self._session.close()

    async def _fetch(self, method: str, path: str, payload: Any) -> Any:
        async with self._answer(method, path, payload) as response:
            try:
                return orjson.loads(await _read_body(response, MAX_BODY_BYTES))
            except orjson.JSONDecodeError:
                raise Unavailable("the model server answered with something that is not JSON") from None

    @contextlib.asynccontextmanager
    async def _answer(
        self, method: str, path: str, payload: Any, *, last: bool = False
    ) -> AsyncGenerator[aiohttp.ClientResponse, None]:
        """A reply with status 200, its connection closed on the way out unless it was read to its end."""
        data = None if payload is None else _encode(payload)
        headers = {"Connection": "close"} if last else None
        if self._session is None or self._closed:
            self._session = self._open_session()
        with self._failures():
            response = await self._session.request(
                method, self._base + path, data=data, headers=headers, allow_redirects=False
            )
            self._hangs_up = self._hangs_up or response.headers.get("Server") == "llama.cpp"
            self._live.add(response.content)
            try:
                await _raise_for_status(response, self._key)
                yield response
            finally:
                self._live.discard(response.content)
                response.close()

    def _open_session(self) -> aiohttp.ClientSession:
        """Made on first use, because a session belongs to the event loop that it is made in."""
        if self._closed:
            raise Unavailable("the connection to the model server has been closed")
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        return aiohttp.ClientSession(
            connector=(
                aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_S)
                if self._reuse
                else aiohttp.TCPConnector(limit=0, force_close=True)
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=headers,
            timeout=self._timeout,
            trust_env=False,
        )

    @contextlib.contextmanager
    def _failures(self) -> Iterator[None]:
        """Turn what aiohttp raises into one sentence; its own would name the address."""
        try:
            yield
        except aiohttp.ConnectionTimeoutError:
            raise Unavailable("the model server did not answer in time", retry_after=5.0) from None
        except TimeoutError:
            raise Unavailable(f"the model server said nothing for {self._stall:g} s", retry_after=5.0) from None
        except aiohttp.ClientConnectorError:
            raise Unavailable("the model server cannot be reached; is it running?", retry_after=5.0) from None
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(
                f"the model server hung up ({type(error).__name__}); try again", retry_after=1.0
            ) from None


def _encode(payload: Any) -> bytes:
    try:
        return orjson.dumps(payload)
    except TypeError:
        raise BadInput("the request holds half a character or a number beyond 64 bits, which is not JSON") from None


async def _raise_for_status(response: aiohttp.ClientResponse, secret: str) -> None:
    if response.status == 200:
        return
    body = decode_body(await _read_body(response, MAX_ERROR_BYTES))
    raise error_of(response.status, body, response.headers, secret)


async def _read_body(response: aiohttp.ClientResponse, limit: int) -> bytes:
    parts, size = [], 0
    async for part in response.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > limit:
            raise Unavailable(f"the model server sent more than {limit} bytes where an answer was expected")
    return b"".join(parts)


async def _read_to_end(content: aiohttp.StreamReader) -> None:
    """Read what follows [DONE], so that the connection can be used again; a server that sends on is hung up on."""
    with contextlib.suppress(TimeoutError, aiohttp.ClientError):
        async with asyncio.timeout(0.5):
            while not content.at_eof():
                await content.readany()
