"""What a store promises; SQLite implements it embedded, Postgres at scale, both held to tests/contracts/test_store.py.

Writes return a future that resolves only once the rows are durable (they survive a power cut). Rows are appended and
never changed, except that a key may be revoked. Reads see every resolved write. A turn is visible to its owner alone;
`owner=None` reads everyone's and is for administrators.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Protocol

from aion.records import AuditEntry, Conversation, Finding, Json, Key, Turn


class Store(Protocol):
    """Keeps rows. Safe to call from any thread; writes are serialised by the store itself."""

    def append_turn(self, turn: Turn) -> Future[None]:
        """Append; resolves when durable. A second turn with the same id fails with Conflict and changes nothing."""
        ...

    def turn(self, turn_id: str, *, owner: str | None) -> Turn | None: ...

    def turns(
        self, *, owner: str | None, conversation: str | None = None, after: str | None = None, limit: int = 100
    ) -> list[Turn]:
        """Oldest first, by id; those whose id sorts behind `after`."""
        ...

    def conversations(self, *, owner: str | None, before: float | None = None, limit: int = 100) -> list[Conversation]:
        """Most recently used first; `before` continues a listing by the `updated` of its last row."""
        ...

    def continues(self, messages: Sequence[Json], *, owner: str) -> str | None:
        """The conversation that recorded the last assistant message here as an answer to the same messages before it.

        This is how a client that knows nothing of AION, and sends its whole history each time, stays in one
        conversation. Keys that are null or empty make no difference. Of several, the one last used this way.
        """
        ...

    def add_key(self, key: Key) -> Future[None]: ...

    def keys(self) -> list[Key]: ...

    def revoke_key(self, key_id: str, at: float) -> Future[bool]:
        """False when no such key was active."""
        ...

    def append_audit(self, entry: AuditEntry) -> Future[None]: ...

    def audit(self, *, limit: int = 100) -> list[AuditEntry]:
        """Newest first."""
        ...

    def verify(self) -> Iterator[Finding]:
        """Prove integrity, references and content hashes; yields what is wrong."""
        ...

    def close(self) -> None:
        """Finish queued writes, then close. Later writes fail with StorageFailed."""
        ...
