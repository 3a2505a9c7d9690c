"""What the fakes do beyond the contract: what they are told to say, and when they are told to fail."""

from __future__ import annotations

import json

import pytest

from aion.errors import BadInput, NotFound, Unavailable
from aion.models.base import Delta, Job, Sampling
from aion.models.fake import FakeEmbedder, FakeGenerator
from aion.records import AdapterUse, Json

STYLE = AdapterUse(name="style", hash="h", scale=0.5)
TOOL = {
    "type": "function",
    "function": {"name": "f", "parameters": {"properties": {"a": {"enum": [7]}}, "required": ["a"]}},
}


def ask(text: str = "Good morning to you", **more: object) -> Job:
    sampling = Sampling(max_tokens=20, seed=more.pop("seed", None))  # type: ignore[arg-type]
    return Job(messages=({"role": "user", "content": text},), sampling=sampling, **more)  # type: ignore[arg-type]


async def collect(fake: FakeGenerator, job: Job) -> list[Delta]:
    return [delta async for delta in fake.stream(job)]


def said(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


@pytest.mark.anyio
async def test_it_repeats_the_last_question_or_says_its_words() -> None:
    assert said(await collect(FakeGenerator(), ask())) == "Good morning to you"
    assert said(await collect(FakeGenerator("As  told.\n"), ask())) == "As  told.\n"


@pytest.mark.anyio
async def test_the_seed_decides_the_order_of_shuffled_words() -> None:
    fake = FakeGenerator("a b c d e f g h", shuffle=True)
    first, again, other = [said(await collect(fake, ask(seed=seed))) for seed in (1, 1, 2)]
    assert first == again != other


@pytest.mark.anyio
@pytest.mark.parametrize("token", [0, 2, 4])
async def test_it_fails_at_the_token_it_is_told_to(token: int) -> None:
    fake = FakeGenerator(fail_at=token)
    stream = fake.stream(ask())
    assert [bool((await anext(stream)).text) for _ in range(token + 1)] == [False] + [True] * token
    with pytest.raises(Unavailable):
        await anext(stream)
    assert (fake.running, fake.stopped) == (0, 1)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("choice", "call", "finish"), [("required", None, 7), ("auto", {"a": 1}, 1), ("auto", None, None)]
)
async def test_it_calls_functions_when_it_must_or_may(choice: str, call: Json | None, finish: int | None) -> None:
    deltas = await collect(FakeGenerator(call=call), ask(tools=(TOOL,), tool_choice=choice))
    calls = [piece["function"] for delta in deltas for piece in delta.tool_calls]
    arguments = "".join(piece["arguments"] for piece in calls)
    assert (json.loads(arguments)["a"] if calls else None) == finish
    assert [delta.finish for delta in deltas if delta.finish] == ["tool_calls" if calls else "stop"]


@pytest.mark.anyio
async def test_an_answer_held_to_a_schema_fits_it() -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}, "s": {"type": "string"}},
        "required": ["n", "s"],
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    assert json.loads(said(await collect(FakeGenerator(), ask(response_format=wanted)))) == {"n": 1, "s": "word"}


@pytest.mark.anyio
async def test_adapters_take_part_as_asked() -> None:
    fake = FakeGenerator(adapters=(STYLE,))
    for asked, used in (("auto", (STYLE,)), ("none", ()), ({"style": 0.0}, ())):
        assert (await collect(fake, ask(adapters=asked)))[0].adapters == used
    with pytest.raises(NotFound, match="loaded: style"):
        await collect(fake, ask(adapters={"other": 1.0}))


@pytest.mark.anyio
async def test_texts_that_share_words_are_closer() -> None:
    vectors, tokens = await FakeEmbedder().embed(["the red boat", "the red ship", "quantum field theory"])
    near, far = (sum(a * b for a, b in zip(vectors[0], other, strict=True)) for other in vectors[1:])
    assert near > 0.4 > abs(far)
    assert tokens == 9


@pytest.mark.anyio
async def test_a_text_longer_than_the_embedder_reads_is_named() -> None:
    with pytest.raises(BadInput) as caught:
        await FakeEmbedder(context=3).embed(["short", "one two three four"])
    assert (caught.value.param, caught.value.code) == ("input[1]", "context_length_exceeded")
