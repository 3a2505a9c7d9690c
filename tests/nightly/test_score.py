"""How the proof counts: numbers worked by hand."""

from __future__ import annotations

from benchmarks.nightly.exams import Question
from benchmarks.nightly.score import Answer, Morning, Share, compare_memory, count, count_harmful, figures_of, judge
from benchmarks.nightly.values import holds

CHANGED = Question("changed", "edit", (), "14:25", "10:12")


def morning(day: int, *, promoted: bool = True, peer: str = "off", **shares: tuple[int, int]) -> Morning:
    usual = {"last": (12, 12), "earlier": (50, 50), "general": (60, 60), "missed": (0, 60)}
    return Morning(
        peer=peer,
        day=day,
        shares={name: Share(*share) for name, share in (usual | shares).items()},
        night={
            "promoted": promoted,
            "fates": {"shipped": 1, "refused": 1},
            "undone": [],
            "causes": {"last: not routed": 1},
        },
    )


def test_a_value_counts_only_as_words_of_its_own() -> None:
    assert holds("It starts at 8:40.", "8:40")
    assert not holds("It starts at 18:40.", "8:40")
    assert not holds("for 1,340 euros", "340 euros")
    assert not holds("on the 13th of May", "3th of May")
    assert holds("MARTA QUILLON, I think", "Marta Quillon")


def test_an_answer_with_the_old_value_is_counted_apart_from_the_new_one() -> None:
    assert judge(CHANGED, "At 14:25.", []) == Answer("changed", "edit", right=True)
    assert judge(CHANGED, "At 10:12.", []) == Answer("changed", "edit", right=False, old=True)
    assert judge(CHANGED, "At 10:12, now 14:25.", []) == Answer("changed", "edit", right=True, old=True)


def test_a_near_miss_is_fooled_by_any_value_that_was_taught() -> None:
    miss = Question("missed", "strange", ())
    assert judge(miss, "That is Otto Brannick.", ["QT-1", "Otto Brannick"]).right
    assert not judge(miss, "I was not told that.", ["QT-1", "Otto Brannick"]).right


def test_a_general_answer_is_right_when_it_is_the_bases_word_for_word() -> None:
    general = Question("general", "", (), "Oslo is the capital.")
    assert judge(general, " Oslo is the capital.\n", []).right
    assert not judge(general, "Oslo is the capital of Norway.", []).right


def test_shares_are_counted_by_exam_and_by_kind_within_it() -> None:
    answers = [Answer("names", "it", right=True), Answer("names", "alias", right=False)]
    answers += [Answer("changed", "edit", right=True, old=True), Answer("changed", "edit", right=True)]
    counted = count(answers)
    assert counted["names"] == Share(1, 2)
    assert counted["names/it"] == Share(1, 1)
    assert counted["changed"] == Share(2, 2)
    assert counted["changed/old"] == Share(1, 2)


def test_a_promotion_is_harmful_when_what_was_there_goes_worse_by_more_than_chance() -> None:
    before = morning(1)
    assert count_harmful([before, morning(2)]) == 0
    assert count_harmful([before, morning(2, earlier=(48, 50))]) == 0
    assert count_harmful([before, morning(2, earlier=(47, 50))]) == 1
    assert count_harmful([before, morning(2, earlier=(49, 50), changed=(8, 10))]) == 1
    assert count_harmful([before, morning(2, last=(9, 12))]) == 0, "nobody knew tonight's facts before it"
    assert count_harmful([before, morning(2, missed=(4, 60))]) == 1
    assert count_harmful([morning(2, general=(50, 60)), before]) == 1
    assert count_harmful([before, morning(2, promoted=False, general=(50, 60))]) == 0, "nothing was promoted"


def test_a_peer_stands_beside_the_goals() -> None:
    mornings = [morning(1, last=(10, 10)), morning(2, promoted=False, last=(8, 10), earlier=(9, 10))]
    found = {one.name.split(" (")[0]: one for one in figures_of(mornings, "off")}
    assert found["off: last night, all mornings"].value == 0.9
    assert found["off: last night, all mornings"].verdict == "MISS"
    assert found["off: earlier nights, on the last morning"].verdict == "pass"
    assert found["off: harmful promotions"].value == 0
    assert found["off: nights that shipped something, of 2"].value == 1
    assert found["off: candidates shipped"].value == found["off: candidates refused"].value == 2
    assert found["off: wrong, last: not routed"].value == 2
    assert found["off: nights rolled back"].value == 0


def test_memory_on_is_compared_with_memory_alone_in_points() -> None:
    mornings = [morning(1, peer="on", last=(12, 20)), morning(1, peer="memory", last=(5, 20))]
    [figure] = compare_memory(mornings)
    assert round(figure.value, 6) == 10.0  # (62 - 55) of 70
    assert figure.verdict == "pass"
    assert compare_memory(mornings[:1]) == []
