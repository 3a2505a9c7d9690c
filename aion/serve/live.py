"""The replies being written right now: who they are for, and how to end them early with a reason.

Ends a reply when its client leaves, when its key is revoked, and when the server stops. It knows nothing of what a
reply holds.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator

from starlette.types import Receive

from aion.errors import AionError, Unauthorized, Unavailable


class Reply:
    """One reply; `reason` says why it was ended early, None when the client left by itself."""

    def __init__(self, key_id: str) -> None:
        self.key_id = key_id
        self.reason: AionError | None = None
        self.task: asyncio.Task[None] | None = None

    def interrupt(self, reason: AionError) -> None:
        if self.reason is None and self.task is not None:
            self.reason = reason
            self.task.cancel()


class LiveReplies:
    """All replies in flight."""

    def __init__(self) -> None:
        self._replies: set[Reply] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self.stopping = False

    def __len__(self) -> int:
        return len(self._replies)

    @contextlib.contextmanager
    def track(self, key_id: str) -> Iterator[Reply]:
        """Refuses new replies once the server is stopping."""
        if self.stopping:
            raise Unavailable("AION is stopping; ask again in a moment", code="shutting_down", retry_after=5)
        reply = Reply(key_id)
        self._replies.add(reply)
        self._empty.clear()
        try:
            yield reply
        finally:
            self._replies.discard(reply)
            if not self._replies:
                self._empty.set()

    def has(self, key_id: str) -> bool:
        return any(reply.key_id == key_id for reply in self._replies)

    def revoke(self, key_id: str) -> None:
        """End the replies of a key that is no longer valid."""
        for reply in [reply for reply in self._replies if reply.key_id == key_id]:
            reply.interrupt(Unauthorized("this key was revoked while the answer was being written"))

    async def stop(self, grace_s: float) -> None:
        """Let replies finish for a while, then end the rest with a last event."""
        self.stopping = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._empty.wait(), grace_s)
        for reply in list(self._replies):
            reply.interrupt(Unavailable("AION is stopping; the answer ends here", code="shutting_down", retry_after=5))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._empty.wait(), 2.0)


async def run_while_connected(reply: Reply, receive: Receive, work: Coroutine[None, None, None]) -> None:
    """Do `work`, and cancel it the moment the client is gone."""
    reply.task = asyncio.create_task(work)
    watcher = asyncio.create_task(_wait_gone(receive))
    try:
        await asyncio.wait({reply.task, watcher}, return_when=asyncio.FIRST_COMPLETED)
        if not reply.task.done():
            reply.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reply.task
    finally:
        watcher.cancel()
        if not reply.task.done():
            reply.task.cancel()


async def _wait_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
