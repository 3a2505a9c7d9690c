"""Reading a range page by page: all of it, once, whatever moment the turns share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aion.serve.telemetry.pages import read_experiences
from aion.store.sqlite import SqliteStore
from tests.serve.telemetry.examples import make_experience
from tests.store.examples import make_turn

MOMENTS = [10.0, 20.0, 20.0, 20.0, 20.0, 20.0, 20.0, 20.0, 30.0, 30.0, 40.0]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path)
    for at in MOMENTS:
        experience = make_experience(at=at, theme="cl_2" if at == 30 else "cl_1")
        store.append_turn(make_turn(id=experience.turn)).result()
        store.experience.put_experience(experience).result()
    yield store
    store.close()


@pytest.mark.parametrize("page", [1, 2, 3, 10, 11, 100])
def test_every_experience_comes_once_the_latest_first(store: SqliteStore, page: int) -> None:
    found = list(read_experiences(store.experience, owner="ana", since=0.0, until=50.0, page=page))
    assert [one.at for one in found] == MOMENTS[::-1]
    assert len({one.turn for one in found}) == len(MOMENTS)


def test_the_range_the_owner_and_the_theme_are_kept_to(store: SqliteStore) -> None:
    read = store.experience
    within = read_experiences(read, owner=None, since=20.0, until=40.0, page=2)
    assert [one.at for one in within] == MOMENTS[1:-1][::-1]
    assert [one.at for one in read_experiences(read, owner=None, since=0, until=50, theme="cl_2", page=1)] == [30, 30]
    assert not list(read_experiences(read, owner="rui", since=0.0, until=50.0))
