"""The terminal chat, against a canned server."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aion.cli import chat
from aion.cli.client import find_server, stream_events
from tests.cli.canned_server import TOKEN, CannedServer, serve, words
from tests.cli.conftest import Ran

Aion = Callable[..., Ran]
CHAT = "POST /v1/chat/completions"


@pytest.fixture
def server(data: Path) -> Iterator[CannedServer]:
    with serve(data) as canned:
        canned.replies[CHAT] = (200, words("Hel", "lo", "!"))
        yield canned


def type_lines(monkeypatch: pytest.MonkeyPatch, *lines: str | type[BaseException]) -> None:
    """What a person types; an exception stands for Ctrl-C or Ctrl-D."""
    waiting = iter(lines)

    def read(_prompt: str) -> str:
        line = next(waiting)
        if isinstance(line, str):
            return line
        raise line

    monkeypatch.setattr("builtins.input", read)


def converse(data: Path) -> None:
    server = find_server(data)
    assert server is not None
    chat.converse(server, "aion")


def test_a_piped_question_is_answered_once(aion: Aion, server: CannedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("Say hello\n"))
    assert aion("chat") == Ran(0, "Hello!\n", "")
    place, body, authorization = server.asked[0]
    assert (place, authorization) == (CHAT, f"Bearer {TOKEN}")
    assert body["messages"] == [{"role": "user", "content": "Say hello"}]
    assert body["stream"] is True


def test_an_empty_pipe_is_refused(aion: Aion, server: CannedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(" \n"))
    assert aion("chat").code == 2


def test_without_a_server_it_says_how_to_start_one(aion: Aion) -> None:
    ran = aion("chat")
    assert ran.code == 2
    assert "start it with `aion up`" in ran.err


def test_a_conversation_carries_what_was_said(
    data: Path, server: CannedServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    type_lines(monkeypatch, "one", "", "two", "/new", "three", "/exit")
    converse(data)
    said = [[message["content"] for message in body["messages"]] for _, body, _ in server.asked]
    assert said == [["one"], ["one", "Hello!", "two"], ["three"]]
    assert capsys.readouterr().out == "Hello!\n" * 3


def test_help_asks_nothing(
    data: Path, server: CannedServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    type_lines(monkeypatch, "/help", "/nonsense", EOFError)
    converse(data)
    assert server.asked == []
    assert capsys.readouterr().err.count(chat.HELP) == 3


def test_ctrl_c_stops_the_answer_and_not_the_program(
    data: Path, server: CannedServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server.replies[CHAT] = (200, words(*["word "] * 200_000))

    def interrupted(*given: object) -> object:
        events = stream_events(*given)  # type: ignore[arg-type]
        for number, event in enumerate(events):
            if number == 3:
                events.close()
                raise KeyboardInterrupt
            yield event

    monkeypatch.setattr(chat, "stream_events", interrupted)
    type_lines(monkeypatch, "go on", KeyboardInterrupt, "/exit")
    converse(data)
    told = capsys.readouterr()
    assert told.out == "word word \n"
    assert "(stopped)" in told.err
    assert server.cut.wait(10), "the connection stayed open after Ctrl-C"


def test_two_ctrl_c_at_the_prompt_leave(data: Path, server: CannedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    type_lines(monkeypatch, KeyboardInterrupt, "hi", KeyboardInterrupt, KeyboardInterrupt)
    converse(data)
    assert len(server.asked) == 1


def test_an_error_of_the_server_is_told_and_the_chat_goes_on(
    data: Path, server: CannedServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server.replies[CHAT] = (503, {"error": {"message": "the model is starting", "code": "unavailable"}})
    type_lines(monkeypatch, "one", "two", "/exit")
    converse(data)
    assert capsys.readouterr().err.count("the model is starting") == 2
    assert server.asked[1][1]["messages"] == [{"role": "user", "content": "two"}]


def test_an_error_in_the_middle_is_told(aion: Aion, server: CannedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.replies[CHAT] = (200, [*words("Hel")[:2], {"error": {"message": "the engine died"}}])
    monkeypatch.setattr("sys.stdin", io.StringIO("Say hello\n"))
    ran = aion("chat")
    assert ran.code == 2
    assert "the engine died" in ran.err
