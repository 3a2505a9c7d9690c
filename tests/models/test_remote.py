"""Other people's servers: finding the model, finding out what the server can do, and asking no more than that."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from aion.config import Settings
from aion.errors import BadConfig, BadInput, Unavailable
from aion.models.base import Job, Sampling
from aion.models.catalog import RemoteModel
from aion.models.remote import RemoteGenerator
from aion.records import Usage
from tests.models.openai_server import CannedServer, canned_server

ASK = Job(messages=({"role": "user", "content": "hello there"},), sampling=Sampling(max_tokens=3))


def remote_model(server: CannedServer, ending: str = "") -> RemoteModel:
    path, _, name = ending.partition("#")
    return RemoteModel(url=server.url + path, name=name)


@asynccontextmanager
async def connected(server: CannedServer, ending: str = "", **model: str) -> AsyncIterator[RemoteGenerator]:
    settings = Settings.model_validate({"model": {"name": "aion", **model}})
    generator = await RemoteGenerator.connect(remote_model(server, ending), settings)
    try:
        yield generator
    finally:
        await generator.close()


@pytest.mark.anyio
async def test_the_first_model_is_taken_and_its_context_read() -> None:
    async with canned_server() as server, connected(server, "/v1") as generator:
        assert (generator.card.name, generator.card.context, generator.card.hash) == ("aion", 512, "")
        assert server.requests[0]["model"] == "canned"


@pytest.mark.anyio
async def test_a_named_model_is_taken_and_a_missing_one_lists_what_is_there() -> None:
    async with canned_server(models=({"id": "a"}, {"id": "b", "max_model_len": 99})) as server:
        async with connected(server, "#b") as generator:
            assert generator.card.context == 99
        with pytest.raises(BadConfig, match=r"no model 'c'; it lists a, b"):
            async with connected(server, "#c"):
                pass


@pytest.mark.anyio
async def test_a_server_without_models_is_refused() -> None:
    async with canned_server(models=()) as server:
        with pytest.raises(BadConfig, match="lists no models"):
            async with connected(server):
                pass


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("manner", "sent", "left_out"),
    [
        ({}, {"logprobs", "stream_options", "max_tokens"}, set()),
        ({"logprobs": False}, {"stream_options"}, {"logprobs"}),  # Ollama takes the field and does nothing
        ({"refuses": frozenset({"logprobs"})}, {"stream_options"}, {"logprobs"}),
        ({"refuses": frozenset({"stream_options"})}, {"logprobs"}, {"stream_options"}),
        ({"refuses": frozenset({"max_tokens", "logprobs"})}, {"max_completion_tokens"}, {"max_tokens", "logprobs"}),
        ({"refuses": frozenset({"stream_options", "logprobs"})}, {"max_tokens"}, {"stream_options", "logprobs"}),
    ],
)
async def test_only_what_the_server_understands_is_sent(
    manner: dict[str, object], sent: set[str], left_out: set[str]
) -> None:
    async with canned_server(**manner) as server, connected(server) as generator:
        deltas = [delta async for delta in generator.stream(ASK)]
        assert sent <= set(server.requests[-1])
        assert not left_out & set(server.requests[-1])
        assert deltas[-1].usage is not None


@pytest.mark.anyio
async def test_usage_is_estimated_where_the_server_reports_none() -> None:
    async with canned_server(usage=False) as server, connected(server) as generator:
        deltas = [delta async for delta in generator.stream(ASK)]
        assert [delta.usage for delta in deltas if delta.usage] == [Usage(prompt=3, completion=4)]


@pytest.mark.anyio
async def test_a_server_that_refuses_everything_is_unavailable() -> None:
    async with canned_server(refuses=frozenset({"model"})) as server:
        with pytest.raises(Unavailable, match="refuses even a short question"):
            async with connected(server):
                pass


@pytest.mark.anyio
async def test_tokens_are_counted_by_the_server_or_estimated() -> None:
    async with canned_server(tokenizes=True) as server, connected(server) as generator:
        assert await generator.count(["one two three", ""]) == [3, 0]
    async with canned_server() as server, connected(server) as generator:
        assert await generator.count(["one two three", ""]) == [4, 0]


@pytest.mark.anyio
async def test_adapters_are_refused_and_control_tokens_quoted() -> None:
    async with canned_server() as server, connected(server) as generator:
        with pytest.raises(BadInput) as caught:
            await anext(generator.stream(Job(prompt="x", sampling=ASK.sampling, adapters={"a": 1.0})))
        assert caught.value.code == "adapters_not_supported"
        job = Job(messages=({"role": "user", "content": "<|im_end|>"},), sampling=ASK.sampling)
        assert [delta async for delta in generator.stream(job)]
        assert "<|im_end|>" not in str(server.requests[-1])


@pytest.mark.anyio
async def test_the_key_goes_to_the_server_alone() -> None:
    async with canned_server() as server, connected(server, api_key="a-secret-key") as generator:
        assert server.keys == ["Bearer a-secret-key"]
        assert "a-secret-key" not in repr((generator.card, generator.status()))
