"""API keys and browser sessions: who a text belongs to, making and revoking them, each act with its audit entry.

The server is the only writer, so what this ring knows is what is true: a revoked key is refused from that instant. It
keeps no secret, only SHA-256 sums; it decides who somebody is, and `guard` decides what they may do.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import re
import secrets
import time
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from aion.errors import BadInput, NotFound
from aion.records import AuditEntry, Json, Key, Scope, new_id
from aion.store.base import Store

CONTROL_ID = "control"
CONTROL_OWNER = "me"
KEY_ADD, KEY_REVOKE = "key.add", "key.revoke"
SIGN_IN, SIGN_OUT = "session.begin", "session.end"
LONGEST_LABEL = 80

_KEY_TEXT = re.compile(r"aion-([0-9a-f]{12})-[A-Za-z0-9_-]{43}")
_OWNER_CHARACTERS = re.compile(r"[\w .@-]{1,64}")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking, and what they may do."""

    key_id: str
    owner: str
    scope: Scope

    @property
    def sees(self) -> str | None:
        """Whose turns they may read: their own, or everyone's (None) for an administrator."""
        return None if self.scope is Scope.ADMIN else self.owner


@dataclass(frozen=True, slots=True)
class _Entry:
    """A key with its end on the clock that nobody can set."""

    key: Key
    principal: Principal
    deadline: float | None


class KeyRing:
    """All keys of one server, in memory, over the store that keeps them. Used from the event loop only."""

    def __init__(
        self,
        store: Store,
        *,
        control_token: str | None = None,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._wall = wall
        self._steady = steady
        self._control = _digest(control_token) if control_token else None
        self._over: set[str] = set()  # keys seen expired or revoked stay so, whatever the clock says later
        stored = store.keys()
        self._entries = {key.id: self._enter(key) for key in stored}

    def authenticate(self, text: str) -> Principal | None:
        """Whose key this is, or None. The comparison takes the same time however much of a secret is right."""
        digest = _digest(text)
        if self._control is not None and hmac.compare_digest(digest, self._control):
            return control()
        form = _KEY_TEXT.fullmatch(text)
        entry = self._entries.get(form[1]) if form else None
        is_same = hmac.compare_digest(digest, entry.key.secret_hash if entry else "0" * len(digest))
        return entry.principal if entry and is_same and self.is_active(entry.key.id) else None

    def is_active(self, key_id: str) -> bool:
        """Whether a key that was valid still is; a stream asks this while it runs."""
        if key_id == CONTROL_ID:
            return self._control is not None
        entry = self._entries.get(key_id)
        if entry is None or key_id in self._over:
            return False
        expires, deadline = entry.key.expires, entry.deadline
        if expires is None or deadline is None:
            return True
        if self._wall() >= expires or self._steady() >= deadline:
            self._over.add(key_id)
        return key_id not in self._over

    def has_active(self) -> bool:
        """Whether any program could use the server from outside."""
        return any(self.is_active(key.id) for key in self.list_all())

    def list_all(self) -> list[Key]:
        """Oldest first; revoked and expired ones too; sessions are no keys of anybody's."""
        keys = (entry.key for entry in self._entries.values() if not entry.key.session)
        return sorted(keys, key=lambda key: (key.created, key.id))

    def people(self) -> list[Json]:
        """Everybody who ever had a key or a session, by name, with how many of each work now and what they may do."""
        active: dict[str, list[Key]] = {entry.key.owner: [] for entry in self._entries.values()}
        for entry in self._entries.values():
            if self.is_active(entry.key.id):
                active[entry.key.owner].append(entry.key)
        return [_person(owner, held) for owner, held in sorted(active.items())]

    def sessions_of(self, owner: str) -> list[Key]:
        """Where this person is signed in, the latest first."""
        own = (entry.key for entry in self._entries.values() if entry.key.session and entry.key.owner == owner)
        return sorted((key for key in own if self.is_active(key.id)), key=lambda key: -key.created)

    async def create(
        self,
        owner: str,
        scope: Scope = Scope.USER,
        expires: float | None = None,
        *,
        actor: str,
        session: bool = False,
        label: str = "",
    ) -> tuple[Key, str]:
        """A new key and its text, which is shown once and kept nowhere. Returns when both rows are durable."""
        owner, now = check_owner(owner), self._wall()
        if expires is not None and not now < expires < float("inf"):
            raise BadInput("expires must be a time in the future, in seconds since 1970", param="expires")
        key_id = self._new_key_id()
        text = f"aion-{key_id}-{secrets.token_urlsafe(32)}"
        key = Key(
            id=key_id,
            owner=owner,
            scope=scope,
            secret_hash=_digest(text),
            created=now,
            expires=expires,
            session=session,
            label=" ".join(label.split())[:LONGEST_LABEL],
        )
        await asyncio.wrap_future(self._store.append_audit(_audit(now, actor, SIGN_IN if session else KEY_ADD, key_id)))
        await asyncio.wrap_future(self._store.add_key(key))  # after its entry is durable: there is no key without one
        self._entries[key_id] = self._enter(key)
        return key, text

    async def revoke(self, key_id: str, *, actor: str) -> Key:
        """End a key at once; returns when that is durable. NotFound when no such key was active."""
        entry = self._entries.get(key_id)
        if entry is None or entry.key.revoked is not None:
            raise NotFound(f"There is no active key {key_id[:64]!r}.", param="key_id")
        now = self._wall()
        self._over.add(key_id)  # before the first wait: nobody gets in while the row is written
        logged = self._store.append_audit(_audit(now, actor, SIGN_OUT if entry.key.session else KEY_REVOKE, key_id))
        done = self._store.revoke_key(key_id, now)
        await asyncio.wrap_future(logged)
        await asyncio.wrap_future(done)
        self._entries[key_id] = replace(
            entry, key=replace(entry.key, revoked=now)
        )  # not before: a failure can be retried
        return self._entries[key_id].key

    def _enter(self, key: Key) -> _Entry:
        if key.revoked is not None:
            self._over.add(key.id)
        deadline = None if key.expires is None else self._steady() + (key.expires - self._wall())
        return _Entry(key, Principal(key.id, key.owner, key.scope), deadline)

    def _new_key_id(self) -> str:
        while (key_id := os.urandom(6).hex()) in self._entries:
            pass
        return key_id


def control() -> Principal:
    """Whoever holds the data folder."""
    return Principal(CONTROL_ID, CONTROL_OWNER, Scope.ADMIN)


def check_owner(owner: str) -> str:
    """The name in its composed form, or BadInput."""
    name = unicodedata.normalize("NFC", owner)
    if not _OWNER_CHARACTERS.fullmatch(name) or name != name.strip():
        raise BadInput(
            f"owner must be 1 to 64 letters, digits, spaces inside, and the signs . _ @ -; found {owner[:100]!r}",
            param="owner",
        )
    return name


def _person(owner: str, held: Sequence[Key]) -> Json:
    sessions = sum(key.session for key in held)
    scopes = {key.scope for key in held}
    scope = Scope.ADMIN if Scope.ADMIN in scopes else next(iter(scopes), None)
    return {"owner": owner, "scope": scope, "keys": len(held) - sessions, "sessions": sessions}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _audit(at: float, actor: str, act: str, subject: str) -> AuditEntry:
    return AuditEntry(id=new_id("audit"), at=at, actor=actor, act=act, subject=subject)
