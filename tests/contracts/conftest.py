"""Every implementation of the store, empty; a contract suite runs once for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aion.store.base import Store
from tests.store.examples import IMPLEMENTATIONS

Open = Callable[[], Store]


@pytest.fixture(params=IMPLEMENTATIONS)
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    return lambda: IMPLEMENTATIONS[request.param](tmp_path / "data")


@pytest.fixture
def store(open_store: Open) -> Iterator[Store]:
    store = open_store()
    yield store
    store.close()
