"""Signs of how an answer was received: each by hand, and all of them on the labelled turns."""

from __future__ import annotations

from collections import Counter

import pytest

from aion.capture.signals import SIGNS, Event, read_end, read_events, read_following
from aion.records import Feedback, FeedbackKind
from benchmarks.signals import Labelled, load_turns, macro, quiet_share, score

QUESTION, ANSWER = "What is the capital of Australia?", "The capital of Australia is Sydney."


def names(following: str, *, similarity: float | None = 0.2, gap_s: float = 20.0, answer: str = ANSWER) -> set[str]:
    found = read_following(QUESTION, answer, following, similarity=similarity, gap_s=gap_s)
    return {signal.name for signal in found}


def event(name: str, kind: FeedbackKind = FeedbackKind.EVENT) -> Feedback:
    return Feedback(id=name, owner="ines", turn="turn_1", kind=kind, at=1.0, key=name, event=name)


@pytest.fixture(scope="module")
def turns() -> tuple[Labelled, ...]:
    return load_turns()


@pytest.mark.parametrize(
    ("following", "similarity", "expected"),
    [
        ("what is the capital of australia", 1.0, {"re_ask"}),
        ("In other words, which city governs Australia?", 0.8, {"rephrase"}),
        ("No, it's Canberra.", 0.5, {"correction"}),
        ("It is Canberra, not Sydney.", 0.5, {"correction"}),
        ("Thanks!", 0.0, {"thanks"}),
        ("This is useless.", 0.0, {"complaint"}),
        ("Great, wrong again.", 0.0, {"complaint"}),
        ("And its population?", 0.3, {"continued"}),
        ("Thank you. And its population?", 0.3, {"thanks", "continued"}),
        ("não, é Camberra", 0.4, {"correction"}),
        ("obrigado por nada", 0.1, {"complaint"}),
        ("muito obrigada!", 0.1, {"thanks"}),
    ],
)
def test_each_sign_is_read_from_what_follows(following: str, similarity: float, expected: set[str]) -> None:
    assert names(following, similarity=similarity) == expected


@pytest.mark.parametrize(
    "following",
    [
        "What is the capital of Austria?",
        "How do I clean suede shoes?",
        "ok",
        "   ",
        "My laptop does not work since this morning.",
        "Translate into French: this is a terrible mistake.",
        "O filme que vi ontem foi péssimo.",
    ],
)
def test_what_is_not_about_the_answer_gives_no_sign(following: str) -> None:
    assert names(following, similarity=0.7 if "Austria" in following else 0.1) == set()


def test_a_reply_to_a_question_of_the_answer_is_no_correction() -> None:
    assert "correction" in names("No, the short one.")
    assert names("No, the short one.", answer="Do you want the long version?") == set()


def read_making(following: str, gap_s: float = 20.0) -> list[tuple[str, float]]:
    asked = ("Draft a note to Mr Pell.", "Dear Mr Pell, the lift stands still...", following)
    return [(one.name, one.value) for one in read_following(*asked, similarity=0.2, gap_s=gap_s)]


def test_what_is_said_flatly_of_what_was_made_is_a_small_complaint() -> None:
    assert read_making("The note runs to two pages.") == [("complaint", -0.4)]
    assert read_making("This note is useless.") == [("complaint", -0.7)]


@pytest.mark.parametrize(
    "following",
    ["This is for my aunt.", "The lift is out, put that in.", "It runs now, thanks.", "It will be printed."],
)
def test_whom_it_is_for_and_what_is_to_be_added_is_no_complaint(following: str) -> None:
    assert "complaint" not in dict(read_making(following))
    assert "complaint" not in dict(read_making("The note runs to two pages.", gap_s=700))


def test_wrong_said_of_a_work_without_what_is_right_is_a_complaint() -> None:
    assert dict(read_making("Wrong Mr Pell.")).keys() == {"complaint"}
    assert names("Wrong.") == {"correction"}


def test_a_question_of_a_few_words_leans_on_the_answer() -> None:
    assert names("Would Perth do?") == {"continued"}
    assert names("Would Perth do?", gap_s=3600) == set()


def test_the_same_matter_in_other_words_counts_only_soon_after() -> None:
    following = "Which city governs Australia as a capital?"
    assert names(following, similarity=0.85) == {"rephrase"}
    assert "rephrase" not in names(following, similarity=0.85, gap_s=3600)


def test_without_an_embedder_the_words_alone_decide() -> None:
    assert names("What is the capital of Australia?", similarity=None) == {"re_ask"}


def test_an_event_counts_once_and_only_when_it_is_known() -> None:
    found = read_events([event("copied"), event("copied"), event("moved"), event("thumb", FeedbackKind.THUMB)])
    assert [(signal.name, signal.value, signal.weight) for signal in found] == [("copied", 0.6, 0.7)]


def test_every_event_has_its_value_and_each_sign_lies_within_bounds() -> None:
    assert set(Event) <= set(SIGNS)
    assert all(-1 <= value <= 1 and 0 < weight <= 1 for value, weight in SIGNS.values())


@pytest.mark.parametrize(
    ("answer", "idle_s", "more", "found"),
    [
        ("It is Canberra.", 5000, {}, 0),
        ("Canberra", 5000, {}, 0),
        ("It is Canberra.", 5000, {"cancelled": True}, 1),
        ("It is Canberra.", 5000, {"unhappy": True}, 1),
        ("It is Canberra.", 50, {"cancelled": True}, 0),
        ("one two three four five six seven eight nine ten eleven twelve and then the", 5000, {}, 1),
    ],
)
def test_leaving_is_a_sign_only_in_the_middle(answer: str, idle_s: float, more: dict[str, bool], found: int) -> None:
    assert len(read_end(answer, idle_s=idle_s, abandoned_s=1800, last=True, **more)) == found
    assert read_end(answer, idle_s=idle_s, abandoned_s=1800, last=False, **more) == ()


def test_the_labelled_turns_are_many_and_of_every_sort(turns: tuple[Labelled, ...]) -> None:
    languages = Counter(turn.lang[:2] for turn in turns)
    assert min(languages["en"], languages["pt"]) >= 0.45 * len(turns)
    assert sum(turn.irony for turn in turns) >= 30
    assert sum(turn.negation for turn in turns) >= 40
    assert sum(not turn.labels for turn in turns) >= 60
    assert Counter(turn.split for turn in turns) == {"tune": 875, "test": 477}


@pytest.mark.parametrize(
    ("split", "precision", "recall", "quiet"), [("tune", 0.94, 0.89, 0.95), ("test", 0.84, 0.71, 0.86)]
)
def test_signs_are_read_as_well_as_was_measured(
    turns: tuple[Labelled, ...], split: str, precision: float, recall: float, quiet: float
) -> None:
    part = [turn for turn in turns if turn.split == split]
    reached = macro(score(part))
    assert reached[0] >= precision
    assert reached[1] >= recall
    assert quiet_share(part) >= quiet


@pytest.mark.parametrize("piece", ["no ", "'a ", "a. ", "!", "nao e ", '"', "how do you say ", "```", "why? "])
def test_only_the_beginning_of_a_long_message_is_read(piece: str) -> None:
    beginning = (piece * 6000)[:6000]
    assert names(beginning + piece * 50_000) == names(beginning)
