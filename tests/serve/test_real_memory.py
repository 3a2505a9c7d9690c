"""Memory with the embedded base and embedder: what is told in one conversation is known, and cited, in another."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from typing import Any

import pytest
from openai import OpenAI

from tests.serve.people import MINDFUL, Person
from tests.serving import RunningServer, running, wait_until

pytestmark = pytest.mark.engine
BOAT = "My boat is called Marisol and it is moored in Sesimbra."
EMBEDDED = {"model.source": "embedded", "embedder.source": "embedded", "engine.context": 2048}


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("real_memory") / "data", {**EMBEDDED, **MINDFUL}) as server:
        yield server


@pytest.fixture(scope="module")
def sailor(up: RunningServer) -> Person:
    """Somebody who has told of a boat, in a conversation that is over."""
    person = Person(up, up.add_key("sailor"))
    person.say(BOAT, aion={"conversation": "harbour"})
    return person


def answer_of(reply: Any) -> str:
    text: str = reply["choices"][0]["message"]["content"]
    return text


def why(person: Person, turn: str = "last") -> Any:
    return person.get(f"/api/turns/{turn}/why")


def test_what_was_told_in_one_conversation_answers_in_another_and_is_cited(sailor: Person) -> None:
    reply = sailor.say("What is the name of my boat?", aion={"cache": False})
    assert "Marisol" in answer_of(reply)
    assert reply["aion"]["conversation"] != "harbour"
    [source] = reply["aion"]["sources"]
    assert (source["text"], source["kind"], source["origin"], source["trust"]) == (BOAT, "said", "person", "own")
    assert source["hash"] == hashlib.sha256(BOAT.encode()).hexdigest()
    assert source["used"] is True
    assert 0 <= time.time() - source["at"] < 600
    assert source["cosine"] > 0.35
    assert 0 < reply["aion"]["confidence"] <= 1


def test_a_document_answers_with_its_own_origin_and_trust(up: RunningServer) -> None:
    reader = Person(up, up.add_key("reader"))
    text = "The lighthouse of Vilarelho was built in 1871 and is 34 metres high."
    reader.remember(text, document={"title": "Lighthouses", "origin": "web"})
    reply = reader.say("When was the lighthouse of Vilarelho built?")
    assert "1871" in answer_of(reply)
    [source] = reply["aion"]["sources"]
    assert (source["kind"], source["origin"], source["trust"]) == ("passage", "web", "untrusted")


def test_an_unrelated_question_recalls_nothing(sailor: Person) -> None:
    reply = sailor.say("What is the capital of France?")
    assert "Paris" in answer_of(reply)
    assert reply["aion"]["sources"] == []
    assert why(sailor)["recall"]["outcome"] == "none"


def test_without_recall_nothing_of_memory_is_shown(sailor: Person) -> None:
    reply = sailor.say("What is the name of my boat?", aion={"recall": False})
    assert reply["aion"]["sources"] == []
    assert "Marisol" not in answer_of(reply)
    assert why(sailor)["recall"] == {"outcome": "off", "below_floor": 0}


def test_somebody_else_is_answered_without_it(up: RunningServer) -> None:
    other = Person(up, up.add_key("other"))
    reply = other.say("What is the name of my boat?")
    assert reply["aion"]["sources"] == []
    assert "Marisol" not in answer_of(reply)


def test_a_liked_answer_is_given_again_for_the_same_and_a_near_same_question_to_the_same_person(
    up: RunningServer, sailor: Person
) -> None:
    question, near = "Where is my boat moored?", "So where is my boat moored?"
    liked = sailor.say(question)
    sailor.judge(liked["aion"]["turn_id"], "thumb", value="up").raise_for_status()
    turn = liked["aion"]["turn_id"]
    wait_until(lambda: sailor.wait_for_experience(turn)["reward"]["explicit"] == 1.0)
    again = sailor.say(question)
    assert answer_of(again) == answer_of(liked)
    assert why(sailor)["cache"] == {"outcome": "hit", "of": turn, "match": "exact", "cosine": None}
    assert [one["text"] for one in again["aion"]["sources"]] == [BOAT]
    assert answer_of(sailor.say(near)) == answer_of(liked)
    assert (why(sailor)["cache"]["match"], why(sailor)["cache"]["of"]) == ("near", turn)
    other = Person(up, up.add_key("another"))
    assert "Sesimbra" not in answer_of(other.say(question))
    assert why(other)["cache"] == {"outcome": "miss"}


def test_an_answer_put_right_is_recalled_when_the_question_comes_back(up: RunningServer) -> None:
    keeper = Person(up, up.add_key("keeper"))
    wrong = keeper.say("What is the code name of our next ship?")["aion"]["turn_id"]
    keeper.judge(wrong, "edit", text="The code name of our next ship is Albatroz.").raise_for_status()
    reply = keeper.say("What is the code name of our next ship?")
    assert "Albatroz" in answer_of(reply)
    [source] = reply["aion"]["sources"]
    assert (source["kind"], source["trust"], source["used"]) == ("correction", "own", True)


def test_the_last_turn_explains_itself(sailor: Person) -> None:
    turn = sailor.say("Which harbour is my boat in?", aion={"cache": False})["aion"]["turn_id"]
    told = why(sailor)
    assert told["turn_id"] == turn
    assert told["sources"][0]["text"] == BOAT
    assert told["sources"][0]["parts"]["cosine"] > 0.35
    assert (told["recall"]["outcome"], told["cache"]["outcome"]) == ("used", "off")
    assert set(told["confidence"]["parts"]) == {"probability", "entropy", "support", "agreement"}
    assert told["confidence"]["parts"]["support"] is not None
    assert {"recall_ms", "embed_ms", "search_ms", "context_ms", "first_token_ms"} <= set(told["timings"])


def test_the_official_sdk_gets_the_sources_unchanged(up: RunningServer, sailor: Person) -> None:
    question: list[Any] = [{"role": "user", "content": "What is my boat called?"}]
    with OpenAI(base_url=f"{up.url}/v1", api_key=sailor.key, max_retries=0) as sdk:
        whole = sdk.chat.completions.create(model="aion", messages=question)
        chunks = list(sdk.chat.completions.create(model="aion", messages=question, stream=True))
    assert whole.model_extra is not None
    assert [one["text"] for one in whole.model_extra["aion"]["sources"]] == [BOAT]
    assert "Marisol" in "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert chunks[-1].model_extra is not None
    assert [one["text"] for one in chunks[-1].model_extra["aion"]["sources"]] == [BOAT]
    assert all("aion" not in (chunk.model_extra or {}) for chunk in chunks[:-1])
