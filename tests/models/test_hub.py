"""Downloads from a hub served on loopback, with every fault it can have."""

from __future__ import annotations

import fcntl
import hashlib
import json
import random
import shutil
from collections import namedtuple
from pathlib import Path

import pytest
from yarl import URL

from aion.errors import (
    AionError,
    BadInput,
    Conflict,
    Corrupt,
    Forbidden,
    NotFound,
    StorageFailed,
    StorageFull,
    Unavailable,
)
from aion.models import hub
from aion.models.hub import HubFile, Progress, download, read_sidecar
from tests.models.hub_server import COMMIT, FakeHub, Seen, serve

pytestmark = pytest.mark.anyio
CONTENT = random.Random(2).randbytes(3_000_000)
THIRD = 1_000_000


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "PAUSE_S", 0.0)


async def fetch(
    fake: FakeHub,
    folder: Path,
    *,
    repo: str = "owner/name",
    file: str = "model.gguf",
    token: str | None = None,
    progress: Progress | None = None,
) -> Path:
    return await download(repo, file, endpoint=fake.url, token=token, target_dir=folder, progress=progress)


async def refuse(kind: type[AionError], fake: FakeHub, folder: Path, **wanted: str) -> AionError:
    with pytest.raises(kind) as caught:
        await fetch(fake, folder, **wanted)  # type: ignore[arg-type]  # only texts are passed
    return caught.value


def find_part(folder: Path) -> Path:
    (part,) = folder.rglob("*.part")
    return part


def part_size(folder: Path) -> int:
    return find_part(folder).stat().st_size


def start_of(seen: Seen) -> int:
    """Where the request's Range begins; it must have one."""
    assert seen.range is not None
    return int(seen.range.removeprefix("bytes=").removesuffix("-"))


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


