"""What every store promises of forgetting: nothing of it is left, all else is untouched, what learned is named."""

from __future__ import annotations

from typing import Any

import pytest

from aion.errors import NotFound
from aion.records import Answer, Entity, FeedbackKind, Json, MemoryKind, Origin, Trust, Turn
from aion.store.base import Store
from tests.store.examples import HELLO, REPLY, make_turn
from tests.store.memory_examples import (
    EMBEDDER,
    make_cluster,
    make_document,
    make_experience,
    make_feedback,
    make_source,
    put,
)

FORK: Json = {"role": "user", "content": "And her first program?"}


def append(store: Store, **changes: Any) -> Turn:
    turn = make_turn(**changes)
    store.append_turn(turn).result()
    return turn


def shown(*memories: str) -> dict[str, Any]:
    return {"recall": {"outcome": "used", "items": [{"id": memory} for memory in memories]}}


def test_a_forgotten_conversation_is_gone_with_all_that_hangs_on_it(store: Store) -> None:
    turn, other = append(store, steps=shown("mem_9")), append(store, conversation="conv_2")
    for value in (1.0, -1.0):  # one vote, given twice
        store.experience.add_feedback(make_feedback(turn.id, value=value)).result()
    store.experience.put_experience(make_experience(turn.id)).result()
    memory = put(store, sources=(make_source(ref=turn.id),))
    forgotten = store.forget_conversation("conv_1", owner="ana").result()
    assert (forgotten.turns, forgotten.feedback) == ((turn.id,), 1)
    assert (forgotten.memories, forgotten.seqs) == ((memory.id,), (memory.seq,))
    assert store.turns(owner=None) == [other]
    assert [c.id for c in store.conversations(owner="ana")] == ["conv_2"]
    assert store.experience.feedback(owner=None) == []
    assert store.experience.experiences(owner=None) == []
    assert store.memories.search(["boat"], owner="ana", limit=5) == []
    assert list(store.verify()) == []


def test_forgetting_what_does_not_exist_or_is_somebody_elses_changes_nothing(store: Store) -> None:
    turn, memory = append(store), put(store)
    for name, owner in (("conv_0", "ana"), ("conv_1", "eva"), ("", "ana")):
        forgotten = store.forget_conversation(name, owner=owner).result()
        assert (forgotten.turns, forgotten.memories, forgotten.answers) == ((), (), ())
    assert (store.turns(owner=None), store.memories.listed(owner=None)) == ([turn], [memory])


def test_messages_that_another_conversation_needs_stay(store: Store) -> None:
    """conv_2 went on from conv_1, conv_3 began with the same question, and conv_1 went its own way."""
    append(store)
    append(store, messages=(HELLO, REPLY, {"role": "user", "content": "Where was she born?"}))
    on = append(store, conversation="conv_2", messages=(HELLO, REPLY, FORK))
    like = append(store, conversation="conv_3")
    store.forget_conversation("conv_1", owner="ana").result()
    assert store.turns(owner="ana") == [on, like]
    assert list(store.verify()) == []
    assert store.continues([HELLO, REPLY], owner="ana") == "conv_3"
    store.forget_conversation("conv_3", owner="ana").result()
    assert store.turns(owner="ana") == [on]
    store.forget_conversation("conv_2", owner="ana").result()
    assert store.continues([HELLO, REPLY], owner="ana") is None
    assert list(store.verify()) == []


def test_a_memory_met_elsewhere_stays_without_the_forgotten_sources(store: Store) -> None:
    append(store)
    stays = make_source(ref="turn_9", conversation="conv_9", trust=Trust.UNTRUSTED, origin=Origin.WEB)
    memory = put(store, sources=(make_source(), stays))
    before = store.memories.version(owner="ana")
    forgotten = store.forget_conversation("conv_1", owner="ana").result()
    found = store.memories.get(memory.id, owner="ana")
    assert found is not None
    assert (forgotten.memories, forgotten.seqs) == ((), ())
    assert (found.sources, found.seq, found.text, found.trust) == ((stays,), memory.seq, memory.text, Trust.UNTRUSTED)
    assert store.memories.version(owner="ana") > before
    assert list(store.verify()) == []


