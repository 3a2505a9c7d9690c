"""A turn on a real store with the fake model: what is recorded, when, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from aion.answer.events import Ask, Event, Finished, Piece, Started
from aion.answer.turn import Answerer
from aion.errors import Overloaded, Unavailable
from aion.models.base import Job, Sampling
from aion.models.fake import FakeGenerator
from aion.models.queue import AdmissionQueue
from aion.records import Json, Outcome, Turn, TurnKind
from aion.store.sqlite import SqliteStore

pytestmark = pytest.mark.anyio


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path)
    yield opened
    opened.close()


def make_answerer(store: Any, slots: int = 4, tokens: int = 10_000, **fake: Any) -> Answerer:
    return Answerer(FakeGenerator(**fake), store, AdmissionQueue(slots, tokens))


def make_ask(*texts: str, **options: Any) -> Ask:
    roles = ("user", "assistant")
    messages: tuple[Json, ...] = tuple({"role": roles[n % 2], "content": text} for n, text in enumerate(texts))
    job = Job(messages=messages, sampling=Sampling(max_tokens=50, seed=options.pop("seed", None)))
    return Ask(kind=TurnKind.CHAT, owner=options.pop("owner", "ana"), job=job, params={}, **options)


async def take(answerer: Answerer, ask: Ask) -> list[Event]:
    return [event async for event in answerer.take_turn(ask)]


def finished(events: list[Event]) -> Turn:
    last = events[-1]
    assert isinstance(last, Finished)
    return last.turn


async def test_events_come_in_order_and_the_turn_is_in_the_store(store: SqliteStore) -> None:
    events = await take(make_answerer(store), make_ask("good day to you"))
    assert isinstance(events[0], Started)
    assert all(isinstance(event, Piece) for event in events[1:-1])
    turn = finished(events)
    kept = store.turn(turn.id, owner="ana")
    assert kept is not None
    assert kept.answers == turn.answers
    assert kept.answers[0].message["content"] == "good day to you"
    assert (kept.outcome, kept.usage.completion) == (Outcome.COMPLETED, 4)
    assert kept.answers[0].logprobs is not None


async def test_the_last_event_waits_until_the_turn_is_durable() -> None:
    class SlowStore:
        def __init__(self) -> None:
            self.written: Future[None] = Future()

        def append_turn(self, turn: Turn) -> Future[None]:
            return self.written

    slow = SlowStore()
    events: list[Event] = []

    async def collect() -> None:
        events.extend([event async for event in make_answerer(slow).take_turn(make_ask("hello"))])

    task = asyncio.create_task(collect())
    await asyncio.sleep(0.1)
    assert not task.done()
    slow.written.set_result(None)
    await task
    assert isinstance(events[-1], Finished)


async def test_a_history_that_is_sent_again_stays_in_one_conversation(store: SqliteStore) -> None:
    answerer = make_answerer(store)
    first = finished(await take(answerer, make_ask("hello")))
    second = finished(await take(answerer, make_ask("hello", "hello", "and now?")))
    other = finished(await take(answerer, make_ask("hello", "something I never said", "and now?")))
    assert second.conversation == first.conversation
    assert other.conversation != first.conversation


async def test_a_history_continues_only_ones_own_conversation(store: SqliteStore) -> None:
    answerer = make_answerer(store)
    first = finished(await take(answerer, make_ask("hello")))
    stranger = finished(await take(answerer, make_ask("hello", "hello", "and now?", owner="rui")))
    assert stranger.conversation != first.conversation


async def test_leaving_early_stops_the_model_and_records_what_was_said(store: SqliteStore, tmp_path: Path) -> None:
    answerer = make_answerer(store, delay_s=0.01)
    turn = answerer.take_turn(make_ask("one two three four five"))
    async for event in turn:
        if isinstance(event, Piece) and event.delta.text.startswith("two"):
            break
    await turn.aclose()
    assert isinstance(answerer.generator, FakeGenerator)
    assert (answerer.generator.running, answerer.generator.stopped, answerer.queue.running) == (0, 1, 0)
    store.close()  # waits for the write
    reopened = SqliteStore(tmp_path)
    kept = reopened.turns(owner="ana")
    reopened.close()
    assert [(turn.outcome, turn.answers[0].message["content"]) for turn in kept] == [(Outcome.CANCELLED, "one two ")]


async def test_a_model_that_fails_midway_leaves_a_failed_turn(store: SqliteStore) -> None:
    with pytest.raises(Unavailable):
        await take(make_answerer(store, fail_at=2), make_ask("one two three"))
    [kept] = store.turns(owner="ana")
    assert (kept.outcome, kept.answers[0].message["content"]) == (Outcome.FAILED, "one two ")
    assert kept.error


async def test_a_model_that_fails_before_a_word_leaves_nothing(store: SqliteStore) -> None:
    with pytest.raises(Unavailable):
        await take(make_answerer(store, fail_at=0), make_ask("one two three"))
    assert store.turns(owner="ana") == []


async def test_several_choices_are_one_turn_and_a_seed_repeats_them(store: SqliteStore) -> None:
    answerer = make_answerer(store, shuffle=True)
    turns = [finished(await take(answerer, make_ask("a b c d e f g", choices=3, seed=5))) for _ in range(2)]
    said = [[answer.message["content"] for answer in turn.answers] for turn in turns]
    assert said[0] == said[1]
    assert len(set(said[0])) == 3
    assert turns[0].usage.completion == 21


async def test_too_much_work_is_refused_and_not_recorded(store: SqliteStore) -> None:
    answerer = make_answerer(store, slots=1, tokens=100, delay_s=0.05)
    running = [asyncio.create_task(take(answerer, make_ask("one two"))) for _ in range(2)]
    await asyncio.sleep(0.02)
    with pytest.raises(Overloaded) as refused:
        await take(answerer, make_ask("three"))
    assert refused.value.retry_after is not None
    await asyncio.gather(*running)
    assert len(store.turns(owner="ana")) == 2
