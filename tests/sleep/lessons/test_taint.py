"""P9 where lessons are made: no word of what nobody approved is in a lesson or an example of it.

Every page and every answer carries a mark of its own. A journal, kept beside the store and knowing nothing of it, says
which marks a person's lessons may hold now; the builder's lessons and examples are searched for all others.
"""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections import defaultdict
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from aion.errors import Refused
from aion.memory import documents, keeper, writing
from aion.memory.provenance import hash_of
from aion.records import Label, Memory, Turn
from aion.sleep.lessons import find, turns
from aion.sleep.lessons.phrasing.make import phrase, prompt_of
from tests.proofs import share_of
from tests.sleep.days import Days

OWNERS = ("ana", "rui")
CONVERSATIONS = ("c1", "c2", "c3")
SHM = "/dev/shm" if Path("/dev/shm").is_dir() else None  # what is learned does not hang on a disk
THINGS = ("harbour", "quarry", "orchard", "station", "chapel")


class Lives:
    """What people do, and the journal of it."""

    def __init__(self, folder: Path) -> None:
        self.days = Days(folder)
        self.store, self.keeper = self.days.store, self.days.keeper
        self._numbers = itertools.count(1)
        self.pages: dict[tuple[str, str], str] = {}  # (owner, mark) -> document
        self.approved: set[tuple[str, str]] = set()  # (owner, document)
        self.answers: dict[tuple[str, str], tuple[set[str], bool]] = {}  # (owner, mark) -> pages shown, all approved
        self.shown: defaultdict[tuple[str, str], tuple[set[str], bool]] = defaultdict(lambda: (set(), True))
        self.foreign: defaultdict[str, set[str]] = defaultdict(set)  # marks that came as somebody else's export
        self.turns: defaultdict[str, list[tuple[Turn, str]]] = defaultdict(list)

    def memories(self, owner: str) -> list[Memory]:
        return self.store.memories.listed(owner=owner, limit=1000)[::-1]

    def pick(self, owner: str, pick: int) -> Memory | None:
        known = self.memories(owner)
        return known[pick % len(known)] if known else None

    def mark(self) -> str:
        return f"zq{next(self._numbers)}q"

    def is_approved(self, owner: str, mark: str) -> bool:
        return (owner, self.pages.get((owner, mark), "")) in self.approved

    def forbidden(self, owner: str) -> set[str]:
        """By the journal."""
        found = {mark for who, mark in self.pages if who == owner and not self.is_approved(owner, mark)}
        for (who, mark), (pages, were_approved) in self.answers.items():
            fine = were_approved and all(self.is_approved(owner, page) for page in pages)
            if who == owner and not fine:
                found.add(mark)
        return found | self.foreign[owner]

    def check(self) -> None:
        for owner in OWNERS:
            found = self.days.lessons(owner).lessons
            said = "\n".join(f"{one.question}\n{one.answer}\n{one.statement}\n{one.rejected}" for one in found)
            made = phrase(found, found, held_out=2, contrasts=1)
            said += "\n".join(f"{prompt_of(one)}\n{one.answer}\n{one.rejected}" for one in made)
            for mark in self.forbidden(owner):
                assert mark not in said.lower(), f"{owner} would learn {mark}, and nobody stands behind it"

    async def say(self, owner: str, conversation: str) -> None:
        text = f"My box {self.mark()} stands in the {THINGS[next(self._numbers) % 5]}."
        await self.days.say(text, owner=owner, conversation=conversation)

    async def read(self, owner: str) -> None:
        mark = self.mark()
        page = f"The {THINGS[next(self._numbers) % 5]} {mark} is owned by Brandex {mark} Limited."
        for memory in await self.days.read(page, owner=owner):
            self.pages[owner, mark] = memory.document

    async def approve(self, owner: str, pick: int, *, right: bool) -> None:
        known = [one for one in self.store.memories.documents(owner=owner) if one.hash]
        if not known:
            return
        document = known[pick % len(known)]
        try:
            await self.keeper.approve(owner, document.id, document.hash if right else hash_of("other"))
        except Refused:
            return
        self.approved.add((owner, document.id))

    async def revoke(self, owner: str, pick: int) -> None:
        known = self.store.memories.documents(owner=owner)
        if known:
            document = known[pick % len(known)]
            await self.keeper.revoke(owner, document.id)
            self.approved.discard((owner, document.id))

    async def doubt(self, owner: str, pick: int) -> None:
        """Take back the approval of a page that an answer was shown."""
        shown = sorted({page for (who, _), (pages, _) in self.answers.items() if who == owner for page in pages})
        document = self.pages.get((owner, shown[pick % len(shown)]), "") if shown else ""
        if self.store.memories.document(document, owner=owner):
            await self.keeper.revoke(owner, document)
            self.approved.discard((owner, document))

    async def quote(self, owner: str, pick: int, conversation: str) -> None:
        """Say back what had been recalled: whose words they are does not change."""
        if memory := self.pick(owner, pick):
            await self.keeper.remember(owner, memory.text, ref=self.mark(), conversation=conversation, shown=[memory])

    async def ask(self, owner: str, pick: int, conversation: str, *, recall: bool, liked: bool) -> None:
        """A question and its answer, which says what was shown and has a mark of its own."""
        memory = self.pick(owner, pick) if recall else None
        mark = self.mark()
        answer = f"I would say that {mark} is how the matter stands. {memory.text if memory else ''}".strip()
        pages, fine = self.shown[owner, conversation]
        if memory is not None:
            held = {page for who, page in self.pages if who == owner and page in memory.text}
            stranger = any(one in memory.text for one in self.foreign[owner])
            fine = fine and not stranger and all(self.is_approved(owner, page) for page in held)
            pages = pages | held
        self.shown[owner, conversation] = pages, fine
        self.answers[owner, mark] = pages, fine
        turn = self.days.ask(
            f"What about drawer {pick % 3}?",
            answer,
            owner=owner,
            conversation=conversation,
            shown=(memory,) if memory else (),
            reward=0.8 if liked else -0.8,
            label=Label.RELIABLE if liked else Label.ERRONEOUS,
        )
        self.turns[owner].append((turn, answer))

    async def correct(self, owner: str, pick: int, *, copy: bool) -> None:
        """With words of one's own, or what the answer said and a sentence more."""
        known = [pair for pair in self.turns[owner] if self.store.turn(pair[0].id, owner=owner)]
        if known:
            turn, answer = known[pick % len(known)]
            own = f"It is in drawer {next(self._numbers)} of the desk."
            await self.days.edit(turn, f"{answer} {own}" if copy else own)

    async def choose(self, owner: str, pick: int) -> None:
        known = [pair for pair in self.turns[owner] if self.store.turn(pair[0].id, owner=owner)]
        if known:
            turn, answer = known[pick % len(known)]
            self.days.choose(turn, answer, "Something else.")

    async def edit(self, owner: str, pick: int) -> None:
        """A word more: of somebody else's text that makes it nobody's."""
        if memory := self.pick(owner, pick):
            await self.keeper.edit(owner, memory.id, f"{memory.text} Today.")

    async def forget(self, owner: str, pick: int) -> None:
        if memory := self.pick(owner, pick):
            await self.keeper.forget(owner, [memory.id])

    async def forget_conversation(self, owner: str, conversation: str) -> None:
        await self.keeper.forget_conversation(owner, conversation)
        self.shown.pop((owner, conversation), None)  # what is said there next is said to an empty page

    async def carry(self, owner: str, other: str) -> None:
        """What somebody else exported is a stranger's claim, approved or not."""
        if owner == other:
            return
        lines = list(self.keeper.export(owner))
        await self.keeper.take_in(other, lines)
        texts = " ".join(one.text for one in self.memories(owner))
        self.foreign[other] |= {word.strip(".") for word in texts.split() if word.startswith("zq")}

    async def act(self, draw: Random) -> None:
        owner, pick, conversation = draw.choice(OWNERS), draw.randrange(99), draw.choice(CONVERSATIONS)
        acts = (
            lambda: self.say(owner, conversation),
            lambda: self.read(owner),
            lambda: self.approve(owner, pick, right=draw.random() < 0.8),
            lambda: self.approve(owner, pick, right=True),
            lambda: self.revoke(owner, pick),
            lambda: self.doubt(owner, pick),
            lambda: self.quote(owner, pick, conversation),
            lambda: self.ask(owner, pick, conversation, recall=draw.random() < 0.7, liked=draw.random() < 0.7),
            lambda: self.ask(owner, pick, conversation, recall=True, liked=True),
            lambda: self.correct(owner, pick, copy=draw.random() < 0.6),
            lambda: self.choose(owner, pick),
            lambda: self.edit(owner, pick),
            lambda: self.forget(owner, pick),
            lambda: self.forget_conversation(owner, conversation),
            lambda: self.carry(owner, draw.choice(OWNERS)),
        )
        await draw.choice(acts)()