def test_a_memory_whose_words_are_forgotten_takes_those_of_its_best_other_source(store: Store) -> None:
    web = make_source(ref="doc_1", conversation="", trust=Trust.UNTRUSTED, text="A ship, Gaivota")
    own = make_source(ref="turn_9", conversation="conv_9", at=9.0, text="The ship is Gaivota")
    memory = put(store, sources=(make_source(), web, own))
    answer = append(store, conversation="conv_2", steps=shown(memory.id))
    forgotten = store.forget_conversation("conv_1", owner="ana").result()
    found = store.memories.get(memory.id, owner="ana")
    assert found is not None
    assert (forgotten.memories, forgotten.seqs, forgotten.answers) == ((), (memory.seq,), (answer.id,))
    assert (found.text, found.entities) == (own.text, ())
    assert [source.text for source in found.sources] == [web.text, ""]
    assert found.seq > memory.seq
    assert store.memories.unembedded(embedder=EMBEDDER) == [found]
    assert [seq for seq, _ in store.memories.search(["ship"], owner="ana", limit=5)] == [found.seq]
    assert store.memories.search(["boat"], owner="ana", limit=5) == []
    assert list(store.verify()) == []


def test_a_correction_goes_with_the_feedback_it_came_from(store: Store) -> None:
    feedback = make_feedback(append(store).id)
    store.experience.add_feedback(feedback).result()
    memory = put(store, kind=MemoryKind.CORRECTION, sources=(make_source(ref=feedback.id, conversation=""),))
    assert store.forget_conversation("conv_1", owner="ana").result().memories == (memory.id,)


def test_answers_elsewhere_that_were_made_from_it_are_named(store: Store) -> None:
    first = append(store)
    memory = put(store, sources=(make_source(ref=first.id),))
    again = append(store, steps=shown(memory.id))
    elsewhere = append(store, conversation="conv_2", steps=shown("mem_0", memory.id))
    append(store, conversation="conv_2", steps=shown("mem_0"))
    copied = append(store, conversation="conv_3", steps={"cache": {"outcome": "hit", "of": first.id}})
    append(store, conversation="conv_3", steps={"cache": {"outcome": "stale", "of": first.id}})
    forgotten = store.forget_conversation("conv_1", owner="ana").result()
    assert forgotten.turns == (first.id, again.id)
    assert forgotten.answers == (elsewhere.id, copied.id)


NEXT: Json = {"role": "user", "content": "Go on."}


@pytest.mark.parametrize(
    "sent",
    [
        (HELLO, REPLY, NEXT),
        ({"role": "system", "content": "Be brief."}, HELLO, REPLY, NEXT),
        (NEXT, {**REPLY, "refusal": None, "tool_calls": [], "name": "aion"}, FORK, {**REPLY, "content": "1843"}, NEXT),
    ],
)
def test_turns_elsewhere_that_were_sent_a_forgotten_answer_again_are_named(
    store: Store, sent: tuple[Json, ...]
) -> None:
    """Whatever stood before it or beside it; and so are the turns that went on from there."""
    append(store)
    other = Answer(message={"role": "assistant", "content": "As I said."}, finish="stop")
    again = append(store, conversation="conv_2", messages=sent, answers=(other,))
    on = append(store, conversation="conv_2", messages=(*sent, other.message, NEXT), answers=())
    append(store, conversation="conv_3", messages=(HELLO, {**REPLY, "content": "Another."}, NEXT), answers=())
    append(store, conversation="conv_3", messages=({**REPLY, "role": "user"}, NEXT), answers=(), owner="ana")
    append(store, conversation="conv_2", messages=sent, answers=(), owner="eva")
    assert store.forget_conversation("conv_1", owner="ana").result().answers == (again.id, on.id)


