"""The engine process: `python -m aion.models.llama.child`. Reads one JSON line, serves until stdin closes.

It opens llama.cpp's own HTTP server on a free loopback port behind the key it was given, without its web page, tools
or metrics, and prints one JSON line: the address, or the reason why not. It ends at once when its parent does.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import xllamacpp

from aion.models.llama.spec import ALL_THAT_FIT, EngineSpec, choose_batch, choose_gpu_layers, read_line

PR_SET_PDEATHSIG = 1
ERRORS_ONLY = 1  # llama.cpp's next level would write prompts
OOM_SCORE = 500  # when memory runs out, the engine goes first: it holds nothing that cannot be loaded again
NEVER = -1


def die_with_parent() -> None:
    """End when stdin closes; on Linux also by signal, because loading a model may hold the interpreter."""
    threading.Thread(target=_exit_at_end_of_input, daemon=True).start()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE), "ascii")


def _exit_at_end_of_input() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


def stay_behind() -> None:
    """As low among sessions as it is among processes: a night's engine has a session of its own."""
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    if nice > 0:
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(nice), "ascii")


def build_params(spec: EngineSpec, key: str, devices: list[dict[str, Any]]) -> Any:
    """llama.cpp's parameters for a spec; the one place that knows their names."""
    params = xllamacpp.CommonParams()
    params.model.path = str(spec.model)
    params.n_gpu_layers = choose_gpu_layers(spec.gpu_layers, devices)
    params.fit_params = params.n_gpu_layers == ALL_THAT_FIT
    params.n_ctx = spec.context * spec.slots
    params.n_parallel = spec.slots
    params.n_batch = params.n_ubatch = choose_batch(spec, params.n_gpu_layers)
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = spec.threads
    params.embedding = spec.embedding
    params.lora_adapters = [_adapter_info(str(adapter.path)) for adapter in spec.adapters]
    # llama.cpp #26207: its prompt store in RAM forgets under which adapter a prompt was read
    params.cache_ram_mib = 0
    params.port = 0
    params.api_keys = [key]
    params.model_alias = {"aion"}
    params.ui = False
    params.endpoint_metrics = params.endpoint_props = False
    params.cors_credentials = False
    params.cors_origins = "null"
    params.sse_ping_interval = NEVER  # a sign of life must come from the model, not from its HTTP thread
    params.verbosity = ERRORS_ONLY
    return params


def _adapter_info(path: str) -> Any:
    info = xllamacpp.CommonAdapterLoraInfo()
    info.path = path
    info.scale = 0.0  # a request names the adapters it wants
    return info


def main() -> int:
    spec, key = read_line(_read_first_line())
    die_with_parent()
    stay_behind()
    try:
        params = build_params(spec, key, xllamacpp.get_device_info())
        server = xllamacpp.Server(params)
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent must be told
        _say({"error": str(error)})
        return 1
    _say({"url": server.listening_address, "gpu_layers": params.n_gpu_layers, "batch": params.n_batch})
    threading.Event().wait()
    return 0


def _read_first_line() -> str:
    """Read unbuffered, so that the thread which waits for the end of input sees all that follows."""
    line = bytearray()
    while not line.endswith(b"\n"):
        piece = os.read(0, 1)
        if not piece:
            raise SystemExit("no spec on standard input")
        line += piece
    return line.decode()


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