async def test_a_file_arrives_whole_with_a_note_of_its_origin(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    async with serve(FakeHub(CONTENT)) as fake:
        path = await fetch(fake, tmp_path, progress=lambda done, total: told.append((done, total)))
    assert path == tmp_path / "owner" / "name" / "model.gguf"
    assert path.read_bytes() == CONTENT
    assert told[0] == (0, len(CONTENT))
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    note = read_sidecar(path)
    assert (note["source"], note["commit"], note["size"]) == ("hf:owner/name:model.gguf", COMMIT, len(CONTENT))
    assert note["sha256"] == note["etag"] == fake.sha256
    assert files(tmp_path) == ["model.gguf", "model.gguf.source.json"]


async def test_bytes_are_asked_for_at_the_commit_that_was_looked_up(tmp_path: Path) -> None:
    async with serve(FakeHub(CONTENT, redirect=False)) as fake:
        await fetch(fake, tmp_path)
    assert [seen.path.split("/")[4] for seen in fake.seen] == ["main", COMMIT]


async def test_a_second_use_asks_nothing(tmp_path: Path) -> None:
    async with serve(FakeHub(CONTENT)) as fake:
        first = await fetch(fake, tmp_path)
        fake.seen.clear()
        assert await fetch(fake, tmp_path) == first
        assert fake.seen == []
    assert await fetch(fake, tmp_path) == first  # nor when the hub is gone


async def test_a_cut_connection_is_continued_from_where_it_broke(tmp_path: Path) -> None:
    async with serve(FakeHub(CONTENT, cuts=[THIRD, THIRD])) as fake:
        path = await fetch(fake, tmp_path)
    assert path.read_bytes() == CONTENT
    first, second, third = fake.gets()
    assert first.range is None
    assert 0 < start_of(second) <= THIRD
    assert start_of(second) < start_of(third) <= 2 * THIRD


async def test_a_later_start_continues_what_an_earlier_one_left(tmp_path: Path) -> None:
    async with serve(FakeHub(CONTENT, cuts=[THIRD, 0, 0, 0])) as fake:
        error = await refuse(Unavailable, fake, tmp_path)
        assert error.code == "hub_unavailable"
        assert "what has come is kept" in error.message
        fake.seen.clear()
        kept = part_size(tmp_path)
        told: list[int] = []
        path = await fetch(fake, tmp_path, progress=lambda done, _total: told.append(done))
        assert [start_of(seen) for seen in fake.gets()] == [kept]
    assert 0 < kept == told[0] <= THIRD
    assert path.read_bytes() == CONTENT


async def test_a_hub_that_cannot_continue_sends_it_anew(tmp_path: Path) -> None:
    async with serve(FakeHub(CONTENT, accept_range=False, cuts=[THIRD])) as fake:
        path = await fetch(fake, tmp_path)
    assert 0 < start_of(fake.gets()[1]) <= THIRD
    assert path.read_bytes() == CONTENT


async def test_if_range_goes_only_to_the_host_whose_etag_it_is(tmp_path: Path) -> None:
    for redirect in (False, True):
        async with serve(FakeHub(CONTENT, redirect=redirect, cuts=[THIRD])) as fake:
            await fetch(fake, tmp_path / str(redirect))
        assert fake.gets()[-1].if_range == (None if redirect else f'"{fake.sha256}"')


async def test_a_wrong_hash_removes_the_file(tmp_path: Path) -> None:
    async with serve(FakeHub(CONTENT, stated_hash="ab" * 32)) as fake:
        error = await refuse(Corrupt, fake, tmp_path)
    assert "does not have the hash" in error.message
    assert files(tmp_path) == []


async def test_a_part_spoilt_on_disk_is_found_out(tmp_path: Path) -> None:
    async with serve(FakeHub(CONTENT, cuts=[THIRD, 0, 0, 0])) as fake:
        await refuse(Unavailable, fake, tmp_path)
        part = find_part(tmp_path)
        part.write_bytes(b"spoilt" + part.read_bytes()[6:])
        await refuse(Corrupt, fake, tmp_path)
        assert (await fetch(fake, tmp_path)).read_bytes() == CONTENT


async def test_more_bytes_than_stated_are_refused(tmp_path: Path) -> None:
    async with serve(FakeHub(CONTENT, stated_size=THIRD)) as fake:
        error = await refuse(Corrupt, fake, tmp_path)
    assert "more than" in error.message


async def test_the_token_goes_to_the_hub_and_never_to_the_host_it_redirects_to(tmp_path: Path) -> None:
    async with serve(FakeHub(CONTENT, token="hf_secret")) as fake:
        await fetch(fake, tmp_path, token="hf_secret")
    assert {seen.authorization for seen in fake.seen if seen.host == "hub"} == {"Bearer hf_secret"}
    assert {seen.authorization for seen in fake.seen if seen.host == "cdn"} == {None}
    assert "hf_secret" not in str(read_sidecar(HubFile.parse("hf:owner/name:model.gguf").path_in(tmp_path)))


async def test_a_gated_model_says_what_to_do(tmp_path: Path) -> None:
    async with serve(FakeHub(CONTENT, token="hf_secret")) as fake:
        without = await refuse(Forbidden, fake, tmp_path)
        wrong = await refuse(Forbidden, fake, tmp_path, token="hf_wrong")
    assert (without.code, wrong.code) == ("hub_access_denied", "hub_access_denied")
    assert "set hub.token" in without.message
    assert "use another hub.token" in wrong.message
    assert "hf_wrong" not in wrong.message


@pytest.mark.parametrize(("repo", "file"), [("owner/name", "other.gguf"), ("owner/other", "model.gguf")])
async def test_what_the_hub_does_not_have_is_not_found(tmp_path: Path, repo: str, file: str) -> None:
    async with serve(FakeHub(CONTENT)) as fake:
        error = await refuse(NotFound, fake, tmp_path, repo=repo, file=file)
    assert error.code == "hub_not_found"
    assert f"hf:{repo}:{file}" in error.message


async def test_without_a_network_it_says_what_where_and_what_else(tmp_path: Path) -> None:
    async with serve(FakeHub(CONTENT)) as fake:
        pass
    error = await refuse(Unavailable, fake, tmp_path)
    assert "hf:owner/name:model.gguf" in error.message
    assert fake.url in error.message
    assert "local .gguf file" in error.message


async def test_a_full_disk_is_seen_before_the_first_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9 - 5000, 5000))
    async with serve(FakeHub(CONTENT)) as fake:
        error = await refuse(StorageFull, fake, tmp_path)
    assert str(len(CONTENT) + hub.SPARE_BYTES) in error.message
    assert "5000" in error.message
    assert fake.gets() == []


async def test_a_disk_that_fills_up_midway_is_told_and_keeps_what_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(_part: hub._Part, _chunk: bytes) -> None:
        raise OSError(28, "No space left on device")

    async with serve(FakeHub(CONTENT)) as fake:
        with monkeypatch.context() as patch:
            patch.setattr(hub._Part, "append", fill)
            await refuse(StorageFull, fake, tmp_path)
        assert (await fetch(fake, tmp_path)).read_bytes() == CONTENT


