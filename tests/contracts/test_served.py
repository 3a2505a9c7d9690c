"""What every store promises of verdicts and of what is served, as one suite that each implementation passes."""

from __future__ import annotations

import dataclasses
import threading
from concurrent.futures import Future
from typing import Any

import pytest

from aion.errors import BadInput, Conflict, NotFound
from aion.records import Move, Promotion
from aion.store.base import Store
from tests.contracts.conftest import Open
from tests.store.served_examples import (
    examine,
    make_promotion,
    make_suite_item,
    make_verdict,
    put_candidate,
)


def serve(store: Store, *adapters: str, **changes: Any) -> Promotion:
    """As the owner's next row."""
    newest = store.served.promotion(owner=changes.get("owner", "ana"))
    told = {"follows": newest.id if newest else "", **changes}
    return store.served.append_promotion(make_promotion(*adapters, **told)).result()


def code_of(refused: Future[Any]) -> str:
    with pytest.raises(Conflict) as caught:
        refused.result()
    return caught.value.code


def test_verdicts_promotions_and_questions_come_back_exactly(open_store: Open) -> None:
    store = open_store()
    candidate = put_candidate(store, "a")
    verdict = make_verdict(candidate, reasons=("half \ud83d", ""))
    assert store.served.add_verdict(verdict).result() == verdict
    promotion = serve(store, trial=(candidate.id,), share=0.25, move=Move.TRY)
    item = make_suite_item(question="half \ud83d")
    assert store.served.put_suite_item(item).result() == item
    store.close()
    store = open_store()
    assert store.served.verdict(candidate.id, owner="ana") == verdict
    assert store.served.promotion(owner="ana") == promotion
    assert store.served.suite(owner="ana") == [item]
    assert list(store.verify()) == []
    store.close()


def test_what_belongs_to_somebody_is_not_shown_to_others(store: Store) -> None:
    made = examine(store, "a")
    promotion = serve(store, made.id)
    store.served.put_suite_item(make_suite_item()).result()
    served = store.served
    assert (served.verdict(made.id, owner="eva"), served.verdicts(owner="eva")) == (None, [])
    assert (served.promotion(owner="eva"), served.promotions(owner="eva"), served.suite(owner="eva")) == (None, [], [])
    assert len(served.verdicts(owner=None)) == len(served.promotions(owner=None)) == 1
    assert served.serving() == [promotion]


def test_the_newest_verdict_counts_and_the_others_stay(store: Store) -> None:
    made, other = put_candidate(store, "a"), put_candidate(store, "b", night="night_2")
    said = [make_verdict(made, ship=True, at=9.0), make_verdict(other), make_verdict(made, ship=False, at=1.0)]
    for verdict in said:
        store.served.add_verdict(verdict).result()
    assert store.served.verdict(made.id, owner=None) == said[2], "the last that was told, whatever its clock said"
    assert store.served.verdicts(owner="ana") == said[::-1]
    assert store.served.verdicts(owner="ana", night="night_1", limit=1) == [said[2]]
    assert store.served.verdicts(owner="ana", night="night_2") == [said[1]]
    assert code_of(store.served.append_promotion(make_promotion(made.id))) == "refused"


def test_what_is_told_twice_is_there_once(store: Store) -> None:
    verdict = make_verdict(put_candidate(store, "a"))
    promotion = make_promotion("cand_a")
    for _ in range(2):
        assert store.served.add_verdict(verdict).result() == verdict
        assert store.served.append_promotion(promotion).result() == promotion
    serve(store)
    assert store.served.append_promotion(promotion).result() == promotion, "also when it is the newest no longer"
    assert (len(store.served.verdicts(owner="ana")), len(store.served.promotions(owner="ana"))) == (1, 2)
    code_of(store.served.add_verdict(dataclasses.replace(verdict, ship=False)))
    code_of(store.served.append_promotion(dataclasses.replace(promotion, actor="ana")))


@pytest.mark.parametrize("what", ["adapter", "base", "theme", "night"])
def test_a_verdict_on_something_else_than_the_candidate_is_refused(store: Store, what: str) -> None:
    made = put_candidate(store, "a")
    assert code_of(store.served.add_verdict(make_verdict(made, **{what: "0" * 64}))) == "other_candidate"
    for stranger in (dataclasses.replace(made, owner="eva"), dataclasses.replace(made, id="cand_other")):
        with pytest.raises(NotFound):
            store.served.add_verdict(make_verdict(stranger)).result()
    assert store.served.verdicts(owner=None) == []


