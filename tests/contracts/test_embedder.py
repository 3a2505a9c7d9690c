"""What every Embedder promises, whatever is behind it. A new one adds its maker to SUBJECTS and nothing else."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from aion.errors import BadInput
from aion.models.base import Embedder
from aion.models.fake import FakeEmbedder
from aion.models.llama.embedder import LlamaEmbedder
from aion.models.minilm import convert_minilm, find_minilm
from tests.models.engines import load_model, small_settings


@asynccontextmanager
async def fake() -> AsyncIterator[Embedder]:
    embedder = FakeEmbedder()
    yield embedder
    await embedder.close()


@asynccontextmanager
async def llama() -> AsyncIterator[Embedder]:
    with TemporaryDirectory() as folder:
        path = convert_minilm(find_minilm(), Path(folder) / "minilm.gguf")
        embedder = LlamaEmbedder(load_model(path), small_settings())
        await embedder.start()
        yield embedder
        await embedder.close()


SUBJECTS = [
    pytest.param(fake, id="fake"),
    pytest.param(llama, id="llama", marks=pytest.mark.engine),
]


@pytest.fixture(params=SUBJECTS)
async def embedder(request: pytest.FixtureRequest) -> AsyncIterator[Embedder]:
    make: Callable[[], AbstractAsyncContextManager[Embedder]] = request.param
    async with make() as made:
        yield made


def closeness(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


@pytest.mark.anyio
async def test_vectors_have_length_one_and_the_dimensions_of_the_card(embedder: Embedder) -> None:
    vectors, tokens = await embedder.embed(["a cat", "olá 日本 🙂", "a\x00b\n"])
    assert [len(vector) for vector in vectors] == [embedder.card.dimensions] * 3
    assert [math.hypot(*vector) for vector in vectors] == pytest.approx([1.0] * 3, abs=1e-4)
    assert tokens >= 4


@pytest.mark.anyio
async def test_order_is_kept_and_company_changes_nothing(embedder: Embedder) -> None:
    together, _ = await embedder.embed(["red boat", "green tree", "red boat"])
    (alone,), _ = await embedder.embed(["green tree"])
    assert closeness(together[0], together[2]) == pytest.approx(1, abs=1e-3)
    assert closeness(together[1], alone) == pytest.approx(1, abs=1e-3)
    assert closeness(together[0], together[1]) < 0.9


@pytest.mark.anyio
@pytest.mark.parametrize("empty", ["", "  \n"])
async def test_an_empty_text_is_named(embedder: Embedder, empty: str) -> None:
    with pytest.raises(BadInput) as caught:
        await embedder.embed(["fine", empty])
    assert caught.value.param == "input[1]"


@pytest.mark.anyio
async def test_a_text_that_is_too_long_is_named(embedder: Embedder) -> None:
    with pytest.raises(BadInput) as caught:
        await embedder.embed(["fine", "word " * (embedder.card.context + 50)])
    assert caught.value.param == "input[1]"


@pytest.mark.anyio
async def test_requests_run_side_by_side(embedder: Embedder) -> None:
    answers = await asyncio.gather(*(embedder.embed([f"text {n}"]) for n in range(5)))
    assert len({tuple(vectors[0]) for vectors, _ in answers}) == 5