def test_the_same_answer_given_elsewhere_by_itself_is_none_that_was_sent_again(store: Store) -> None:
    append(store)
    append(store, conversation="conv_2")
    append(store, conversation="conv_2", messages=(HELLO, REPLY, NEXT), answers=())
    assert store.forget_conversation("conv_1", owner="ana").result().answers == ()


@pytest.mark.parametrize("content", [None, "", " ", [{"type": "text", "text": "x"}], "half a pair \ud83d, NUL \0"])
def test_any_answer_can_be_forgotten_beside_any_other(store: Store, content: object) -> None:
    said: Json = {"role": "assistant", "content": content}
    append(store, answers=(Answer(message=said, finish="stop"),))
    stays = append(store, conversation="conv_2", messages=(HELLO, said, NEXT), answers=())
    named = store.forget_conversation("conv_1", owner="ana").result().answers
    assert named == ((stays.id,) if isinstance(content, str) and content.strip() else ())
    assert store.turns(owner="ana") == [stays]


def test_what_a_removed_memory_came_from_does_not_stand_any_more(store: Store) -> None:
    one, two = append(store), append(store)
    judged = [make_feedback(turn.id, kind=FeedbackKind.EDIT) for turn in (one, one, two)]
    for feedback in judged:
        store.experience.add_feedback(feedback).result()
    refs = (one.id, two.id, *(feedback.id for feedback in judged))
    memory = put(store, sources=(make_source(ref=one.id), make_source(ref=judged[1].id), make_source(ref="turn_0")))
    stands = store.memories.stands
    assert [stands(ref, owner="ana").result() for ref in refs] == [True] * 5
    assert [stands(ref, owner="ana").result() for ref in ("turn_0", "", memory.id)] == [False] * 3
    assert stands(one.id, owner="eva").result() is False
    store.memories.remove([memory.id], owner="ana").result()
    assert [stands(ref, owner="ana").result() for ref in refs] == [False, True, True, False, True]
    assert list(store.verify()) == []
    store.forget_conversation("conv_1", owner="ana").result()
    assert [stands(ref, owner="ana").result() for ref in refs] == [False] * 5


def test_a_turn_stands_as_soon_as_it_is_on_its_way(store: Store) -> None:
    turn = make_turn()
    appending = store.append_turn(turn)
    assert store.memories.stands(turn.id, owner="ana").result() is True
    appending.result()


def test_removing_a_memory_names_the_answers_that_had_been_shown_it(store: Store) -> None:
    memory = put(store)
    answer = append(store, steps=shown(memory.id, memory.id))
    assert store.memories.remove([memory.id], owner="ana").result().answers == (answer.id,)
    assert store.turn(answer.id, owner="ana") == answer


def test_a_document_goes_with_its_passages_and_leaves_what_was_met_elsewhere(store: Store) -> None:
    document, kept = make_document(), make_document()
    for each in (document, kept):
        store.memories.put_document(each).result()
    source = make_source(ref=document.id, conversation="", origin=Origin.DOCUMENT, trust=Trust.UNTRUSTED)
    passage = put(store, kind=MemoryKind.PASSAGE, document=document.id, sources=(source,))
    met = put(store, kind=MemoryKind.PASSAGE, document=document.id, place="page 1", sources=(source, make_source()))
    other = put(store, kind=MemoryKind.PASSAGE, document=kept.id, sources=(make_source(ref=kept.id),))
    forgotten = store.memories.remove_document(document.id, owner="ana").result()
    assert forgotten.memories == (passage.id,)
    assert store.memories.documents(owner="ana") == [kept]
    left = store.memories.get(met.id, owner="ana")
    assert left is not None
    assert (left.document, left.place, left.sources) == ("", "", (make_source(),))
    assert store.memories.listed(owner="ana") == [other, left]
    assert list(store.verify()) == []


def test_a_theme_goes_with_the_last_of_its_experiences(store: Store) -> None:
    turns = [append(store, conversation=name) for name in ("conv_1", "conv_2")]
    for turn, theme in zip(turns, ("cluster_1", "cluster_2"), strict=True):
        store.experience.put_experience(make_experience(turn.id, theme=theme)).result()
    for name in ("cluster_1", "cluster_2", "cluster_3"):
        store.experience.put_cluster(make_cluster(id=name)).result()
    store.forget_conversation("conv_1", owner="ana").result()
    assert [cluster.id for cluster in store.experience.clusters(owner="ana")] == ["cluster_2", "cluster_3"]


