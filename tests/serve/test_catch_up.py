"""What a kill left undone is done once after the next start: nothing acknowledged is lost, nothing is learned twice.

The embedder is the fake one, of which a number is how many seconds it takes for each word.
"""

from __future__ import annotations

import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.serve.people import MINDFUL, Person
from tests.serving import running, wait_until

SLOW = {**MINDFUL, "embedder.source": "fake:3"}  # nothing that was said is ever embedded
BUSY = {**SLOW, "engine.slots": 1, "engine.queue_tokens": 256}
FACTS = ("My boat is called Marisol.", "My dentist is called Amaral.", "Our sailing club meets on Tuesdays.")
CHAIN = "The anchor chain of the Marisol is forty metres long"


@contextmanager
def living(data: Path, flags: dict[str, Any], before: Person | None = None) -> Iterator[Person]:
    """Somebody on a server that is killed at the end; a second time on the same data with the key of the first."""
    with running(data, flags) as up:
        yield Person(up, before.key if before else up.key)
        up.stop(signal.SIGKILL)


def memories(person: Person, **query: Any) -> list[Any]:
    found: list[Any] = person.ask("GET", "/api/memory", params=query).raise_for_status().json()["data"]
    return found


def recall(person: Person, question: str) -> Any:
    return person.ask("POST", "/api/memory/recall", json={"question": question}).raise_for_status().json()


def found_first(person: Person, question: str) -> str:
    name: str = recall(person, question)["items"][0]["id"]
    return name


def tell(person: Person) -> list[str]:
    turns = (person.say(fact, aion={"conversation": f"talk-{n}"})["aion"]["turn_id"] for n, fact in enumerate(FACTS))
    return list(turns)


def is_observed(person: Person, turns: list[str]) -> Callable[[], bool]:
    return lambda: all(person.ask("GET", f"/api/experiences/{turn}").status_code == 200 for turn in turns)


def is_judged(person: Person, turn: str, explicit: float) -> Callable[[], bool]:
    return lambda: person.wait_for_experience(turn)["reward"]["explicit"] == explicit


def test_what_a_kill_left_unobserved_is_observed_once(tmp_path: Path) -> None:
    with living(tmp_path / "data", SLOW) as before:
        turns = tell(before)
        before.judge(turns[0], "thumb", value="up").raise_for_status()
        asked = before.say("What is our ship called?")["aion"]["turn_id"]
        put_right = before.judge(asked, "edit", text="Our ship is called Albatroz.").raise_for_status().json()["id"]
        assert before.get("/api/experiences")["data"] == []
        assert memories(before) == []
    for _ in range(2):  # the second start finds nothing to do
        with living(tmp_path / "data", MINDFUL, before) as person:
            wait_until(is_observed(person, [*turns, asked]))
            check_told(memories(person, kind="said"), turns)
            [correction] = memories(person, kind="correction")
            assert [source["ref"] for source in correction["sources"]] == [put_right]
            assert found_first(person, "What is our ship called?") == correction["id"]
            assert sorted(one["turn"] for one in person.get("/api/experiences")["data"]) == sorted([*turns, asked])
            assert person.get(f"/api/experiences/{turns[0]}")["reward"]["explicit"] == 1.0
            assert len(person.get("/api/feedback")["data"]) == 2


def check_told(kept: list[Any], turns: list[str]) -> None:
    assert sorted(memory["text"] for memory in kept) == sorted(FACTS)
    assert sorted(memory["sources"][0]["ref"] for memory in kept) == sorted(turns)
    assert {len(memory["sources"]) for memory in kept} == {1}


def test_a_start_brings_back_nothing_forgotten_and_nothing_cached_but_what_was_put_right_late(tmp_path: Path) -> None:
    question = "What is our ship called?"
    with living(tmp_path / "data", MINDFUL) as before:
        told, other, _ = tell(before)
        wait_until(lambda: len(memories(before)) == len(FACTS))
        [gone] = memories(before, source=told)
        before.ask("DELETE", f"/api/memory/{gone['id']}").raise_for_status()
        asked = before.say(question)["aion"]["turn_id"]
        before.judge(asked, "edit", text="Our ship is called Albatroz.").raise_for_status()
        wait_until(lambda: memories(before, kind="correction"))
        [wrong] = memories(before, kind="correction")
        before.ask("DELETE", f"/api/memory/{wrong['id']}").raise_for_status()
        like_and_repeat(before, "Is the tide high today?")
    with living(tmp_path / "data", SLOW, before) as late:  # something new about each, which this one does not get to
        for turn in (told, asked):
            late.judge(turn, "thumb", value="up").raise_for_status()
        late.judge(other, "edit", text="The dentist is called Amaro.").raise_for_status()
    with living(tmp_path / "data", MINDFUL, before) as person:
        wait_until(is_judged(person, told, 1.0))
        [kept] = wait_for(lambda: memories(person, kind="correction"))
        assert "Amaro." in kept["text"]
        assert {memory["text"] for memory in memories(person, kind="said")} == set(FACTS[1:])
        assert {gone["id"], wrong["id"]}.isdisjoint(item["id"] for item in recall(person, gone["text"])["items"])
        person.say("Is the tide high today?")
        assert person.get("/api/turns/last/why")["cache"]["outcome"] == "miss"


