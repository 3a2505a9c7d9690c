"""The local model as a Generator: a job becomes one streamed request to the current engine process.

Which adapters take part is decided per request, and every other one is set to 0. It neither queues nor retries.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing

from aion.config import AUTO, Settings
from aion.errors import NotFound, Unavailable
from aion.models.base import Delta, Job, ModelCard
from aion.models.catalog import LocalModel
from aion.models.llama.engine import Commit, Engine
from aion.models.llama.monitor import ThreadMonitor, count_cores
from aion.models.llama.process import EngineProcess, lora_field
from aion.models.llama.slots import Slot
from aion.models.llama.spec import Adapter, EngineSpec
from aion.models.quote import make_quoter, quote_json, quote_messages
from aion.models.tools import check_job, is_forced, stream_call
from aion.models.wire import path_of, payload_of
from aion.records import AdapterUse, Json

MODEL_NAME = "aion"  # what the engine calls its model; clients never see it
LEAST_ALTERNATIVES = 5  # log-probabilities cost nothing measurable, and entropy needs them


class LlamaGenerator:
    """One local model with its adapters, on a supervised engine. `start` first, `close` last."""

    def __init__(
        self,
        model: LocalModel,
        settings: Settings,
        adapters: Sequence[Adapter] = (),
        *,
        ours: Callable[[], Iterable[int]] = tuple,
    ) -> None:
        """`ours` gives the processes that are no busy neighbours, because they stop when anybody is answered."""
        self._model = model
        self._ours = ours
        self._name = settings.model.name
        self._quoter = make_quoter(model.header.control_tokens)
        self.engine = Engine(
            spec_of(model, settings, adapters),
            start_timeout_s=settings.engine.start_timeout_s,
            stall_timeout_s=settings.engine.stall_timeout_s,
        )
        self._adapts_threads = settings.engine.threads == AUTO
        self._monitor: asyncio.Task[None] | None = None

    @property
    def card(self) -> ModelCard:
        return ModelCard(
            name=self._name,
            hash=self._model.sha256,
            source=self._model.source,
            context=self.engine.status.context,
            adapters=tuple(_use(adapter, adapter.scale) for adapter in self.engine.spec.adapters),
        )

    def status(self) -> Json:
        return dataclasses.asdict(self.engine.status)

    async def start(self) -> None:
        """Load and prove the model. Raises Unavailable with the reason."""
        await self.engine.start()
        if self._adapts_threads:
            self._monitor = asyncio.create_task(
                ThreadMonitor(self.engine, self.engine.spec.threads, ours=self._ours).run()
            )

    @property
    def loaded(self) -> tuple[str, ...]:
        """Names of the adapters that requests may ask for."""
        return tuple(adapter.name for adapter in self.engine.spec.adapters)

    async def swap(self, spec: EngineSpec, commit: Commit | None = None) -> None:
        """Serve another spec without failing a request; see Engine.swap."""
        await self.engine.swap(spec, commit)

    async def use_adapters(self, adapters: Sequence[Adapter], commit: Commit | None = None) -> None:
        """Serve with these adapters instead, without failing a request; see Engine.use_adapters."""
        await self.engine.use_adapters(adapters, commit)

    async def stream(self, job: Job) -> AsyncGenerator[Delta, None]:
        checked = check_job(job)
        async with aclosing(
            stream_call(checked, self._generate) if is_forced(checked) else self._generate(checked)
        ) as deltas:
            async for delta in deltas:
                yield delta

    async def _generate(self, job: Job) -> AsyncGenerator[Delta, None]:
        """One request to the engine that is current now; a swap meanwhile does not touch it."""
        with self.engine.lease() as process:
            loaded = process.spec.adapters
            scales = choose_scales(job.adapters, loaded, optional=job.optional_adapters)
            used = tuple(_use(adapter, scale) for adapter, scale in zip(loaded, scales, strict=True) if scale)
            quoted = self._quote(job)
            async with process.slots.take(scales, repr((quoted.tools, quoted.prompt, quoted.messages))) as slot:
                payload = payload_of(quoted, MODEL_NAME) | engine_fields(job, scales) | slot_fields(slot)
                first = True
                async with aclosing(self._relay(process, path_of(job), payload)) as deltas:
                    async for delta in deltas:
                        slot.keep()
                        yield dataclasses.replace(delta, adapters=used) if first else delta
                        first = False

    async def _relay(self, process: EngineProcess, path: str, payload: Json) -> AsyncGenerator[Delta, None]:
        try:
            async with aclosing(process.wire.stream(path, payload)) as deltas:
                async for delta in deltas:
                    yield delta
        except Unavailable:
            self.engine.suspect(process)
            raise

    def _quote(self, job: Job) -> Job:
        """The job without the model's control tokens in what people and tools say."""
        return dataclasses.replace(
            job,
            messages=quote_messages(job.messages, self._quoter),
            tools=tuple(quote_json(job.tools, self._quoter)),
        )

    async def count(self, texts: Sequence[str]) -> list[int]:
        with self.engine.lease() as process:
            return [len(tokens) for tokens in await tokenize(process, texts)]

    async def close(self) -> None:
        if self._monitor is not None:
            self._monitor.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._monitor
        await self.engine.close()


