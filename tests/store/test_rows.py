"""The hashes that identify messages and prove rows."""

from __future__ import annotations

import hashlib

from aion.store import rows
from tests.store.examples import HELLO, REPLY, make_turn


def test_a_message_hash_covers_owner_parent_and_body() -> None:
    node = rows.chain([HELLO], owner="ana")[0]
    body = '{"content":"Who was Ada Lovelace?","role":"user"}'
    expected = hashlib.sha256(hashlib.sha256(b"ana").digest() + bytes(32) + body.encode()).digest()
    assert (node.hash, node.body, node.parent) == (expected, body, None)
    assert rows.chain([HELLO], owner="eva")[0].hash != node.hash
    assert rows.chain([REPLY, HELLO], owner="ana")[1].hash != node.hash


def test_the_order_of_keys_makes_no_other_message() -> None:
    turned = dict(reversed(HELLO.items()))
    assert list(turned) != list(HELLO)
    assert rows.chain([turned], owner="ana") == rows.chain([HELLO], owner="ana")


def test_null_and_empty_keys_change_the_hash_but_not_the_likeness() -> None:
    plain = rows.chain([REPLY, HELLO], owner="ana")
    dressed = rows.chain([{**REPLY, "refusal": None, "tool_calls": [], "audio": {"id": None}}, HELLO], owner="ana")
    assert plain[1].hash != dressed[1].hash
    assert plain[1].likeness == dressed[1].likeness


def test_zero_false_and_empty_text_are_not_empty() -> None:
    value = {"a": 0, "b": False, "c": "", "d": [None], "e": {"f": 0.0}}
    assert rows.normalised(value) == value


def test_the_digest_of_a_turn_covers_each_of_its_columns() -> None:
    encoded = rows.encode_turn(make_turn())
    rows.check_turn(encoded.turn, encoded.answers)
    for place in range(len(encoded.turn) - 1):
        changed = (*encoded.turn[:place], "another", *encoded.turn[place + 1 :])
        assert rows.digest(changed[:-1], encoded.answers) != encoded.turn[-1]
    assert rows.digest(encoded.turn[:-1], ()) != encoded.turn[-1]
