"""The law of imports, the size of files and functions, and what the server must not load.

The table is the one in docs/architecture.md; a new edge is a decision made here. `ANY_BUT` lists what a room must not
import instead of what it may.
"""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "aion"
SOURCES = sorted(PACKAGE.rglob("*.py"))
EVERY_PY = SOURCES + sorted((ROOT / "tests").rglob("*.py")) + sorted((ROOT / "benchmarks").rglob("*.py"))

FLOOR = {"records", "errors", "config"}
ANSWER = FLOOR | {"store", "models", "policy", "capture", "memory", "router", "fallback"}
FACE = ANSWER | {"answer", "sandbox", "senses", "curator", "gate", "agent"}

LAW: dict[str, set[str]] = {
    "errors": set(),
    "records": {"errors"},
    "config": {"errors"},
    "store": FLOOR,
    "nets": {"errors"},
    "models": FLOOR,
    "policy": FLOOR,
    "sandbox": FLOOR,
    "capture": FLOOR | {"store"},
    "senses": FLOOR | {"models", "sandbox"},
    "memory": FLOOR | {"store", "models"},
    "router": FLOOR | {"store", "models", "memory"},  # of memory only how words are read
    "curator": FLOOR | {"store", "policy", "senses", "memory"},
    "fallback": FLOOR | {"store", "models", "policy"},
    "sleep": FLOOR | {"store", "models", "policy", "memory", "nets"},
    "gate": FLOOR | {"store", "models", "policy", "router"},
    "answer": ANSWER,
    "agent": ANSWER | {"answer", "sandbox", "senses"},
    "serve": FACE,
    "panel": FACE,
}
LAW["app"] = set(LAW) - {"sleep", "nets"}
LAW["night"] = set(LAW) - {"serve", "panel"}
LAW["cli"] = set(LAW)

# The rooms inside sleep, in the same words.
SLEEP: dict[str, set[str]] = {
    "lessons": set(),
    "export": set(),
    "training": {"lessons", "export"},
    "nights": {"lessons", "export", "training"},
}

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60
LONGER: dict[str, str] = {}  # "file:function" -> the reason why it may be


def room_of(path: Path) -> str:
    part = path.relative_to(PACKAGE).parts[0]
    return part.removesuffix(".py")


def imported_modules(path: Path) -> set[str]:
    """Every aion module a file imports: at the top, inside functions and for type checking alike."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} is a relative import; write aion.room.module"
            module = node.module or ""
            names = [f"{module}.{alias.name}" for alias in node.names] if module == "aion" else [module]
        modules |= {name for name in names if name.startswith("aion.")}
    return modules


def imported_rooms(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imported_modules(path)} - {"__version__"}


def test_the_law_has_no_cycle() -> None:
    order = list(graphlib.TopologicalSorter(dict(LAW.items())).static_order())
    assert order.index("errors") < order.index("store") < order.index("answer") < order.index("cli")


def test_every_room_is_in_the_law() -> None:
    rooms = {room_of(path) for path in SOURCES} - {"__init__", "__main__"}
    assert rooms <= set(LAW), f"rooms without a law: {rooms - set(LAW)}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_only_what_its_room_may(path: Path) -> None:
    room = room_of(path)
    if room not in LAW:
        assert not imported_rooms(path) - {"cli"}, f"{path.name} may only start the door"
        return
    forbidden = imported_rooms(path) - LAW[room] - {room}
    assert not forbidden, f"{room} may not import {sorted(forbidden)}"


@pytest.mark.parametrize("room", SLEEP)
def test_the_rooms_of_sleep_import_only_down(room: str) -> None:
    for path in (PACKAGE / "sleep" / room).rglob("*.py"):
        inside = {name.split(".")[2] for name in imported_modules(path) if name.startswith("aion.sleep.")}
        assert inside <= SLEEP[room] | {room}, f"{path} may not import {sorted(inside - SLEEP[room] - {room})}"


@pytest.mark.parametrize("path", EVERY_PY, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.count("\n") <= MAX_FILE_LINES, f"{path} has {text.count(chr(10))} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            size = node.end_lineno - node.lineno + 1
            allowed = size <= MAX_FUNCTION_LINES or f"{path.name}:{node.name}" in LONGER
            assert allowed, f"{path}:{node.lineno} {node.name} has {size} lines"


@pytest.mark.parametrize(
    "room",
    [room for room in ("serve", "panel", "app") if (PACKAGE / room).exists() or (PACKAGE / f"{room}.py").exists()],
)
def test_the_server_never_loads_torch(room: str) -> None:
    code = f"import sys, aion.{room}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_pickle_can_be_loaded() -> None:
    """V14: nothing in the tree reads a format that carries code."""
    banned = {"pickle", "joblib", "marshal", "shelve", "dill", "cloudpickle"}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not banned & {name.split(".")[0] for name in names}, f"{path} imports {names}"
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                raise AssertionError(f"{path}:{node.value.lineno} allows pickle")