def test_a_verdict_with_words_in_its_scores_is_refused(store: Store) -> None:
    made = put_candidate(store, "a")
    for words in ("Gaivota", {"items": [0.5, "Gaivota"]}):
        with pytest.raises(BadInput, match="scores") as caught:
            store.served.add_verdict(make_verdict(made, scores={"taught": words})).result()
        assert "scores.taught" in caught.value.message
        assert "Gaivota" not in caught.value.message


@pytest.mark.parametrize("which", ["adapters", "trial"])
def test_only_what_was_examined_and_passed_is_served(store: Store, which: str) -> None:
    examine(store, "good")
    examine(store, "same", theme="theme_good")
    examine(store, "retired")
    examine(store, "hers", owner="eva")
    put_candidate(store, "new")
    bad = put_candidate(store, "bad")
    store.served.add_verdict(make_verdict(bad, ship=False)).result()
    store.served.retire(["cand_retired"], reason="", actor="ana", at=1.0).result()

    def ask(*ids: str) -> Future[Promotion]:
        return store.served.append_promotion(make_promotion(**{which: ids}))

    refused = {"new": "not_evaluated", "bad": "refused", "retired": "retired", "same": "same_theme"}
    assert {name: code_of(ask("cand_good", f"cand_{name}")) for name in refused} == refused
    assert code_of(ask("cand_good", "cand_good")) == "same_theme"
    for stranger in ("cand_hers", "cand_nobody"):
        with pytest.raises(NotFound):
            ask("cand_good", stranger).result()
    assert store.served.promotions(owner=None) == []
    ask("cand_good").result()


def test_a_trial_may_hold_another_adapter_of_a_theme_that_is_served(store: Store) -> None:
    examine(store, "old")
    examine(store, "new", theme="theme_old")
    row = serve(store, "cand_old", trial=("cand_new",), share=0.5, move=Move.TRY)
    assert store.served.promotion(owner="ana") == row


def test_a_row_that_does_not_follow_the_newest_is_refused(store: Store) -> None:
    examine(store, "a")
    first = serve(store, "cand_a")
    second = serve(store)
    for follows in ("", first.id, "promotion_other"):
        assert code_of(store.served.append_promotion(make_promotion("cand_a", follows=follows))) == "served_changed"
    third = serve(store, "cand_a", move=Move.ROLL_BACK)
    hers = serve(store, owner="eva")
    assert store.served.promotions(owner="ana") == [third, second, first]
    assert store.served.promotions(owner=None, limit=2) == [hers, third]
    assert store.served.serving() == [third, hers]
    assert list(store.verify()) == []


def test_of_two_who_decide_at_once_one_is_told_to_decide_again(store: Store) -> None:
    examine(store, "a")
    told: list[Future[Promotion]] = []
    rows = [make_promotion("cand_a", actor=f"actor {number}") for number in range(8)]
    threads = [threading.Thread(target=lambda row=row: told.append(store.served.append_promotion(row))) for row in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.exception() is None for one in told) == [False] * 7 + [True]
    assert len(store.served.promotions(owner="ana")) == 1


def test_an_adapter_that_a_later_examination_refuses_is_not_served_again(store: Store) -> None:
    made = examine(store, "a")
    serve(store, made.id)
    store.served.add_verdict(make_verdict(made, ship=False)).result()
    assert list(store.verify()) == [], "what was served until then was let through"
    serve(store, move=Move.ROLL_BACK)
    newest = store.served.promotion(owner="ana")
    assert newest is not None
    again = store.served.append_promotion(make_promotion(made.id, follows=newest.id))
    assert code_of(again) == "refused"


def test_a_retired_adapter_is_served_to_nobody_from_the_same_moment(store: Store) -> None:
    gone = examine(store, "gone")
    for name in ("one", "two"):
        examine(store, name)
    examine(store, "hers", owner="eva")
    hers = serve(store, "cand_hers", owner="eva")
    before = serve(store, "cand_gone", "cand_one", trial=("cand_one", "cand_two"), share=0.5, move=Move.TRY)
    [row] = store.served.retire([gone.id, "cand_unknown"], reason="forgotten", actor="ana", at=9.0).result()
    assert row == dataclasses.replace(
        before,
        id=row.id,
        move=Move.RETIRE,
        adapters=("cand_one",),
        night="",
        follows=before.id,
        reason="forgotten",
        actor="ana",
        at=9.0,
    )
    assert store.served.serving() == [row, hers]
    assert store.nights.candidate(gone.id, owner="ana") == dataclasses.replace(gone, retired=True)
    assert store.served.verdict(gone.id, owner="ana") is not None
    assert store.served.retire([gone.id], reason="", actor="ana", at=9.5).result() == []
    assert list(store.verify()) == []


