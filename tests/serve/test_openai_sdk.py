"""The official SDK against the real engine, and LangChain once: nothing in a client needs to change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.serving import RunningServer

pytestmark = pytest.mark.engine
CAPITAL: list[Any] = [
    {"role": "system", "content": "You are a helpful assistant. Answer in one short sentence."},
    {"role": "user", "content": "What is the capital of France?"},
]


@pytest.fixture(scope="module")
def client(real_server: RunningServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{real_server.url}/v1", api_key=real_server.key, max_retries=0) as sdk:
        yield sdk


def ask(client: OpenAI, **options: object) -> openai.types.chat.ChatCompletion:
    options = {"model": "aion", "messages": CAPITAL, "temperature": 0, "max_tokens": 24, **options}
    return client.chat.completions.create(**options)  # type: ignore[call-overload,no-any-return]


def test_a_question_gets_its_answer_and_its_usage(client: OpenAI) -> None:
    reply = ask(client)
    assert "Paris" in (reply.choices[0].message.content or "")
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage is not None
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens > 10
    assert reply.model_extra is not None
    assert reply.model_extra["aion"]["turn_id"].removeprefix("turn_") in reply.id


def test_a_stream_says_the_same_as_the_whole_answer(client: OpenAI) -> None:
    whole = ask(client).choices[0].message.content
    chunks = list(
        client.chat.completions.create(model="aion", messages=CAPITAL, temperature=0, max_tokens=24, stream=True)
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason] == ["stop"]
    assert chunks[-1].model_extra is not None
    assert "turn_id" in chunks[-1].model_extra["aion"]


def test_a_stream_reports_usage_in_a_last_chunk_when_asked(client: OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="aion",
            messages=CAPITAL,
            max_tokens=8,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 8
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_the_same_seed_gives_the_same_words(client: OpenAI) -> None:
    story = [{"role": "user", "content": "Invent a name for a boat."}]
    first, second = (ask(client, messages=story, temperature=1.0, seed=7) for _ in range(2))
    assert first.choices[0].message.content == second.choices[0].message.content


def test_several_choices_differ_and_come_in_order(client: OpenAI) -> None:
    story = [{"role": "user", "content": "Invent a name for a boat."}]
    reply = ask(client, messages=story, temperature=1.2, n=3, max_tokens=16)
    assert [choice.index for choice in reply.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in reply.choices}) > 1


def test_stop_ends_the_answer_before_the_word(client: OpenAI) -> None:
    reply = ask(client, stop=["Paris"])
    assert "Paris" not in (reply.choices[0].message.content or "")
    assert reply.choices[0].finish_reason == "stop"


def test_max_tokens_cuts_the_answer_and_says_so(client: OpenAI) -> None:
    reply = ask(client, max_tokens=2)
    assert reply.choices[0].finish_reason == "length"
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 2


def test_logprobs_come_with_as_many_alternatives_as_asked(client: OpenAI) -> None:
    reply = ask(client, logprobs=True, top_logprobs=3, max_tokens=4)
    logprobs = reply.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert len(logprobs.content) == 4
    assert all(len(token.top_logprobs) == 3 and token.logprob <= 0 for token in logprobs.content)


def test_an_answer_follows_a_json_schema(client: OpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 20}, "people": {"type": "integer"}},
        "required": ["city", "people"],
        "additionalProperties": False,
    }
    shape = {"type": "json_schema", "json_schema": {"name": "place", "schema": schema}}
    reply = ask(client, response_format=shape, max_tokens=80)
    answer = json.loads(reply.choices[0].message.content or "")
    assert set(answer) == {"city", "people"}
    assert isinstance(answer["people"], int)


WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["Paris", "Porto"]}},
            "required": ["city"],
        },
    },
}


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "get_weather"}}])
def test_a_required_tool_is_called_with_arguments_that_fit(client: OpenAI, choice: object) -> None:
    reply = ask(client, tools=[WEATHER], tool_choice=choice, max_tokens=64)
    assert reply.choices[0].finish_reason == "tool_calls"
    calls = reply.choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].function.name == "get_weather"  # type: ignore[union-attr]
    assert json.loads(calls[0].function.arguments)["city"] in ("Paris", "Porto")  # type: ignore[union-attr]


def test_a_tool_result_can_be_sent_back(client: OpenAI) -> None:
    first = ask(client, tools=[WEATHER], tool_choice="required", max_tokens=64).choices[0].message
    assert first.tool_calls is not None
    result = {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "sunny, 21 degrees"}
    reply = ask(client, messages=[*CAPITAL, first.model_dump(exclude_none=True), result], max_tokens=24)
    assert reply.choices[0].message.content


def test_a_bare_prompt_is_continued(client: OpenAI) -> None:
    reply = client.completions.create(model="aion", prompt="The capital of France is", temperature=0, max_tokens=6)
    assert "Paris" in reply.choices[0].text
    stream = client.completions.create(
        model="aion", prompt="The capital of France is", temperature=0, max_tokens=6, stream=True
    )
    assert "".join(chunk.choices[0].text for chunk in stream) == reply.choices[0].text


def test_embeddings_are_close_for_close_meanings(client: OpenAI) -> None:
    texts = ["The cat sleeps.", "A kitten is napping.", "Interest rates rose again."]
    reply = client.embeddings.create(model="aion-embed", input=texts)
    cat, kitten, rates = (item.embedding for item in reply.data)
    assert len(cat) == 384
    assert sum(value * value for value in cat) == pytest.approx(1, abs=1e-3)
    dot = [sum(a * b for a, b in zip(cat, other, strict=True)) for other in (kitten, rates)]
    assert dot[0] > dot[1] + 0.2


def test_a_shortened_embedding_has_length_one(client: OpenAI) -> None:
    reply = client.embeddings.create(model="aion-embed", input="hello", dimensions=64)
    assert len(reply.data[0].embedding) == 64
    assert sum(value * value for value in reply.data[0].embedding) == pytest.approx(1, abs=1e-4)


def test_a_response_and_the_one_that_continues_it(client: OpenAI, real_server: RunningServer) -> None:
    first = client.responses.create(
        model="aion", input="My name is Rita. Say hello.", max_output_tokens=24, temperature=0
    )
    assert first.output_text
    second = client.responses.create(
        model="aion", input="What is my name?", previous_response_id=first.id, max_output_tokens=24, temperature=0
    )
    turn = second.id.replace("resp_", "turn_")
    asked = httpx2.get(f"{real_server.url}/api/turns/{turn}", headers=real_server.headers).json()
    said = [message["content"] for message in asked["messages"] if message["role"] != "system"]
    assert said == ["My name is Rita. Say hello.", first.output_text, "What is my name?"]
    assert client.responses.retrieve(second.id).output_text == second.output_text


def test_a_streamed_response_has_its_events_in_order(client: OpenAI) -> None:
    stream = client.responses.create(model="aion", input="Say hello.", max_output_tokens=16, stream=True)
    events = list(stream)
    kinds = [event.type for event in events]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    assert [event.sequence_number for event in events] == list(range(len(events)))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert events[-1].response.output_text == text  # type: ignore[union-attr]


def test_models_are_listed_and_found(client: OpenAI) -> None:
    assert {model.id for model in client.models.list()} == {"aion", "aion-embed"}
    assert client.models.retrieve("aion").owned_by == "aion"


@pytest.mark.anyio
async def test_the_async_client_streams_too(real_server: RunningServer) -> None:
    async with AsyncOpenAI(base_url=f"{real_server.url}/v1", api_key=real_server.key) as sdk:
        stream = await sdk.chat.completions.create(model="aion", messages=CAPITAL, temperature=0, stream=True)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    assert "Paris" in text


def test_errors_arrive_as_the_sdks_own(client: OpenAI, real_server: RunningServer) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        ask(client, model="gpt-9")
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as long:
        ask(client, messages=[{"role": "user", "content": "word " * 4000}])
    assert long.value.code == "context_length_exceeded"
    with pytest.raises(openai.AuthenticationError):
        OpenAI(base_url=f"{real_server.url}/v1", api_key="wrong", max_retries=0).models.list()


def test_langchain_talks_to_it(real_server: RunningServer) -> None:
    from langchain_openai import ChatOpenAI

    chat = ChatOpenAI(base_url=f"{real_server.url}/v1", api_key=real_server.key, model="aion", temperature=0)
    assert "Paris" in str(chat.invoke([("system", CAPITAL[0]["content"]), ("human", CAPITAL[1]["content"])]).content)
    assert "".join(str(chunk.content) for chunk in chat.stream("Say hello."))
