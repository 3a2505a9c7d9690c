"""Makes a function call out of a model that was never taught to call: a schema holds its words to one call.

For `tool_choice` "required" or a named function only; "auto" is left to the template of the model, and a template that
knows no tools ignores it. One call comes out, never several. Tools are checked here for every model, once, before any.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import orjson

from aion.errors import BadInput
from aion.models.base import Delta, Job
from aion.models.schema import check_response_format, check_schema
from aion.records import Json, new_id

MAX_TOOLS = 128
MAX_DESCRIPTION = 2000  # characters of one
MAX_HINT_DESCRIPTION = 200  # of those, in the hint
_NAME = re.compile(r"[\w.-]{1,64}", re.ASCII)
_HEAD = re.compile(r'\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"arguments"\s*:\s*(?=\{)')


def check_job(job: Job) -> Job:
    """The job with its tools and schemas checked and in the form engines take, or BadInput naming the place."""
    tools = check_tools(job.tools)
    _check_choice(job.tool_choice, tools)
    return replace(job, tools=tools, response_format=check_response_format(job.response_format))


def check_tools(tools: Sequence[Json]) -> tuple[Json, ...]:
    """The tools with their schemas checked."""
    if len(tools) > MAX_TOOLS:
        raise BadInput(f"{len(tools)} tools are given; the most is {MAX_TOOLS}", code="invalid_tool", param="tools")
    checked = tuple(_check_tool(tool, f"tools[{place}]") for place, tool in enumerate(tools))
    names: set[str] = set()
    for place, tool in enumerate(checked):
        if (name := tool["function"]["name"]) in names:
            raise _bad_tool(f"another tool is also named {name!r}", f"tools[{place}].function.name")
        names.add(name)
    return checked


def is_forced(job: Job) -> bool:
    """Whether the answer must be a function call."""
    return bool(job.tools) and job.tool_choice not in ("auto", "none")


def force_call(job: Job) -> Job:
    """The job that makes any model answer with one call as JSON. Its hint repeats the tools: quote after it."""
    tools = _tools_of(job)
    calls = [_call_schema(tool["function"]) for tool in tools]
    schema = calls[0] if len(calls) == 1 else {"anyOf": calls}
    response_format = {"type": "json_schema", "json_schema": {"name": "call", "strict": True, "schema": schema}}
    messages = _with_hint(job.messages, _hint_of(tools))
    return replace(job, messages=messages, tools=(), tool_choice="none", response_format=response_format)


async def stream_call(job: Job, stream: Callable[[Job], AsyncGenerator[Delta, None]]) -> AsyncGenerator[Delta, None]:
    """A forced job's answer as OpenAI's tool call deltas; `stream` generates the JSON."""
    reader = CallReader()
    async with aclosing(stream(force_call(job))) as deltas:
        async for delta in deltas:
            yield reader.read(delta)


class CallReader:
    """Turns the growing text of `{"name": ..., "arguments": {...}}` into tool call deltas."""

    def __init__(self) -> None:
        self._text = ""
        self._begun = False
        self._done = False
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def read(self, delta: Delta) -> Delta:
        """The delta with its text replaced by what it adds to the call."""
        calls = self._calls_in(delta.text) if delta.text else ()
        finish = delta.finish
        if finish == "stop" and self._begun:
            finish = "tool_calls"
        return replace(delta, text="", tool_calls=calls, finish=finish)

    def _calls_in(self, text: str) -> tuple[Json, ...]:
        if self._begun:
            arguments = self._arguments_in(text)
            return ({"index": 0, "function": {"arguments": arguments}},) if arguments else ()
        self._text += text
        head = _HEAD.match(self._text)
        if head is None:
            return ()
        self._begun = True
        function = {"name": orjson.loads(head[1]), "arguments": self._arguments_in(self._text[head.end() :])}
        return ({"index": 0, "id": new_id("call"), "type": "function", "function": function},)

    def _arguments_in(self, text: str) -> str:
        """The part of `text` that belongs to the arguments: up to the brace that closes them."""
        if self._done:
            return ""
        for place, char in enumerate(text):
            if self._in_string:
                self._in_string = self._escaped or char != '"'
                self._escaped = char == "\\" and not self._escaped
            elif char == '"':
                self._in_string = True
            elif char in "{}":
                self._depth += 1 if char == "{" else -1
                if self._depth == 0:
                    self._done = True
                    return text[: place + 1]
        return text


def _check_tool(tool: Any, param: str) -> Json:
    if not isinstance(tool, dict) or tool.get("type") != "function" or not isinstance(tool.get("function"), dict):
        raise _bad_tool('a tool must be {"type": "function", "function": {...}}', param)
    function = tool["function"]
    name = function.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _bad_tool("a function's name has 1 to 64 letters, digits, _, . or -", f"{param}.function.name")
    description = function.get("description") or ""
    if not isinstance(description, str) or len(description) > MAX_DESCRIPTION:
        message = f"a function's description is a text of at most {MAX_DESCRIPTION} characters"
        raise _bad_tool(message, f"{param}.function.description")
    if function.get("parameters") is None:
        return {**tool, "function": {**function, "parameters": {"type": "object", "properties": {}}}}
    where = f"{param}.function.parameters"
    parameters = check_schema(function["parameters"], where)
    if parameters.setdefault("type", "object") != "object":
        raise _bad_tool(f"parameters have type {parameters['type']!r}; a function takes an object", where)
    return {**tool, "function": {**function, "parameters": parameters}}


def _check_choice(choice: str | Json, tools: Sequence[Json]) -> None:
    if choice in ("auto", "none"):
        return
    if not tools:
        raise BadInput("tool_choice asks for a call, but no tools are given", param="tool_choice")
    if choice == "required":
        return
    function = choice.get("function") if isinstance(choice, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    names = [tool["function"]["name"] for tool in tools]
    if name not in names:
        asked = name if isinstance(choice, dict) else choice
        message = f"tool_choice is {asked!r}; use auto, none, required or one of the functions {', '.join(names)}"
        raise BadInput(message, param="tool_choice")


def _tools_of(job: Job) -> tuple[Json, ...]:
    """The tools that may be called."""
    if isinstance(job.tool_choice, str):
        return job.tools
    name = job.tool_choice["function"]["name"]
    return tuple(tool for tool in job.tools if tool["function"]["name"] == name)


def _call_schema(function: Json) -> Json:
    return {
        "type": "object",
        "properties": {"name": {"const": function["name"]}, "arguments": function["parameters"]},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def _hint_of(tools: Sequence[Json]) -> str:
    lines = ['Call the function that helps. Answer only with JSON: {"name": ..., "arguments": {...}}. Functions:']
    for tool in tools:
        function = tool["function"]
        parameters = ", ".join(function["parameters"].get("properties", {}))
        about = " ".join((function.get("description") or "").split())[:MAX_HINT_DESCRIPTION]
        lines.append(f"- {function['name']}({parameters}): {about}".rstrip(": "))
    return "\n".join(lines)


def _with_hint(messages: Sequence[Json], hint: str) -> tuple[Json, ...]:
    """The hint at the end of the system message, because some templates take only one."""
    if messages and messages[0].get("role") in ("system", "developer"):
        first, content = messages[0], messages[0].get("content")
        if isinstance(content, list):
            said: Any = [*content, {"type": "text", "text": hint}]
        else:
            said = f"{content}\n\n{hint}" if content else hint
        return ({**first, "content": said}, *messages[1:])
    return ({"role": "system", "content": hint}, *messages)


def _bad_tool(message: str, param: str) -> BadInput:
    return BadInput(message, code="invalid_tool", param=param)
