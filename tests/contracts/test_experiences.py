"""What every store promises of feedback and experience, as one suite that each implementation passes."""

from __future__ import annotations

import dataclasses
import math
import threading
from typing import Any

import pytest

from aion.errors import BadInput, Conflict, NotFound
from aion.records import Feedback, FeedbackKind, Label, Reward, Turn
from aion.store.base import Order, Store
from tests.contracts.conftest import Open
from tests.store.examples import make_turn
from tests.store.memory_examples import make_calibration, make_cluster, make_experience, make_feedback


def append(store: Store, **changes: Any) -> Turn:
    turn = make_turn(**changes)
    store.append_turn(turn).result()
    return turn


def judged(explicit: float) -> Reward:
    return Reward(explicit=explicit, implicit=None, emotional=None, total=explicit)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"kind": FeedbackKind.EDIT, "value": None, "text": "half a pair \ud83d, NUL \0"},
        {"kind": FeedbackKind.CHOICE, "value": None, "text": "this", "other": "that", "choice": 1},
        {"kind": FeedbackKind.EVENT, "value": None, "event": "copied"},
    ],
)
def test_feedback_comes_back_exactly(open_store: Open, changes: dict[str, Any]) -> None:
    store = open_store()
    feedback = make_feedback(append(store).id, **changes)
    assert store.experience.add_feedback(feedback).result() == feedback
    store.close()
    store = open_store()
    assert store.experience.feedback(owner="ana") == [feedback]
    assert list(store.verify()) == []
    store.close()


def test_feedback_sent_again_is_the_first_one(store: Store) -> None:
    first = make_feedback(append(store).id, key="k")
    again = dataclasses.replace(first, id="fb_later", at=99.0)
    assert store.experience.add_feedback(first).result() == first
    assert store.experience.add_feedback(again).result() == first
    assert store.experience.feedback(owner=None) == [first]


def test_the_same_feedback_sent_by_many_at_once_is_kept_once(store: Store) -> None:
    turn = append(store).id
    told: list[Feedback] = []

    def send(number: int) -> None:
        told.append(store.experience.add_feedback(make_feedback(turn, id=f"fb_{number}", key="k")).result())

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.experience.feedback(owner="ana") == [told[0]]
    assert set(told) == {told[0]}


@pytest.mark.parametrize(
    "changes", [{"value": -1.0}, {"kind": FeedbackKind.SCORE}, {"text": "x"}, {"choice": 1}, {"event": "copied"}]
)
def test_a_key_used_for_something_else_is_refused(store: Store, changes: dict[str, Any]) -> None:
    first = make_feedback(append(store).id, key="k")
    store.experience.add_feedback(first).result()
    with pytest.raises(Conflict, match="its own key"):
        store.experience.add_feedback(make_feedback(first.turn, key="k", **changes)).result()
    with pytest.raises(Conflict, match="its own key"):
        store.experience.add_feedback(make_feedback(append(store).id, key="k")).result()
    assert store.experience.feedback(owner=None) == [first]


def test_two_owners_may_use_the_same_key(store: Store) -> None:
    mine = make_feedback(append(store).id, key="k")
    theirs = make_feedback(append(store, owner="eva").id, owner="eva", key="k")
    for feedback in (mine, theirs):
        store.experience.add_feedback(feedback).result()
    assert store.experience.feedback(owner="eva") == [theirs]


def test_an_id_of_other_feedback_is_refused(store: Store) -> None:
    first = make_feedback(append(store).id)
    store.experience.add_feedback(first).result()
    with pytest.raises(Conflict, match="its own id"):
        store.experience.add_feedback(dataclasses.replace(first, key="another")).result()


def test_nobody_judges_a_turn_of_somebody_else_or_none(store: Store) -> None:
    turn = append(store)
    for feedback in (make_feedback(turn.id, owner="eva"), make_feedback("turn_0")):
        with pytest.raises(NotFound, match="there is no turn"):
            store.experience.add_feedback(feedback).result()
    assert store.experience.feedback(owner=None) == []


