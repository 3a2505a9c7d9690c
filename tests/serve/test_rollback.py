"""P4: however a new adapter is broken, what was served before goes on being served, word for word.

The long form is part of `make proof`; it prints the seconds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.proofs import share_of
from tests.serve.broken import WAYS, Broken, break_one, furnish_broken, say_both
from tests.serve.people import Person
from tests.serve.served import EMBEDDED
from tests.serving import running

pytestmark = pytest.mark.engine
LONGEST_S = 5.0


@contextmanager
def home(folder: Path, count: int) -> Iterator[tuple[list[Broken], Callable[[Broken], float]]]:
    """A server where Eva is served one good adapter; the broken ones to come, and what becomes of each."""
    made = furnish_broken(folder / "data", range(count))
    with running(folder / "data", EMBEDDED, module="tests.faults.fragile_server") as up:
        eva = Person(up, up.add_key("eva"))
        said = say_both(eva)
        assert [adapters for _, adapters in said] == [["cand_eva_work"], []]
        yield made, lambda one: break_one(up, eva, one, said)


def test_every_broken_adapter_leaves_what_was_served_as_it_was(tmp_path: Path) -> None:
    with home(tmp_path, len(WAYS)) as (made, go):
        for one in made:
            print(f"\n{one.way}: {go(one):.2f} s", end="")


@pytest.mark.proof
def test_a_hundred_broken_adapters_are_gone_within_five_seconds(tmp_path: Path) -> None:
    took: dict[str, list[float]] = defaultdict(list)
    with home(tmp_path, share_of(100)) as (made, go):
        for one in made:
            took[one.way].append(go(one))
    for way, seconds in took.items():
        print(f"\n{way}: {len(seconds)}, longest {max(seconds):.2f} s", end="")
    assert sum(map(len, took.values())) == share_of(100)
    assert max(max(one) for one in took.values()) <= LONGEST_S
