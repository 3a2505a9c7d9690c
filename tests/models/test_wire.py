"""The wire: what it sends, what it makes of every way a server can answer, and that it hangs up when told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace

import pytest

from aion.errors import AionError, BadInput, Overloaded, Unavailable
from aion.models.base import Delta, Job, Sampling
from aion.models.wire import CHAT, COMPLETION, Dialect, Wire, path_of, payload_of
from aion.records import Usage
from tests.models.openai_server import CannedServer, canned_server, event_of

Refusal = tuple[int, str, type[AionError], str, tuple[str, ...]]

KEY = "Xyzzy42nobodysees"
BODY = {"max_tokens": 64, "stream_options": {"include_usage": True}, "logprobs": True}
DONE = b"data: [DONE]\n\n"
STOP = event_of(finish="stop")


@pytest.fixture
async def server() -> AsyncIterator[CannedServer]:
    async with canned_server() as running:
        yield running


@pytest.fixture
async def wire(server: CannedServer) -> AsyncIterator[Wire]:
    connection = Wire(server.url, KEY, stall_timeout_s=0.3)
    yield connection
    await connection.close()


async def read(wire: Wire, path: str = CHAT) -> list[Delta]:
    return [delta async for delta in wire.stream(path, BODY)]


def said(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


@pytest.mark.anyio
@pytest.mark.parametrize("path", [CHAT, COMPLETION])
async def test_a_stream_becomes_text_logprobs_one_finish_and_usage(wire: Wire, path: str) -> None:
    deltas = await read(wire, path)
    assert said(deltas) == "one two three four five six seven eight"
    assert [delta.finish for delta in deltas if delta.finish] == ["stop"]
    assert deltas[0].logprobs == ({"token": "one", "logprob": -0.5, "top_logprobs": []},)
    assert deltas[-1].usage == Usage(prompt=4, completion=8, cached=1)


@pytest.mark.anyio
@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
async def test_pieces_may_end_anywhere(server: CannedServer, wire: Wire, size: int) -> None:
    whole = event_of(content="olá ") + event_of(content="日本") + STOP + DONE
    server.raw = tuple(whole[at : at + size] for at in range(0, len(whole), size))
    assert said(await read(wire)) == "olá 日本"


@pytest.mark.anyio
async def test_comments_other_fields_and_missing_spaces_are_understood(server: CannedServer, wire: Wire) -> None:
    word = event_of(content="x")
    spaceless = b"data:" + word[6:]
    server.raw = (
        b": ping\r\n\r\n",
        b"event: message\nid: 5\nretry: 10\n",
        word.replace(b"\n", b"\r\n"),
        spaceless,
        STOP,
    )
    assert said(await read(wire)) == "xx"  # and no [DONE] is needed after a finish


@pytest.mark.anyio
async def test_reasoning_and_tool_calls_arrive_as_they_are(server: CannedServer, wire: Wire) -> None:
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    server.raw = (event_of(reasoning_content="hm"), event_of(tool_calls=[call]), event_of(finish="tool_calls"), DONE)
    deltas = await read(wire)
    assert [d.reasoning for d in deltas if d.reasoning] == ["hm"]
    assert deltas[1].tool_calls == (call,)
    assert deltas[-1].finish == "tool_calls"


@pytest.mark.anyio
async def test_a_repeated_finish_is_told_once_and_an_unknown_one_is_a_stop(server: CannedServer, wire: Wire) -> None:
    server.raw = (event_of(finish="eos"), event_of(finish="eos"), DONE)
    assert [delta.finish for delta in await read(wire)] == ["stop"]


@pytest.mark.anyio
async def test_logprobs_of_the_older_completions_form_become_chats(server: CannedServer, wire: Wire) -> None:
    server.raw = (
        b'data: {"choices":[{"text":"a","logprobs":{"tokens":["a"],"token_logprobs":[-1.5],',
        b'"top_logprobs":[{"b":-2}]}}]}\n',
        b'data: {"choices":[{"text":"","finish_reason":"stop"}]}\n\n',
    )
    other = {"token": "b", "logprob": -2, "bytes": [98]}
    assert (await read(wire))[0].logprobs == ({"token": "a", "logprob": -1.5, "bytes": [97], "top_logprobs": [other]},)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "broken",
    [
        (event_of(content="x"),),  # no finish
        (event_of(content="x"), DONE),
        (),
        (b"data: {nonsense\n\n",),
        (b"data: [1]\n\n",),
        (b'data: {"choices": [5]}\n\n',),
        (b'data: {"choices": 5}\n\n',),
        (event_of(content="x"), b'data: {"error": {"code": 500, "message": "out of luck"}}\n\n'),
        (b'error: {"code": 500, "message": "out of luck"}\n\n',),
        (b'{"choices": [{"message": {"content": "not streamed"}}]}',),
    ],
)
async def test_a_broken_stream_is_unavailable(server: CannedServer, wire: Wire, broken: tuple[bytes, ...]) -> None:
    server.raw = broken
    with pytest.raises(Unavailable):
        await read(wire)


@pytest.mark.anyio
async def test_a_server_that_falls_silent_is_unavailable(server: CannedServer, wire: Wire) -> None:
    server.delay_s = 30
    with pytest.raises(Unavailable, match=r"said nothing for 0\.3 s"):
        await read(wire)


@pytest.mark.anyio
async def test_a_server_that_is_not_there_is_unavailable() -> None:
    wire = Wire("http://127.0.0.1:9", KEY)
    with pytest.raises(Unavailable, match="cannot be reached"):
        await read(wire)
    await wire.close()


@pytest.mark.anyio
@pytest.mark.parametrize(("name", "hangs_up"), [("llama.cpp", True), ("uvicorn", False)])
async def test_a_stream_of_a_server_that_hangs_up_is_the_last_on_its_connection(
    server: CannedServer, wire: Wire, name: str, hangs_up: bool
) -> None:
    server.name = name
    await wire.get("/v1/models")
    for _ in range(2):
        await read(wire)
    assert server.last_ones == [hangs_up, hangs_up]
    assert len(server.connections) == (2 if hangs_up else 1)


@pytest.mark.anyio
async def test_closing_the_stream_hangs_up_at_once(server: CannedServer, wire: Wire) -> None:
    server.delay_s = 0.05
    async with aclosing(wire.stream(CHAT, BODY)) as deltas:
        await anext(deltas)
    await until(lambda: server.gone == 1)


@pytest.mark.anyio
@pytest.mark.parametrize("wait_s", [0.0, 0.02, 0.2])
async def test_cancelling_the_reader_hangs_up_at_once(server: CannedServer, wire: Wire, wait_s: float) -> None:
    server.delay_s = 0.2
    reader = asyncio.create_task(read(wire))
    await until(lambda: server.running == 1)
    await asyncio.sleep(wait_s)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    await until(lambda: server.gone == 1)


@pytest.mark.anyio
async def test_closing_the_wire_ends_its_streams_and_refuses_new_ones(server: CannedServer, wire: Wire) -> None:
    server.delay_s = 0.1
    reader = asyncio.create_task(read(wire))
    await until(lambda: server.running == 1)
    await wire.close()
    with pytest.raises(Unavailable):
        await reader
    with pytest.raises(Unavailable, match="closed"):
        await read(wire)


@pytest.mark.anyio
async def test_a_finished_stream_leaves_its_connection_for_the_next(server: CannedServer, wire: Wire) -> None:
    for _ in range(5):
        await read(wire)
    assert len(server.connections) == 1


@pytest.mark.anyio
async def test_the_key_is_sent_and_never_shown(server: CannedServer, wire: Wire) -> None:
    assert (await wire.get("/v1/models"))["data"]
    assert server.keys == [f"Bearer {KEY}"]
    server.reply = (
        400,
        f'{{"error": {{"message": "bad key {KEY} in /etc/vllm/conf.d at http://10.0.0.7:8000/x"}}}}',
        {},
    )
    with pytest.raises(BadInput) as caught:
        await read(wire)
    for secret in (KEY, "/etc", "10.0.0.7"):
        assert secret not in caught.value.message


@pytest.mark.anyio
@pytest.mark.parametrize(
    "case",
    [
        (
            400,
            '{"error":{"code":400,"type":"exceed_context_size_error","n_prompt_tokens":9031,"n_ctx":2048,"message":"m"}}',
            BadInput,
            "context_length_exceeded",
            ("9031", "2048"),
        ),
        (
            400,
            '{"error":{"code":"context_length_exceeded","message":"This model\'s maximum context length is 4097 '
            'tokens. However, your messages resulted in 5000 tokens."}}',
            BadInput,
            "context_length_exceeded",
            ("5000", "4097"),
        ),
        (
            400,
            '{"object":"error","message":"This model\'s maximum context length is 4096 tokens. However, you requested '
            '6000 tokens (5000 in the messages, 1000 in the completion)."}',
            BadInput,
            "context_length_exceeded",
            ("6000", "4096"),
        ),
        (400, '{"error":{"message":"failed to parse grammar"}}', BadInput, "schema_too_complex", ("grammar",)),
        (400, '{"error":{"message":"JSON schema error at #/a: x"}}', BadInput, "invalid_schema", ("#/a",)),
        (500, '{"error":{"message":"image input is not supported"}}', BadInput, "unsupported_content", ()),
        (422, '{"detail":"temperature too high"}', BadInput, "invalid_value", ()),
        (401, "{}", Unavailable, "unavailable", ("refused our key",)),
        (403, "<html>no</html>", Unavailable, "unavailable", ("refused our key",)),
        (404, '{"error":{"message":"no model x"}}', Unavailable, "unavailable", ("no model x",)),
        (302, "", Unavailable, "unavailable", ("302",)),
        (500, '{"error":"boom"}', Unavailable, "unavailable", ("boom",)),
        (503, '{"error":{"message":"Loading model"}}', Unavailable, "unavailable", ("Loading model",)),
    ],
)
async def test_each_refusal_has_its_error(server: CannedServer, wire: Wire, case: Refusal) -> None:
    status, body, error, code, words = case
    server.reply = (status, body, {})
    with pytest.raises(error) as caught:
        await read(wire)
    assert caught.value.code == code
    assert all(word in caught.value.message for word in words)


@pytest.mark.anyio
@pytest.mark.parametrize(("header", "seconds"), [("7", 7), ("soon", 1), ("1e9", 3600), ("-5", 1), ("nan", 1)])
async def test_too_many_requests_says_when_to_come_back(
    server: CannedServer, wire: Wire, header: str, seconds: float
) -> None:
    server.reply = (429, "{}", {"Retry-After": header})
    with pytest.raises(Overloaded) as caught:
        await read(wire)
    assert caught.value.retry_after == seconds


def test_a_job_becomes_openais_json() -> None:
    sampling = Sampling(max_tokens=5, temperature=0.0, stop=("x",), seed=3, logit_bias={"7": -1.0})
    job = Job(messages=({"role": "user", "content": "hi"},), sampling=sampling, top_logprobs=2)
    assert payload_of(job, "m") == {
        "model": "m", "stream": True, "stream_options": {"include_usage": True}, "max_tokens": 5, "temperature": 0.0,
        "stop": ["x"], "seed": 3, "logit_bias": {"7": -1.0}, "messages": [{"role": "user", "content": "hi"}],
        "logprobs": True, "top_logprobs": 2,
    }  # fmt: skip
    assert path_of(job) == CHAT


def test_tools_are_sent_without_logprobs_and_not_at_all_when_none_may_be_called() -> None:
    tools = ({"type": "function", "function": {"name": "f"}},)
    job = Job(messages=({"role": "user", "content": "hi"},), sampling=Sampling(max_tokens=5), tools=tools)
    assert {"tools", "tool_choice"} <= set(payload_of(job, "m"))
    assert "logprobs" not in payload_of(job, "m")
    silent = payload_of(replace(job, tool_choice="none"), "m")
    assert "tools" not in silent
    assert silent["logprobs"]


def test_a_poorer_dialect_leaves_out_what_it_lacks() -> None:
    job = Job(prompt="Once", sampling=Sampling(max_tokens=5))
    plain = payload_of(job, "m", Dialect(logprobs=False, usage=False, limit="max_completion_tokens"))
    assert plain == {"model": "m", "stream": True, "max_completion_tokens": 5, "prompt": "Once"}
    assert payload_of(job, "m")["logprobs"] == 1
    assert path_of(job) == COMPLETION


async def until(condition: Callable[[], bool]) -> None:
    """Wait a second at most for something that happens in the server."""
    for _ in range(200):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not happen within a second")
