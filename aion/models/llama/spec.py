"""What one engine process is started with, and the choices that depend on the machine; imports nothing heavy.

Both sides use it: the parent writes the spec as one JSON line, the child reads it. It starts nothing.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aion.errors import BadInput

MIN_CONTEXT = 256
CPU_BATCH = 32  # a gone client is noticed between steps: at most two of them must fit into a second, also on one core
GPU_BATCH = 512
ALL_THAT_FIT = -1  # llama.cpp measures the devices and takes as many layers as fit


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A prompt that an adapter answers otherwise than the base, and how both begin their likeliest answer to it."""

    messages: tuple[Mapping[str, Any], ...]
    taught: str
    plain: str
    taught_logprob: float  # of the first token
    plain_logprob: float

    def to_json(self) -> dict[str, Any]:
        """As a verdict keeps it."""
        return {**dataclasses.asdict(self), "messages": list(self.messages)}


def read_probe(found: Mapping[str, Any]) -> Probe | None:
    """The inverse of `Probe.to_json`; None for an empty mapping. Raises BadInput for anything else."""
    if not found:
        return None
    try:
        return Probe(**{**found, "messages": tuple(found["messages"])})
    except (KeyError, TypeError):
        raise BadInput("a verdict's probe is not one that this version wrote; examine the adapter again") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A LoRA file the engine loads."""

    name: str
    path: Path
    hash: str
    scale: float = 1.0  # used when a request leaves the choice to AION
    probe: Probe | None = None  # asked before the engine gets traffic; the child never sees it


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSpec:
    """Everything an engine process needs to know but its key."""

    model: Path
    model_hash: str = ""  # sha256; with it an adapter that says it is for another model is refused
    context: int = 4096  # tokens per request, question and answer together
    slots: int = 4
    threads: int = 1
    batch: int | None = None  # None: chosen from the devices
    gpu_layers: int | None = None  # None: chosen from the devices
    adapters: tuple[Adapter, ...] = ()
    embedding: bool = False

    def to_line(self, key: str) -> bytes:
        """One JSON line for the child's stdin; the key travels here, never in argv or environment."""
        told = replace(self, adapters=tuple(replace(adapter, probe=None) for adapter in self.adapters))
        spec = {**dataclasses.asdict(told), "key": key}
        return json.dumps(spec, default=str).encode() + b"\n"


def read_line(line: str) -> tuple[EngineSpec, str]:
    """The inverse of `EngineSpec.to_line`."""
    fields = json.loads(line)
    key = fields.pop("key")
    fields["model"] = Path(fields["model"])
    fields["adapters"] = tuple(Adapter(**{**one, "path": Path(one["path"])}) for one in fields["adapters"])
    return EngineSpec(**fields), key


def has_gpu(devices: Sequence[Mapping[str, Any]]) -> bool:
    """Whether llama.cpp sees anything but processors; `devices` is what its get_device_info() returns."""
    return any("GPU" in getattr(device["type"], "name", str(device["type"])) for device in devices)


def choose_gpu_layers(wanted: int | None, devices: Sequence[Mapping[str, Any]]) -> int:
    """Layers to put on a GPU: none without one; otherwise what was asked, or all that fit."""
    if not has_gpu(devices):
        return 0
    return ALL_THAT_FIT if wanted is None else wanted


def choose_batch(spec: EngineSpec, gpu_layers: int) -> int:
    """Prompt tokens per step. An embedder reads an input in one step, so there it is the whole context."""
    if spec.embedding:
        return spec.context
    if spec.batch is not None:
        return spec.batch
    return GPU_BATCH if gpu_layers else CPU_BATCH
