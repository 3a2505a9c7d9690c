"""What POST /v1/chat/completions may hold, with the range of every value."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from aion.config import Settings
from aion.models.base import Job
from aion.records import Json
from aion.serve.openai.base import MAX_TOKENS, SamplingRequest, Strict, refuse_fields
from aion.serve.openai.images import refuse_image

MAX_MESSAGES = 2048
NOT_HERE = {
    "audio": "answers are text",
    "functions": "it was replaced by `tools`",
    "function_call": "it was replaced by `tool_choice`",
    "web_search_options": "nothing is looked up outside this machine",
    "prediction": "predicted outputs are not implemented",
}


class ImageUrl(Strict):
    """Where an image is."""

    url: str


class ContentPart(Strict):
    """One part of a message: text, or an image."""

    type: Literal["text", "image_url"]
    text: str | None = None
    image_url: ImageUrl | None = None

    @model_validator(mode="after")
    def _has_what_it_says(self) -> Self:
        if getattr(self, self.type) is None:
            raise ValueError(f"a part of type {self.type!r} needs {self.type!r}")
        return self


class FunctionCall(Strict):
    """A call the assistant made."""

    name: str = Field(min_length=1, max_length=64)
    arguments: str = ""


class ToolCall(Strict):
    """A tool call in an assistant message."""

    id: str = Field(max_length=256)
    type: Literal["function"] = "function"
    function: FunctionCall


class Message(Strict):
    """One message."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | Annotated[list[ContentPart], Field(max_length=256)] | None = None
    name: str | None = Field(None, max_length=64)
    tool_calls: Annotated[list[ToolCall], Field(max_length=128)] | None = None
    tool_call_id: str | None = Field(None, max_length=256)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.role in ("system", "developer", "user") and not self.content:
            raise ValueError(f"a {self.role} message needs content; found {self.content!r}")
        if self.role == "tool" and (self.content is None or not self.tool_call_id):
            raise ValueError("a tool message needs content and tool_call_id")
        if self.role == "assistant" and self.content is None and not self.tool_calls:
            raise ValueError("an assistant message needs content or tool_calls")
        return self


class FunctionTool(Strict):
    """A function the model may call."""

    name: Annotated[str, StringConstraints(pattern=r"^[\w.-]{1,64}$")]
    description: str | None = Field(None, max_length=16_384)
    parameters: Json | None = None
    strict: bool | None = None


class Tool(Strict):
    """A tool; functions are the only kind."""

    type: Literal["function"]
    function: FunctionTool


class NamedFunction(Strict):
    """A function by name."""

    name: str = Field(min_length=1, max_length=64)


class NamedTool(Strict):
    """A tool that must be called."""

    type: Literal["function"]
    function: NamedFunction


class JsonSchema(Strict):
    """A named JSON schema."""

    name: str = Field("answer", max_length=64)
    schema_: Json | None = Field(None, alias="schema")
    strict: bool | None = None


class ResponseFormat(Strict):
    """What form the answer must have."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None

    @model_validator(mode="after")
    def _schema_is_there(self) -> Self:
        if self.type == "json_schema" and (self.json_schema is None or self.json_schema.schema_ is None):
            raise ValueError("response_format of type json_schema needs json_schema.schema")
        return self

    def as_json(self) -> Json | None:
        return None if self.type == "text" else self.model_dump(by_alias=True, exclude_none=True)


class StreamOptions(Strict):
    """Extras of a stream."""

    include_usage: bool | None = None


class ChatRequest(SamplingRequest):
    """The body of POST /v1/chat/completions."""

    messages: list[Message] = Field(min_length=1, max_length=MAX_MESSAGES)
    max_tokens: int | None = Field(None, ge=1, le=MAX_TOKENS)
    max_completion_tokens: int | None = Field(None, ge=1, le=MAX_TOKENS)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)
    tools: list[Tool] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    stream_options: StreamOptions | None = None
    modalities: list[Literal["text"]] | None = None

    @model_validator(mode="before")
    @classmethod
    def _refuse_what_is_not_here(cls, values: Any) -> Any:
        return refuse_fields(values, NOT_HERE)

    @field_validator("tools")
    @classmethod
    def _names_differ(cls, tools: list[Tool] | None) -> list[Tool] | None:
        names = [tool.function.name for tool in tools or ()]
        if len(set(names)) < len(names):
            raise ValueError("two tools have the same name")
        return tools

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.top_logprobs and not self.logprobs:
            raise ValueError("top_logprobs needs logprobs: true")
        forced = self.tool_choice == "required" or isinstance(self.tool_choice, NamedTool)
        if forced and not self.tools:
            raise ValueError("tool_choice asks for a tool, and tools is empty")
        if isinstance(self.tool_choice, NamedTool):
            wanted = self.tool_choice.function.name
            if wanted not in {tool.function.name for tool in self.tools or ()}:
                raise ValueError(f"tool_choice names {wanted!r}, which is not among tools")
        return self

    @property
    def include_usage(self) -> bool:
        return bool(self.stream_options and self.stream_options.include_usage)

    def job(self, settings: Settings) -> Job:
        """What the model is asked. Raises BadInput for images, which no model served here can see."""
        for number, message in enumerate(self.messages):
            for part in message.content if isinstance(message.content, list) else ():
                if part.image_url is not None:
                    refuse_image(part.image_url.url, f"messages[{number}].content")
        limit = self.max_completion_tokens or self.max_tokens or settings.answer.max_tokens
        choice = self.tool_choice.model_dump() if isinstance(self.tool_choice, NamedTool) else self.tool_choice
        return Job(
            messages=tuple(_plain(message) for message in self.messages),
            sampling=self.sampling(limit, settings.model),
            tools=tuple(tool.model_dump(exclude_none=True) for tool in self.tools or ()),
            tool_choice=choice or "auto",
            response_format=self.response_format.as_json() if self.response_format else None,
            top_logprobs=self.top_logprobs or 0,
            adapters=self.aion.adapters,
        )


def _plain(message: Message) -> Json:
    """As the engine reads it: parts joined to one text, `developer` called `system`, empty fields left out."""
    plain = message.model_dump(exclude_none=True)
    if isinstance(message.content, list):
        plain["content"] = "\n".join(part.text or "" for part in message.content)
    if message.role == "developer":
        plain["role"] = "system"
    if message.role == "assistant" and message.content is None:
        plain["content"] = None
    return plain
