"""A turn as it grows, closed at different moments."""

from __future__ import annotations

from aion.capture.draft import AnswerDraft, TurnDraft
from aion.records import Outcome, TurnKind, Usage


def make_draft(choices: int = 1) -> TurnDraft:
    return TurnDraft(
        kind=TurnKind.CHAT,
        owner="ana",
        conversation="c1",
        messages=({"role": "user", "content": "hi"},),
        params={},
        model="aion",
        model_hash="00",
        choices=[AnswerDraft() for _ in range(choices)],
    )


def test_a_finished_draft_becomes_the_turn() -> None:
    draft = make_draft()
    draft.choices[0].text += ["Good ", "day"]
    draft.choices[0].finish = "stop"
    turn = draft.close(Outcome.COMPLETED)
    assert turn.answers[0].message == {"role": "assistant", "content": "Good day"}
    assert (turn.answers[0].finish, turn.outcome, turn.id) == ("stop", Outcome.COMPLETED, draft.id)


def test_an_abandoned_draft_keeps_what_had_been_written() -> None:
    draft = make_draft(choices=2)
    draft.choices[0].text.append("Good")
    turn = draft.close(Outcome.CANCELLED)
    assert [(answer.message["content"], answer.finish) for answer in turn.answers] == [("Good", "cancelled")]


def test_an_empty_answer_that_finished_is_an_answer() -> None:
    draft = make_draft()
    draft.choices[0].finish = "stop"
    assert draft.close(Outcome.COMPLETED).answers[0].message["content"] == ""


def test_tool_call_pieces_are_joined_by_index() -> None:
    choice = AnswerDraft()
    choice.add_calls(({"index": 0, "id": "call_a", "function": {"name": "find", "arguments": '{"q":'}},))
    choice.add_calls(({"index": 1, "id": "call_b", "function": {"name": "add", "arguments": "{}"}},))
    choice.add_calls(({"index": 0, "function": {"arguments": '"x"}'}},))
    message = choice.message()
    assert message["content"] is None
    assert [call["function"] for call in message["tool_calls"]] == [
        {"name": "find", "arguments": '{"q":"x"}'},
        {"name": "add", "arguments": "{}"},
    ]
    assert [call["id"] for call in message["tool_calls"]] == ["call_a", "call_b"]


def test_several_choices_read_one_prompt_and_add_up_what_they_write() -> None:
    draft = make_draft(choices=2)
    draft.count(Usage(prompt=10, completion=3, cached=0))
    draft.count(Usage(prompt=10, completion=4, cached=9))
    assert draft.usage == Usage(prompt=10, completion=7, cached=9)
