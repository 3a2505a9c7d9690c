"""Remembering, recalling and forgetting from the command line, against a canned server."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.canned_server import TOKEN, CannedServer, serve
from tests.cli.conftest import Ran

Aion = Callable[..., Ran]
HASH = "ab" * 32
SOURCE = {
    "ref": "turn_1",
    "origin": "person",
    "trust": "own",
    "hash": HASH,
    "at": 0.0,
    "conversation": "c",
    "text": None,
}
MEMORY: dict[str, Any] = {
    "id": "mem_1",
    "owner": "me",
    "kind": "note",
    "text": "Rita keeps bees\nbehind the mill",
    "origin": "person",
    "trust": "own",
    "sources": [SOURCE],
    "created": 0.0,
    "updated": 86400.0,
    "entities": ["rita"],
    "document": None,
    "place": None,
    "pinned": True,
    "seq": 3,
}
DOCUMENT: dict[str, Any] = {
    "id": "doc_1",
    "owner": "me",
    "title": "Bees",
    "origin": "document",
    "trust": "untrusted",
    "hash": HASH,
    "created": 0.0,
    "updated": 0.0,
}
GONE = {"turns": ["turn_1"], "memories": ["mem_1"], "feedback": 2, "answers": ["turn_9"], "adapters": []}


@pytest.fixture
def server(data: Path) -> Iterator[CannedServer]:
    with serve(data) as canned:
        canned.replies |= {
            "POST /api/memory": (201, MEMORY | {"merged": False}),
            "GET /api/memory?owner=me&limit=100": (200, {"data": [MEMORY], "before": None}),
            "GET /api/memory/mem_1": (200, MEMORY),
            "GET /api/documents/doc_1": (200, DOCUMENT),
            "DELETE /api/memory/mem_1": (200, GONE),
            "DELETE /api/documents/doc_1": (200, GONE),
        }
        yield canned


def asked(server: CannedServer) -> tuple[str, Any]:
    place, body, authorization = server.asked[-1]
    assert authorization == f"Bearer {TOKEN}"
    return place, body


def test_remember_prints_the_id_alone(aion: Aion, server: CannedServer) -> None:
    assert aion("remember", "Rita keeps bees") == Ran(0, "mem_1\n", "")
    assert asked(server) == ("POST /api/memory", {"text": "Rita keeps bees"})


def test_what_was_known_is_said_to_be(aion: Aion, server: CannedServer) -> None:
    server.replies["POST /api/memory"] = (200, MEMORY | {"merged": True})
    ran = aion("remember", "Rita keeps bees")
    assert (ran.code, ran.out) == (0, "mem_1\n")
    assert "remembered already" in ran.err


def test_a_dash_reads_what_is_piped_in(aion: Aion, server: CannedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("from a pipe\n"))
    assert aion("remember", "-").code == 0
    assert asked(server)[1] == {"text": "from a pipe\n"}


def test_a_file_becomes_a_document_that_waits_for_approval(aion: Aion, server: CannedServer, tmp_path: Path) -> None:
    server.replies["POST /api/memory"] = (201, {"document": DOCUMENT})
    file = tmp_path / "bees.txt"
    file.write_text("All about bees.", "utf-8")
    ran = aion("remember", "--file", str(file), "--web")
    assert (ran.code, ran.out) == (0, "doc_1\n")
    assert "aion memory approve doc_1" in ran.err
    document = {"title": "bees.txt", "origin": "web"}
    assert asked(server)[1] == {"text": "All about bees.", "document": document}


def test_recall_shows_the_best_first_and_its_parts_as_json(aion: Aion, server: CannedServer) -> None:
    parts = {"cosine": 0.5, "bm25": None, "entity_share": 0.0, "document_cosine": 0.0}
    item = MEMORY | {"score": 0.0321, "parts": parts}
    found = {"items": [item | {"outdated": one} for one in (False, True)], "complete": False, "entities": []}
    server.replies["POST /api/memory/recall"] = (200, found)
    ran = aion("recall", "who keeps bees?", "--limit", "3")
    assert asked(server)[1] == {"question": "who keeps bees?", "limit": 3}
    head, row, older = ran.out.splitlines()
    assert older.startswith(row)
    assert older.endswith("told anew since: no answer gets it)")
    assert dict(zip(head.split("\t"), row.split("\t"), strict=True)) == {
        "score": "0.0321",
        "cosine": "0.50",
        "trust": "own",
        "kind": "note",
        "updated": "1970-01-02 00:00 UTC",
        "id": "mem_1",
        "text": "Rita keeps bees behind the mill",
    }
    assert "words alone" in ran.err
    assert json.loads(aion("recall", "bees", "--json").out) == found


def test_an_empty_memory_is_said_to_be(aion: Aion, server: CannedServer) -> None:
    server.replies["POST /api/memory/recall"] = (200, {"items": [], "complete": True, "entities": []})
    ran = aion("recall", "anything")
    assert (ran.code, ran.out) == (0, "")
    assert "nothing" in ran.err


def test_list_shows_ones_own_unless_told_otherwise(aion: Aion, server: CannedServer) -> None:
    assert "mem_1\tme\town\t1970-01-02 00:00 UTC\tnote\tRita keeps bees behind" in aion("memory", "list").out
    assert json.loads(aion("memory", "list", "--json").out) == [MEMORY]
    server.replies["GET /api/memory?limit=5&kind=said&document=doc_1"] = (200, {"data": [], "before": None})
    assert aion("memory", "list", "--everyone", "--limit", "5", "--kind", "said", "--document", "doc_1").code == 0
    server.replies["GET /api/documents?owner=me&limit=100"] = (200, {"data": [DOCUMENT], "before": None})
    assert "doc_1\tme\tuntrusted\t1970-01-01 00:00 UTC\tBees" in aion("memory", "list", "--documents").out


def test_show_tells_where_a_memory_came_from(aion: Aion, server: CannedServer) -> None:
    shown = aion("memory", "show", "mem_1").out
    assert "text: Rita keeps bees" in shown
    assert f"source: turn_1 (person, own, 1970-01-01 00:00 UTC) {HASH[:12]}" in shown
    assert "pinned: yes" in shown
    assert f"hash: {HASH}" in aion("memory", "show", "doc_1").out


def test_edit_sends_the_new_text(aion: Aion, server: CannedServer) -> None:
    server.replies["PUT /api/memory/mem_1"] = (200, MEMORY)
    assert aion("memory", "edit", "mem_1", "Rita keeps wasps") == Ran(0, "mem_1\n", "")
    assert asked(server)[1] == {"text": "Rita keeps wasps"}


@pytest.mark.parametrize(("verb", "method", "told"), [("pin", "PUT", "pinned"), ("unpin", "DELETE", "pinned no more")])
def test_a_memory_is_pinned_and_unpinned(aion: Aion, server: CannedServer, verb: str, method: str, told: str) -> None:
    server.replies[f"{method} /api/memory/mem_1/pin"] = (200, MEMORY | {"pinned": verb == "pin"})
    assert aion("memory", verb, "mem_1") == Ran(0, f"mem_1 is {told}\n", "")
    assert asked(server) == (f"{method} /api/memory/mem_1/pin", None)
    assert '"pinned"' in aion("memory", verb, "mem_1", "--json").out


@pytest.mark.parametrize(("id_", "place"), [("mem_1", "memory"), ("doc_1", "documents")])
def test_forget_says_what_went_and_what_had_been_shown_it(
    aion: Aion, server: CannedServer, id_: str, place: str
) -> None:
    told = aion("memory", "forget", id_).out
    assert asked(server)[0] == f"DELETE /api/{place}/{id_}"
    assert "turns 1, memories 1, judgements 2" in told
    assert "turn_9" in told


def test_an_approval_is_for_the_text_that_was_read(aion: Aion, server: CannedServer) -> None:
    server.replies["POST /api/documents/doc_1/approve"] = (200, DOCUMENT | {"trust": "approved"})
    server.replies["POST /api/documents/doc_1/revoke"] = (200, DOCUMENT)
    assert "doc_1 is approved" in aion("memory", "approve", "doc_1").out
    assert asked(server)[1] == {"hash": HASH}
    aion("memory", "approve", "doc_1", "--hash", "c" * 64)
    assert asked(server)[1] == {"hash": "c" * 64}
    assert "doc_1 is untrusted" in aion("memory", "revoke", "doc_1").out


def test_a_changed_document_is_not_approved(aion: Aion, server: CannedServer) -> None:
    refusal = {"error": {"message": "it has changed", "code": "content_changed"}}
    server.replies["POST /api/documents/doc_1/approve"] = (409, refusal)
    assert aion("memory", "approve", "doc_1") == Ran(2, "", "aion: it has changed\n")


def test_import_sends_lines_in_batches_and_names_the_refused_by_their_own_line(
    aion: Aion, server: CannedServer, tmp_path: Path
) -> None:
    file = tmp_path / "memory.ndjson"
    file.write_text("".join(f'{{"n": {number}}}\n' for number in range(1, 61)), "utf-8")
    reply = {"added": 49, "merged": 0, "refused": [{"line": 7, "reason": "no text"}]}
    server.replies["POST /api/memory/import"] = (200, reply)
    ran = aion("memory", "import", str(file), "--trusted")
    assert [len(body["items"]) for _, body, _ in server.asked] == [50, 10]
    assert server.asked[1][1] == {"items": [{"n": n} for n in range(51, 61)], "trusted": True}
    assert ran.err.splitlines() == ["line 7: no text", "line 57: no text"]
    assert (ran.code, ran.out) == (1, "98 added, 0 known already, 2 refused\n")


def test_every_batch_brings_its_documents_along(aion: Aion, server: CannedServer, tmp_path: Path) -> None:
    document = {"type": "document", "id": "doc_1"}
    passages = [{"type": "memory", "id": f"mem_{number}", "document": "doc_1"} for number in range(60)]
    file = tmp_path / "memory.ndjson"
    file.write_text("".join(json.dumps(line) + "\n" for line in (document, *passages)), "utf-8")
    reply = {"added": 1, "merged": 0, "refused": [{"line": 1, "reason": "no title"}, {"line": 2, "reason": "no text"}]}
    server.replies["POST /api/memory/import"] = (200, reply)
    ran = aion("memory", "import", str(file))
    assert [body["items"][0] for _, body, _ in server.asked] == [document, document]
    assert ran.err.splitlines() == ["line 1: no title", "line 2: no text", "line 51: no text"]


def test_export_writes_the_lines_as_they_come(aion: Aion, server: CannedServer) -> None:
    server.replies["GET /api/memory/export"] = (200, MEMORY)
    assert json.loads(aion("memory", "export").out) == MEMORY


# Forgetting a conversation

SAID = {"role": "user", "content": "Rita keeps bees"}
TURNS = [{"owner": owner, "started": 0.0, "messages": [SAID]} for owner in ("me", "ana")]


@pytest.fixture
def diary(server: CannedServer) -> CannedServer:
    page = {"id": "diary", "turns": TURNS, "after": None}
    server.replies["GET /api/conversations/diary?limit=1000"] = (200, page)
    server.replies["GET /api/memory?source=diary"] = (200, {"data": [MEMORY], "before": None})
    server.replies["DELETE /api/conversations/diary"] = (200, GONE)
    return server


def deleted(server: CannedServer) -> list[str]:
    return [place for place, _, _ in server.asked if place.startswith("DELETE")]


def test_forget_shows_what_will_go_and_asks(aion: Aion, diary: CannedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    ran = aion("forget", "diary")
    assert ran.code == 130
    assert "Rita keeps bees" in ran.err
    assert "their feedback: 1; memories, unless met elsewhere, too: 1" in ran.err
    assert deleted(diary) == []


def test_forget_forgets_once_it_is_told_yes(aion: Aion, diary: CannedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert aion("forget", "diary").code == 0
    assert deleted(diary) == ["DELETE /api/conversations/diary"]


def test_forget_with_yes_does_not_ask(aion: Aion, diary: CannedServer) -> None:
    ran = aion("forget", "diary", "--yes", "--json")
    assert (ran.code, json.loads(ran.out)) == (0, GONE)
    assert len(diary.asked) == 1


def test_forget_without_anybody_to_ask_is_refused(
    aion: Aion, diary: CannedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    ran = aion("forget", "diary")
    assert ran.code == 2
    assert "--yes" in ran.err
    assert deleted(diary) == []


def test_a_conversation_of_others_alone_is_not_ones_own(aion: Aion, diary: CannedServer) -> None:
    page = {"id": "diary", "turns": TURNS[1:], "after": None}
    diary.replies["GET /api/conversations/diary?limit=1000"] = (200, page)
    ran = aion("forget", "diary")
    assert (ran.code, deleted(diary)) == (2, [])


@pytest.mark.parametrize(
    "words",
    [
        ["remember"],
        ["remember", "a", "--file", "b"],
        ["remember", "--file", "there-is-none.txt"],
        ["memory", "import", "there-is-none.ndjson"],
        ["memory", "list", "--kind", "order"],
        ["recall", "x", "--limit", "0"],
        ["memory", "show", "mem_2"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_done_is_one_sentence(aion: Aion, server: CannedServer, words: list[str]) -> None:
    ran = aion(*words)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize("content", [b'{"a": 1}\n\n{"b": 2}\n', b"[1]\n", b"not json\n", b"\xff\xfe\n"])
def test_a_file_that_is_no_export_is_refused_before_anything_is_sent(
    aion: Aion, server: CannedServer, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "bad.ndjson"
    file.write_bytes(content)
    assert aion("memory", "import", str(file)).code == 2
    assert server.asked == []


@pytest.mark.parametrize(
    "words",
    [
        ["remember", "x"],
        ["recall", "x"],
        ["memory", "list"],
        ["memory", "export"],
        ["memory", "forget", "mem_1"],
        ["forget", "diary", "--yes"],
    ],
    ids=" ".join,
)
def test_without_a_server_each_verb_says_how_to_start_one(aion: Aion, words: list[str]) -> None:
    ran = aion(*words)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "start it with `aion up`" in ran.err
