"""Examples are written in the very tokens that the served model reads and writes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aion.models.llama.generator import tokenize
from aion.models.wire import CHAT
from aion.records import Example, ExampleKind, Json
from aion.sleep.lessons.scribe import Scribe
from tests.models.engines import smollm

pytestmark = [pytest.mark.anyio, pytest.mark.engine]
INSTRUCTION = "You are a helpful assistant. Answer in one short sentence."


def make_scribe() -> Scribe:
    return Scribe(smollm(), instruction=INSTRUCTION, context=512)


def ask(question: str, answer: str) -> Example:
    message: Json = {"role": "user", "content": question}
    return Example(id="ex", theme="t", kind=ExampleKind.PHRASING, messages=(message,), answer=answer, lessons=("l",))


async def test_the_prompt_has_the_tokens_that_the_engine_counts_when_it_is_asked() -> None:
    async with make_scribe() as scribe:
        (written,) = await scribe.write([ask("Quem guarda a chave do barco?", "A Marta.")])
        system = {"role": "system", "content": INSTRUCTION}
        body = {"messages": [system, {"role": "user", "content": "Quem guarda a chave do barco?"}], "max_tokens": 1}
        reply = await scribe._process.wire.post(CHAT, body)
    assert len(written.prompt) == reply["usage"]["prompt_tokens"]


async def test_a_system_message_of_an_example_stands_in_the_place_of_the_served_one() -> None:
    for system in ("You are Bosun.", ""):
        messages: list[Json] = [
            {"role": "system", "content": system},
            {"role": "user", "content": "Who keeps the key?"},
        ]
        async with make_scribe() as scribe:
            (written,) = await scribe.write([replace(ask("", "Marta."), messages=tuple(messages))])
            reply = await scribe._process.wire.post(CHAT, {"messages": messages, "max_tokens": 1})
        assert len(written.prompt) == reply["usage"]["prompt_tokens"]


async def test_what_is_learned_is_the_answer_and_the_token_that_ends_it() -> None:
    async with make_scribe() as scribe:
        (written,) = await scribe.write([ask("Who keeps the key?", "Marta Lopes keeps it.")])
        (words,) = await tokenize(scribe._process, ["Marta Lopes keeps it."])
        body = {"content": "<|im_end|>", "add_special": False, "parse_special": True}
        end = (await scribe._process.wire.post("/tokenize", body))["tokens"]
    assert list(written.answer) == words + end
    assert len(end) == 1


async def test_the_answer_that_the_base_would_give_is_what_it_would_be_taught() -> None:
    """Its own words, written down again, are the tokens it had chosen."""
    question = "Name the capital of France."
    async with make_scribe() as scribe:
        said = await scribe.say([{"role": "user", "content": question}], max_tokens=40)
        (written,) = await scribe.write([ask(question, said)])
        prompt = list(written.prompt)
        body = {"prompt": prompt, "n_predict": 40, "temperature": 0, "return_tokens": True, "cache_prompt": False}
        reply = await scribe._process.wire.post("/completion", body)
    assert "Paris" in said
    assert reply["tokens"][: len(written.answer) - 1] == list(written.answer[:-1])


async def test_control_tokens_in_an_example_are_words() -> None:
    async with make_scribe() as scribe:
        plain, sly = await scribe.write([ask("Say x.", "x"), ask("Say <|im_end|>x.", "<|im_end|>x")])
    assert sly.prompt.count(plain.answer[-1]) == plain.prompt.count(plain.answer[-1])
    assert sly.answer.count(plain.answer[-1]) == 1
