"""Finds memories by their words: SQLite's FTS5, kept in the transaction of the memory it describes.

Each word is stored behind eight digits of its owner's hash, so one person's words are no words to another. BM25's
own counts (how many memories there are, how long they are) are those of everybody together.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence

import apsw

from aion.store.database import fetch
from aion.store.memory_rows import clean_terms

PREFIX_DIGITS = 8
CACHED = 20_000
STALE_SHARE = 8  # a frequency may be wrong by one part in this many
SEARCH = "SELECT rowid, -rank FROM memory_words WHERE memory_words MATCH ? ORDER BY rank LIMIT ?"
SEARCH_WITHIN = """
    SELECT memories.seq, -rank FROM memory_words JOIN memories ON memories.seq = memory_words.rowid
    WHERE memory_words MATCH ? AND updated >= ? AND updated < ? ORDER BY rank LIMIT ?
"""


def tokens_of(terms: str, owner: str) -> list[str]:
    """The terms as the index holds them for this owner."""
    prefix = hashlib.sha256(owner.encode()).hexdigest()[:PREFIX_DIGITS]
    return [prefix + term for term in terms.split()]


def add_words(connection: apsw.Connection, seq: int, *, terms: str, owner: str) -> None:
    given = (seq, " ".join(tokens_of(terms, owner)))
    connection.execute("INSERT INTO memory_words (rowid, terms) VALUES (?, ?)", given)


def drop_words(connection: apsw.Connection, seq: int, *, terms: str, owner: str) -> None:
    """Take a row out again; `terms` must be those it was added with."""
    given = ("delete", seq, " ".join(tokens_of(terms, owner)))
    connection.execute("INSERT INTO memory_words (memory_words, rowid, terms) VALUES (?, ?, ?)", given)


class Frequencies:
    """How many memories hold a word. Counting reads every one of them, so counts are kept.

    A count is good until its owner has changed so many memories that it could be off by more than an eighth. Safe to
    use from any thread.
    """

    def __init__(self, size: int = CACHED) -> None:
        self._size = size
        self._known: OrderedDict[str, tuple[int, int]] = OrderedDict()  # count, and the version it was counted at
        self._lock = threading.Lock()

    def count(self, connection: apsw.Connection, token: str, version: int) -> int:
        with self._lock:
            known = self._known.get(token)
            if known and abs(version - known[1]) * STALE_SHARE <= known[0]:
                self._known.move_to_end(token)
                return known[0]
        found = fetch(connection, "SELECT doc FROM memory_frequencies WHERE term = ?", (token,))
        count = int(found[0][0]) if found else 0
        with self._lock:
            self._known[token] = (count, version)
            self._known.move_to_end(token)
            while len(self._known) > self._size:
                self._known.popitem(last=False)
        return count


def pick_tokens(counts: Iterable[tuple[str, int]], budget: int) -> list[str]:
    """The rarest tokens that stand in `budget` rows together; at least one that stands anywhere."""
    picked: list[str] = []
    left = budget
    for token, count in sorted(counts, key=lambda pair: (pair[1], pair[0])):
        if count and picked and count > left:
            break
        if count:
            picked.append(token)
            left -= count
    return picked


def search_words(
    connection: apsw.Connection, tokens: Sequence[str], *, limit: int, since: float | None, until: float | None
) -> list[tuple[int, float]]:
    """(seq, BM25 score), best first."""
    query = " OR ".join(f'"{token}"' for token in tokens)
    if since is None and until is None:
        return [(seq, score) for seq, score in fetch(connection, SEARCH, (query, limit))]
    start = float("-inf") if since is None else since
    end = float("inf") if until is None else until
    return [(seq, score) for seq, score in fetch(connection, SEARCH_WITHIN, (query, start, end, limit))]


def clean_words(terms: Iterable[str]) -> str:
    """The distinct terms of a question, cleaned as those of a memory are."""
    return " ".join(dict.fromkeys(clean_terms(" ".join(terms)).split()))