@pytest.mark.parametrize("changes", [{"at": float("nan")}, {"value": float("inf")}, {"key": "\0"}, {"turn": "\ud800"}])
def test_feedback_that_cannot_be_kept_exactly_is_refused(store: Store, changes: dict[str, Any]) -> None:
    feedback = dataclasses.replace(make_feedback(append(store).id), **changes)
    with pytest.raises(BadInput):
        store.experience.add_feedback(feedback).result()


def test_feedback_is_listed_oldest_first_and_continued(store: Store) -> None:
    one, two = append(store), append(store)
    kept = [make_feedback(turn.id, kind=FeedbackKind.COMMENT) for turn in (one, two, one)]
    for feedback in kept:
        store.experience.add_feedback(feedback).result()
    listed = store.experience.feedback
    assert listed(owner="ana") == kept
    assert listed(owner="ana", turn=one.id) == [kept[0], kept[2]]
    assert listed(owner=None, after=kept[0].id, limit=1) == [kept[1]]


VOTES = (FeedbackKind.THUMB, FeedbackKind.SCORE)


@pytest.mark.parametrize("kind", VOTES)
def test_of_the_votes_on_an_answer_only_the_latest_is_read_and_names_the_one_before(
    open_store: Open, kind: FeedbackKind
) -> None:
    store = open_store()
    turn = append(store).id
    votes = [make_feedback(turn, kind=kind, value=value) for value in (1.0, -1.0, 0.5)]
    told = [store.experience.add_feedback(vote).result() for vote in votes]
    assert [one.supersedes for one in told] == ["", votes[0].id, votes[1].id]
    assert [dataclasses.replace(one, supersedes="") for one in told] == votes
    store.close()
    store = open_store()
    listed = store.experience.feedback
    assert listed(owner="ana") == listed(owner=None, turn=turn) == listed(owner=None, limit=1) == told[2:]
    assert listed(owner=None, after=votes[1].id) == told[2:]
    assert listed(owner=None, after=votes[2].id) == []
    assert list(store.verify()) == []
    store.close()


def test_the_vote_taken_last_counts_whatever_its_id_or_time(store: Store) -> None:
    turn = append(store).id
    store.experience.add_feedback(make_feedback(turn, id="fb_9", at=9.0)).result()
    late = store.experience.add_feedback(make_feedback(turn, id="fb_1", at=1.0)).result()
    assert store.experience.feedback(owner="ana") == [late]


def test_an_earlier_vote_sent_again_with_its_key_is_known_and_does_not_come_back(store: Store) -> None:
    turn = append(store).id
    first, second = (make_feedback(turn, key=key, value=value) for key, value in (("1", 1.0), ("2", -1.0)))
    told = [store.experience.add_feedback(vote).result() for vote in (first, second)]
    for vote, known in zip((first, second), told, strict=True):
        again = dataclasses.replace(vote, id=f"{vote.id}-again", at=99.0)
        assert store.experience.add_feedback(again).result() == known
    with pytest.raises(Conflict, match="its own key"):
        store.experience.add_feedback(dataclasses.replace(first, id="fb_other", value=-1.0)).result()
    assert store.experience.feedback(owner="ana") == told[1:]
    third = store.experience.add_feedback(make_feedback(turn)).result()
    assert third.supersedes == second.id


def test_votes_of_many_at_once_are_a_chain(store: Store) -> None:
    turn = append(store).id
    told: list[Feedback] = []

    def send(number: int) -> None:
        told.append(store.experience.add_feedback(make_feedback(turn, id=f"fb_{number}")).result())

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [current] = store.experience.feedback(owner="ana")
    assert {one.supersedes for one in told} == {"", *(one.id for one in told)} - {current.id}


