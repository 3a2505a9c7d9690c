"""What every test shares: the async backend, and servers that are started once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.serving import RunningServer, running


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with the fake models: answers at once."""
    with running(tmp_path_factory.mktemp("fake") / "data") as up:
        yield up


@pytest.fixture(scope="session")
def real_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with the embedded base and embedder in the real engine."""
    sources = {"model.source": "embedded", "embedder.source": "embedded", "engine.context": 2048}
    with running(tmp_path_factory.mktemp("real") / "data", sources) as up:
        yield up


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch adds in the same order on every machine."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
