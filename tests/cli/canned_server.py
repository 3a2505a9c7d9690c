"""A small HTTP server that stands for a running AION: canned replies by method and path, and what it was asked."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aion.store.lock import boot_id

TOKEN = "control-token"


class CannedServer:
    """`replies` maps "POST /path" to (status, body); a list body is sent as a stream of events."""

    def __init__(self) -> None:
        self.replies: dict[str, tuple[int, Any]] = {}
        self.asked: list[tuple[str, Any, str | None]] = []
        self.cut = threading.Event()  # set when a client left in the middle of a stream

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        size = int(handler.headers.get("Content-Length") or 0)
        body = json.loads(handler.rfile.read(size)) if size else None
        place = f"{handler.command} {handler.path}"
        self.asked.append((place, body, handler.headers.get("Authorization")))
        status, reply = self.replies.get(place, (404, {"error": {"message": f"no {place}", "code": "not_found"}}))
        handler.send_response(status)
        handler.end_headers()
        if not isinstance(reply, list):
            handler.wfile.write(json.dumps(reply).encode())
            return
        try:
            for event in reply:
                text = event if isinstance(event, str) else json.dumps(event)
                handler.wfile.write(f"data: {text}\n\n".encode())
        except OSError:
            self.cut.set()


@contextmanager
def serve(data: Path) -> Iterator[CannedServer]:
    """The server, advertised in the data folder as AION advertises itself."""
    canned = CannedServer()

    class Handler(BaseHTTPRequestHandler):
        """Hands everything to the canned server."""

        def do_GET(self) -> None:
            canned.answer(self)

        do_POST = do_GET  # noqa: N815 - the name that the base class looks for
        do_DELETE = do_GET  # noqa: N815 - likewise
        do_PUT = do_GET  # noqa: N815 - likewise

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    folder = data / "run"
    folder.mkdir(parents=True, exist_ok=True)
    url = f"http://127.0.0.1:{server.server_port}"
    about = {"pid": os.getpid(), "boot_id": boot_id(), "url": url, "token": TOKEN}
    (folder / "server.json").write_text(json.dumps(about))
    try:
        yield canned
    finally:
        (folder / "server.json").unlink()
        server.shutdown()
        thread.join()
        server.server_close()


def words(*pieces: str) -> list[Any]:
    """An answer as a stream of chat events."""
    start = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": None}}]}
    deltas = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
    return [start, *deltas, {"choices": []}, "[DONE]"]
