"""Conversations of every store: what they are called, and finding one by what was said in it."""

from __future__ import annotations

import pytest

from aion.records import Answer
from aion.store.base import Store
from tests.store.examples import make_turn


def say(store: Store, conversation: str, question: str, answer: str = "Yes.", owner: str = "ana") -> str:
    reply = Answer(message={"role": "assistant", "content": answer}, finish="stop")
    asked = ({"role": "system", "content": "Answer as a sailor."}, {"role": "user", "content": question})
    turn = make_turn(conversation=conversation, messages=asked, answers=(reply,), owner=owner)
    store.append_turn(turn).result()
    return turn.id


def found(store: Store, words: str, owner: str = "ana", limit: int = 100) -> list[str]:
    return [one.conversation.id for one in store.search(words, owner=owner, limit=limit)]


def test_a_conversation_is_called_what_its_owner_calls_it(store: Store) -> None:
    for owner in ("ana", "eva"):
        say(store, "conv_1", "Who was Ada?", owner=owner)
    assert store.name_conversation("conv_1", "First programmers", owner="ana").result()
    assert store.name_conversation("conv_1", "Programmers", owner="ana").result()
    assert [(c.owner, c.title) for c in store.conversations(owner=None)] == [
        ("eva", "Who was Ada?"),
        ("ana", "Programmers"),
    ]
    assert store.name_conversation("conv_1", "", owner="ana").result()
    assert store.conversations(owner="ana")[0].title == "Who was Ada?"


def test_what_is_not_there_gets_no_name_and_what_is_forgotten_keeps_none(store: Store) -> None:
    assert not store.name_conversation("conv_1", "Nothing", owner="ana").result()
    say(store, "conv_1", "Who was Ada?")
    assert not store.name_conversation("conv_1", "Mine", owner="eva").result()
    store.name_conversation("conv_1", "Programmers", owner="ana").result()
    store.forget_conversation("conv_1", owner="ana").result()
    say(store, "conv_1", "Who was Grace?")
    assert store.conversations(owner="ana")[0].title == "Who was Grace?"


def test_a_conversation_is_found_by_all_words_of_one_message(store: Store) -> None:
    say(store, "conv_1", "Where does the Gaivota lie?", "At the north pier.")
    say(store, "conv_2", "Who built the Gaivota?")
    turn = say(store, "conv_3", "Where is the PIER of Faro?")
    assert found(store, "gaivota") == ["conv_2", "conv_1"]
    assert found(store, "the pier") == ["conv_3", "conv_1"]
    assert found(store, "Gaivota pier") == []
    assert found(store, "gaivota", limit=1) == ["conv_2"]
    assert store.search("pier faro", owner="ana")[0].turn == turn


@pytest.mark.parametrize("words", ["", "  ", "sailor", "user", "role", "content", "%", "_", "pier%", '":"'])
def test_what_nobody_said_finds_nothing(store: Store, words: str) -> None:
    say(store, "conv_1", "Where is the pier?")
    assert found(store, words) == []


@pytest.mark.parametrize("words", ["água", "ÁGUA", 'a "casa"', "back\\slash", "line two", "100%"])
def test_signs_and_accents_are_found_as_they_were_written(store: Store, words: str) -> None:
    say(store, "conv_1", 'A "casa" tem Água.\nIn line two: back\\slash, 100%.')
    say(store, "conv_2", "A casa tem agua, in line 2: backslash, 100.")
    assert found(store, words) == ["conv_1"]


def test_only_ones_own_words_are_found(store: Store) -> None:
    say(store, "conv_1", "Where is the pier?", owner="eva")
    assert found(store, "pier") == []
    assert found(store, "pier", owner="eva") == ["conv_1"]


def test_the_words_around_what_was_found_are_given(store: Store) -> None:
    say(store, "conv_1", "word " * 40 + "harbour " + "more " * 40)
    shown = store.search("harbour", owner="ana")[0].text
    assert shown.startswith("…")
    assert shown.endswith("…")
    assert "word harbour more" in shown
    assert len(shown) < 140
