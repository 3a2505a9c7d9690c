"""Should the engine speak HTTP, or is a thin worker of our own faster?

One process offers both, so that only the way differs. The worker hands a request that comes over a unix socket to
`handle_chat_completions` and writes back what its callback gets, a line a chunk, from one thread per connection. The
other way is llama.cpp's own HTTP server, read by AION's wire. "Added to a token" is beyond the engine's own time.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from aion.config import Settings
from aion.models.catalog import LocalModel, resolve_model
from aion.models.llama.process import child_environment
from aion.models.wire import CHAT, Wire
from benchmarks.tools import Figure, interleave, median, parse_options, print_head, print_load, print_table, rounds_for

TOKENS = 64
KEY = "benchmark"
BODY: dict[str, Any] = {
    "messages": [{"role": "user", "content": "Tell me a long story about a lighthouse."}],
    "temperature": 0,
    "max_tokens": TOKENS,
    "ignore_eos": True,
    "stream": True,
    "stream_options": {"include_usage": True},
    "logprobs": True,
    "top_logprobs": 5,
}


def run_worker(model: str, path: str) -> None:
    """The child: one engine behind both doors."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = model
    params.n_ctx, params.n_parallel = 4096, 4
    params.n_batch = params.n_ubatch = 64
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1  # leaves a core to whoever reads
    params.port, params.api_keys, params.ui, params.verbosity = 0, [KEY], False, 1
    server = xllamacpp.Server(params)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(path)
        door.listen()
        print(server.listening_address, flush=True)
        while True:
            client, _ = door.accept()
            threading.Thread(target=serve_client, args=(server, client), daemon=True).start()


def serve_client(server: Any, client: socket.socket) -> None:
    """One line of JSON in, a line per chunk out."""
    with client, client.makefile("rb") as lines:
        for line in lines:
            server.handle_chat_completions(line.decode(), _sender(client))
            client.sendall(b"\n")


def _sender(client: socket.socket) -> Callable[[str], bool]:
    def send(chunk: str) -> bool:
        try:
            client.sendall(chunk.encode() + b"\n")
        except OSError:
            return True  # stops the generation
        return False

    return send


@dataclass(eq=False)
class Way:
    """One way to the engine: yields True for a chunk with text, then the engine's own decode milliseconds a token."""

    name: str
    ask: Callable[[], AsyncIterator[tuple[bool, float]]]
    first_ms: list[float] = field(default_factory=list)
    added_ms: list[float] = field(default_factory=list)


async def ask_http(wire: Wire) -> AsyncIterator[tuple[bool, float]]:
    async with aclosing(wire.stream(CHAT, BODY)) as deltas:
        async for delta in deltas:
            yield bool(delta.text), (delta.timings or {}).get("predicted_ms", 0.0) / TOKENS


async def ask_socket(path: str) -> AsyncIterator[tuple[bool, float]]:
    reader, writer = await asyncio.open_unix_connection(path, limit=1 << 20)
    writer.write(orjson.dumps(BODY) + b"\n")
    while (line := await reader.readline()).strip():
        parts = orjson.loads(line)
        for chunk in parts if isinstance(parts, list) else [parts]:
            text = any(choice["delta"].get("content") for choice in chunk["choices"])
            yield text, chunk.get("timings", {}).get("predicted_ms", 0.0) / TOKENS
    writer.close()
    await writer.wait_closed()


async def take(way: Way) -> None:
    """One request: time to its first token, and what a token costs beyond the engine's own time."""
    begin = time.perf_counter()
    first = last = 0.0
    own = 0.0
    async for has_text, engine_ms in way.ask():
        if has_text:
            last = time.perf_counter()
            first = first or last
        own = own or engine_ms
    way.first_ms.append((first - begin) * 1000)
    way.added_ms.append((last - first) * 1000 / (TOKENS - 1) - own)


async def compare(model: LocalModel, seconds: float, clients: int) -> list[Way]:
    with TemporaryDirectory() as folder:
        path = str(Path(folder) / "engine")
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, __file__, "worker", str(model.path), path),
            stdout=asyncio.subprocess.PIPE,
            env=child_environment() | {"PYTHONPATH": str(Path(__file__).parent.parent)},
        )
        assert child.stdout is not None
        wire = Wire((await child.stdout.readline()).decode().strip(), KEY, reuse=False)
        ways = [Way("HTTP", lambda: ask_http(wire)), Way("unix socket worker", lambda: ask_socket(path))]
        for _ in range(2):
            for way in ways:
                await take(way)
        for way in ways:
            way.first_ms.clear()
            way.added_ms.clear()
        for _, way in interleave(ways, rounds_for(seconds, least=5)):
            await asyncio.gather(*(take(way) for _ in range(clients)))
        await wire.close()
        child.kill()
        await child.wait()
    return ways


async def main() -> None:
    options = parse_options(__doc__ or "", seconds=40)
    meter = print_head(__doc__ or "")
    model = await resolve_model(Settings(), lambda *_: None)
    if not isinstance(model, LocalModel):
        raise SystemExit("this benchmark needs the embedded model")
    figures: list[Figure] = []
    for clients in (1, 4):
        ways = await compare(model, options.seconds / 2, clients)
        who = f"{clients} client{'s' if clients > 1 else ''}"
        for way in ways:
            figures.append(Figure(f"{way.name}, {who}: first token after", median(way.first_ms), "ms"))
            figures.append(Figure(f"{way.name}, {who}: added to a token", median(way.added_ms), "ms"))
        http, worker = ways
        figures.append(
            Figure(f"HTTP - worker, {who}: first token", median(http.first_ms) - median(worker.first_ms), "ms")
        )
        figures.append(Figure(f"HTTP - worker, {who}: a token", median(http.added_ms) - median(worker.added_ms), "ms"))
    print_load("while measuring", meter)
    print_table(figures)


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        run_worker(*sys.argv[2:4])
    else:
        asyncio.run(main())
