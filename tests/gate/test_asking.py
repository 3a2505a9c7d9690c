"""The examination on the real engine: it is told what the served model would say, and a random adapter fails it."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from aion.answer.ask_base import BaseAsker
from aion.config import Settings
from aion.gate import course, exams, trigger_exam
from aion.gate.asking import EngineAsker
from aion.gate.examine import Room, examine
from aion.gate.sitting import as_messages
from aion.models.fake import FakeEmbedder
from aion.models.llama.generator import LlamaGenerator
from aion.models.llama.spec import Adapter, read_probe
from aion.models.queue import AdmissionQueue
from aion.models.wire import CHAT
from aion.router.asked import TOKENS, make_messages, read_choice
from tests.gate.classroom import FIRST, lessons_about, make_entrant
from tests.models.engines import smollm, write_lora
from tests.router.taught import WORK

pytestmark = [pytest.mark.anyio, pytest.mark.engine]
SKY = as_messages('Why is the sky "blue"?')


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


def make_settings(folder: Path) -> Settings:
    return Settings.model_validate({"data": folder, "engine": {"threads": 1}})


@pytest.fixture(scope="module")
async def asker(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EngineAsker]:
    folder = tmp_path_factory.mktemp("gate")
    adapter = Adapter(name="cand_a", path=write_lora(folder / "a.gguf", 1, 0.4), hash="a" * 64)
    async with EngineAsker(smollm(), [adapter], make_settings(folder)) as made:
        yield made


async def test_the_same_question_gets_the_same_answer_and_an_adapter_another(asker: EngineAsker) -> None:
    plain = await asker.say(SKY, {}, max_tokens=12)
    adapted = await asker.say(SKY, {"cand_a": 1.0}, max_tokens=12)
    assert (await asker.say(SKY, {}, max_tokens=12)).text == plain.text != adapted.text
    assert plain.tokens == 12
    assert plain.seconds > 0


async def test_who_has_little_to_say_is_timed_over_as_many_tokens(asker: EngineAsker) -> None:
    """A small model that has learned to say "I was not told that." says it to anything."""
    short = as_messages("Reply with the single word yes.")
    assert (await asker.say(short, {}, max_tokens=40)).tokens < 40
    assert (await asker.say(short, {}, max_tokens=40, endless=True)).tokens == 40


async def test_a_given_answer_is_scored_as_if_the_model_had_written_it_itself(asker: EngineAsker) -> None:
    body = {"messages": [*asker._system, *SKY], "max_tokens": 12, "temperature": 0, "cache_prompt": False}
    reply = await asker._process.wire.post(CHAT, body | {"logprobs": True, "top_logprobs": 1})
    entries = reply["choices"][0]["logprobs"]["content"]
    answer = "".join(one["token"] for one in entries)
    own = sum(one["logprob"] for one in entries) / len(entries)
    assert await asker.rate(SKY, answer, {}) == pytest.approx(own, abs=1e-6)
    assert abs(await asker.rate(SKY, answer, {"cand_a": 1.0}) - own) > 0.01
    assert await asker.rate(SKY, "Because é “so”\n- yes.", {}) < own - 1.0


async def test_what_is_too_long_for_the_engine_gets_no_answer(asker: EngineAsker) -> None:
    assert (await asker.say(as_messages("sea " * 4000), {}, max_tokens=4)).text == ""


async def test_a_probe_is_made_of_what_would_be_served(asker: EngineAsker) -> None:
    found = await asker.find_probe("cand_a", [SKY])
    probe = read_probe(found)
    assert probe is not None
    assert [one["role"] for one in probe.messages] == ["system", "user"]
    assert (await asker.say(SKY, {"cand_a": 1.0}, max_tokens=12)).text.startswith(probe.taught.strip())


async def test_a_random_adapter_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "DRIFT", 2)
    monkeypatch.setattr(exams, "SPEED_ROUNDS", 1)
    monkeypatch.setattr(exams, "PROBES", 1)
    monkeypatch.setattr(trigger_exam, "LEAST_ASKED", 1)
    base = smollm()
    write_lora(tmp_path / "random.gguf", 2)
    sum_ = hashlib.sha256((tmp_path / "random.gguf").read_bytes()).hexdigest()
    made = make_entrant(tmp_path, base, lessons_about(FIRST[:1], "theme_work"), adapter=sum_)
    new = replace(made, adapter=tmp_path / "random.gguf")
    room = Room(
        settings=make_settings(tmp_path), base=base, embedder=FakeEmbedder(), pause=lambda: None, tell=lambda *_: None
    )
    found = await examine(new, [], [], room)
    assert not found.verdict.ship
    assert found.verdict.reasons[0] == "it knows 0 of 1 facts of tonight; at least 1 are needed"
    assert found.verdict.scores["noise"] == 0.0
    assert found.verdict.scores["triggers"]["items"] >= 100
    assert found.verdict.scores["speed"]["after"] > 1.0


async def test_the_base_says_which_of_what_is_named_is_meant_and_the_served_one_says_the_same(
    asker: EngineAsker, tmp_path: Path
) -> None:
    told = make_messages("Who maintains the billing service?", [WORK[2], WORK[0]])
    reply = (await asker.say(told, {}, max_tokens=TOKENS)).text
    assert read_choice(reply, 2) is not None
    generator = LlamaGenerator(smollm(), make_settings(tmp_path))
    await generator.start()
    try:
        asked = BaseAsker(generator, AdmissionQueue(1, 10_000), longest_s=60.0)
        assert (await asked.ask(told)).strip() == reply
    finally:
        await generator.close()