def test_what_is_no_vote_on_the_same_answer_stands_beside_it(store: Store) -> None:
    one, two = append(store).id, append(store).id
    theirs = append(store, owner="eva").id
    rest = [kind for kind in FeedbackKind if kind not in VOTES]
    beside = [
        *(make_feedback(one, kind=kind) for kind in (*VOTES, *rest, *rest)),
        make_feedback(one, choice=1),
        make_feedback(two),
        make_feedback(theirs, owner="eva"),
    ]
    for feedback in beside:
        assert store.experience.add_feedback(feedback).result() == feedback
    assert store.experience.feedback(owner=None) == beside


def test_an_experience_comes_back_exactly_and_is_replaced_whole(open_store: Open) -> None:
    store = open_store()
    experience = make_experience(append(store).id, reason="\0 \ud800", ndcg=None, confidence=None)
    store.experience.put_experience(experience).result()
    assert store.experience.experience(experience.turn, owner="ana") == experience
    later = dataclasses.replace(experience, reward=judged(-1.0), label=Label.ERRONEOUS, signals=(), updated=9.0)
    store.experience.put_experience(later).result()
    store.close()
    store = open_store()
    assert store.experience.experiences(owner=None) == [later]
    assert list(store.verify()) == []
    store.close()


def test_an_experience_is_its_owners_alone_and_needs_its_turn(store: Store) -> None:
    experience = make_experience(append(store).id)
    store.experience.put_experience(experience).result()
    assert store.experience.experience(experience.turn, owner="eva") is None
    assert store.experience.experiences(owner="eva") == []
    for other in (make_experience("turn_0"), dataclasses.replace(experience, owner="eva")):
        with pytest.raises(NotFound):
            store.experience.put_experience(other).result()
    assert store.experience.experiences(owner=None) == [experience]


@pytest.mark.parametrize(
    ("order", "expected"),
    [("latest", [3, 2, 1, 0]), ("top", [2, 0, 3, 1]), ("ask", [1, 3]), ("uncertain", [3, 1, 0])],
)
def test_experiences_come_in_the_order_asked_for(store: Store, order: Order, expected: list[int]) -> None:
    wanted = [
        make_experience(append(store).id, at=0.0, priority=0.5, confidence=0.62, reward=judged(1.0)),
        make_experience(append(store).id, at=1.0, priority=0.1, confidence=0.60),
        make_experience(append(store).id, at=2.0, priority=0.9, confidence=None),
        make_experience(append(store).id, at=3.0, priority=0.3, confidence=0.55),
    ]
    for experience in wanted:
        store.experience.put_experience(experience).result()
    found = store.experience.experiences(owner="ana", order=order)
    assert [wanted.index(experience) for experience in found] == expected
    assert store.experience.experiences(owner="ana", order=order, limit=1) == found[:1]


def test_what_to_ask_depends_on_tau(store: Store) -> None:
    low = make_experience(append(store).id, confidence=0.2)
    high = make_experience(append(store).id, confidence=0.9)
    for experience in (low, high):
        store.experience.put_experience(experience).result()
    assert store.experience.experiences(owner="ana", order="ask", tau=0.5) == [low, high]
    assert store.experience.experiences(owner="ana", order="ask", tau=0.6) == [high, low]


def test_who_has_said_it_is_not_asked_even_before_the_experience_knows(store: Store) -> None:
    turns = [append(store).id for _ in range(4)]
    for turn in turns:
        store.experience.put_experience(make_experience(turn, confidence=0.6)).result()
    store.experience.add_feedback(make_feedback(turns[0])).result()
    store.experience.add_feedback(
        make_feedback(turns[1], kind=FeedbackKind.EDIT, text="otherwise", value=None)
    ).result()
    store.experience.add_feedback(make_feedback(turns[2], kind=FeedbackKind.EVENT, event="copied", value=None)).result()
    listed, count = store.experience.experiences, store.experience.count_experiences
    assert {one.turn for one in listed(owner="ana", order="ask")} == set(turns[2:])
    assert {one.turn for one in listed(owner="ana", order="uncertain", unjudged=True)} == set(turns[2:])
    assert len(listed(owner="ana", order="uncertain")) == 4
    found = [count(owner="ana", order="ask", most=9), count(owner="ana", most=9), count(owner="ana", most=3)]
    assert found == [2, 4, 3]
    assert (count(owner="ana", label=Label.ERRONEOUS, most=9), count(owner="eva", order="ask", most=9)) == (0, 0)


