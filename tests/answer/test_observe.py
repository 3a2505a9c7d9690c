"""What is observed of a turn is read beside the answers, never between them."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from aion.answer import observe
from aion.memory.statements import LIMIT, statements_of
from tests.answer.scripted import open_house

pytestmark = pytest.mark.anyio
FACT = "My boat is called Gaivota."


async def test_a_pasted_book_is_read_while_others_are_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[tuple[int, bool]] = []

    def note(text: str) -> str | None:
        read.append((len(text), threading.current_thread() is threading.main_thread()))
        return statements_of(text)

    monkeypatch.setattr(observe, "statements_of", note)
    house = open_house(tmp_path, lambda _said: ("Noted.", 0.9), ("boat",))
    book = f"{FACT} " * 4000
    await house.say(book)
    assert read == [(len(book), False)]
    [kept] = house.store.memories.listed(owner="ana")
    assert kept.text.startswith(FACT)
    assert len(kept.text) <= LIMIT
    assert house.memory.observer.failures == 0
    await house.close()


async def test_what_was_told_a_moment_ago_is_waited_for(tmp_path: Path) -> None:
    house = open_house(tmp_path, lambda _said: ("Noted.", 0.9), ("boat",))
    await house.ask(FACT, "c1")
    asked = await house.ask("What is my boat called?", "c2")
    assert [one["place"] for one in asked.steps["recall"]["items"]] == [1]
    await house.close()
