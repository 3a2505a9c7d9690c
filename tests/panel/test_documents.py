"""Documents in the panel: brought in as files or pasted, read in order, approved, revoked, forgotten; out and in."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from aion.panel.carry import BATCH, batches_of
from aion.panel.documents import MOST_FILE, SHOWN
from aion.records import Json
from tests.panel.people import Visitor, sign_in
from tests.serving import RunningServer, running

PAGE = "# The mill\n\nThe mill of Almada was built in 1712, and grinds wheat and rye."
DOCUMENTS = "/panel/memory/documents"

PEOPLE = itertools.count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("documents") / "data") as up:
        yield up


@pytest.fixture
def ana(server: RunningServer) -> Visitor:
    """Somebody new, who has no document."""
    return sign_in(server, server.add_key(f"ana{next(PEOPLE)}"))


def bring(visitor: Visitor, name: str, data: bytes, **fields: str) -> httpx2.Response:
    return visitor.ask_for("POST", DOCUMENTS, data=fields, files={"file": (name, data)})


def place_of(made: httpx2.Response) -> str:
    return made.headers["location"].partition("?")[0]


def test_a_file_becomes_a_document_named_after_it_byte_for_byte(ana: Visitor) -> None:
    assert "There is none yet" in ana.get(DOCUMENTS).text
    made = bring(ana, "The mill.md", PAGE.encode())
    assert "Read it, and approve it" in ana.get(made.headers["location"]).text
    shown = ana.get(place_of(made)).text
    assert '<h1 dir="auto">The mill</h1>' in shown
    assert "was built in 1712" in shown
    assert place_of(made) == place_of(bring(ana, "again.txt", PAGE.encode()))  # the same bytes are the same document


def test_a_pasted_text_is_named_by_its_title_or_its_first_line(ana: Visitor) -> None:
    for fields, title in (({"title": "Bees"}, "Bees"), ({}, "# The mill")):
        made = ana.ask_for("POST", DOCUMENTS, data={"text": PAGE + title, **fields}, files={"file": ("", b"")})
        assert f'<h1 dir="auto">{title}</h1>' in ana.get(place_of(made)).text


@pytest.mark.parametrize(
    ("name", "data", "status", "words"),
    [
        ("a.pdf", b"%PDF-1.7", 400, ".txt and .md are read, nothing else"),
        ("a.txt", b"\xff\xfe\x00b\x00e", 400, "not written in UTF-8"),
        ("a.txt", b"x" * (MOST_FILE + 1), 413, "5.0 MB is the most"),
        ("a.txt", b" \n", 400, "empty"),
        ("a.md", b"a\0b", 400, "NUL"),
    ],
)
def test_what_is_no_text_is_refused_in_words_and_changes_nothing(
    ana: Visitor, name: str, data: bytes, status: int, words: str
) -> None:
    refused = bring(ana, name, data)
    assert refused.status_code == status
    assert words in refused.text
    assert "There is none yet" in ana.get(DOCUMENTS).text


def test_nothing_chosen_and_nothing_pasted_is_refused(ana: Visitor) -> None:
    refused = ana.post(DOCUMENTS, {"text": " "})
    assert (refused.status_code, "Choose a file, or paste a text." in refused.text) == (400, True)


def test_a_long_document_is_read_in_its_order_a_page_at_a_time(ana: Visitor) -> None:
    words = "grinds wheat and rye for the bakers who come by boat before dawn " * 13
    text = "\n\n".join(f"Chapter {number} {words}" for number in range(SHOWN + 5))
    place = place_of(bring(ana, "long.txt", text.encode()))
    chapters = [re.findall(r"Chapter (\d+)", ana.get(f"{place}{more}").text) for more in ("", f"?from={SHOWN + 1}")]
    assert [int(one) for page in chapters for one in page] == list(range(SHOWN + 5))
    assert len(chapters[1]) == 5
    assert ana.get(f"{place}?from=x").status_code == 200


def test_an_approval_is_for_the_text_that_was_shown_and_can_be_taken_back(ana: Visitor) -> None:
    place = place_of(bring(ana, "mill.md", PAGE.encode()))
    [hash_] = re.findall(r'name="hash" value="(\w{64})"', ana.get(place).text)
    assert ana.post(f"{place}/approve", {"hash": "0" * 64}).status_code == 409
    assert "Approve this text" in ana.get(place).text
    approved = ana.post(f"{place}/approve", {"hash": hash_})
    shown = ana.get(approved.headers["location"]).text
    assert ("It is relied on from now on." in shown, "Approve this text" in shown) == (True, False)
    revoked = ana.post(f"{place}/revoke")
    assert "Nobody relies on it any more." in ana.get(revoked.headers["location"]).text
    assert "Approve this text" in ana.get(place).text


def test_a_forgotten_document_is_gone_with_its_passages(ana: Visitor) -> None:
    place = place_of(bring(ana, "mill.md", PAGE.encode()))
    name = place.rpartition("/")[2]
    assert "was built in 1712" in ana.get(f"/panel/memory?document={name}").text
    gone = ana.post(f"{place}/forget")
    assert "Forgotten." in ana.get(gone.headers["location"]).text
    assert ana.get(place).status_code == 404
    assert "was built in 1712" not in ana.get("/panel/memory").text


def test_a_document_is_its_owners_alone(server: RunningServer, ana: Visitor) -> None:
    place = place_of(bring(ana, "mill.md", PAGE.encode()))
    ben = sign_in(server, server.add_key("ben"))
    assert "mill" not in ben.get(DOCUMENTS).text
    assert ben.get(place).status_code == 404
    for act, fields in (("approve", {"hash": "0" * 64}), ("revoke", {}), ("forget", {})):
        assert ben.post(f"{place}/{act}", fields).status_code == 404
    assert ana.get(place).status_code == 200


def take_in(visitor: Visitor, data: bytes, **fields: str) -> httpx2.Response:
    return visitor.ask_for("POST", "/panel/memory/import", data=fields, files={"file": ("memory.jsonl", data)})


@pytest.mark.parametrize(("fields", "trust"), [({"trusted": "yes"}, "own"), ({}, "untrusted")])
def test_what_was_saved_is_taken_in_by_somebody_else(
    server: RunningServer, ana: Visitor, fields: dict[str, str], trust: str
) -> None:
    ana.post("/panel/memory/remember", {"text": "Rita keeps nine hives"})
    bring(ana, "mill.md", PAGE.encode())
    saved = ana.get("/panel/memory/export.jsonl").content
    ben = sign_in(server, server.add_key(f"ben{len(fields)}"))
    told = take_in(ben, saved, **fields).text
    assert "2 added, 0 known already, 0 refused." in told
    assert f'class="badge {trust}"' in ben.get("/panel/memory?kind=note").text
    assert "mill" in ben.get(DOCUMENTS).text


def test_a_line_that_is_refused_is_named_with_its_reason_and_the_others_go_on(ana: Visitor) -> None:
    ana.post("/panel/memory/remember", {"text": "Rita keeps nine hives"})
    saved = ana.get("/panel/memory/export.jsonl").content
    broken = saved + json.dumps(json.loads(saved.splitlines()[-1]) | {"text": "Rita keeps ten hives"}).encode()
    told = take_in(ana, broken).text
    assert "0 added, 1 known already, 1 refused." in told
    assert "<tr><td>3</td><td>its text is not what was exported" in told


@pytest.mark.parametrize("data", [b"", b"[]\n", b'{"type": "head"\n', b"\xff"])
def test_a_file_of_something_else_is_refused_whole(ana: Visitor, data: bytes) -> None:
    assert take_in(ana, data).status_code == 400
    assert "Nothing is remembered yet" in ana.get("/panel/memory").text


def test_each_batch_brings_the_documents_of_its_passages() -> None:
    documents: list[Json] = [{"type": "document", "id": f"doc_{number}"} for number in range(3)]
    memories: list[Json] = [{"type": "memory", "document": f"doc_{number % 2}"} for number in range(BATCH + 1)]
    batches = list(batches_of([*documents, *memories]))
    assert [batch[:3] for batch in batches] == [[1, 2, 4], [1, BATCH + 4], [3]]
    assert sorted({number for batch in batches for number in batch}) == list(range(1, BATCH + 5))


def test_memories_are_saved_as_a_file_by_whoever_is_signed_in_alone(server: RunningServer, ana: Visitor) -> None:
    reply = replace(ana, cookies={}).get("/panel/memory/export.jsonl")
    assert (reply.status_code, reply.headers["location"]) == (303, "/panel/enter")
    assert ana.get("/panel/memory/export.jsonl").headers["content-disposition"].endswith('"memory.jsonl"')


def test_while_a_document_is_brought_in_its_owner_sees_how_far_it_is(tmp_path: Path) -> None:
    text = "\n\n".join(f"Hive {number} stands in the sun, with {number} jars a year. " * 12 for number in range(150))
    with running(tmp_path / "data", {"embedder.source": "fake:0.0002"}) as server, ThreadPoolExecutor(1) as beside:
        ana, ben = (sign_in(server, server.add_key(name)) for name in ("ana", "ben"))
        bringing = beside.submit(bring, Visitor(server, dict(ana.cookies)), "Hives.txt", text.encode())
        seen = []
        while not bringing.done():
            seen += re.findall(r'<progress max="(\d+)" value="(\d+)"', ana.get(f"{DOCUMENTS}/coming").text)
            assert "Hives" not in ben.get(f"{DOCUMENTS}/coming").text
        steps = [int(done) for _, done in seen]
        assert len({most for most, _ in seen}) == 1
        assert len(set(steps)) >= 2
        assert steps == sorted(steps)
        assert "Hives" not in ana.get(f"{DOCUMENTS}/coming").text, "it is whole"
        assert bringing.result().status_code == 303
