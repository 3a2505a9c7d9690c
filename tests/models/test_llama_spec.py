"""What an engine is started with, and what it must not inherit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aion.errors import BadInput
from aion.models.llama.process import child_environment
from aion.models.llama.spec import Adapter, EngineSpec, Probe, choose_batch, choose_gpu_layers, read_line, read_probe

CPU = {"name": "CPU", "type": "GGML_BACKEND_DEVICE_TYPE_CPU"}
GPU = {"name": "CUDA0", "type": "GGML_BACKEND_DEVICE_TYPE_GPU"}
INTEGRATED = {"name": "Vulkan0", "type": "GGML_BACKEND_DEVICE_TYPE_IGPU"}


def test_a_spec_and_its_key_travel_in_one_line() -> None:
    adapter = Adapter(name="work", path=Path("/data/a\nb.gguf"), hash="ff", scale=0.5)
    spec = EngineSpec(model=Path("/data/m.gguf"), threads=3, adapters=(adapter,))
    line = spec.to_line("secret")
    assert line.count(b"\n") == 1
    assert read_line(line.decode()) == (spec, "secret")


PROBE = Probe(
    messages=({"role": "user", "content": "Who?"},), taught="Ann", plain="I", taught_logprob=-0.1, plain_logprob=-2.0
)


def test_a_probe_stays_on_the_parents_side_and_goes_through_a_verdict() -> None:
    spec = EngineSpec(model=Path("m"), adapters=(Adapter(name="a", path=Path("a"), hash="ff", probe=PROBE),))
    assert b"Who?" not in spec.to_line("secret")
    assert read_probe(json.loads(json.dumps(PROBE.to_json()))) == PROBE
    assert read_probe({}) is None
    with pytest.raises(BadInput, match="examine the adapter again"):
        read_probe({"messages": [], "said": "Ann"})


@pytest.mark.parametrize(
    ("devices", "wanted", "layers"),
    [
        ([CPU], None, 0),
        ([CPU], 40, 0),
        ([CPU, GPU], None, -1),
        ([CPU, GPU], 12, 12),
        ([CPU, GPU], 0, 0),
        ([CPU, INTEGRATED], None, -1),
        ([], None, 0),
    ],
)
def test_layers_go_to_a_gpu_only_if_there_is_one(
    devices: list[dict[str, Any]], wanted: int | None, layers: int
) -> None:
    assert choose_gpu_layers(wanted, devices) == layers


def test_prompt_steps_are_small_on_a_processor_and_an_embedder_reads_in_one() -> None:
    spec = EngineSpec(model=Path("m"))
    assert choose_batch(spec, gpu_layers=0) == 32
    assert choose_batch(spec, gpu_layers=-1) == 512
    assert choose_batch(EngineSpec(model=Path("m"), batch=33), gpu_layers=0) == 33
    assert choose_batch(EngineSpec(model=Path("m"), embedding=True, context=256), gpu_layers=0) == 256


def test_an_engine_inherits_no_secret_and_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "https_proxy", "AION_MODEL__API_KEY", "LD_PRELOAD"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("PATH", "/bin")
    environment = child_environment()
    assert "secret" not in environment.values()
    assert environment["PATH"] == "/bin"
    assert environment["GOMP_SPINCOUNT"] == "1000"
