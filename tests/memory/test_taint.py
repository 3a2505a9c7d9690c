"""P9 where memories are kept: nothing untrusted may train unless a person approved exactly its bytes.

The trainer's input is computed a second time from a journal of what people did (worlds.py), and must never be less.
"""

from __future__ import annotations

import asyncio
import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from aion.memory import documents, exchange, keeper, provenance, writing
from aion.records import Memory, MemoryKind, Source, Trust
from aion.store.sqlite import SqliteStore
from tests.memory.dict_store import DictStore
from tests.memory.worlds import CONVERSATIONS, OWNERS, TEXTS, World, live

owners = st.sampled_from(OWNERS)
texts = st.sampled_from(TEXTS)
conversations = st.sampled_from(CONVERSATIONS)
picks = st.integers(0, 20)


class Lives(RuleBasedStateMachine):
    """Every act of a world, in any order, on a real store."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.world = World(SqliteStore(Path(self.folder.name)))
        self.runner = asyncio.Runner()

    def do(self, act: Any) -> None:
        self.runner.run(act)

    def teardown(self) -> None:
        self.runner.close()
        self.world.store.close()
        self.folder.cleanup()

    @rule(owner=owners, text=texts, conversation=conversations, again=st.booleans())
    def say(self, owner: str, text: str, conversation: str, again: bool) -> None:
        self.do(self.world.say(owner, text, conversation, again=again))

    @rule(owner=owners, pick=picks, conversation=conversations)
    def quote(self, owner: str, pick: int, conversation: str) -> None:
        self.do(self.world.quote(owner, pick, conversation))

    @rule(owner=owners, text=texts)
    def note(self, owner: str, text: str) -> None:
        self.do(self.world.note(owner, text))

    @rule(owner=owners, text=texts, conversation=conversations)
    def correct(self, owner: str, text: str, conversation: str) -> None:
        self.do(self.world.correct(owner, text, conversation))

    @rule(owner=owners, text=texts, page=st.integers(0, 3))
    def meet(self, owner: str, text: str, page: int) -> None:
        self.do(self.world.meet(owner, text, page))

    @rule(owner=owners, said=st.lists(texts, min_size=1, max_size=3))
    def ingest(self, owner: str, said: list[str]) -> None:
        self.do(self.world.ingest(owner, said))

    @rule(owner=owners, pick=picks, right=st.booleans())
    def approve(self, owner: str, pick: int, right: bool) -> None:
        self.do(self.world.approve(owner, pick, right=right))

    @rule(owner=owners, pick=picks)
    def revoke(self, owner: str, pick: int) -> None:
        self.do(self.world.revoke(owner, pick))

    @rule(owner=owners, pick=picks, text=texts)
    def edit(self, owner: str, pick: int, text: str) -> None:
        self.do(self.world.edit(owner, pick, text))

    @rule(owner=owners, pick=picks)
    def forget(self, owner: str, pick: int) -> None:
        self.do(self.world.forget(owner, pick))

    @rule(owner=owners, conversation=conversations)
    def forget_conversation(self, owner: str, conversation: str) -> None:
        self.do(self.world.forget_conversation(owner, conversation))

    @rule(owner=owners, pick=picks)
    def forget_document(self, owner: str, pick: int) -> None:
        self.do(self.world.forget_document(owner, pick))

    @rule(owner=owners, other=owners, trusted=st.booleans())
    def carry(self, owner: str, other: str, trusted: bool) -> None:
        self.do(self.world.carry(owner, other, trusted=trusted))

    @invariant()
    def only_what_the_journal_allows_may_train(self) -> None:
        self.world.check()


TestLives = pytest.mark.filterwarnings("default")(Lives.TestCase)
TestLives.settings = settings(
    max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)


async def _here(function: Any, *given: Any, **named: Any) -> Any:
    return function(*given, **named)


@pytest.fixture
def without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dict needs no thread to be read in, and a hundred thousand lives are many threads."""
    for module in (documents, keeper, writing):
        monkeypatch.setattr(module.asyncio, "to_thread", _here)


def live_many(seeds: range) -> None:
    for seed in seeds:
        live(World(DictStore()), seed, 20)


@pytest.mark.usefixtures("without_threads")
def test_two_hundred_lives_train_on_nothing_untrusted() -> None:
    live_many(range(200))


@pytest.mark.proof
@pytest.mark.usefixtures("without_threads")
@pytest.mark.parametrize("start", range(0, 100_000, 10_000))
def test_a_hundred_thousand_lives_train_on_nothing_untrusted(start: int) -> None:
    live_many(range(start, start + 10_000))


def _stay(memory: Memory, text: str, at: float) -> Memory:
    """An edit that forgets to take the approval back."""
    sources = tuple(dataclasses.replace(source, hash=provenance.hash_of(text)) for source in memory.sources)
    return dataclasses.replace(memory, text=text, sources=sources, updated=at)


def _take_over(memory: Memory, text: str, source: Source, kind: MemoryKind) -> Memory:
    """A merger in which whoever comes last has the word."""
    return dataclasses.replace(memory, text=text, sources=(*memory.sources, source), kind=kind)


@pytest.mark.parametrize(
    ("room", "name", "broken"),
    [
        (exchange, "lower", lambda source: source),
        (provenance, "edit", _stay),
        (provenance, "join", _take_over),
        (documents, "hash_of", lambda text: "0" * 64),
        (documents, "unapproved", lambda origin: Trust.APPROVED),
        (keeper, "adds_nothing", lambda text, known: False),
    ],
)
@pytest.mark.usefixtures("without_threads")
def test_the_journal_notices_a_broken_rule(monkeypatch: pytest.MonkeyPatch, room: Any, name: str, broken: Any) -> None:
    monkeypatch.setattr(room, name, broken)
    with pytest.raises(AssertionError):
        live_many(range(200))