owners = st.sampled_from(OWNERS)
picks = st.integers(0, 20)
conversations = st.sampled_from(CONVERSATIONS)


class Machine(RuleBasedStateMachine):
    """Every act, in any order, on a real store."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=SHM)
        self.lives = Lives(Path(self.folder.name))
        self.runner = asyncio.Runner()

    def teardown(self) -> None:
        self.runner.close()
        self.lives.store.close()
        self.folder.cleanup()

    @rule(owner=owners, conversation=conversations)
    def say(self, owner: str, conversation: str) -> None:
        self.runner.run(self.lives.say(owner, conversation))

    @rule(owner=owners)
    def read(self, owner: str) -> None:
        self.runner.run(self.lives.read(owner))

    @rule(owner=owners, pick=picks, right=st.booleans())
    def approve(self, owner: str, pick: int, right: bool) -> None:
        self.runner.run(self.lives.approve(owner, pick, right=right))

    @rule(owner=owners, pick=picks)
    def revoke(self, owner: str, pick: int) -> None:
        self.runner.run(self.lives.revoke(owner, pick))

    @rule(owner=owners, pick=picks)
    def doubt(self, owner: str, pick: int) -> None:
        self.runner.run(self.lives.doubt(owner, pick))

    @rule(owner=owners, pick=picks, conversation=conversations)
    def quote(self, owner: str, pick: int, conversation: str) -> None:
        self.runner.run(self.lives.quote(owner, pick, conversation))

    @rule(owner=owners, pick=picks, conversation=conversations, recall=st.booleans(), liked=st.booleans())
    def ask(self, owner: str, pick: int, conversation: str, recall: bool, liked: bool) -> None:
        self.runner.run(self.lives.ask(owner, pick, conversation, recall=recall, liked=liked))

    @rule(owner=owners, pick=picks, copy=st.booleans())
    def correct(self, owner: str, pick: int, copy: bool) -> None:
        self.runner.run(self.lives.correct(owner, pick, copy=copy))

    @rule(owner=owners, pick=picks)
    def choose(self, owner: str, pick: int) -> None:
        self.runner.run(self.lives.choose(owner, pick))

    @rule(owner=owners, pick=picks)
    def edit(self, owner: str, pick: int) -> None:
        self.runner.run(self.lives.edit(owner, pick))

    @rule(owner=owners, pick=picks)
    def forget(self, owner: str, pick: int) -> None:
        self.runner.run(self.lives.forget(owner, pick))

    @rule(owner=owners, conversation=conversations)
    def forget_conversation(self, owner: str, conversation: str) -> None:
        self.runner.run(self.lives.forget_conversation(owner, conversation))

    @rule(owner=owners, other=owners)
    def carry(self, owner: str, other: str) -> None:
        self.runner.run(self.lives.carry(owner, other))

    @invariant()
    def nothing_untrusted_would_be_learned(self) -> None:
        self.lives.check()


TestMachine = pytest.mark.filterwarnings("default")(Machine.TestCase)
TestMachine.settings = settings(
    max_examples=12, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)


async def _here(function: Any, *given: Any, **named: Any) -> Any:
    return function(*given, **named)


@pytest.fixture(autouse=True)
def without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (documents, keeper, writing):
        monkeypatch.setattr(module.asyncio, "to_thread", _here)


def live(seed: int, acts: int = 25) -> None:
    """A random life, checked after every act."""
    draw = Random(seed)

    async def go(lives: Lives) -> None:
        for _ in range(acts):
            await lives.act(draw)
            lives.check()

    with tempfile.TemporaryDirectory(dir=SHM) as folder:
        lives = Lives(Path(folder))
        try:
            asyncio.run(go(lives))
        finally:
            lives.store.close()


def live_many(seeds: range) -> None:
    for seed in seeds:
        live(seed)


def test_twenty_lives_learn_nothing_untrusted() -> None:
    live_many(range(20))


@pytest.mark.proof
@pytest.mark.parametrize("start", range(0, 4000, 500))
def test_four_thousand_lives_learn_nothing_untrusted(start: int) -> None:
    live_many(range(start, start + share_of(500)))


@pytest.mark.parametrize(
    ("room", "name", "broken"),
    [
        (find, "may_train", lambda memory: True),
        (turns, "may_train", lambda memory: True),
        (turns, "_taint_of", lambda *_: None),
        (turns, "_takes_over", lambda *_: False),
    ],
)
def test_the_journal_notices_a_broken_rule(monkeypatch: pytest.MonkeyPatch, room: Any, name: str, broken: Any) -> None:
    monkeypatch.setattr(room, name, broken)
    with pytest.raises(AssertionError, match="nobody stands behind it"):
        live_many(range(100, 160))