def spec_of(model: LocalModel, settings: Settings, adapters: Sequence[Adapter] = ()) -> EngineSpec:
    """What an engine for this model is started with; `auto` becomes a choice for this machine."""
    engine = settings.engine
    return EngineSpec(
        model=model.path,
        model_hash=model.sha256,
        context=min(engine.context, model.header.context_length or engine.context),
        slots=engine.slots,
        threads=count_cores() if engine.threads == AUTO else int(engine.threads),
        batch=None if engine.batch == AUTO else int(engine.batch),
        gpu_layers=None if engine.gpu_layers == AUTO else int(engine.gpu_layers),
        adapters=tuple(adapters),
    )


def _use(adapter: Adapter, scale: float) -> AdapterUse:
    return AdapterUse(name=adapter.name, hash=adapter.hash, scale=scale)


async def tokenize(process: EngineProcess, texts: Sequence[str], *, add_special: bool = False) -> list[list[int]]:
    """The tokens of each text. Control tokens written in a text are read as plain words."""
    replies = await asyncio.gather(
        *(
            process.wire.post("/tokenize", {"content": text, "add_special": add_special, "parse_special": False})
            for text in texts
        )
    )
    return [reply["tokens"] for reply in replies]


def choose_scales(
    asked: str | Mapping[str, float], loaded: Sequence[Adapter], *, optional: bool = False
) -> list[float]:
    """The scale of every loaded adapter, in order: 0 for all that were not asked for.

    `optional` turns a set of which one is missing into the base: part of a set was never examined.
    """
    if asked == "auto":
        return [adapter.scale for adapter in loaded]
    wanted = asked if isinstance(asked, Mapping) else {}
    names = [adapter.name for adapter in loaded]
    for name in wanted:
        if name not in names:
            if optional:
                return [0.0 for _ in loaded]
            raise NotFound(
                f"no adapter is named {name!r}; loaded are: {', '.join(names) or 'none'}",
                code="adapter_not_found",
                param="aion.adapters",
            )
    return [float(wanted.get(name, 0.0)) for name in names]


def engine_fields(job: Job, scales: Sequence[float]) -> Json:
    """What llama.cpp is told beyond OpenAI's fields."""
    alternatives = max(LEAST_ALTERNATIVES, job.top_logprobs)
    fields: Json = {
        "logprobs": alternatives if job.prompt is not None else True,
        "timings_per_token": False,
        "return_progress": True,  # without it a gone client is not noticed before the prompt has been read
        "lora": lora_field(scales),
    }
    if job.prompt is None:
        fields["top_logprobs"] = alternatives
    return fields


def slot_fields(slot: Slot) -> Json:
    """Where llama.cpp works, and whether what it has read there may serve again."""
    return {"id_slot": slot.number, "cache_prompt": slot.may_reuse}
