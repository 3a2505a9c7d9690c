"""What every store promises of themes, nights and candidates, as one suite that each implementation passes."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from aion.errors import AionError, Conflict, NotFound
from aion.records import Answer, FeedbackKind, Lesson, Memory, NightState
from aion.store.base import Store
from tests.contracts.conftest import Open
from tests.store.examples import make_turn
from tests.store.memory_examples import make_feedback, make_source, put
from tests.store.night_examples import make_candidate, make_lesson, make_night, make_quarantine, make_theme
from tests.store.served_examples import make_verdict


def put_themes(store: Store, *ids: str) -> None:
    for id_ in ids:
        store.nights.put_theme(make_theme(id=id_)).result()


def test_everything_of_a_night_comes_back_exactly(open_store: Open) -> None:
    store = open_store()
    theme, night, candidate = make_theme(name="half \ud83d"), make_night(), make_candidate()
    store.nights.put_theme(theme).result()
    store.nights.append_night(night).result()
    assert store.nights.add_candidate(candidate).result() == candidate
    store.close()
    store = open_store()
    assert store.nights.theme("theme_1", owner="ana") == theme
    assert store.nights.night("night_1", owner="ana") == night
    assert store.nights.candidate("cand_1", owner="ana") == candidate
    assert list(store.verify()) == []
    store.close()


def test_what_belongs_to_somebody_is_not_shown_to_others(store: Store) -> None:
    put_themes(store, "theme_1")
    store.nights.append_night(make_night()).result()
    store.nights.add_candidate(make_candidate()).result()
    nights = store.nights
    assert (nights.theme("theme_1", owner="eva"), nights.themes(owner="eva")) == (None, [])
    assert (nights.night("night_1", owner="eva"), nights.nights(owner="eva")) == (None, [])
    assert (nights.candidate("cand_1", owner="eva"), nights.candidates(owner="eva")) == (None, [])
    assert (nights.learned(owner="eva"), nights.candidates_from(["turn_1"], owner="eva")) == (set(), [])
    assert len(nights.themes(owner=None)) == len(nights.nights(owner=None)) == len(nights.candidates(owner=None)) == 1


def test_a_lesson_leads_back_to_what_it_was_made_of(store: Store) -> None:
    put_themes(store, "theme_1")
    lesson = make_lesson()
    store.nights.place_lessons([lesson], at=1.0).result()
    asked = [lesson.id, "lesson_unknown"]
    assert store.nights.sources_of(asked, owner="ana") == {lesson.id: frozenset(lesson.sources)}
    assert store.nights.sources_of(asked, owner="eva") == {}


def test_an_id_of_somebody_else_is_refused(store: Store) -> None:
    put_themes(store, "theme_1")
    store.nights.put_theme(make_theme(id="theme_2", owner="eva")).result()
    store.nights.append_night(make_night()).result()
    lesson = make_lesson()
    store.nights.place_lessons([lesson], at=1.0).result()
    for refused in (
        store.nights.put_theme(make_theme(owner="eva")),
        store.nights.append_night(make_night(owner="eva")),
        store.nights.place_lessons([dataclasses.replace(lesson, owner="eva", theme="theme_2")], at=2.0, moved=True),
    ):
        with pytest.raises(Conflict):
            refused.result()
    with pytest.raises(NotFound):
        store.nights.place_lessons([make_lesson(theme="theme_2")], at=2.0).result()


def test_the_newest_state_of_a_night_counts_and_the_others_stay(store: Store) -> None:
    states = (NightState.WAITING, NightState.TRAINING, NightState.PAUSED, NightState.TRAINING, NightState.DONE)
    said = [make_night(state=state, at=float(at)) for at, state in enumerate(states)]
    for night in said:
        store.nights.append_night(night).result()
    store.nights.append_night(make_night(id="night_2")).result()
    assert store.nights.night("night_1", owner="ana") == said[-1]
    assert store.nights.night_states("night_1", owner="ana") == said
    assert [(night.id, night.state) for night in store.nights.nights(owner="ana")] == [
        ("night_2", NightState.WAITING),
        ("night_1", NightState.DONE),
    ]
    assert len(store.nights.nights(owner="ana", limit=1)) == 1


def test_a_lesson_keeps_its_theme_unless_a_person_moves_it(store: Store) -> None:
    put_themes(store, "theme_1", "theme_2")
    lesson = make_lesson()
    elsewhere = dataclasses.replace(lesson, theme="theme_2")
    assert store.nights.place_lessons([lesson, make_lesson()], at=1.0).result() == 2
    assert store.nights.place_lessons([elsewhere], at=2.0).result() == 0
    assert store.nights.placed(owner="ana")[lesson.id] == "theme_1"
    assert store.nights.place_lessons([elsewhere], at=3.0, moved=True).result() == 1
    assert store.nights.placed(owner="ana")[lesson.id] == "theme_2"
    assert [theme.lessons for theme in store.nights.themes(owner="ana")] == [1, 1]


def test_two_who_change_a_theme_at_once_both_have_their_wish(store: Store) -> None:
    put_themes(store, "theme_1")
    wishes: list[dict[str, Any]] = [{"name": "The fleet"}, {"pinned": True}]
    changes = [store.nights.change_theme("theme_1", owner="ana", at=9.0, **wish) for wish in wishes]
    assert [change.result().pinned for change in changes] == [False, True]
    theme = store.nights.theme("theme_1", owner="ana")
    assert theme is not None
    assert (theme.name, theme.named, theme.pinned, theme.updated) == ("The fleet", True, True, 9.0)
    assert store.nights.change_theme("theme_1", owner="ana", at=10.0, pinned=True).result().updated == 9.0


def test_a_wish_for_a_theme_is_fulfilled_whole_or_not_at_all(store: Store) -> None:
    put_themes(store, "theme_1", "theme_2")
    lesson = make_lesson(theme="theme_2")
    store.nights.place_lessons([lesson], at=1.0).result()
    before, placed = store.nights.themes(owner="ana"), store.nights.placed(owner="ana")
    for wish in ({"lessons": [lesson.id, "lesson_9"]}, {"lessons": [lesson.id], "merge_into": "theme_9"}):
        with pytest.raises(NotFound):
            store.nights.change_theme("theme_1", owner="ana", at=9.0, name="Mine", **wish).result()
    with pytest.raises(NotFound):
        store.nights.change_theme("theme_1", owner="eva", at=9.0, name="Mine").result()
    assert (store.nights.themes(owner="ana"), store.nights.placed(owner="ana")) == (before, placed)
    whole = store.nights.change_theme("theme_1", owner="ana", at=9.0, lessons=[lesson.id], merge_into="theme_2")
    assert (whole.result().id, whole.result().lessons) == ("theme_2", 1)


def test_a_merged_theme_gives_its_lessons_away_and_stays_as_a_sign(store: Store) -> None:
    put_themes(store, "theme_1", "theme_2", "theme_3")
    lessons = [make_lesson(), make_lesson(theme="theme_2")]
    store.nights.place_lessons(lessons, at=1.0).result()
    assert store.nights.change_theme("theme_1", owner="ana", at=9.0, merge_into="theme_2").result().lessons == 2
    assert store.nights.placed(owner="ana") == {lesson.id: "theme_2" for lesson in lessons}
    assert [theme.id for theme in store.nights.themes(owner="ana")] == ["theme_2", "theme_3"]
    gone = store.nights.theme("theme_1", owner="ana")
    assert gone is not None
    assert (gone.merged_into, gone.lessons, gone.updated) == ("theme_2", 0, 9.0)
    with pytest.raises(Conflict, match="theme_2"):
        store.nights.place_lessons([make_lesson()], at=2.0).result()
    for one, other in (("theme_1", "theme_3"), ("theme_3", "theme_1"), ("theme_3", "theme_3")):
        with pytest.raises(Conflict):
            store.nights.change_theme(one, owner="ana", at=9.0, merge_into=other).result()
    with pytest.raises(NotFound):
        store.nights.change_theme("theme_3", owner="eva", at=9.0, merge_into="theme_2").result()
    assert list(store.verify()) == []


def arrange(store: Store, *places: Lesson, read: dict[str, float] | None = None, at: float = 7.0) -> int:
    """As a night tells it: all of its themes are called Canary, after what it had read."""
    ids = dict.fromkeys([*(one.theme for one in places), *(read or {})])
    themes = [make_theme(id=id_, name="Canary", vector=(1.0,), updated=at) for id_ in ids]
    return store.nights.arrange(themes, places, owner="ana", read=read or {}, at=at).result()


def told(store: Store) -> list[tuple[str, str, tuple[float, ...]]]:
    return [(theme.id, theme.name, theme.vector) for theme in store.nights.themes(owner="ana", merged=True)]


def test_what_was_forgotten_while_it_was_arranged_gets_no_place_and_names_no_theme(store: Store) -> None:
    put_themes(store, "theme_1")
    gone, stays = make_turn(), make_turn(conversation="conv_2")
    for turn in (gone, stays):
        store.append_turn(turn).result()
    memory = put(store, sources=(make_source(ref="note 7: diary", conversation="conv_3"),))
    store.nights.place_lessons([make_lesson(sources=(gone.id,)), make_lesson(sources=(stays.id,))], at=1.0).result()
    store.forget_conversation("conv_1", owner="ana").result()
    alone = make_lesson(theme="theme_2", sources=(gone.id,))
    beside = [make_lesson(theme="theme_3", sources=one) for one in ((gone.id,), (memory.id, "note 7: diary"))]
    assert arrange(store, alone, *beside, read={"theme_1": 2.0, "theme_4": 2.0}) == 1
    assert told(store) == [("theme_1", "", ()), ("theme_3", "", ())]
    assert set(store.nights.placed(owner="ana").values()) == {"theme_1", "theme_3"}
    store.memories.remove([memory.id], owner="ana").result()
    assert arrange(store, dataclasses.replace(beside[1], id="lesson_again")) == 0
    assert list(store.verify()) == []


def test_a_name_told_in_one_part_goes_when_the_next_part_has_a_lesson_that_is_gone(store: Store) -> None:
    turn = make_turn()
    store.append_turn(turn).result()
    assert arrange(store, make_lesson(sources=(turn.id,))) == 1
    assert told(store) == [("theme_1", "Canary", (1.0,))]
    assert arrange(store, make_lesson(sources=("turn_gone",)), at=8.0) == 0
    assert told(store) == [("theme_1", "", ())]


def test_what_a_person_did_to_themes_while_they_were_arranged_stands(store: Store) -> None:
    put_themes(store, "theme_1", "theme_2", "theme_3")
    turn = make_turn()
    store.append_turn(turn).result()
    store.nights.change_theme("theme_1", owner="ana", at=5.0, merge_into="theme_2").result()
    store.nights.put_theme(make_theme(id="theme_3", name="Mine", named=True, pinned=True, updated=5.0)).result()
    lesson = make_lesson(sources=(turn.id,))
    read = {"theme_1": 2.0, "theme_2": 2.0, "theme_3": 2.0}
    assert arrange(store, lesson, read=read) == 1
    assert store.nights.placed(owner="ana") == {lesson.id: "theme_2"}
    merged, target, named = store.nights.themes(owner="ana", merged=True)
    assert (merged.merged_into, target.name) == ("theme_2", "Canary")
    assert (named.name, named.named, named.pinned) == ("Mine", True, True)
    again = dataclasses.replace(lesson, theme="theme_9")
    assert arrange(store, again, read={"theme_1": 5.0}, at=9.0) == 0, "it has a place: nothing is begun for it"
    assert store.nights.themes(owner="ana", merged=True) == [merged, target, named]
    arrange(store, read={"theme_3": 5.0}, at=9.0)
    later = store.nights.theme("theme_3", owner="ana")
    assert later == dataclasses.replace(named, vector=(1.0,), updated=9.0), "a name of a person's is kept"
    assert arrange(store, lesson, read={"theme_2": 7.0}) == 0


def test_an_arrangement_reaches_nobody_else(store: Store) -> None:
    store.nights.put_theme(make_theme(owner="eva")).result()
    turn = make_turn(owner="eva")
    store.append_turn(turn).result()
    assert arrange(store, make_lesson(theme="theme_2", sources=(turn.id,))) == 0
    with pytest.raises(Conflict):
        arrange(store, make_lesson(sources=()))
    with pytest.raises(NotFound):
        store.nights.arrange([], [make_lesson(theme="theme_9", sources=())], owner="ana", read={}, at=1.0).result()
    assert [theme.owner for theme in store.nights.themes(owner=None)] == ["eva"]


def test_a_candidate_handed_over_twice_is_there_once(store: Store) -> None:
    put_themes(store, "theme_1")
    candidate, told = make_candidate(), []
    threads = [
        threading.Thread(target=lambda: told.append(store.nights.add_candidate(candidate).result())) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == [candidate] * 8
    assert store.nights.candidates(owner=None) == [candidate]
    with pytest.raises(Conflict):
        store.nights.add_candidate(dataclasses.replace(candidate, size=1)).result()


def test_a_night_uses_a_lesson_once_and_another_night_may_use_it_again(store: Store) -> None:
    put_themes(store, "theme_1")
    store.nights.add_candidate(make_candidate()).result()
    second = make_candidate(id="cand_2", lessons=("lesson_3", "lesson_2"))
    with pytest.raises(Conflict, match="lesson_2"):
        store.nights.add_candidate(second).result()
    assert store.nights.learned(owner="ana") == {"lesson_1", "lesson_2"}
    store.nights.add_candidate(dataclasses.replace(second, night="night_2", base="f" * 64)).result()
    assert store.nights.learned(owner="ana", base="f" * 64) == {"lesson_2", "lesson_3"}
    assert store.nights.learned(owner="ana") == {"lesson_1", "lesson_2", "lesson_3"}
    assert [one.id for one in store.nights.candidates(owner="ana", night="night_1")] == ["cand_1"]
    assert list(store.verify()) == []


def test_what_was_refused_may_be_learned_again_in_the_same_night(store: Store) -> None:
    put_themes(store, "theme_1", "theme_2")
    first = store.nights.add_candidate(make_candidate()).result()
    again = [make_candidate(id=f"cand_{number}", adapter=str(number) * 64) for number in (2, 3)]
    with pytest.raises(Conflict, match="lesson_1"):
        store.nights.add_candidate(again[0]).result()
    store.served.add_verdict(make_verdict(first, ship=False, against=())).result()
    store.nights.add_candidate(again[0]).result()
    with pytest.raises(Conflict, match="lesson_1"):
        store.nights.add_candidate(again[1]).result()
    with pytest.raises(Conflict, match="lesson_1"):
        store.nights.add_candidate(dataclasses.replace(again[1], theme="theme_2")).result()
    assert [one.id for one in store.nights.candidates(owner="ana", night="night_1")] == ["cand_2", "cand_1"]
    assert store.nights.heads(owner="ana") == {"cand_2"}
    assert list(store.verify()) == []


def test_a_candidate_of_no_theme_leaves_nothing(store: Store) -> None:
    with pytest.raises(AionError):
        store.nights.add_candidate(make_candidate()).result()
    assert store.nights.learned(owner="ana") == set()


def test_forgetting_names_the_adapters_that_learned_from_it_and_keeps_their_rows(store: Store) -> None:
    put_themes(store, "theme_1")
    turn = make_turn()
    store.append_turn(turn).result()
    feedback = make_feedback(turn.id)
    store.experience.add_feedback(feedback).result()
    memory = put(store, sources=(make_source(ref=turn.id),))
    made = [
        make_candidate(id=f"cand_{n}", lessons=(f"lesson_{n}",), sources=(source,))
        for n, source in enumerate((turn.id, feedback.id, memory.id, "turn_other"))
    ]
    for candidate in made:
        store.nights.add_candidate(candidate).result()
    forgotten = store.forget_conversation("conv_1", owner="ana").result()
    assert forgotten.adapters == ("cand_0", "cand_1", "cand_2")
    assert store.nights.candidates(owner="ana", night="night_1") == sorted(made, key=lambda one: one.id, reverse=True)
    assert store.nights.candidates_from([turn.id, "turn_other"], owner="ana") == ["cand_0", "cand_3"]


def test_a_retired_adapter_has_learned_nothing_and_stays_on_record(store: Store) -> None:
    put_themes(store, "theme_1")
    made = make_candidate()
    store.nights.add_candidate(made).result()
    store.served.retire([made.id, "cand_unknown"], reason="", actor="me", at=1.0).result()
    assert store.nights.learned(owner="ana") == set()
    assert store.nights.candidates(owner="ana") == [dataclasses.replace(made, retired=True)]
    assert store.nights.candidates_from(made.sources[:1], owner="ana") == [made.id]
    assert store.nights.add_candidate(made).result().retired, "handed over again it comes not back"
    assert list(store.verify()) == []


@pytest.mark.parametrize("how", ["memory", "document"])
def test_a_forgotten_memory_or_document_names_them_too(store: Store, how: str) -> None:
    put_themes(store, "theme_1")
    memory = put(store, sources=(make_source(ref="doc_1", conversation=""),))
    source = memory.id if how == "memory" else "doc_1"
    store.nights.add_candidate(make_candidate(sources=(source,))).result()
    if how == "memory":
        forgotten = store.memories.remove([memory.id], owner="ana").result()
    else:
        forgotten = store.memories.remove_document("doc_1", owner="ana").result()
    assert forgotten.adapters == ("cand_1",)


@pytest.mark.parametrize("how", ["memory", "document", "conversation"])
def test_forgetting_reaches_what_learned_an_answer_that_had_been_shown_it(store: Store, how: str) -> None:
    put_themes(store, "theme_1")
    told = make_turn(conversation="conv_told")
    store.append_turn(told).result()
    ref = "doc_1" if how == "document" else told.id
    memory = put(store, sources=(make_source(ref=ref, conversation="" if how == "document" else "conv_told"),))
    shown = {"recall": {"items": [{"id": memory.id, "trust": "own"}]}}
    before, answer, after, edited = (make_turn(steps=shown if number == 1 else {}) for number in range(4))
    for turn in (before, answer, after, edited):
        store.append_turn(turn).result()
    edit = make_feedback(edited.id, kind=FeedbackKind.EDIT, text="My own.")
    store.experience.add_feedback(edit).result()
    sources = {"before": (before.id,), "answer": (answer.id,), "after": (after.id,), "edited": (edited.id, edit.id)}
    learn(store, sources)
    if how == "memory":
        forgotten = store.memories.remove([memory.id], owner="ana").result()
    elif how == "document":
        forgotten = store.memories.remove_document("doc_1", owner="ana").result()
    else:
        forgotten = store.forget_conversation("conv_told", owner="ana").result()
    assert forgotten.adapters == ("cand_after", "cand_answer")
    assert store.nights.placed(owner="ana").keys() == {"before", "edited"}
    assert list(store.verify()) == []


def test_withdrawing_a_document_takes_its_lessons_and_those_of_answers_that_were_shown_it(store: Store) -> None:
    put_themes(store, "theme_1")
    page = put(store, sources=(make_source(ref="doc_1", conversation=""),))
    shown = {"recall": {"items": [{"id": page.id, "trust": "approved"}]}}
    before, told, after, edited = (make_turn(steps=shown if number == 1 else {}) for number in range(4))
    elsewhere = make_turn(conversation="conv_2")
    for turn in (before, told, after, edited, elsewhere):
        store.append_turn(turn).result()
    edit = make_feedback(edited.id, kind=FeedbackKind.EDIT, text="My own words.")
    store.experience.add_feedback(edit).result()
    sources = {
        "page": (page.id, "doc_1"),
        "other page": ("mem_2", "doc_2"),
        "before": (before.id,),
        "told": (told.id,),
        "after": (after.id,),
        "edited": (edited.id, edit.id),
        "elsewhere": (elsewhere.id,),
    }
    store.nights.place_lessons([make_lesson(id=id_, sources=refs) for id_, refs in sources.items()], at=1.0).result()
    everything = store.nights.placed(owner="ana").keys()
    store.nights.withdraw("doc_1", owner="eva").result()
    assert store.nights.placed(owner="ana").keys() == everything == sources.keys()
    store.nights.withdraw("doc_1", owner="ana").result()
    assert store.nights.placed(owner="ana").keys() == {"other page", "before", "edited", "elsewhere"}
    assert store.memories.get(page.id, owner="ana") == page
    assert list(store.verify()) == []


def answered(store: Store, memory: Memory, conversation: str, edit: str = "") -> list[str]:
    """A turn that was shown this memory, and its edit if there is one: their ids."""
    said = Answer(message={"role": "assistant", "content": "The ferry leaves at nine. Bring a coat."}, finish="stop")
    shown = {"recall": {"items": [{"id": memory.id, "trust": "own"}]}}
    turn = make_turn(conversation=conversation, answers=(said,), steps=shown)
    store.append_turn(turn).result()
    if not edit:
        return [turn.id]
    feedback = make_feedback(turn.id, kind=FeedbackKind.EDIT, text=edit)
    store.experience.add_feedback(feedback).result()
    return [turn.id, feedback.id]


def learn(store: Store, sources: Mapping[str, Sequence[str]]) -> None:
    """A lesson of each of these, and an adapter that learned it."""
    for name, refs in sources.items():
        store.nights.place_lessons([make_lesson(id=name, sources=tuple(refs))], at=1.0).result()
        store.nights.add_candidate(make_candidate(id=f"cand_{name}", lessons=(name,), sources=tuple(refs))).result()


@pytest.mark.parametrize("how", ["forgotten", "withdrawn"])
def test_an_edit_that_left_a_sentence_standing_hands_it_on_to_where_it_was_shown(store: Store, how: str) -> None:
    put_themes(store, "theme_1")
    page = put(store, sources=(make_source(ref="doc_1", conversation=""),))
    copied = answered(store, page, "conv_1", "It has a bar. The ferry leaves at nine!")
    mine = answered(store, page, "conv_2", "The ferry leaves at ten. Bring a hat.")
    handed, kept = (put(store, sources=(make_source(ref=refs[1], conversation=""),)) for refs in (copied, mine))
    shown, own = answered(store, handed, "conv_3"), answered(store, kept, "conv_4")
    learn(store, {"copied": copied, "mine": mine, "liked": mine[:1], "shown": shown, "own": own})
    if how == "forgotten":
        gone = store.memories.remove([page.id], owner="ana").result()
        assert gone.adapters == ("cand_copied", "cand_liked", "cand_shown")
    else:
        store.nights.withdraw("doc_1", owner="ana").result()
    assert store.nights.placed(owner="ana").keys() == {"mine", "own"}


def test_a_theme_keeps_no_words_of_what_was_forgotten(store: Store) -> None:
    turn = make_turn()
    store.append_turn(turn).result()
    put_themes(store, "theme_1", "theme_2", "theme_3")
    store.nights.put_theme(make_theme(id="theme_3", name="Mine", named=True)).result()
    gone = [make_lesson(theme=theme, sources=(turn.id,)) for theme in ("theme_1", "theme_2", "theme_3")]
    stays = make_lesson(theme="theme_2", sources=("turn_other",))
    store.nights.place_lessons([*gone, stays], at=1.0).result()
    store.forget_conversation("conv_1", owner="ana").result()
    assert store.nights.placed(owner="ana") == {stays.id: "theme_2"}
    themes = store.nights.themes(owner="ana")
    assert [(theme.id, theme.name, theme.vector) for theme in themes] == [("theme_2", "", ()), ("theme_3", "Mine", ())]
    assert list(store.verify()) == []


def test_what_was_merged_into_a_theme_keeps_no_words_of_what_was_forgotten_there(store: Store) -> None:
    put_themes(store, *(f"theme_{number}" for number in range(1, 6)))
    gone, stays = make_turn(), make_turn(conversation="conv_2")
    for turn in (gone, stays):
        store.append_turn(turn).result()
    for from_, to, turn in (("theme_1", "theme_2", gone), ("theme_2", "theme_3", gone), ("theme_4", "theme_5", stays)):
        store.nights.place_lessons([make_lesson(theme=from_, sources=(turn.id,))], at=1.0).result()
        store.nights.change_theme(from_, owner="ana", at=5.0, merge_into=to).result()
    store.nights.add_candidate(make_candidate(theme="theme_4", sources=())).result()
    store.forget_conversation("conv_1", owner="ana").result()
    assert told(store) == [("theme_4", "Boats", (0.5, -0.25)), ("theme_5", "Boats", (0.5, -0.25))]
    again = make_lesson(theme="theme_1", sources=(stays.id,))
    assert arrange(store, again) == 1, "no sign leads to where nothing is"
    store.forget_conversation("conv_2", owner="ana").result()
    assert told(store) == [("theme_4", "", ()), ("theme_5", "", ())], "an adapter was made of what was merged"
    assert list(store.verify()) == []


def test_a_theme_that_a_lesson_is_taken_out_of_keeps_no_name_made_of_it(store: Store) -> None:
    put_themes(store, "theme_1", "theme_2")
    store.nights.put_theme(make_theme(id="theme_3", name="Mine", named=True)).result()
    for theme in ("theme_1", "theme_3"):
        lesson = make_lesson(theme=theme)
        store.nights.place_lessons([lesson], at=1.0).result()
        store.nights.change_theme("theme_2", owner="ana", at=2.0, lessons=[lesson.id]).result()
    boats = ("theme_2", "Boats", (0.5, -0.25))
    assert told(store) == [("theme_1", "", ()), boats, ("theme_3", "Mine", ())]


def test_a_lesson_put_aside_stays_so_until_it_is_released_or_forgotten(store: Store) -> None:
    put_themes(store, "theme_1")
    turn = make_turn()
    store.append_turn(turn).result()
    lessons = [make_lesson(id=f"lesson_{n}", sources=(turn.id if n == 1 else "turn_other",)) for n in (1, 2)]
    store.nights.place_lessons(lessons, at=1.0).result()
    aside = [make_quarantine(lesson=one) for one in ("lesson_1", "lesson_2", "lesson_unknown")]
    assert store.nights.quarantine(aside).result() == 2
    store.nights.quarantine([dataclasses.replace(aside[0], reason="again", night="night_2")]).result()
    assert store.nights.quarantined(owner="ana") == aside[:2]
    assert (store.nights.quarantined(owner="eva"), store.nights.release(["lesson_2"], owner="eva").result()) == ([], [])
    assert store.nights.release(["lesson_2", "lesson_3"], owner="ana").result() == ["lesson_2"]
    store.forget_conversation("conv_1", owner="ana").result()
    assert store.nights.quarantined(owner=None) == []
