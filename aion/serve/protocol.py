"""HTTP/1.1 as bytes: uvicorn's httptools protocol with bounds on headers, and refusals in the shape of all our errors.

A header block has a size and a time; a request that two servers could read differently is refused and the connection
closed. It knows nothing of paths and keys: `guard` does. It speaks neither HTTP/2 nor WebSocket.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any, Literal

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from aion.errors import AionError, BadInput, HeadersTooLarge, TooSlow
from aion.records import new_id
from aion.serve.error_reply import error_bytes

HEADER_TIMEOUT_S = 10.0
LINGER_S = 2.0
LARGEST_FRAMING = 8  # bytes on the wire a body byte may cost: six in chunks of one byte


def bounded_protocol(
    max_header_bytes: int, header_timeout_s: float = HEADER_TIMEOUT_S, linger_s: float = LINGER_S
) -> type[BoundedProtocol]:
    """The class for `uvicorn.Config(http=...)`, which takes a class and no arguments for it."""
    bounds = {"max_header_bytes": max_header_bytes, "header_timeout_s": header_timeout_s, "linger_s": linger_s}
    return type("ConfiguredProtocol", (BoundedProtocol,), bounds)


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    max_header_bytes = 32 << 10
    header_timeout_s = HEADER_TIMEOUT_S
    linger_s = LINGER_S

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._phase: Literal["idle", "headers", "body"] = "idle"
        self._overhead = 0  # bytes that arrived for headers, trailers and framing and have come to no end yet
        self._refusal: AionError | None = None
        self._is_discarding = False
        self._header_timer: asyncio.TimerHandle | None = None
        self._linger_timer: asyncio.TimerHandle | None = None

    # Connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type] # uvicorn narrows the type of its base
        self._watch_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        if self._linger_timer is not None:
            self._linger_timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_discarding or self.transport.is_closing():
            return
        if self._phase != "idle":
            self._overhead += len(data)
        super().data_received(data)
        if self._is_discarding or self.transport.is_closing():
            return
        if self._overhead > self.max_header_bytes:
            self._refuse(_headers_too_large(self.max_header_bytes))
        elif self._phase == "idle" and (self.cycle is None or self.cycle.response_complete):
            self._watch_headers()  # stray bytes have ended uvicorn's keep-alive timer, and nothing else would close it

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn when the parser gave up, inside its `except`: the parser's own words are a fixed text."""
        reason = str(sys.exception() or msg)
        refusal = self._refusal or BadInput(f"The request is not valid HTTP/1.1: {reason}.", code="invalid_request")
        self._refuse(refusal)

    # One request, as the parser meets it

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._phase = "headers"
        self._overhead = 0
        self._watch_headers()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._phase == "headers":  # after the body come trailers, which must not pass for headers
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._stop_watching()
        self._refusal = self._find_fault()
        if self._refusal is not None:
            raise self._refusal  # stops the parser; uvicorn then calls send_400_response
        self._phase = "body"
        self._overhead = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._overhead = max(0, self._overhead - LARGEST_FRAMING * len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._phase = "idle"
        self._overhead = 0
        if self._linger_timer is not None:
            self._linger_timer.cancel()
            self._linger_timer = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._phase == "body" and self.cycle.response_complete and not self.transport.is_closing():
            # Answered before the body was read: let the client finish and read the answer, but not for long.
            self._linger_timer = self.loop.call_later(self.linger_s, self.transport.close)

    # Refusing

    def _find_fault(self) -> AionError | None:
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)  # 4: ": " and CR LF
        if size > self.max_header_bytes:
            return _headers_too_large(self.max_header_bytes)
        version = self.parser.get_http_version()
        if version not in ("1.1", "1.0"):
            return BadInput(f"HTTP/{version} is not spoken here; use HTTP/1.1.", code="invalid_request")
        if not self.url.startswith(b"/"):
            return BadInput("The request target must be a path that starts with /.", code="invalid_request")
        lengths = [value for name, value in self.headers if name == b"content-length" and value != b"0"]
        codings = [value.lower() for name, value in self.headers if name == b"transfer-encoding"]
        if codings not in ([], [b"chunked"]):
            return BadInput("The only Transfer-Encoding read here is chunked.", code="invalid_request")
        if self.parser.should_upgrade() and (lengths or codings):
            # The parser takes what follows an upgrade for no body, and would read it as the next request.
            return BadInput("A request with a body cannot ask for an upgrade; use HTTP/1.1.", code="invalid_request")
        return None

    def _refuse(self, error: AionError) -> None:
        """Answer if no answer has begun, then read on for a moment without looking, so that the client can read it."""
        self._is_discarding = True
        self._stop_watching()
        cycle = self.cycle
        is_running = cycle is not None and not cycle.response_complete
        if is_running:
            cycle.disconnected = True  # its handler learns that nobody listens, and what it still sends goes nowhere
            cycle.message_event.set()
        if is_running and cycle.response_started:
            self.transport.close()
            return
        self.transport.write(error_bytes(error, new_id("req")))
        self.transport.write_eof()
        self._linger_timer = self.loop.call_later(self.linger_s, self.transport.close)

    def _watch_headers(self) -> None:
        if self._header_timer is None:
            self._header_timer = self.loop.call_later(self.header_timeout_s, self._on_header_timeout)

    def _stop_watching(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _on_header_timeout(self) -> None:
        self._header_timer = None
        if self._phase == "headers":
            self._refuse(TooSlow(f"The headers did not arrive within {self.header_timeout_s:g} seconds."))
        else:
            self.transport.close()


def _headers_too_large(limit: int) -> HeadersTooLarge:
    return HeadersTooLarge(f"The request line and headers are larger than the limit of {limit} bytes.")
