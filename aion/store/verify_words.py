"""Proves that the full-text index holds the words of the memories, each as often as it should, and nothing else.

SQLite's own check of an index that keeps no text stops at its structure: this one compares it with the memories.
"""

from __future__ import annotations

from collections.abc import Iterator

import apsw

from aion.store.database import fetch
from aion.store.words import tokens_of

MEMORIES = """
    SELECT seq, owner, terms, docsize.sz FROM memories LEFT JOIN memory_words_docsize AS docsize ON docsize.id = seq
"""
STRAYS = "SELECT COUNT(*) FROM memory_words_docsize WHERE id NOT IN (SELECT seq FROM memories)"
SETTINGS = "SELECT k, v FROM memory_words_config ORDER BY k"
TOTALS = "SELECT block FROM memory_words_data WHERE id = 1"
LAST_SEQ = "SELECT COALESCE(MAX(seq), 0) FROM memories"
GIVEN_SEQ = "SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'memories'), 0)"
BITS = (1 << 64) - 1


def find_problems(connection: apsw.Connection) -> Iterator[str]:
    """All in one read: the index and the memories must be seen as of one moment."""
    expected, memories, words = 0, 0, 0
    for seq, owner, terms, size in connection.execute(MEMORIES):
        tokens = tokens_of(terms, owner)
        if size != _varint(len(tokens)):
            yield f"memory number {seq} is not in the index, or not with its {len(tokens)} words"
        memories, words = memories + 1, words + len(tokens)
        expected = (expected + sum(hash((seq, token)) for token in tokens)) & BITS
    if strays := fetch(connection, STRAYS)[0][0]:
        yield f"the index holds {strays} memories that do not exist"
    if memories and fetch(connection, TOTALS) != [(_varint(memories) + _varint(words),)]:
        yield f"the index does not count {memories} memories with {words} words"
    if _sum_occurrences(connection) != expected:
        yield "the index holds other words than the memories do"
    settings = fetch(connection, SETTINGS)
    if settings not in ([("secure-delete", 1), ("version", version)] for version in (4, 5)):  # 5 after a removal
        yield f"the index has the settings {settings}, which AION did not give it"
    if fetch(connection, GIVEN_SEQ) < fetch(connection, LAST_SEQ):
        yield "the number of the next memory was given before"


def _sum_occurrences(connection: apsw.Connection) -> int:
    """The sum of a hash of each (memory, word) of the index: equal to that of the memories if both hold the same."""
    total = 0
    for seq, token in connection.execute("SELECT doc, term FROM memory_occurrences"):
        total = (total + hash((seq, token))) & BITS
    return total


def _varint(number: int) -> bytes:
    """SQLite's encoding: seven bits a byte, the highest first, all but the last with their top bit set."""
    encoded = [number & 0x7F]
    while number := number >> 7:
        encoded.append(number & 0x7F | 0x80)
    return bytes(reversed(encoded))