def test_a_theme_that_stays_is_named_by_a_question_that_stays(store: Store) -> None:
    gone, stays = (append(store, conversation=name) for name in ("conv_1", "conv_2"))
    entity = Entity(text="Beehives", key="beehives", kind="phrase", weight=1.0)
    store.experience.put_experience(make_experience(gone.id, theme="cluster_1")).result()
    store.experience.put_experience(make_experience(stays.id, theme="cluster_1", entities=(entity,))).result()
    store.experience.put_cluster(make_cluster(id="cluster_1", name="Secret affair")).result()
    store.forget_conversation("conv_1", owner="ana").result()
    assert [cluster.name for cluster in store.experience.clusters(owner="ana")] == ["Beehives"]
    assert list(store.verify()) == []


def test_the_centre_of_a_theme_is_made_again_from_the_questions_that_stay(store: Store) -> None:
    """Three at right angles in one theme: with the second, which has no experience yet, its direction goes."""
    turns = [append(store, conversation=f"conv_{number}").id for number in range(3)]
    store.experience.put_cluster(make_cluster(count=1, vector=(1.0, 0.0, 0.0)), turn=turns[0]).result()
    for turn, vector in zip(turns[1:], ((0.0, 1.0, 0.0), (0.0, 0.0, 1.0)), strict=True):
        store.experience.join_cluster("cluster_1", turn, owner="ana", vector=vector, at=9.0).result()
    for turn in (turns[0], turns[2]):
        store.experience.put_experience(make_experience(turn)).result()
    left = []
    for number in (1, 0):
        store.forget_conversation(f"conv_{number}", owner="ana").result()
        left += store.experience.clusters(owner="ana")
        assert list(store.verify()) == []
    half = 0.5**0.5
    assert [cluster.vector for cluster in left] == [pytest.approx((half, 0.0, half)), pytest.approx((0.0, 0.0, 1.0))]
    assert [cluster.count for cluster in left] == [2, 1]
    store.forget_conversation("conv_2", owner="ana").result()
    assert store.experience.clusters(owner="ana") == []


def test_a_theme_of_questions_whose_vectors_are_not_known_keeps_no_centre(store: Store) -> None:
    for turn in [append(store, conversation=f"conv_{number}").id for number in range(3)]:
        store.experience.put_experience(make_experience(turn)).result()
    store.experience.put_cluster(make_cluster(count=3)).result()
    store.forget_conversation("conv_1", owner="ana").result()
    [cluster] = store.experience.clusters(owner="ana")
    assert (cluster.count, cluster.vector) == (2, ())


def test_a_question_that_was_placed_takes_its_theme_along_before_its_experience_is_made(store: Store) -> None:
    store.experience.put_cluster(make_cluster(name="Secret affair"), turn=append(store).id).result()
    store.forget_conversation("conv_1", owner="ana").result()
    assert store.experience.clusters(owner="ana") == []


def test_nothing_can_be_added_to_a_forgotten_turn(store: Store) -> None:
    turn = append(store)
    store.forget_conversation("conv_1", owner="ana").result()
    with pytest.raises(NotFound):
        store.experience.add_feedback(make_feedback(turn.id)).result()
    with pytest.raises(NotFound):
        store.experience.put_experience(make_experience(turn.id)).result()


@pytest.mark.parametrize("answers", [(), (Answer(message=REPLY, finish="stop"),) * 2])
def test_a_turn_with_any_number_of_answers_or_no_messages_can_be_forgotten(
    store: Store, answers: tuple[Answer, ...]
) -> None:
    append(store, answers=answers)
    append(store, answers=answers, messages=())
    assert len(store.forget_conversation("conv_1", owner="ana").result().turns) == 2
    assert list(store.verify()) == []
