"""Opens what a data folder holds for reading, also beside a running server. It never writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aion.cli.options import require_folder
from aion.config import Settings
from aion.store.base import Store
from aion.store.sqlite import SqliteStore


@contextmanager
def read_store(settings: Settings) -> Iterator[Store]:
    """The store, for reading. Refuses a folder in which AION never ran."""
    require_folder(settings)
    store = SqliteStore(settings.data, read_only=True)
    try:
        yield store
    finally:
        store.close()