async def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "owner").write_text("in the way")
    async with serve(FakeHub(CONTENT)) as fake:
        assert "cannot be written" in (await refuse(StorageFailed, fake, tmp_path)).message


async def test_a_second_download_of_the_same_file_at_once_is_refused(tmp_path: Path) -> None:
    async with serve(FakeHub(CONTENT, cuts=[THIRD, 0, 0, 0])) as fake:
        await refuse(Unavailable, fake, tmp_path)
        with find_part(tmp_path).open("ab") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            assert "being downloaded already" in (await refuse(Conflict, fake, tmp_path)).message
        assert (await fetch(fake, tmp_path)).read_bytes() == CONTENT


async def test_a_download_whose_note_was_lost_is_recognised_by_its_hash(tmp_path: Path) -> None:
    async with serve(FakeHub(CONTENT)) as fake:
        path = await fetch(fake, tmp_path)
        (tmp_path / "owner" / "name" / "model.gguf.source.json").unlink()
        fake.seen.clear()
        await fetch(fake, tmp_path)
    assert fake.gets() == []
    assert read_sidecar(path)["sha256"] == fake.sha256


async def test_a_file_changed_in_size_is_fetched_anew(tmp_path: Path) -> None:
    async with serve(FakeHub(CONTENT)) as fake:
        path = await fetch(fake, tmp_path)
        path.write_bytes(CONTENT[:-1])
        assert (await fetch(fake, tmp_path)).read_bytes() == CONTENT


async def test_without_a_stated_hash_nothing_is_continued_and_the_note_says_so(tmp_path: Path) -> None:
    async with serve(FakeHub(CONTENT, etag="5d41402abc4b2a76b9719d911017c592ab12cd34", cuts=[THIRD, 0, 0, 0])) as fake:
        await refuse(Unavailable, fake, tmp_path)
        fake.seen.clear()
        path = await fetch(fake, tmp_path)
        assert [seen.range for seen in fake.gets()] == [None]
    note = read_sidecar(path)
    assert note["hash_stated_by_hub"] is False
    assert note["sha256"] == hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/x", "file:///etc/passwd"])
def test_other_schemes_are_not_followed(location: str) -> None:
    asker = hub._Hub("https://hub.example", None, HubFile(repo="a/b", file="c.gguf"))
    with pytest.raises(Unavailable, match="unencrypted"):
        asker._follow(URL("https://hub.example/x"), location)


def test_https_is_never_left_for_http() -> None:
    asker = hub._Hub("https://hub.example", None, HubFile(repo="a/b", file="c.gguf"))
    with pytest.raises(Unavailable, match="unencrypted"):
        asker._follow(URL("https://hub.example/x"), "http://cdn.example/x")
    assert str(asker._follow(URL("https://hub.example/x"), "/y?z=%2F")) == "https://hub.example/y?z=%2F"


@pytest.mark.parametrize(
    "repo", ["", "name", "a/b/c", "../b", "a/..", "/a", "a/", ".git/x", "a b/c", "a/b\x00", "a%2f/b"]
)
def test_a_repository_name_cannot_become_another_path(repo: str) -> None:
    with pytest.raises(BadInput, match="owner/name"):
        HubFile(repo=repo, file="m.gguf")


@pytest.mark.parametrize(
    "file", ["", "m.bin", "/m.gguf", "../m.gguf", "a/../m.gguf", "a//m.gguf", ".gguf", "m.gguf\n", "m..gguf"]
)
def test_a_file_name_cannot_become_another_path(file: str) -> None:
    with pytest.raises(BadInput, match=r"\.gguf file"):
        HubFile(repo="a/b", file=file)


def test_a_source_is_read_and_written_alike(tmp_path: Path) -> None:
    wanted = HubFile.parse("hf:owner/name:sub/m-Q4_K_M.gguf")
    assert wanted.source == "hf:owner/name:sub/m-Q4_K_M.gguf"
    assert wanted.path_in(tmp_path) == tmp_path / "owner" / "name" / "sub" / "m-Q4_K_M.gguf"
    with pytest.raises(BadInput, match="names no file"):
        HubFile.parse("hf:owner/name")


def test_a_spoilt_note_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "m.gguf.source.json").write_text("[1]")
    assert read_sidecar(tmp_path / "m.gguf") == {}
    (tmp_path / "m.gguf.source.json").write_bytes(json.dumps("x").encode() + b"\xff")
    assert read_sidecar(tmp_path / "m.gguf") == {}
