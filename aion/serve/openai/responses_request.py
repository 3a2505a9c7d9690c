"""What POST /v1/responses may hold, and how it becomes messages. Hosted tools and background work are refused."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from aion.config import Settings
from aion.errors import BadInput
from aion.models.base import Job
from aion.records import Json, Turn
from aion.serve.openai.base import MAX_TOKENS, SamplingRequest, Strict, refuse_fields
from aion.serve.openai.images import refuse_image

NOT_HERE = {
    "background": "answers are given while you wait",
    "conversation": "name it in aion.conversation",
    "prompt": "stored prompts are not kept here",
}


class InputPart(Strict):
    """A part of a message's content."""

    type: Literal["input_text", "output_text", "text", "input_image"]
    text: str | None = None
    image_url: str | None = None


class InputItem(Strict):
    """A message, a call the model made, or what the call gave."""

    type: Literal["message", "function_call", "function_call_output", "reasoning"] = "message"
    role: Literal["system", "developer", "user", "assistant"] | None = None
    content: str | Annotated[list[InputPart], Field(max_length=256)] | None = None
    call_id: str | None = Field(None, max_length=256)
    name: str | None = Field(None, max_length=64)
    arguments: str | None = None
    output: str | Annotated[list[InputPart], Field(max_length=256)] | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        needed = {
            "message": ("role", "content"),
            "function_call": ("call_id", "name", "arguments"),
            "function_call_output": ("call_id", "output"),
            "reasoning": (),
        }[self.type]
        for name in needed:
            if getattr(self, name) is None:
                raise ValueError(f"an item of type {self.type!r} needs {name!r}")
        return self


class ResponseTool(Strict):
    """A function the model may call, in this API's flat form."""

    type: Literal["function"]
    name: Annotated[str, StringConstraints(pattern=r"^[\w.-]{1,64}$")]
    description: str | None = Field(None, max_length=16_384)
    parameters: Json | None = None
    strict: bool | None = None


class NamedResponseTool(Strict):
    """A tool that must be called."""

    type: Literal["function"]
    name: str = Field(min_length=1, max_length=64)


class TextFormat(Strict):
    """What form the answer must have."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    name: str = Field("answer", max_length=64)
    schema_: Json | None = Field(None, alias="schema")
    strict: bool | None = None

    @model_validator(mode="after")
    def _schema_is_there(self) -> Self:
        if self.type == "json_schema" and self.schema_ is None:
            raise ValueError("text.format of type json_schema needs a schema")
        return self


class TextOptions(Strict):
    """How the text is written."""

    format: TextFormat | None = None


class ResponsesRequest(SamplingRequest):
    """The body of POST /v1/responses."""

    input: (
        Annotated[str, StringConstraints(min_length=1)]
        | Annotated[list[InputItem], Field(min_length=1, max_length=2048)]
    )
    instructions: str | None = Field(None, max_length=1 << 20)
    max_output_tokens: int | None = Field(None, ge=1, le=MAX_TOKENS)
    previous_response_id: str | None = Field(None, max_length=128)
    tools: Annotated[list[ResponseTool], Field(max_length=128)] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedResponseTool | None = None
    text: TextOptions | None = None
    store: bool | None = None
    truncation: Literal["auto", "disabled"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _refuse_what_is_not_here(cls, values: Any) -> Any:
        return refuse_fields(values, NOT_HERE)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.n not in (None, 1):
            raise ValueError("n is not part of this API; ask several times")
        named = self.tool_choice.name if isinstance(self.tool_choice, NamedResponseTool) else None
        if (named or self.tool_choice == "required") and not self.tools:
            raise ValueError("tool_choice asks for a tool, and tools is empty")
        if named and named not in {tool.name for tool in self.tools or ()}:
            raise ValueError(f"tool_choice names {named!r}, which is not among tools")
        return self

    def job(self, settings: Settings, previous: Turn | None) -> Job:
        messages = _history(previous)
        if self.instructions:
            messages = [{"role": "system", "content": self.instructions}, *messages]
        choice = self.tool_choice
        if isinstance(choice, NamedResponseTool):
            choice = {"type": "function", "function": {"name": choice.name}}  # type: ignore[assignment]
        return Job(
            messages=(*messages, *self._messages()),
            sampling=self.sampling(self.max_output_tokens or settings.answer.max_tokens, settings.model),
            tools=tuple(_tool(tool) for tool in self.tools or ()),
            tool_choice=choice or "auto",  # type: ignore[arg-type]
            response_format=self._response_format(),
            adapters=self.aion.adapters,
        )

    def _messages(self) -> list[Json]:
        if isinstance(self.input, str):
            return [{"role": "user", "content": self.input}]
        messages: list[Json] = []
        for number, item in enumerate(self.input):
            _append_item(messages, item, f"input[{number}]")
        if not messages:
            raise BadInput("input holds no message", param="input")
        return messages

    def _response_format(self) -> Json | None:
        wanted = self.text.format if self.text else None
        if wanted is None or wanted.type == "text":
            return None
        if wanted.type == "json_object":
            return {"type": "json_object"}
        return {"type": "json_schema", "json_schema": {"name": wanted.name, "schema": wanted.schema_}}


def _history(previous: Turn | None) -> list[Json]:
    """The messages of the response this one continues, and its answer; its instructions do not carry over."""
    if previous is None:
        return []
    messages = [message for message in previous.messages if message["role"] != "system"]
    return messages + [answer.message for answer in previous.answers[:1]]


def _append_item(messages: list[Json], item: InputItem, param: str) -> None:
    if item.type == "message":
        text = _text_of(item.content, f"{param}.content")
        if not text and item.role != "assistant":
            raise BadInput(f"{param}.content is empty", param=f"{param}.content")
        messages.append({"role": "system" if item.role == "developer" else item.role, "content": text})
    elif item.type == "function_call":
        call = {"id": item.call_id, "type": "function", "function": {"name": item.name, "arguments": item.arguments}}
        if messages and messages[-1].get("tool_calls"):
            messages[-1]["tool_calls"].append(call)
        else:
            messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
    elif item.type == "function_call_output":
        messages.append(
            {"role": "tool", "tool_call_id": item.call_id, "content": _text_of(item.output, f"{param}.output")}
        )


def _text_of(content: str | list[InputPart] | None, param: str) -> str:
    if isinstance(content, str) or content is None:
        return content or ""
    for part in content:
        if part.type == "input_image":
            refuse_image(part.image_url or "", param)
    return "\n".join(part.text or "" for part in content)


def _tool(tool: ResponseTool) -> Json:
    return {"type": "function", "function": tool.model_dump(exclude={"type"}, exclude_none=True)}
