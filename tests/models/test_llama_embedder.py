"""The real embedder: the embedded MiniLM on the supervised engine."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import AsyncIterator

import pytest

from aion.errors import BadInput, Unavailable
from aion.models.llama.embedder import LlamaEmbedder
from aion.models.minilm import convert_minilm, find_minilm
from tests.models.engines import load_model, small_settings, smollm, until

pytestmark = [pytest.mark.anyio, pytest.mark.engine]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def embedder(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LlamaEmbedder]:
    path = convert_minilm(find_minilm(), tmp_path_factory.mktemp("models") / "minilm.gguf")
    made = LlamaEmbedder(load_model(path), small_settings())
    await made.start()
    yield made
    await made.close()


def cosine(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


async def test_texts_become_unit_vectors_and_likeness_shows(embedder: LlamaEmbedder) -> None:
    texts = ["A cat sits on the mat.", "A kitten rests on a rug.", "Interest rates rose again."]
    vectors, _ = await embedder.embed(texts)
    assert [len(vector) for vector in vectors] == [embedder.card.dimensions] * 3
    assert all(math.isclose(cosine(vector, vector), 1.0, abs_tol=1e-5) for vector in vectors)
    assert cosine(vectors[0], vectors[1]) > 0.4 > cosine(vectors[0], vectors[2])


async def test_many_texts_keep_their_order(embedder: LlamaEmbedder) -> None:
    texts = [f"Sentence number {n}." for n in range(150)]
    many, _ = await embedder.embed(texts)
    for place in (0, 63, 64, 149):
        alone, _ = await embedder.embed([texts[place]])
        assert cosine(many[place], alone[0]) > 0.999


async def test_a_text_longer_than_the_model_reads_is_named_with_both_numbers(embedder: LlamaEmbedder) -> None:
    with pytest.raises(BadInput, match=r"input\[1\] has 602 tokens and the embedder reads at most 512") as caught:
        await embedder.embed(["short", "word " * 600])
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "input[1]")


async def test_the_longest_text_that_fits_is_embedded(embedder: LlamaEmbedder) -> None:
    vectors, tokens = await embedder.embed(["word " * (embedder.card.context - 2)])
    assert (len(vectors), tokens) == (1, embedder.card.context)


@pytest.mark.parametrize("empty", ["", "  \n"])
async def test_an_empty_text_is_named(embedder: LlamaEmbedder, empty: str) -> None:
    with pytest.raises(BadInput, match=r"input\[2\] is empty") as caught:
        await embedder.embed(["a", "b", empty])
    assert caught.value.param == "input[2]"


async def test_nothing_gives_nothing(embedder: LlamaEmbedder) -> None:
    assert await embedder.embed([]) == ([], 0)


async def test_a_killed_embedder_comes_back(embedder: LlamaEmbedder) -> None:
    before = embedder.engine.process
    assert before is not None
    assert before.pid is not None
    os.kill(before.pid, signal.SIGKILL)
    await until(lambda: embedder.engine.process not in (None, before))
    assert (await embedder.embed(["hello"]))[1] == 3


async def test_a_model_that_only_writes_is_no_embedder() -> None:
    wrong = LlamaEmbedder(smollm(), small_settings())
    with pytest.raises(Unavailable, match="failed its proof"):
        await wrong.start()
    await wrong.close()
