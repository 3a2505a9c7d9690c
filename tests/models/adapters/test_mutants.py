"""P18: adapter files that were tampered with raise our errors and nothing else, and reading runs no foreign code."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aion.errors import Refused
from aion.models.adapters.convert import read_adapter, save_gguf
from aion.models.adapters.served import ServedBase
from tests.models.adapters.makers import random_lora, write_base, write_folder
from tests.proofs import share_of

FORMATS = ("gguf", "safetensors", "config")
WATCH = """
import hashlib, sys
from pathlib import Path
from aion.models.adapters.convert import read_adapter
from aion.models.adapters.served import read_served
path = Path(sys.argv[1])
base = read_served(path / "llama.gguf", hashlib.sha256((path / "llama.gguf").read_bytes()).hexdigest())
seen = []
WATCHED = ("pickle.", "marshal.", "subprocess.", "socket.", "ctypes.", "os.exec", "os.system", "os.spawn", "os.fork")
read_adapter(path / "a.gguf", base), read_adapter(path / "in", base)  # what is imported late is imported now
on = True
def hook(event, arguments):
    if on and (event.startswith(WATCHED) or event in ("exec", "compile", "import")):
        seen.append(event)
sys.addaudithook(hook)
read_adapter(path / "a.gguf", base), read_adapter(path / "in", base)
on = False
print(seen, "torch" in sys.modules)
on = True
compile("1", "x", "eval")
print(seen)
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ServedBase]:
    """A base, and one adapter in both formats."""
    folder = tmp_path_factory.mktemp("mutants")
    base = write_base(folder)
    lora = random_lora(base, rank=1)
    write_folder(lora, folder / "in", alpha_pattern={"q_proj": 3})
    save_gguf(lora, folder / "a.gguf", base)
    return folder, base


def place_of(folder: Path, kind: str) -> tuple[Path, Path]:
    """The file to change, and what to read."""
    if kind == "gguf":
        return folder / "a.gguf", folder / "a.gguf"
    name = "adapter_config.json" if kind == "config" else "adapter_model.safetensors"
    return folder / "in" / name, folder / "in"


def try_mutant(path: Path, content: bytes, read: Callable[[], object]) -> str:
    """What becomes of it: read, or refused with our code. Any other error goes up."""
    before = path.read_bytes()
    path.write_bytes(content)
    try:
        read()
    except Refused as error:
        return str(error.code)
    finally:
        path.write_bytes(before)
    return "read"


def mutate(content: bytes, rng: random.Random) -> bytes:
    """One to three changes, mostly in the header: bytes, runs, cuts, doublings and numbers at their limits."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(min(len(changed), 4096) if rng.random() < 0.9 else len(changed))
        match rng.randrange(6):
            case 0:
                changed[at] = rng.randrange(256)
            case 1:
                changed[at] ^= 1 << rng.randrange(8)
            case 2:
                changed[at : at + 8] = rng.choice([b"\xff" * 8, bytes(8), b"\x00" * 7 + b"\x80", b"\x01" + bytes(7)])
            case 3:
                del changed[at : at + rng.randrange(1, 64)]
            case 4:
                changed[at:at] = changed[at : at + rng.randrange(1, 64)]
            case _:
                changed[at : at + 1] = rng.choice([b"{", b"}", b"[", b'"', b"-", b"1e999", b"NaN", b"\xc3", b"9" * 30])
    return bytes(changed) or b"\x00"


def run_mutants(world: tuple[Path, ServedBase], kind: str, count: int, seed: int) -> Counter[str]:
    folder, base = world
    path, source = place_of(folder, kind)
    content, rng = path.read_bytes(), random.Random(seed)
    return Counter(
        try_mutant(path, mutate(content, rng), lambda: read_adapter(source, base, unknown=True)) for _ in range(count)
    )


@pytest.mark.parametrize("kind", FORMATS)
def test_a_mutant_is_read_or_refused(world: tuple[Path, ServedBase], kind: str) -> None:
    outcomes = run_mutants(world, kind, 250, seed=11)
    assert outcomes.total() == 250
    assert len(outcomes) >= 3, outcomes


@pytest.mark.proof
@pytest.mark.parametrize("kind", FORMATS)
def test_a_hundred_thousand_mutants_are_read_or_refused(world: tuple[Path, ServedBase], kind: str) -> None:
    outcomes = run_mutants(world, kind, share_of(100_000), seed=12)
    print(kind, dict(outcomes))
    assert outcomes.total() == share_of(100_000)


@given(content=st.binary(max_size=200), kind=st.sampled_from(FORMATS))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_at_all_are_refused(world: tuple[Path, ServedBase], content: bytes, kind: str) -> None:
    folder, base = world
    path, source = place_of(folder, kind)
    assert try_mutant(path, content, lambda: read_adapter(source, base, unknown=True)) != "read"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ("r", "lora_alpha", "rank_pattern", "alpha_pattern", "use_rslora", "target_modules", "peft_type", "task_type")


@given(field=st.sampled_from([*FIELDS, "init_lora_weights", "bias", "use_dora", "new"]), value=JSON)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_of_any_setting_is_read_or_refused(world: tuple[Path, ServedBase], field: str, value: object) -> None:
    folder, base = world
    lora = random_lora(base, rank=1)
    changed: dict[str, Any] = {field: value}
    write_folder(lora, folder / "fields", **changed)
    with contextlib.suppress(Refused):
        assert set(read_adapter(folder / "fields", base).pairs) == set(lora.pairs)


def test_reading_an_adapter_runs_no_code_and_needs_no_torch(world: tuple[Path, ServedBase]) -> None:
    done = subprocess.run([sys.executable, "-c", WATCH, str(world[0])], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[] False", "['compile']"]