@pytest.mark.parametrize("order", ["latest", "top", "ask", "uncertain"])
def test_experiences_go_on_behind_any_of_them(store: Store, order: Order) -> None:
    for number in range(24):
        values = {"at": number % 5, "priority": number % 3 / 4, "confidence": (number * 7 % 11) / 10}
        store.experience.put_experience(make_experience(append(store).id, **values)).result()
    listed = store.experience.experiences
    every = listed(owner="ana", order=order, tau=0.62)
    assert len(every) == 24
    for place, mark in enumerate(every):
        assert listed(owner="ana", order=order, tau=0.62, after=mark.turn, limit=4) == every[place + 1 : place + 5]
    judged = every[3].turn
    store.experience.add_feedback(make_feedback(judged)).result()
    assert listed(owner="ana", order=order, tau=0.62, after=judged, unjudged=True) == every[4:]
    assert listed(owner="eva", order=order, after=judged) == listed(owner="ana", order=order, after="turn_x") == []


def test_experiences_are_chosen_by_label_theme_and_time(store: Store) -> None:
    wanted = [
        make_experience(append(store).id, at=float(at), label=label, theme=theme)
        for at, (label, theme) in enumerate([(Label.RELIABLE, "a"), (Label.HESITANT, "b"), (Label.HESITANT, "a")])
    ]
    for experience in wanted:
        store.experience.put_experience(experience).result()
    chosen = store.experience.experiences
    assert chosen(owner="ana", label=Label.HESITANT) == [wanted[2], wanted[1]]
    assert chosen(owner="ana", theme="a", order="top") == [wanted[2], wanted[0]]
    assert chosen(owner="ana", since=1.0, until=2.0) == [wanted[1]]
    assert chosen(owner=None, label=Label.HESITANT, theme="a", since=0.0) == [wanted[2]]


def test_turns_wait_to_be_observed_until_they_are_and_again_after_feedback(store: Store) -> None:
    one, two = append(store), append(store, owner="eva")
    experience = store.experience
    assert experience.unobserved() == [one, two]
    assert experience.unobserved(limit=1) == [one]
    experience.put_experience(make_experience(one.id, updated=6.0)).result()
    assert experience.unobserved() == [two]
    experience.add_feedback(make_feedback(one.id, at=6.0)).result()
    assert experience.unobserved() == [two], "it was known of already"
    experience.add_feedback(make_feedback(one.id, at=6.5)).result()
    assert experience.unobserved() == [one, two]
    experience.put_experience(make_experience(one.id, updated=7.0)).result()
    assert experience.unobserved() == [two]


def test_clusters_are_replaced_whole_and_their_owners_alone(store: Store) -> None:
    cluster = make_cluster(name="boats \ud800")
    store.experience.put_cluster(cluster).result()
    grown = dataclasses.replace(cluster, count=3, vector=(0.1, 0.2, 0.3))
    store.experience.put_cluster(grown).result()
    with pytest.raises(Conflict, match="somebody else's"):
        store.experience.put_cluster(dataclasses.replace(cluster, owner="eva")).result()
    assert store.experience.clusters(owner="ana") == [grown]
    assert store.experience.clusters(owner="eva") == []