def like_and_repeat(person: Person, question: str) -> None:
    liked = person.say(question)["aion"]["turn_id"]
    person.judge(liked, "thumb", value="up").raise_for_status()
    wait_until(is_judged(person, liked, 1.0))
    person.say(question)
    assert person.get("/api/turns/last/why")["cache"]["outcome"] == "hit"


def wait_for(read: Callable[[], list[Any]]) -> list[Any]:
    wait_until(read)
    return read()


def test_what_was_written_while_the_embedder_was_away_is_found_by_words_at_once_and_by_meaning_later(
    tmp_path: Path,
) -> None:
    with living(tmp_path / "data", BUSY) as before:
        refused: list[int] = []
        busy = [threading.Thread(target=embed, args=(before, refused), daemon=True) for _ in range(3)]
        for thread in busy:
            thread.start()
        wait_until(lambda: refused)  # one is inside and one waits: there is no place for anybody else
        assert refused == [429]
        kept = before.remember(CHAIN)
        work = before.get("/api/status")["embedding"]
        assert work.pop("waiting_tokens") > 250
        assert work == {"embedded": 0, "missing": 1, "running": 1, "waiting": 1}
        found = recall(before, "How long is the anchor chain?")
        assert [item["id"] for item in found["items"]] == [kept["id"]]
        assert found["items"][0]["parts"]["cosine"] is None
        assert found["complete"] is False
    for thread in busy:
        thread.join(10)
    with living(tmp_path / "data", MINDFUL, before) as person:
        wait_until(lambda: (recall(person, CHAIN)["items"][0]["parts"]["cosine"] or 0) > 0.99)
        assert recall(person, CHAIN)["complete"] is True
        idle = {"running": 0, "waiting": 0, "waiting_tokens": 0}
        assert person.get("/api/status")["embedding"] == {"embedded": 1, "missing": 0, **idle}


def embed(person: Person, refused: list[int]) -> None:
    with suppress(httpx2.HTTPError):  # it ends with the server
        refused.append(person.ask("POST", "/v1/embeddings", json={"input": "anchor " * 250}).status_code)


def test_a_lost_or_damaged_index_is_made_again_while_words_answer(tmp_path: Path) -> None:
    with living(tmp_path / "data", MINDFUL) as before:
        kept = [before.remember(text)["id"] for text in (CHAIN, *FACTS)]
    for damage in (shutil.rmtree, overwrite):
        damage(tmp_path / "data" / "index")
        with living(tmp_path / "data", MINDFUL, before) as person:
            assert found_first(person, "anchor chain") == kept[0]
            wait_until(lambda: recall(person, "anchor chain")["complete"])
            index = person.get("/api/status")["memory"]["index"]
            assert (index["state"], index["vectors"], index["repaired"]) == ("ready", len(kept), len(kept))
            assert recall(person, CHAIN)["items"][0]["parts"]["cosine"] > 0.99


def overwrite(index: Path) -> None:
    for path in (path for path in index.rglob("*") if path.is_file()):
        path.write_bytes(b"\xff" * path.stat().st_size)


@pytest.mark.engine
def test_another_embedder_embeds_everything_again(tmp_path: Path) -> None:
    with living(tmp_path / "data", MINDFUL) as before:
        told = before.say(FACTS[0])["aion"]["turn_id"]
        before.remember(CHAIN)
        before.wait_for_experience(told)
    with living(tmp_path / "data", {**MINDFUL, "embedder.source": "embedded"}, before) as person:
        wait_until(lambda: person.get("/api/status")["memory"]["index"]["vectors"] == 2, timeout=30)
        [first] = recall(person, "What is the vessel's anchor made fast with?")["items"][:1]
        assert first["text"] == CHAIN
        assert first["parts"]["cosine"] > 0.35
