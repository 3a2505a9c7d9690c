"""What every store promises, as one suite that each implementation passes. Postgres joins with one line of examples."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from aion.errors import BadInput, Conflict, StorageFailed
from aion.records import Answer, Outcome, Scope, Turn, TurnKind, new_id
from aion.store.base import Store
from tests.contracts.conftest import Open
from tests.store.examples import HELLO, REPLY, fill, make_audit, make_key, make_turn
from tests.store.strategies import odd_turns


def exact(turn: Turn | None) -> str:
    """As JSON text with sorted keys, where 1, 1.0 and true differ as they do not in Python."""
    assert turn is not None
    return json.dumps(turn, default=lambda record: {k: getattr(record, k) for k in record.__slots__}, sort_keys=True)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))  # one store serves all examples
@given(turn=odd_turns)
def test_a_turn_comes_back_exactly(store: Store, turn: Turn) -> None:
    store.append_turn(turn).result()
    found = store.turn(turn.id, owner=turn.owner)
    assert found == turn
    assert exact(found) == exact(turn)


def test_what_was_written_is_there_after_a_restart(open_store: Open) -> None:
    store = open_store()
    turns, key, entry = fill(store), make_key(), make_audit()
    store.add_key(key).result()
    store.append_audit(entry).result()
    store.close()
    store = open_store()
    assert (store.turns(owner="ana"), store.keys(), store.audit()) == (turns, [key], [entry])
    store.close()


def test_a_second_turn_of_the_same_id_changes_nothing(store: Store) -> None:
    first = make_turn()
    store.append_turn(first).result()
    with pytest.raises(Conflict, match="already recorded"):
        store.append_turn(make_turn(id=first.id, owner="eva", messages=({"role": "user", "content": "x"},))).result()
    assert store.turns(owner=None) == [first]


def test_a_turn_is_visible_to_its_owner_and_to_administrators_alone(store: Store) -> None:
    turn = make_turn()
    store.append_turn(turn).result()
    assert store.turn(turn.id, owner="eva") is None
    assert store.turns(owner="eva") == []
    assert store.conversations(owner="eva") == []
    assert store.turn(turn.id, owner=None) == turn


def test_a_turn_that_does_not_exist_is_none(store: Store) -> None:
    assert store.turn("turn_0", owner=None) is None


def test_two_owners_may_use_the_same_conversation_id(store: Store) -> None:
    mine, theirs = make_turn(owner="ana"), make_turn(owner="eva")
    for turn in (mine, theirs):
        store.append_turn(turn).result()
    assert store.turns(owner="ana", conversation="conv_1") == [mine]
    assert store.turns(owner="eva", conversation="conv_1") == [theirs]
    assert [(c.owner, c.turns) for c in store.conversations(owner=None)] == [("eva", 1), ("ana", 1)]


def test_turns_are_listed_oldest_first_and_continued_after_an_id(store: Store) -> None:
    turns = fill(store, 5)
    page = store.turns(owner="ana", limit=2)
    assert page == turns[:2]
    assert store.turns(owner="ana", after=page[-1].id, limit=2) == turns[2:4]
    assert store.turns(owner="ana", conversation="conv_1", after=turns[3].id) == turns[4:]
    assert store.turns(owner="ana", conversation="conv_2") == []
    assert store.turns(owner="ana", limit=0) == []


def test_the_turn_before_is_of_the_same_person_and_conversation(store: Store) -> None:
    turns = fill(store, 3)
    for other in (make_turn(owner="eva"), make_turn(conversation="conv_2")):
        store.append_turn(other).result()
    last = make_turn()
    assert store.turn_before(last) == turns[2]
    assert store.turn_before(turns[1]) == turns[0]
    assert store.turn_before(turns[0]) is None


def test_conversations_are_listed_by_last_use_and_continued(store: Store) -> None:
    for conversation, started in (("a", 1.0), ("b", 2.0), ("c", 3.0), ("a", 4.0)):
        store.append_turn(make_turn(conversation=conversation, started=started)).result()
    page = store.conversations(owner="ana", limit=2)
    assert [(c.id, c.started, c.updated, c.turns) for c in page] == [("a", 1.0, 4.0, 2), ("c", 3.0, 3.0, 1)]
    assert [c.id for c in store.conversations(owner="ana", before=page[-1].updated)] == ["b"]


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ("Who was\n Ada?", "Who was Ada?"),
        (
            [{"type": "text", "text": "What is"}, {"type": "image_url"}, {"type": "text", "text": "this?"}],
            "What is this?",
        ),
        ("word " * 40, "word " * 15 + "word…"),
        (None, ""),
        ([{"type": "image_url"}], ""),
    ],
)
def test_a_conversation_is_titled_by_its_first_question(store: Store, content: Any, title: str) -> None:
    system = {"role": "system", "content": "Be short."}
    store.append_turn(make_turn(messages=(system, {"role": "user", "content": content}))).result()
    store.append_turn(make_turn(messages=({"role": "user", "content": "later"},))).result()
    assert [c.title for c in store.conversations(owner="ana")] == [title]
    assert len(title) <= 80


def test_a_history_sent_again_continues_its_conversation(store: Store) -> None:
    said = {**REPLY, "refusal": None, "tool_calls": [], "audio": {"id": None}}
    store.append_turn(make_turn(answers=(Answer(message=said, finish="stop"),))).result()
    assert store.continues([HELLO, REPLY, {"role": "user", "content": "And then?"}], owner="ana") == "conv_1"
    assert store.continues([HELLO, said], owner="ana") == "conv_1"


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [HELLO],
        [REPLY],
        [{"role": "system", "content": "x"}, HELLO, REPLY],
        [{**HELLO, "content": "Who is Ada Lovelace?"}, REPLY],
        [HELLO, {**REPLY, "content": ""}],
        [HELLO, {**REPLY, "name": "x"}],
        [HELLO, REPLY, {"role": "user", "content": "And?"}, REPLY],
    ],
)
def test_another_history_continues_nothing(store: Store, messages: list[Any]) -> None:
    store.append_turn(make_turn()).result()
    assert store.continues(messages, owner="ana") is None


def test_nobody_continues_a_conversation_of_somebody_else(store: Store) -> None:
    store.append_turn(make_turn()).result()
    assert store.continues([HELLO, REPLY], owner="eva") is None


def test_any_of_several_answers_can_be_continued(store: Store) -> None:
    other = {"role": "assistant", "content": "A mathematician."}
    turn = make_turn(answers=(Answer(message=REPLY, finish="stop"), Answer(message=other, finish="length")))
    store.append_turn(turn).result()
    assert store.continues([HELLO, other], owner="ana") == "conv_1"


def test_of_two_like_conversations_the_later_one_continues(store: Store) -> None:
    said = {**REPLY, "refusal": None}
    store.append_turn(make_turn(conversation="first")).result()
    store.append_turn(make_turn(conversation="second", answers=(Answer(message=said, finish="stop"),))).result()
    assert store.continues([HELLO, REPLY], owner="ana") == "second"
    store.append_turn(make_turn(conversation="third")).result()
    assert store.continues([HELLO, REPLY], owner="ana") == "third"


def test_a_question_asked_again_in_other_words_stays_in_its_conversation(store: Store) -> None:
    turns = fill(store, 3)
    history = [*turns[1].messages[:2], {"role": "user", "content": "question 1, but clearer"}]
    assert store.continues(history, owner="ana") == "conv_1"


@pytest.mark.parametrize(
    "changes",
    [
        {"answers": (), "outcome": Outcome.FAILED, "error": "the engine said: \0 \ud800"},
        {"answers": (), "outcome": Outcome.CANCELLED},
        {
            "answers": (Answer(message={**REPLY, "content": "The fi"}, finish="cancelled"),),
            "outcome": Outcome.CANCELLED,
        },
        {"answers": (Answer(message=REPLY, finish="stop"),) * 3},
        {"messages": (), "answers": ()},
        {"kind": TurnKind.COMPLETION, "messages": ({"role": "user", "content": "Once upon a"},)},
        {"messages": ({"role": "user", "content": "half a pair \ud83d, NUL \0, 10**40", "n": 10**40},)},
    ],
)
def test_every_end_of_a_turn_is_kept(store: Store, changes: dict[str, Any]) -> None:
    turn = make_turn(**changes)
    store.append_turn(turn).result()
    assert exact(store.turn(turn.id, owner="ana")) == exact(turn)
    assert list(store.verify()) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"started": float("nan")},
        {"params": {"temperature": float("inf")}},
        {"params": {"temperature": {1, 2}}},
        {"timings": {"decode": float("nan")}},
        {"owner": "an\0a"},
        {"conversation": "\ud800"},
    ],
)
def test_what_cannot_be_kept_exactly_is_refused(store: Store, changes: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        store.append_turn(make_turn(**changes)).result()
    store.append_turn(make_turn()).result()
    assert len(store.turns(owner=None)) == 1


def test_a_key_is_revoked_once(store: Store) -> None:
    key = make_key(scope=Scope.ADMIN, expires=5.0)
    store.add_key(key).result()
    assert store.keys() == [key]
    assert store.revoke_key(key.id, at=2.0).result() is True
    assert store.keys()[0].revoked == 2.0
    assert store.revoke_key(key.id, at=3.0).result() is False
    assert store.keys()[0].revoked == 2.0
    assert store.revoke_key("key_0", at=3.0).result() is False


def test_a_key_or_secret_cannot_be_added_twice(store: Store) -> None:
    key = make_key()
    store.add_key(key).result()
    for double in (make_key(id=key.id), make_key(secret_hash=key.secret_hash)):
        with pytest.raises(Conflict):
            store.add_key(double).result()
    assert store.keys() == [key]


def test_audit_is_listed_newest_first(store: Store) -> None:
    entries = [make_audit(at=float(at)) for at in range(3)]
    for entry in entries:
        store.append_audit(entry).result()
    assert store.audit() == entries[::-1]
    assert store.audit(limit=1) == entries[2:]
    with pytest.raises(Conflict):
        store.append_audit(entries[0]).result()


def test_audit_goes_on_behind_an_entry_also_among_those_of_one_moment(store: Store) -> None:
    entries = [make_audit(id=f"audit_{number}", at=float(number // 3)) for number in range(7)]
    for entry in entries:
        store.append_audit(entry).result()
    for place, entry in enumerate(entries[::-1], start=1):
        assert store.audit(before=entry.id, limit=2) == entries[::-1][place : place + 2]
    assert store.audit(before="audit_x") == []


def test_audit_is_chosen_by_who_did_what(store: Store) -> None:
    wanted = [make_audit(actor=actor, act=act) for actor in ("ana", "eva") for act in ("key.add", "key.revoke")]
    for entry in wanted:
        store.append_audit(entry).result()
    assert store.audit(actor="eva", act="key.add") == [wanted[2]]
    assert {entry.act for entry in store.audit(actor="ana")} == {"key.add", "key.revoke"}
    assert {entry.actor for entry in store.audit(act="key.revoke")} == {"ana", "eva"}
    assert store.audit(actor="' OR 1=1") == []


def test_a_store_in_order_has_no_findings(store: Store) -> None:
    fill(store)
    store.add_key(make_key()).result()
    store.append_audit(make_audit()).result()
    assert list(store.verify()) == []


def test_a_store_can_be_used_from_many_threads(store: Store) -> None:
    seen: list[bool] = []

    def append() -> None:
        for _ in range(20):
            turn = make_turn(id=new_id("turn"))
            store.append_turn(turn).result()
            seen.append(store.turn(turn.id, owner="ana") == turn)

    threads = [threading.Thread(target=append) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [True] * 120
    assert len(store.turns(owner="ana", limit=1000)) == 120


def test_a_caller_that_goes_away_does_not_take_its_write_along(store: Store) -> None:
    turn = make_turn()
    assert store.append_turn(turn).cancel() is False
    store.append_audit(make_audit()).result()
    assert store.turn(turn.id, owner="ana") == turn


def test_closing_finishes_what_waits_and_then_refuses(open_store: Open) -> None:
    store = open_store()
    waiting = [store.append_turn(make_turn()) for _ in range(50)]
    store.close()
    store.close()
    assert [future.result() for future in waiting] == [None] * 50
    with pytest.raises(StorageFailed):
        store.append_turn(make_turn()).result()
    with pytest.raises(StorageFailed):
        store.turns(owner=None)