def test_a_cluster_moves_by_each_question_that_joins_it(store: Store) -> None:
    turns = [append(store).id for _ in range(3)]
    experience = store.experience
    begun = experience.put_cluster(make_cluster(count=1, vector=(1.0, 0.0)), turn=turns[0]).result()
    assert (begun.count, begun.vector) == (1, (1.0, 0.0))
    for turn, vector, sum_ in ((turns[1], (0.0, 1.0), (1, 1)), (turns[2], (0.0, 1.0), (2**0.5, 1 + 2**0.5))):
        joined = experience.join_cluster(begun.id, turn, owner="ana", vector=vector, at=9.0).result()
        expected = [value / math.hypot(*sum_) for value in sum_]
        assert joined.vector == pytest.approx(expected)
    assert (joined.count, joined.updated, joined.name) == (3, 9.0, begun.name)
    assert experience.clusters(owner="ana") == [joined]
    assert list(store.verify()) == []


def test_a_question_keeps_the_place_it_has(store: Store) -> None:
    turn, other = append(store).id, append(store).id
    experience = store.experience
    mine = experience.put_cluster(make_cluster(), turn=turn).result()
    far = experience.put_cluster(make_cluster(id="cluster_2"), turn=other).result()
    for again in (
        experience.put_cluster(make_cluster(id="cluster_3"), turn=turn),
        experience.join_cluster(far.id, turn, owner="ana", vector=(0.0, 1.0), at=9.0),
        experience.join_cluster(mine.id, turn, owner="ana", vector=(0.0, 1.0), at=9.0),
    ):
        assert again.result() == mine
    assert experience.clusters(owner="ana") == [mine, far]


def test_nobody_joins_a_cluster_of_somebody_else_or_without_a_turn(store: Store) -> None:
    turn, theirs = append(store).id, append(store, owner="eva").id
    experience = store.experience
    cluster = experience.put_cluster(make_cluster(), turn=turn).result()
    for name, joining, owner in (
        (cluster.id, theirs, "ana"),
        (cluster.id, theirs, "eva"),
        ("cluster_0", turn, "eva"),
        (cluster.id, "turn_0", "ana"),
    ):
        with pytest.raises(NotFound):
            experience.join_cluster(name, joining, owner=owner, vector=(0.0, 1.0), at=9.0).result()
    for joining in (theirs, "turn_0"):
        with pytest.raises(NotFound):
            experience.put_cluster(make_cluster(id="cluster_2"), turn=joining).result()
    assert experience.clusters(owner="ana") == [cluster]
    assert experience.clusters(owner="eva") == []


def test_the_newest_calibration_counts(store: Store) -> None:
    assert store.experience.calibration(owner="ana") is None
    late, early = make_calibration(at=2.0, points=((1.5, -0.25),), method="platt"), make_calibration(at=1.0)
    for calibration in (late, early, make_calibration(owner="eva", at=3.0)):
        store.experience.add_calibration(calibration).result()
    assert store.experience.calibration(owner="ana") == late
    with pytest.raises(Conflict):
        store.experience.add_calibration(late).result()


def test_samples_come_back_oldest_first_from_their_window(store: Store) -> None:
    for at in (3.0, 1.0, 2.0, 1.0):
        store.experience.append_sample(at, {"cpu_percent": at * 10}).result()
    samples = store.experience.samples
    assert samples(since=0.0, until=9.0) == [(at, {"cpu_percent": at * 10}) for at in (1.0, 2.0, 3.0)]
    assert samples(since=1.0, until=3.0, limit=1) == [(1.0, {"cpu_percent": 10.0})]
    assert samples(since=3.5, until=9.0) == []


def test_samples_from_before_a_moment_are_dropped(store: Store) -> None:
    for at in (1.0, 2.0, 3.0):
        store.experience.append_sample(at, {"cpu_percent": at}).result()
    assert store.experience.drop_samples(until=2.0).result() == 1
    assert [at for at, _ in store.experience.samples(since=0.0, until=9.0)] == [2.0, 3.0]
    assert store.experience.drop_samples(until=2.0).result() == 0
