"""One model kept served: the current engine process, its restarts after a death, and the swap to another one.

Traffic moves between processes in one step of the event loop, so a request sees the old engine or the new one, never
none because of a swap. It does not queue or retry requests: while no engine runs they are refused, with the reason.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum

import structlog

from aion.errors import AionError, Unavailable, Unfit
from aion.models.adapter_file import check_adapter
from aion.models.gguf_file import read_contents
from aion.models.llama.probe import check_probes
from aion.models.llama.process import OUT_OF_MEMORY, EngineProcess
from aion.models.llama.spec import MIN_CONTEXT, Adapter, EngineSpec

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 30.0
FAILURES_UNTIL_DOWN = 5
STEADY_S = 30.0  # an engine that lived this long, or finished a request, was sound: its death counts as a first one
LONGEST_PROBE_S = 30.0
TRIES_WITH_ADAPTERS = 2  # failures in a row before an engine is started with the base alone

log = structlog.get_logger()


class State(StrEnum):
    """What an engine is doing."""

    STARTING = "starting"  # never served yet
    READY = "ready"
    RESTARTING = "restarting"  # it died; another is being started
    DOWN = "down"  # it died too often in a row; tried again now and then
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStatus:
    """What there is to know about an engine right now."""

    state: State
    pid: int | None
    threads: int
    context: int  # tokens per request
    slots: int
    gpu_layers: int
    adapters: tuple[str, ...]
    left_out: tuple[str, ...]  # adapters that it could not be started with
    restarts: int
    reason: str  # why it is not ready, or is smaller than was asked; empty when all is well
    prompt_per_second: float  # as measured by its proof
    decode_per_second: float


@dataclass(slots=True, eq=False)
class Serving:
    """A process that takes traffic, or did until a swap, and how many requests it has inside."""

    process: EngineProcess
    since: float
    running: int = 0
    finished: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)


Launch = Callable[[EngineSpec], Awaitable[EngineProcess]]
Commit = Callable[[], Awaitable[None]]


class Engine:
    """Holds at most one current process. `start` first; `lease` around each request; `close` last."""

    def __init__(
        self,
        spec: EngineSpec,
        *,
        start_timeout_s: float = 120.0,
        stall_timeout_s: float = 120.0,
        drain_timeout_s: float = 300.0,
        launch: Launch | None = None,
    ) -> None:
        self._spec = spec
        self._start_timeout_s = start_timeout_s
        self._stall_timeout_s = stall_timeout_s
        self._drain_timeout_s = drain_timeout_s
        self._launch_process = launch or self._launch_child
        self._current: Serving | None = None
        self._state = State.STARTING
        self._reason = "the model is being loaded"
        self._left_out: tuple[str, ...] = ()
        self._why_left_out = ""
        self._failures = 0  # in a row
        self._restarts = 0
        self._next_try = 0.0
        self._start_took_s = 1.0
        self._change = asyncio.Lock()  # one process is started at a time
        self._tasks: set[asyncio.Task[None]] = set()
        self._drains: set[asyncio.Task[None]] = set()

    @property
    def spec(self) -> EngineSpec:
        """What was asked for; `status.context` may be lower, for want of memory."""
        return self._spec

    @property
    def process(self) -> EngineProcess | None:
        return self._current.process if self._current else None

    @property
    def status(self) -> EngineStatus:
        process = self.process
        return EngineStatus(
            state=self._state,
            pid=process.pid if process else None,
            threads=self._spec.threads,
            context=process.proof.context if process else self._spec.context,
            slots=self._spec.slots,
            gpu_layers=process.gpu_layers if process else 0,
            adapters=_names_in(self._spec),
            left_out=self._left_out,
            restarts=self._restarts,
            reason=self._reason,
            prompt_per_second=round(process.proof.prompt_per_second, 1) if process else 0.0,
            decode_per_second=round(process.proof.decode_per_second, 1) if process else 0.0,
        )

    def pids(self) -> list[int]:
        """Of the current process; for those who measure it."""
        pid = self.process.pid if self.process else None
        return [pid] if pid else []

    async def start(self) -> None:
        """Load and prove the first process, without its adapters if need be. Raises Unavailable with the reason."""
        async with self._change:
            try:
                await self._start_as_asked()
            except AionError as error:
                if not self._spec.adapters:
                    raise
                await self._start_with_fewer(error)

    async def swap(self, spec: EngineSpec, commit: Commit | None = None) -> None:
        """Start and prove an engine with this spec, then move traffic; the old one drains and stops by itself.

        `commit` runs between the two: what it writes stands before anybody is answered by the new engine. Raises
        Unavailable, or what `commit` raised, and leaves everything as it was, when the new one must not serve.
        """
        async with self._change:
            await self._move(spec, commit, left_out=())

    async def use_adapters(self, adapters: Sequence[Adapter], commit: Commit | None = None) -> None:
        """As `swap`, with all else as it is served when its turn comes: another swap may be under way."""
        async with self._change:
            await self._move(replace(self._spec, adapters=tuple(adapters)), commit, left_out=())

    async def use_threads(self, threads: int) -> None:
        """As `use_adapters`, for the number of threads."""
        async with self._change:
            await self._move(replace(self._spec, threads=threads), None, left_out=self._left_out)

    async def _move(self, spec: EngineSpec, commit: Commit | None, *, left_out: tuple[str, ...]) -> None:
        if self._drains:
            await asyncio.wait(self._drains)  # never three engines in memory
        fresh = await self._launch(spec)
        await self._commit(fresh, commit)
        old = self._current
        self._spec, self._left_out = spec, left_out
        self._install(fresh)
        if old is not None:
            self._spawn(self._drain(old), self._drains)

    async def _commit(self, fresh: EngineProcess, commit: Commit | None) -> None:
        try:
            if commit is not None:
                await commit()
            if self._state is State.CLOSED:
                raise self._unavailable()
        except BaseException:
            await fresh.stop()
            raise

    @contextmanager
    def lease(self) -> Iterator[EngineProcess]:
        """The current process for the length of one request. Raises Unavailable at once when there is none."""
        serving = self._current
        if serving is None:
            raise self._unavailable()
        serving.running += 1
        serving.idle.clear()
        try:
            yield serving.process
            serving.finished += 1
        finally:
            serving.running -= 1
            if not serving.running:
                serving.idle.set()

    def suspect(self, process: EngineProcess) -> None:
        """A request failed on it: find out whether it hangs, and end it if so. Its death is dealt with as any."""
        if process.returncode is None:
            self._spawn(self._end_if_hung(process), self._tasks)

    async def close(self) -> None:
        """Stop everything now; requests still inside fail."""
        self._state, self._reason = State.CLOSED, "AION is stopping"
        current, self._current = self._current, None
        for task in (tasks := self._tasks | self._drains):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if current is not None:
            await current.process.stop()

    def _unavailable(self) -> Unavailable:
        wait = max(self._next_try - time.monotonic(), 0.0) + self._start_took_s
        return Unavailable(
            f"the engine is {self._state.value}: {self._reason}", code="engine_" + self._state.value, retry_after=wait
        )

    async def _launch(self, spec: EngineSpec) -> EngineProcess:
        """Start and prove a process, with half the context as long as memory does not allow more."""
        begin = time.monotonic()
        while True:
            try:
                process = await self._launch_process(spec)
                break
            except Unavailable as error:
                if error.code != OUT_OF_MEMORY or spec.context // 2 < MIN_CONTEXT:
                    raise
                spec = replace(spec, context=spec.context // 2)
                log.warning("engine_context_halved", context=spec.context, reason=error.message)
        if self._state is State.CLOSED:
            await process.stop()
            raise self._unavailable()
        self._start_took_s = time.monotonic() - begin
        return process

    async def _launch_child(self, spec: EngineSpec) -> EngineProcess:
        await asyncio.to_thread(check_adapters, spec)
        process = EngineProcess(spec, stall_timeout_s=self._stall_timeout_s)
        try:
            await process.start(self._start_timeout_s)
            await process.prove(self._start_timeout_s)
            await self._probe(process)
        except BaseException:
            await process.stop()
            raise
        return process

    async def _probe(self, process: EngineProcess) -> None:
        try:
            async with asyncio.timeout(self._start_timeout_s):
                await check_probes(process)
        except TimeoutError:
            raise Unavailable(
                f"the new engine did not answer its probes in {self._start_timeout_s:.0f} s", code="unproven"
            ) from None

    async def _start_as_asked(self) -> None:
        """All of it, but for adapters of which it is known that they are at fault."""
        try:
            process = await self._launch(self._spec)
        except Unfit as error:
            await self._start_with_fewer(error)
        else:
            self._install(process)

    async def _start_with_fewer(self, error: AionError) -> None:
        """Better without what was learned than without an answer. `left_out` tells who could load it again."""
        wanted, spec, reason = _names_in(self._spec), self._spec, error.message
        while True:
            spec = replace(spec, adapters=_without_unfit(spec.adapters, error))
            try:
                process = await self._launch(spec)
                break
            except AionError as another:
                if not spec.adapters:
                    raise
                error = another
        self._spec = spec
        self._left_out += tuple(one for one in wanted if one not in _names_in(spec))
        self._why_left_out = reason
        self._install(process)
        log.error("engine_without_adapters", adapters=self._left_out, reason=reason)

    def _install(self, process: EngineProcess) -> None:
        """From here on every new request goes to this process."""
        got, wanted = process.spec.context, self._spec.context
        smaller = f"memory allows {got} tokens a request, not {wanted}" if got < wanted else ""
        missing = f"without the adapters {', '.join(self._left_out)}: {self._why_left_out}" if self._left_out else ""
        self._reason = "; ".join(one for one in (smaller, missing) if one)
        self._current = Serving(process, since=time.monotonic())
        self._current.idle.set()
        self._state = State.READY
        self._spawn(self._watch(self._current), self._tasks)
        log.debug("engine_ready", pid=process.pid, threads=process.spec.threads, adapters=len(process.spec.adapters))

    def _spawn(self, work: Awaitable[None], group: set[asyncio.Task[None]]) -> None:
        task = asyncio.ensure_future(work)
        group.add(task)
        task.add_done_callback(group.discard)

    async def _watch(self, serving: Serving) -> None:
        code = await serving.process.wait()
        if serving is not self._current:
            return  # it drains, or AION stops
        self._current = None
        if serving.finished or time.monotonic() - serving.since > STEADY_S:
            self._failures = 0
        self._restarts += 1
        self._fail(f"it ended unexpectedly ({describe_exit(code)})")
        await serving.process.stop()
        await self._restart()

    def _fail(self, reason: str) -> None:
        self._failures += 1
        self._reason = reason
        self._state = State.DOWN if self._failures >= FAILURES_UNTIL_DOWN else State.RESTARTING
        log.error("engine_failed", reason=reason, failures=self._failures, state=self._state.value)

    async def _restart(self) -> None:
        while self._current is None and self._state is not State.CLOSED:
            pause = pause_after(self._failures)
            self._next_try = time.monotonic() + pause
            await asyncio.sleep(pause)
            async with self._change:
                if self._current is not None:
                    return  # a swap has brought a sound engine meanwhile
                try:
                    if self._spec.adapters and self._failures >= TRIES_WITH_ADAPTERS:
                        await self._start_with_fewer(Unavailable(self._reason))
                    else:
                        await self._start_as_asked()
                except AionError as error:
                    self._fail(error.message)

    async def _drain(self, old: Serving) -> None:
        """Let its streams finish, then stop it; also when AION stops meanwhile."""
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(old.idle.wait(), self._drain_timeout_s)
        finally:
            await old.process.stop()

    async def _end_if_hung(self, process: EngineProcess) -> None:
        answers = await process.is_alive(min(self._stall_timeout_s, LONGEST_PROBE_S))
        if not answers and process is self.process:
            log.error("engine_hung", pid=process.pid)
            process.kill()


def pause_after(failures: int) -> float:
    """Seconds before the next try: 0.2, 0.4, 0.8 ... 30."""
    return float(min(FIRST_PAUSE_S * 2 ** max(failures - 1, 0), LONGEST_PAUSE_S))


def check_adapters(spec: EngineSpec) -> None:
    """Read every adapter's file before llama.cpp does. Raises Unfit with the reasons. Blocks: call in a thread."""
    if not spec.adapters:
        return
    base, refused = read_contents(spec.model), dict[str, str]()
    for adapter in spec.adapters:
        try:
            check_adapter(adapter.path, adapter.hash, base, spec.model_hash)
        except AionError as error:
            refused[adapter.name] = f"adapter {adapter.name!r} is refused: {error.message}"
    if refused:
        raise Unfit("; ".join(refused.values()), tuple(refused), code="adapter_refused")


def _without_unfit(adapters: Sequence[Adapter], error: AionError) -> tuple[Adapter, ...]:
    """Those that it does not name; none where it does not say which are at fault."""
    unfit = set(error.names) if isinstance(error, Unfit) else set[str]()
    fit = tuple(one for one in adapters if one.name not in unfit)
    return fit if len(fit) < len(adapters) else ()


def _names_in(spec: EngineSpec) -> tuple[str, ...]:
    return tuple(adapter.name for adapter in spec.adapters)


def describe_exit(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
