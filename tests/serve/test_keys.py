"""Keys on a real store: who they belong to, when they end, and that each act leaves its entry."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from aion.errors import BadInput, NotFound, StorageFailed
from aion.records import AuditEntry, Scope
from aion.serve.keys import KeyRing, Principal
from aion.store.sqlite import SqliteStore
from tests.serve.asgi import Keys


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path)
    yield store
    store.close()


@pytest.fixture
def keys(store: SqliteStore) -> Keys:
    return Keys(store)


def files_in(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


def acts(store: SqliteStore) -> list[tuple[str, str, str]]:
    return [(entry.actor, entry.act, entry.subject) for entry in reversed(store.audit())]


@pytest.mark.anyio
async def test_a_new_key_is_known_at_once_and_after_a_restart(keys: Keys, store: SqliteStore) -> None:
    key, text = await keys.make_both()
    principal = Principal(key.id, "ana", Scope.USER)
    assert keys.ring.authenticate(text) == principal
    assert KeyRing(store, wall=lambda: keys.now).authenticate(text) == principal
    assert acts(store) == [("test", "key.add", key.id)]


@pytest.mark.anyio
async def test_the_secret_is_kept_nowhere(keys: Keys, store: SqliteStore, tmp_path: Path) -> None:
    text = await keys.make()
    written = [file.read_bytes() for file in files_in(tmp_path)]
    assert any(b"ana" in part for part in written)
    assert not any(text[-43:].encode() in part for part in written)
    assert text[-43:] not in repr(keys.ring.list_all())


@pytest.mark.anyio
async def test_each_changed_character_makes_a_key_wrong(keys: Keys) -> None:
    text = await keys.make()
    for position in range(len(text)):
        other = "b" if text[position] != "b" else "c"
        assert keys.ring.authenticate(text[:position] + other + text[position + 1 :]) is None
    for wrong in (text[:-1], text + "a", text + "\n", " " + text, text.upper(), "", "aion--", text.replace("-", "\0")):
        assert keys.ring.authenticate(wrong) is None


@pytest.mark.anyio
async def test_a_revoked_key_ends_at_once_and_stays_ended(keys: Keys, store: SqliteStore) -> None:
    key, text = await keys.make_both()
    assert keys.ring.is_active(key.id)
    keys.now += 1
    revoked = await keys.ring.revoke(key.id, actor="test")
    assert revoked.revoked == keys.now
    assert not keys.ring.is_active(key.id)
    assert keys.ring.authenticate(text) is None
    assert KeyRing(store).authenticate(text) is None
    assert acts(store)[-1] == ("test", "key.revoke", key.id)
    with pytest.raises(NotFound):
        await keys.ring.revoke(key.id, actor="test")


@pytest.mark.anyio
async def test_an_unknown_key_cannot_be_revoked(keys: Keys, store: SqliteStore) -> None:
    with pytest.raises(NotFound):
        await keys.ring.revoke("000000000000", actor="test")
    assert acts(store) == []


@pytest.mark.anyio
async def test_an_expired_key_does_not_revive_when_the_clock_goes_back(keys: Keys) -> None:
    text = await keys.make(expires=keys.now + 60)
    assert keys.ring.authenticate(text) is not None
    keys.now += 61
    assert keys.ring.authenticate(text) is None
    keys.now -= 3600
    assert keys.ring.authenticate(text) is None


@pytest.mark.anyio
async def test_a_clock_set_back_does_not_prolong_a_key(keys: Keys) -> None:
    text = await keys.make(expires=keys.now + 60)
    keys.now -= 86_400
    keys.steady += 61
    assert keys.ring.authenticate(text) is None


@pytest.mark.anyio
@pytest.mark.parametrize("expires", [0.0, -1.0, float("nan"), float("inf"), 1_000_000.0])
async def test_an_expiry_that_is_not_ahead_is_refused(expires: float, keys: Keys) -> None:
    with pytest.raises(BadInput, match="expires"):
        await keys.make(expires=expires)


@pytest.mark.anyio
@pytest.mark.parametrize("owner", ["ana", "Ana Maria", "a.b_c@d-e", "Zoë 2", "李", "a" * 64])
async def test_a_good_owner_is_kept(owner: str, keys: Keys) -> None:
    assert (await keys.ring.create(owner, actor="test"))[0].owner == owner


@pytest.mark.anyio
@pytest.mark.parametrize(
    "owner", ["", " ", " a", "a ", "a" * 65, "a/b", "a\nb", "a\0", "<b>", "a'b", "a\u202eb", "a;b"]
)
async def test_a_bad_owner_is_refused(owner: str, keys: Keys, store: SqliteStore) -> None:
    with pytest.raises(BadInput) as caught:
        await keys.ring.create(owner, actor="test")
    assert caught.value.param == "owner"
    assert store.keys() == []


@pytest.mark.anyio
async def test_two_spellings_of_a_name_are_one_owner(keys: Keys) -> None:
    assert (await keys.ring.create("Zoe\u0308", actor="test"))[0].owner == "Zo\u00eb"


def test_a_control_token_is_an_administrator_and_nothing_near_it_is(store: SqliteStore) -> None:
    ring = KeyRing(store, control_token="token-of-this-run")
    assert ring.authenticate("token-of-this-run") == Principal("control", "me", Scope.ADMIN)
    assert ring.is_active("control")
    assert [ring.authenticate(text) for text in ("", "token-of-this-ru", "token-of-this-run ", "é")] == [None] * 4
    assert KeyRing(store).authenticate("") is None
    assert not KeyRing(store).is_active("control")


@pytest.mark.anyio
async def test_whether_anybody_can_come_in_counts_only_living_keys(keys: Keys) -> None:
    assert not keys.ring.has_active()
    key, _ = await keys.make_both()
    assert keys.ring.has_active()
    await keys.ring.revoke(key.id, actor="test")
    assert not keys.ring.has_active()


class Failing(SqliteStore):
    """A store whose audit cannot be written while `fails`."""

    fails = True

    def append_audit(self, entry: AuditEntry) -> Future[None]:
        if not self.fails:
            return super().append_audit(entry)
        failed: Future[None] = Future()
        failed.set_exception(StorageFailed("disk"))
        return failed


@pytest.fixture
def failing(tmp_path: Path) -> Iterator[Failing]:
    store = Failing(tmp_path)
    yield store
    store.close()


@pytest.mark.anyio
async def test_there_is_no_key_without_its_audit_entry(failing: Failing) -> None:
    keys = Keys(failing)
    with pytest.raises(StorageFailed):
        await keys.make()
    assert not keys.ring.has_active()
    assert failing.keys() == []


@pytest.mark.anyio
async def test_a_key_whose_revocation_could_not_be_written_is_closed_and_can_be_revoked_again(failing: Failing) -> None:
    keys = Keys(failing)
    failing.fails = False
    key, text = await keys.make_both()
    failing.fails = True
    with pytest.raises(StorageFailed):
        await keys.ring.revoke(key.id, actor="test")
    assert keys.ring.authenticate(text) is None
    failing.fails = False
    assert (await keys.ring.revoke(key.id, actor="test")).revoked == keys.now


def test_the_right_and_the_wrong_secret_take_the_same_path(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[int, int]] = []

    def compare(left: str, right: str) -> bool:
        compared.append((len(left), len(right)))
        return left == right

    monkeypatch.setattr("aion.serve.keys.hmac.compare_digest", compare)
    ring = KeyRing(store)
    for text, _ in itertools.product(("aion-000000000000-" + "a" * 43, "nonsense", ""), range(2)):
        ring.authenticate(text)
    assert compared == [(64, 64)] * 6
