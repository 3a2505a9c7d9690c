"""Forced function calls: what is asked of the model, what is made of its JSON, and which tools are refused."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aion.errors import BadInput
from aion.models.base import Delta, Job, Sampling
from aion.models.tools import CallReader, check_job, check_tools, force_call, is_forced, stream_call
from aion.records import Json

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def tool(name: str, parameters: Any = None, **more: Any) -> Json:
    return {"type": "function", "function": {"name": name, "parameters": parameters or CITY, **more}}


def job(choice: str | Json = "required", *tools: Json) -> Job:
    asked = ({"role": "system", "content": "Be kind."}, {"role": "user", "content": "Weather in Porto?"})
    return Job(messages=asked, sampling=Sampling(max_tokens=50), tools=tools, tool_choice=choice)


def read(pieces: list[str], finish: str = "stop") -> tuple[list[Json], str | None]:
    reader = CallReader()
    deltas = [reader.read(Delta(piece)) for piece in pieces] + [reader.read(Delta(finish=finish))]
    assert not any(delta.text for delta in deltas)
    return [call for delta in deltas for call in delta.tool_calls], deltas[-1].finish


def test_only_required_and_named_calls_are_forced() -> None:
    named = {"type": "function", "function": {"name": "f"}}
    assert [is_forced(job(choice, tool("f"))) for choice in ("auto", "none", "required", named)] == [0, 0, 1, 1]
    assert not is_forced(job("required"))


def test_a_required_call_may_be_any_tool_and_a_named_one_only_itself() -> None:
    tools = (tool("weather", description="Weather of a city"), tool("time", {"type": "object", "properties": {}}))
    forced = force_call(job("required", *tools))
    assert forced.response_format is not None
    calls = forced.response_format["json_schema"]["schema"]["anyOf"]
    assert [call["properties"]["name"] for call in calls] == [{"const": "weather"}, {"const": "time"}]
    assert (forced.tools, forced.tool_choice) == ((), "none")
    assert forced.messages[0]["content"].startswith("Be kind.")
    assert "- weather(city): Weather of a city\n- time()" in forced.messages[0]["content"]
    named = force_call(job({"type": "function", "function": {"name": "time"}}, *tools))
    assert named.response_format is not None
    assert named.response_format["json_schema"]["schema"]["properties"]["name"] == {"const": "time"}


def test_without_a_system_message_the_hint_becomes_one() -> None:
    bare = Job(messages=({"role": "user", "content": "x"},), sampling=Sampling(max_tokens=5), tools=(tool("f"),))
    assert [message["role"] for message in force_call(bare).messages] == ["system", "user"]


@settings(max_examples=50)
@given(
    st.dictionaries(st.text(), st.text() | st.dictionaries(st.text(), st.booleans())), st.integers(1, 9), st.booleans()
)
def test_however_the_json_is_cut_the_call_is_whole(arguments: Json, size: int, pretty: bool) -> None:
    option = orjson.OPT_INDENT_2 if pretty else None
    text = orjson.dumps({"name": "f", "arguments": arguments}, option=option).decode() + "\n"
    calls, finish = read([text[at : at + size] for at in range(0, len(text), size)])
    assert calls[0]["function"]["name"] == "f"
    assert calls[0]["id"].startswith("call_")
    assert orjson.loads("".join(call["function"]["arguments"] for call in calls)) == arguments
    assert finish == "tool_calls"


def test_arguments_are_streamed_as_they_come() -> None:
    calls, _ = read(['{"name": "f", ', '"arguments": {"a"', ": 1", "}", "}"])
    assert [call["function"]["arguments"] for call in calls] == ['{"a"', ": 1", "}"]


def test_a_call_cut_short_says_length() -> None:
    assert read(['{"name": "f", "arguments": {"a'], "length")[1] == "length"
    assert read(['{"na'], "length") == ([], "length")


@pytest.mark.anyio
async def test_the_stream_of_a_forced_job_is_the_call() -> None:
    closed = []

    async def model(asked: Job) -> AsyncGenerator[Delta, None]:
        try:
            assert asked.response_format is not None
            yield Delta('{"name":"f","arguments":{}}')
            yield Delta(finish="stop")
        finally:
            closed.append(True)

    deltas = [delta async for delta in stream_call(job("required", tool("f")), model)]
    assert deltas[0].tool_calls[0]["function"] == {"name": "f", "arguments": "{}"}
    assert (deltas[1].finish, closed) == ("tool_calls", [True])


@pytest.mark.parametrize(
    ("tools", "code", "param"),
    [
        ([tool(f"f{n}") for n in range(129)], "invalid_tool", "tools"),
        ([tool("f"), tool("f")], "invalid_tool", "tools[1].function.name"),
        ([tool("a b")], "invalid_tool", "tools[0].function.name"),
        ([tool("")], "invalid_tool", "tools[0].function.name"),
        ([{"type": "web_search"}], "invalid_tool", "tools[0]"),
        ([5], "invalid_tool", "tools[0]"),
        ([tool("f", description="x" * 2001)], "invalid_tool", "tools[0].function.description"),
        ([tool("f", {"type": "array"})], "invalid_tool", "tools[0].function.parameters"),
        ([tool("f", {"type": "nonsense"})], "invalid_schema", "tools[0].function.parameters"),
        ([tool("a"), tool("b"), tool("c", {"$ref": "#"})], "schema_too_complex", "tools[2].function.parameters"),
    ],
)
def test_a_tool_no_engine_could_use_is_refused(tools: list[Any], code: str, param: str) -> None:
    with pytest.raises(BadInput) as caught:
        check_tools(tools)
    assert (caught.value.code, caught.value.param) == (code, param)


def test_a_tool_without_parameters_takes_none() -> None:
    checked = check_tools([{"type": "function", "function": {"name": "f"}}])
    assert checked[0]["function"]["parameters"] == {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    "choice", ["sometimes", {"type": "function", "function": {"name": "g"}}, {"type": "function", "function": "f"}, {}]
)
def test_a_tool_choice_that_names_no_tool_is_refused(choice: str | Json) -> None:
    with pytest.raises(BadInput) as caught:
        check_job(job(choice, tool("f")))
    assert caught.value.param == "tool_choice"


def test_required_without_tools_is_refused() -> None:
    with pytest.raises(BadInput, match="no tools"):
        check_job(job("required"))


def test_the_schema_of_an_answer_is_held_to_the_same_rules() -> None:
    bad = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"$ref": "#"}}}
    with pytest.raises(BadInput) as caught:
        check_job(Job(prompt="x", sampling=Sampling(max_tokens=1), response_format=bad))
    assert caught.value.param == "response_format.json_schema.schema"