def test_a_trial_that_loses_an_adapter_ends(store: Store) -> None:
    for name in ("one", "two"):
        examine(store, name)
    serve(store, "cand_one", trial=("cand_one", "cand_two"), share=0.5, move=Move.TRY)
    [row] = store.served.retire(["cand_two"], reason="", actor="ana", at=9.0).result()
    assert (row.adapters, row.trial, row.share) == (("cand_one",), (), 0.0)


def test_a_retired_candidate_is_examined_no_more(store: Store) -> None:
    made = examine(store, "a")
    known = store.served.verdict(made.id, owner="ana")
    assert known is not None
    store.served.retire([made.id], reason="", actor="ana", at=9.0).result()
    assert code_of(store.served.add_verdict(make_verdict(made))) == "retired"
    assert store.served.add_verdict(known).result() == known


def test_questions_of_a_persons_own_are_changed_and_removed_by_them_alone(store: Store) -> None:
    late, early = make_suite_item(), make_suite_item(id="item_0", at=60.0)
    for item in (early, late):
        store.served.put_suite_item(item).result()
    assert store.served.suite(owner="ana") == [late, early]
    changed = dataclasses.replace(late, expected="Saudade", at=70.0)
    store.served.put_suite_item(changed).result()
    assert store.served.suite(owner="ana") == [early, changed]
    code_of(store.served.put_suite_item(dataclasses.replace(late, owner="eva")))
    assert not store.served.remove_suite_item(late.id, owner="eva").result()
    assert store.served.remove_suite_item(late.id, owner="ana").result()
    assert store.served.suite(owner="ana") == [early]


def test_what_an_adapter_does_not_know_is_new_until_a_later_one_knows_it(store: Store) -> None:
    made = put_candidate(store, "1", theme="theme_boats", lessons=("lesson_a", "lesson_b"))
    assert store.nights.learned(owner="ana") == {"lesson_a", "lesson_b"}, "nobody has examined it"
    verdict = store.served.add_verdict(make_verdict(made, unlearned=("lesson_b",))).result()
    assert store.served.verdict(made.id, owner="ana") == verdict
    serve(store, made.id)
    assert store.nights.learned(owner="ana") == {"lesson_a"}
    later = {"theme": "theme_boats", "lessons": ("lesson_a", "lesson_b"), "parent": made.id}
    second = put_candidate(store, "2", night="night_2", created=30.0, **later)
    store.served.add_verdict(make_verdict(second, unlearned=("lesson_b",))).result()
    serve(store, second.id)
    assert store.nights.learned(owner="ana", base=made.base) == {"lesson_a"}
    third = put_candidate(store, "3", night="night_3", created=40.0, **later)
    store.served.add_verdict(make_verdict(third)).result()
    serve(store, third.id)
    assert store.nights.learned(owner="ana") == {"lesson_a", "lesson_b"}
    assert list(store.verify()) == []


def test_only_what_it_was_taught_can_be_called_unlearned(store: Store) -> None:
    made = put_candidate(store, "1")
    assert code_of(store.served.add_verdict(make_verdict(made, unlearned=("lesson_2",)))) == "other_candidate"
    assert store.served.verdict(made.id, owner=None) is None


def test_what_refused_or_taken_back_adapters_learned_is_new_again(store: Store) -> None:
    first = examine(store, "1", theme="theme_boats")
    second = examine(store, "2", theme="theme_boats", night="night_2", parent=first.id, created=30.0)
    waiting = put_candidate(store, "3", night="night_3")
    refused = put_candidate(store, "4", night="night_4")
    store.served.add_verdict(make_verdict(refused, ship=False)).result()
    assert store.nights.heads(owner="ana") == {first.id, second.id, waiting.id}
    assert store.nights.learned(owner="ana") == {"lesson_1", "lesson_2", "lesson_3"}
    row = serve(store, first.id)
    row = serve(store, second.id, follows=row.id)
    assert store.nights.heads(owner="ana") == {second.id, waiting.id}
    assert store.nights.learned(owner="ana") == {
        "lesson_1",
        "lesson_2",
        "lesson_3",
    }  # the first is what it went on from
    serve(store, first.id, follows=row.id, move=Move.ROLL_BACK)
    assert store.nights.heads(owner="ana") == {first.id, waiting.id}
    assert store.nights.learned(owner="ana") == {"lesson_1", "lesson_3"}
    assert store.nights.heads(owner="bob") == set()
