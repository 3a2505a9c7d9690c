"""The desk: every text is embedded once, cut to what can be read, and waits in the queue like any other work."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from aion.errors import BadInput, Overloaded, Unavailable
from aion.memory import embedding
from aion.memory.embedding import EmbeddingDesk
from aion.models.fake import FAKE_HASH, FakeEmbedder
from aion.models.queue import AdmissionQueue

pytestmark = pytest.mark.anyio


class Counting(FakeEmbedder):
    """Notes what it was asked."""

    def __init__(self, context: int = 256) -> None:
        super().__init__(context=context)
        self.asked: list[list[str]] = []

    async def embed(self, texts: Sequence[str]) -> tuple[list[list[float]], int]:
        self.asked.append(list(texts))
        return await super().embed(texts)


def make_desk(embedder: FakeEmbedder, tokens: int = 100_000) -> EmbeddingDesk:
    desk = EmbeddingDesk(AdmissionQueue(1, tokens))
    desk.use(embedder)
    return desk


async def test_vectors_have_length_one_and_the_order_of_the_texts() -> None:
    desk = make_desk(FakeEmbedder())
    vectors = await desk.embed(["red boat", "blue sky", "red boat"])
    assert [vector.dtype for vector in vectors] == [np.float32] * 3
    assert [float(np.linalg.norm(vector)) for vector in vectors] == pytest.approx([1, 1, 1])
    assert np.array_equal(vectors[0], vectors[2])
    assert not np.array_equal(vectors[0], vectors[1])


async def test_a_text_is_embedded_once() -> None:
    embedder = Counting()
    desk = make_desk(embedder)
    first = await desk.embed(["red boat", "red boat"])
    again = await desk.embed(["blue sky", "red boat"])
    assert embedder.asked == [["red boat"], ["blue sky"]]
    assert np.array_equal(first[0], again[1])


async def test_only_the_latest_texts_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "RECENT", 2)
    embedder = Counting()
    desk = make_desk(embedder)
    for text in ("one", "two", "one", "three", "one", "two"):
        await desk.embed([text])
    assert embedder.asked == [["one"], ["two"], ["three"], ["two"]]


async def test_nothing_is_kept_after_clearing_nor_for_another_embedder() -> None:
    embedder, other = Counting(), Counting()
    desk = make_desk(embedder)
    await desk.embed(["one"])
    desk.clear()
    await desk.embed(["one"])
    desk.use(other)
    await desk.embed(["one"])
    assert (embedder.asked, other.asked) == ([["one"], ["one"]], [["one"]])


async def test_a_text_that_is_too_long_is_halved_until_it_can_be_read() -> None:
    desk = make_desk(FakeEmbedder(context=10))
    words = [f"w{number:03}" for number in range(40)]  # 199 signs, then 99, then the 49 of the first ten words
    vectors = await desk.embed(["short", " ".join(words), "brief"])
    assert np.array_equal(vectors[1], (await desk.embed([" ".join(words[:10])]))[0])
    assert np.array_equal(vectors[0], (await desk.embed(["short"]))[0])


async def test_no_more_of_a_huge_text_is_sent_than_could_be_read() -> None:
    embedder = Counting(context=10)
    await make_desk(embedder, tokens=1000).embed(["a" * 1_000_000])
    assert [len(text) for asked in embedder.asked for text in asked] == [320]


async def test_many_texts_are_asked_for_in_batches() -> None:
    embedder = Counting()
    await make_desk(embedder).embed([f"text {number}" for number in range(70)])
    assert [len(asked) for asked in embedder.asked] == [32, 32, 6]


async def test_a_fault_of_the_text_itself_is_told() -> None:
    with pytest.raises(BadInput, match=r"input\[1\] is empty"):
        await make_desk(FakeEmbedder()).embed(["good", " "])


async def test_without_an_embedder_it_says_so() -> None:
    desk = EmbeddingDesk(AdmissionQueue(1, 100))
    assert (desk.ready, desk.hash, desk.dimensions) == (False, "", 0)
    with pytest.raises(Unavailable, match="no embedder yet"):
        await desk.embed(["text"])
    desk.use(FakeEmbedder(dimensions=32))
    assert (desk.ready, desk.hash, desk.dimensions) == (True, FAKE_HASH, 32)


async def test_what_would_wait_too_long_is_refused_and_a_place_is_given_back() -> None:
    queue = AdmissionQueue(1, 10)
    desk = EmbeddingDesk(queue)
    desk.use(FakeEmbedder())
    async with queue.admit(1):
        waiting = asyncio.create_task(desk.embed(["text"]))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            async with asyncio.timeout(5):
                await desk.embed(["a long text that has more tokens than may wait"])
    await waiting
    assert (queue.running, queue.waiting) == (0, 0)
