"""One engine process: start it, prove that it answers, speak to it, stop it. It is never restarted: a new one is made.

Whoever holds it decides what its death means. Its log is kept only as a few last lines, for the error message.
"""

from __future__ import annotations

import asyncio
import json
import math
import secrets
import signal
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from aion.config import split_environment
from aion.errors import BadInput, Unavailable
from aion.models.llama.slots import SlotBook
from aion.models.llama.spec import EngineSpec
from aion.models.wire import CHAT, Wire
from aion.records import Json

OUT_OF_MEMORY = "engine_out_of_memory"  # code of an Unavailable that a smaller context may cure
INHERITED = (
    "PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "SYSTEMROOT", "PYTHONPATH",
    "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "GGML_VK_VISIBLE_DEVICES",
)  # fmt: skip
# libgomp spins before it sleeps; a short spin loses 3 % on a quiet machine and survives a busy one
OPENMP = {"GOMP_SPINCOUNT": "1000", "OMP_DYNAMIC": "FALSE"}
LOG_LINES = 40
LOG_LINE_LENGTH = 300
STOP_STEP_S = 2.0
PROBE_PAUSE_S = 0.2
PROOF_WORDS = ({"role": "user", "content": "Count from one to ten."},)
PROOF_TOKENS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What an engine showed before it was given traffic."""

    context: int  # tokens per request, as the engine itself says
    prompt_per_second: float = 0.0
    decode_per_second: float = 0.0


def child_environment() -> dict[str, str]:
    """All that an engine sees of our environment: no settings, no keys, no proxies."""
    _, environment = split_environment()
    kept = {name: environment[name] for name in INHERITED if name in environment}
    return kept | OPENMP


class EngineProcess:
    """A child process serving one spec, and the connection to it."""

    def __init__(self, spec: EngineSpec, *, stall_timeout_s: float = 120.0) -> None:
        self.spec = spec
        self.url = ""
        self.key = secrets.token_urlsafe(32)
        self.wire = Wire("", self.key)  # leads somewhere once the engine listens
        self.gpu_layers = 0
        self.slots = SlotBook(spec.slots)
        self.proof = Proof(context=spec.context)
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        self._process: asyncio.subprocess.Process | None = None
        self._stall_timeout_s = stall_timeout_s
        self._log_task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def returncode(self) -> int | None:
        return self._process.returncode if self._process else None

    async def start(self, timeout_s: float) -> None:
        """Load the model and listen. Raises Unavailable, with its process gone, when it does not."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "aion.models.llama.child"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=child_environment(),
            start_new_session=True,  # a Ctrl-C in the terminal is for us: the engine has streams to finish
        )
        self._log_task = asyncio.create_task(self._keep_log())
        try:
            reply = await asyncio.wait_for(self._introduce(), timeout_s)
        except TimeoutError:
            await self.stop()
            raise Unavailable(
                f"the engine did not load {self.spec.model.name} in {timeout_s:.0f} s; raise engine.start_timeout_s",
                code="engine_failed",
            ) from None
        except BaseException:
            await self.stop()
            raise
        if "url" not in reply:
            error = await self._explain_death(str(reply.get("error", "it ended without a word")))
            raise error
        self.url = reply["url"]
        self.gpu_layers = reply["gpu_layers"]
        # llama.cpp hangs up after a stream; one that arrived whole has given its connection back by then
        self.wire = Wire(self.url, self.key, stall_timeout_s=self._stall_timeout_s, reuse=False)

    async def _introduce(self) -> Json:
        """Hand over the spec and read the child's one line."""
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            return {}
        with suppress(ConnectionError):
            process.stdin.write(self.spec.to_line(self.key))
            await process.stdin.drain()
        line = await process.stdout.readline()
        reply: Json = json.loads(line) if line else {}
        return reply

    async def _explain_death(self, said: str) -> Unavailable:
        """The error for a child that could not load, with the last words of its log."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.wait(), STOP_STEP_S)
        killed = self.returncode == -signal.SIGKILL
        await self.stop()
        log = "\n".join(self._log)
        short = killed or any(word in log for word in ("failed to allocate", "insufficient memory", "out of memory"))
        reasons = [line for line in self._log if " E " in line]
        reason = self._without_paths(reasons[0].split(" E ", 1)[1].strip() if reasons else said)
        if short:
            return Unavailable(
                f"the engine has not enough memory for {self.spec.model.name} with {self.spec.slots} x "
                f"{self.spec.context} tokens ({reason}); lower engine.context or engine.slots",
                code="engine_out_of_memory",
            )
        return Unavailable(f"the engine cannot load {self.spec.model.name}: {reason}", code="engine_failed")

    def _without_paths(self, text: str) -> str:
        for path in (self.spec.model, *(adapter.path for adapter in self.spec.adapters)):
            text = text.replace(str(path), path.name)
        return text

    async def _keep_log(self) -> None:
        stream = self._process.stderr if self._process else None
        rest = ""
        while stream is not None and (piece := await stream.read(4096)):
            *lines, rest = (rest + piece.decode("utf-8", "replace")).split("\n")
            self._log.extend(line[:LOG_LINE_LENGTH] for line in lines)
            rest = rest[:LOG_LINE_LENGTH]
        if rest:
            self._log.append(rest)

    async def prove(self, timeout_s: float) -> Proof:
        """Use it once, as a person would. Raises Unavailable when it does not answer as it must."""
        try:
            async with asyncio.timeout(timeout_s):
                self.proof = await (self._prove_embedding() if self.spec.embedding else self._prove_chat())
        except TimeoutError:
            raise self._unproven(f"no answer within {timeout_s:.0f} s") from None
        except BadInput as error:
            raise self._unproven(error.message) from None
        return self.proof

    async def _prove_chat(self) -> Proof:
        context = int((await self.wire.get("/props"))["default_generation_settings"]["n_ctx"])
        await self._check_adapters()
        loaded = self.spec.adapters
        if loaded:
            await self._count_to_ten([adapter.scale for adapter in loaded])
        timings = await self._count_to_ten([0.0 for _ in loaded])
        return Proof(
            context=context,
            prompt_per_second=float(timings.get("prompt_per_second") or 0.0),
            decode_per_second=float(timings.get("predicted_per_second") or 0.0),
        )

    async def _count_to_ten(self, scales: Sequence[float]) -> Json:
        body = {
            "messages": PROOF_WORDS,
            "max_tokens": PROOF_TOKENS,
            "temperature": 0,
            "cache_prompt": False,
            "lora": lora_field(scales),
        }
        reply = await self.wire.post(CHAT, body)
        if reply["usage"]["completion_tokens"] < 1:
            raise self._unproven("it answered without a word")
        timings: Json = reply.get("timings", {})
        return timings

    async def _check_adapters(self) -> None:
        """Read back what is loaded (llama.cpp #28674: what was asked for is not always what it does)."""
        if not self.spec.adapters:
            return
        found = [(one["path"], one["scale"]) for one in await self.wire.get("/lora-adapters")]
        if found != [(str(adapter.path), 0.0) for adapter in self.spec.adapters]:
            scales = ", ".join(f"{scale:g}" for _, scale in found)
            raise self._unproven(f"{len(self.spec.adapters)} adapters were asked for at scale 0, it has [{scales}]")

    async def _prove_embedding(self) -> Proof:
        context = int((await self.wire.get("/props"))["default_generation_settings"]["n_ctx"])
        begin = time.perf_counter()
        reply = await self.wire.post("/v1/embeddings", {"input": "Count from one to ten."})
        vector = reply["data"][0]["embedding"]
        length = math.sqrt(sum(x * x for x in vector))
        if not math.isclose(length, 1.0, abs_tol=1e-3):
            raise self._unproven(f"it gave a vector of length {length:.4f} where 1 is needed; is it an embedder?")
        speed = reply["usage"]["prompt_tokens"] / max(time.perf_counter() - begin, 1e-6)
        return Proof(context=context, prompt_per_second=speed)

    def _unproven(self, reason: str) -> Unavailable:
        return Unavailable(f"the engine loaded {self.spec.model.name} but failed its proof: {reason}", code="unproven")

    async def is_alive(self, timeout_s: float) -> bool:
        """Whether its main loop, not only its HTTP door, answers in time."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.returncode is None:
                    with suppress(Unavailable):
                        await self.wire.get("/slots")
                        return True
                    await asyncio.sleep(PROBE_PAUSE_S)
        except TimeoutError:
            return False
        return True  # it has ended, which whoever waits for it will see

    async def wait(self) -> int:
        """Until it ends, by its own doing or ours."""
        return await self._process.wait() if self._process else 0

    def kill(self) -> None:
        if self._process and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def stop(self) -> None:
        """Close its stdin, which ends it; then ask, then force. Safe to call twice."""
        await self.wire.close()
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        for force in (None, process.terminate, process.kill):
            if process.returncode is None and force is not None:
                with suppress(ProcessLookupError):
                    force()
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), STOP_STEP_S)
                break
        if self._log_task is not None:
            await asyncio.wait([self._log_task], timeout=STOP_STEP_S)


def lora_field(scales: Sequence[float]) -> list[Json]:
    """llama.cpp's `lora` field naming every adapter, because one left out keeps whatever scale it had."""
    return [{"id": number, "scale": scale} for number, scale in enumerate(scales)]
