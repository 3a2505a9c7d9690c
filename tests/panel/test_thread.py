"""Turns as one thread: what was asked again or otherwise is one version at a time."""

from __future__ import annotations

from aion.panel.page import _templates
from aion.panel.thread import history_after, read_thread
from aion.panel.words import Words
from aion.records import Json


def turn(name: str, question: str, answer: str, before: Json | None = None) -> Json:
    history = history_after(before) if before else []
    return {
        "id": name,
        "messages": [*history, {"role": "user", "content": question}],
        "answers": [{"message": {"role": "assistant", "content": answer}}],
    }


ONE = turn("t1", "Hello?", "Hi.")
TWO = turn("t2", "And now?", "Now what?", ONE)
TWO_AGAIN = turn("t3", "And now?", "Now this.", ONE)
OTHERWISE = turn("t4", "And then?", "Then that.", ONE)
THREE = turn("t5", "More.", "More of that.", TWO)
TURNS = [ONE, TWO, TWO_AGAIN, OTHERWISE, THREE]


def names(turns: list[Json], at: str = "") -> list[str]:
    return [one.turn["id"] for one in read_thread(turns, at)]


def test_a_thread_leads_from_the_first_question_to_the_newest_turn() -> None:
    assert names(TURNS) == ["t1", "t2", "t5"]


def test_another_version_is_shown_where_it_is_asked_for() -> None:
    assert names(TURNS, "t3") == ["t1", "t3"]
    assert names(TURNS, "t4") == ["t1", "t4"]
    assert names(TURNS, "t1") == ["t1", "t2", "t5"]


def test_answers_to_the_same_question_know_each_other() -> None:
    said = read_thread(TURNS, "t3")[-1]
    assert (said.versions, said.place, said.question, said.answer) == (("t2", "t3"), 1, "And now?", "Now this.")


def test_a_turn_that_ended_before_anything_was_recalled_is_shown() -> None:
    recorded = ONE | {"conversation": "c", "outcome": "cancelled", "error": "", "steps": {}, "adapters": []}
    shown = _templates().get_template("turn.html").render(t=Words("en"), one=read_thread([recorded])[0])
    assert "Hello?" in shown
    assert "memories" not in shown


def test_nothing_said_is_an_empty_thread() -> None:
    assert read_thread([]) == []


def test_a_history_that_was_never_recorded_here_shows_what_was() -> None:
    assert names([TWO]) == ["t2"]
