"""What may be learned from a person's days, and why the rest may not."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from aion.records import Label, LessonKind, MemoryKind, Origin, Trust
from aion.sleep.lessons.find import Lessons
from aion.sleep.lessons.rules import FEWEST, Reason
from tests.sleep.days import Days
from tests.store.night_examples import make_quarantine, make_theme

pytestmark = pytest.mark.anyio
KEY = "The spare key of the boathouse is with Marta Lopes."
PAGE = "The spare key of the boathouse is sold by Brandex Limited."


@pytest.fixture
def days(tmp_path: Path) -> Iterator[Days]:
    made = Days(tmp_path)
    yield made
    made.store.close()


def said(found: Lessons) -> list[str]:
    return [one.statement or one.answer for one in found.lessons]


def reasons(found: Lessons) -> list[Reason]:
    return [one.reason for one in found.exclusions]


async def test_an_edit_is_a_lesson_with_the_old_answer_rejected(days: Days) -> None:
    turn = days.ask("Who has the key of the shed?", "Nobody.")
    await days.edit(turn, "Marta Lopes.")
    [lesson] = days.lessons().lessons
    assert (lesson.kind, lesson.question, lesson.answer) == (
        LessonKind.EDIT,
        "Who has the key of the shed?",
        "Marta Lopes.",
    )
    assert lesson.rejected == "Nobody."
    assert turn.id in lesson.sources


async def test_a_choice_is_a_lesson_with_the_other_rejected(days: Days) -> None:
    turn = days.ask("Where do owls sleep?", "In trees.")
    days.choose(turn, "In hollow trees.", "In rivers.")
    [lesson] = days.lessons().lessons
    assert (lesson.kind, lesson.answer, lesson.rejected) == (LessonKind.CHOICE, "In hollow trees.", "In rivers.")


async def test_a_lesson_in_quarantine_stays_out_and_revives_no_older_one(days: Days) -> None:
    for answer in ("Nobody.", "Marta Lopes."):
        turn = days.ask("Who has the key of the shed?", "I do not know.")
        await days.edit(turn, answer)
    [latest] = days.lessons().lessons
    nights = days.store.nights
    nights.put_theme(make_theme(owner=latest.owner)).result()
    nights.place_lessons([dataclasses.replace(latest, theme="theme_1")], at=1.0).result()
    aside = make_quarantine(owner=latest.owner, lesson=latest.id)
    nights.quarantine([aside]).result()
    found = days.lessons()
    assert found.lessons == ()
    told = next(one for one in found.exclusions if one.reason is Reason.QUARANTINED)
    assert (told.lesson, told.detail) == (latest.id, f"night_1: {aside.reason}")
    nights.release([latest.id], owner=latest.owner).result()
    assert days.lessons().lessons == (latest,)


async def test_the_surest_lessons_come_first(days: Days) -> None:
    await days.read("The mill by the river has turned since the year of the flood.", approved=True)
    days.ask("What do owls eat?", "Owls eat mice.", reward=0.6, label=Label.RELIABLE)
    await days.say(KEY)
    turn = days.ask("When does the museum open?", "Never.")
    await days.edit(turn, "At nine.")
    kinds = [one.kind for one in days.lessons().lessons]
    assert kinds == [LessonKind.EDIT, LessonKind.TOLD, LessonKind.LIKED, LessonKind.READ]


async def test_each_statement_is_a_lesson_and_a_sentence_about_it_stays_with_it(days: Days) -> None:
    await days.say("My cat Nilo is 7 years old. He sleeps in the boathouse. The code of the mill is 4471.")
    assert said(days.lessons()) == [
        "My cat Nilo is 7 years old. He sleeps in the boathouse.",
        "The code of the mill is 4471.",
    ]


async def test_lessons_are_found_again_under_the_same_ids(days: Days) -> None:
    await days.say(KEY)
    days.ask("What do owls eat?", "Owls eat mice.", reward=0.6, label=Label.RELIABLE)
    assert days.lessons() == days.lessons()


async def test_what_is_put_right_again_is_another_lesson_and_the_older_is_superseded(days: Days) -> None:
    turn = days.ask("Who has the key of the shed?", "Nobody.")
    await days.edit(turn, "Marta Lopes.")
    [before] = days.lessons().lessons
    await days.edit(turn, "Rui Bastos.")
    [after] = days.lessons().lessons
    assert after.answer == "Rui Bastos."
    assert after.id != before.id
    assert Reason.SUPERSEDED in reasons(days.lessons())


async def test_what_was_said_later_supersedes_what_it_contradicts(days: Days) -> None:
    await days.say(KEY)
    await days.say("The spare key of the boathouse is with Rui Bastos.")
    found = days.lessons()
    assert said(found) == ["The spare key of the boathouse is with Rui Bastos."]
    assert reasons(found) == [Reason.SUPERSEDED]


async def test_an_edit_supersedes_a_statement_about_the_same_and_repeats_one_that_agrees(days: Days) -> None:
    await days.say(KEY)
    turn = days.ask("Who has the spare key of the boathouse?", "Nobody.")
    await days.edit(turn, "Marta Lopes.")
    assert reasons(days.lessons()) == [Reason.DUPLICATE]
    await days.edit(turn, "Rui Bastos.")
    assert Reason.SUPERSEDED in reasons(days.lessons())
    assert said(days.lessons()) == ["Rui Bastos."]


async def test_what_has_many_answers_supersedes_nothing_until_somebody_puts_an_answer_right(days: Days) -> None:
    await days.say("Marta repairs the motor.")
    await days.say("Old Tomas repairs the motor.")
    assert len(days.lessons().lessons) == 2
    await days.edit(days.ask("Who repairs the motor?", "Nobody."), "Rui Bastos.")
    assert said(days.lessons()) == ["Rui Bastos."]


async def test_a_disliked_answer_is_what_the_lesson_on_that_question_must_not_say(days: Days) -> None:
    await days.say(KEY)
    days.ask("Who has the spare key of the boathouse?", "The police.", reward=-0.8, label=Label.ERRONEOUS)
    [lesson] = days.lessons().lessons
    assert (lesson.statement, lesson.rejected) == (KEY, "The police.")


async def test_what_nobody_approved_is_not_learned(days: Days) -> None:
    await days.read(PAGE)
    await days.keeper.remember("ana", PAGE + " Really.", origin=Origin.WEB, trust=Trust.UNTRUSTED, ref="page")
    found = days.lessons()
    assert said(found) == []
    assert set(reasons(found)) == {Reason.UNTRUSTED}


async def test_an_approved_document_is_learned_until_it_is_revoked(days: Days) -> None:
    [passage] = await days.read(PAGE, approved=True)
    assert said(days.lessons()) == [PAGE]
    await days.keeper.revoke("ana", passage.document)
    assert said(days.lessons()) == []


async def test_a_liked_answer_that_was_shown_an_untrusted_page_is_not_learned(days: Days) -> None:
    shown = await days.read(PAGE)
    days.ask("Who sells keys?", "Brandex does.", shown=tuple(shown), reward=0.9, label=Label.RELIABLE)
    assert said(days.lessons()) == []


async def test_nor_is_a_later_answer_of_the_same_conversation(days: Days) -> None:
    shown = await days.read(PAGE)
    days.ask("Who sells keys?", "Brandex does.", conversation="c", shown=tuple(shown))
    days.ask("What is the best brand?", "Brandex is.", conversation="c", reward=0.9, label=Label.RELIABLE)
    assert said(days.lessons()) == []


async def test_nor_an_answer_whose_page_has_been_revoked_or_whose_memory_was_forgotten(days: Days) -> None:
    [passage] = await days.read(PAGE, approved=True)
    memory = await days.say(KEY)
    days.ask("Who sells keys?", "Brandex does.", shown=(passage,), reward=0.9, label=Label.RELIABLE)
    days.ask("Who keeps the key?", "Marta does.", shown=(memory,), reward=0.9, label=Label.RELIABLE)
    assert {"Brandex does.", "Marta does."} <= set(said(days.lessons()))
    await days.keeper.revoke("ana", passage.document)
    await days.keeper.forget("ana", [memory.id])
    found = days.lessons()
    assert said(found) == []
    assert set(reasons(found)) == {Reason.UNTRUSTED, Reason.FORGOTTEN}


async def test_an_answer_in_which_a_tool_wrote_is_not_learned(days: Days) -> None:
    messages = (
        {"role": "user", "content": "Look it up"},
        {"role": "tool", "content": PAGE},
        {"role": "user", "content": "Who?"},
    )
    days.ask("Who?", "Brandex.", messages=messages, reward=0.9, label=Label.RELIABLE)
    assert reasons(days.lessons()) == [Reason.UNTRUSTED]


async def test_an_edit_of_a_tainted_answer_is_learned_only_in_the_persons_own_words(days: Days) -> None:
    shown = await days.read(PAGE)
    first = days.ask("Who sells keys?", PAGE, shown=tuple(shown))
    await days.edit(first, f"{PAGE} I think so too.")
    second = days.ask("Who cuts keys?", PAGE, shown=tuple(shown))
    await days.edit(second, "Old Tomas at the corner.")
    [lesson] = days.lessons().lessons
    assert lesson.answer == "Old Tomas at the corner."
    assert lesson.rejected == ""


async def test_a_tainted_sentence_that_a_correction_left_standing_taints_where_it_is_shown(days: Days) -> None:
    shown = await days.read(PAGE)
    given = await days.edit(days.ask("Who sells keys?", PAGE, shown=tuple(shown)), f"{PAGE} I think so too.")
    correction = days.store.memories.get(f"mem_{given.id}", owner="ana")
    assert correction is not None
    days.ask("Who makes keys?", f"Surely so. {PAGE}", shown=(correction,), reward=0.9, label=Label.RELIABLE)
    assert said(days.lessons()) == []


async def test_a_forgotten_correction_is_not_learned_from_the_edit_it_came_of(days: Days) -> None:
    given = await days.edit(days.ask("Who has the key of the shed?", "Nobody."), "Marta Lopes.")
    await days.keeper.forget("ana", [f"mem_{given.id}"])
    assert reasons(days.lessons()) == [Reason.FORGOTTEN]


async def test_a_changed_correction_is_learned_as_it_stands_now(days: Days) -> None:
    given = await days.edit(days.ask("Who has the key of the shed?", "Nobody."), "Marta Lopes.")
    await days.keeper.edit("ana", f"mem_{given.id}", "Who has the key of the shed?\nRui Bastos.")
    assert said(days.lessons()) == ["Rui Bastos."]


async def test_a_correction_from_a_backup_is_learned_too(days: Days) -> None:
    text = "Who has the key of the shed?\nMarta Lopes."
    await days.keeper.remember("ana", text, kind=MemoryKind.CORRECTION, ref="fb_elsewhere", conversation="c")
    [lesson] = days.lessons().lessons
    assert (lesson.kind, lesson.question, lesson.answer) == (
        LessonKind.EDIT,
        "Who has the key of the shed?",
        "Marta Lopes.",
    )


async def test_disliked_answers_are_left_out_and_unjudged_ones_are_no_candidates(days: Days) -> None:
    days.ask("What do owls eat?", "Owls eat sand.", reward=-0.8, label=Label.ERRONEOUS)
    days.ask("Where do owls sleep?", "In trees.", label=Label.RELIABLE)
    found = days.lessons()
    assert said(found) == []
    assert reasons(found) == [Reason.DISLIKED]


async def test_a_better_liked_answer_weighs_more(days: Days) -> None:
    days.ask("What do owls eat?", "Owls eat mice.", reward=0.3, label=Label.RELIABLE)
    days.ask("Where do swifts sleep?", "Swifts sleep in the air.", reward=1.0, label=Label.RELIABLE)
    less, more = days.lessons().lessons
    assert less.weight < more.weight


async def test_secrets_and_identity_numbers_are_refused_and_never_quoted(days: Days) -> None:
    await days.say("The wifi password of the boathouse is tulip-42.")
    await days.say("My tax number is 245678905, my NIF.")
    found = days.lessons()
    assert said(found) == []
    assert set(reasons(found)) == {Reason.SECRET, Reason.PII}
    assert "tulip" not in str(found.exclusions)
    assert "245678905" not in str(found.exclusions)


async def test_a_phone_number_stays_in_the_persons_own_words_and_goes_from_a_page(days: Days) -> None:
    await days.say("The phone number of Marta is 912 345 678.")
    await days.read(
        "The boathouse opens at nine in summer. The keeper Marta has the number 934 567 890.", approved=True
    )
    assert said(days.lessons()) == [
        "The phone number of Marta is 912 345 678.",
        "The boathouse opens at nine in summer.",
    ]
    assert reasons(days.lessons()) == [Reason.PII]


async def test_one_document_gives_no_more_than_its_share(days: Days) -> None:
    page = " ".join(f"The lamp number {n} of the quay was lit by Tomas Reed." for n in range(20, 40))
    await days.read(page, approved=True)
    found = days.lessons(share=0.05)
    assert len(found.lessons) == FEWEST
    assert set(reasons(found)) == {Reason.CAPPED}


async def test_a_question_that_hangs_on_what_was_said_before_is_left_out(days: Days) -> None:
    days.ask("Who has the key?", "Marta.", conversation="c")
    days.ask("And the other one?", "Rui has it.", conversation="c", reward=0.9, label=Label.RELIABLE)
    assert reasons(days.lessons()) == [Reason.UNCLEAR]


@pytest.mark.parametrize(
    ("sentence", "kept"),
    [("Também chamamos Fizkin à lixadora Pendril.", True), ("Também fica em Faro.", False)],
)
async def test_what_also_says_who_it_is_about_hangs_on_nothing(days: Days, sentence: str, kept: bool) -> None:
    await days.say(sentence)
    assert [one.statement for one in days.lessons().lessons] == ([sentence] if kept else [])


async def test_a_question_about_somebody_unnamed_is_left_out(days: Days) -> None:
    for conversation, name, place in (("c", "Rui", "At the bank."), ("d", "Tomas", "At the school.")):
        days.ask(f"Tell me about {name}", "Well.", conversation=conversation)
        days.ask("Where does he work?", place, conversation=conversation, reward=0.9, label=Label.RELIABLE)
    days.ask("What did Ana say about her dog?", "It is old.", conversation="d", reward=0.9, label=Label.RELIABLE)
    days.ask("Are there pears in the garden?", "Yes.", conversation="d", reward=0.9, label=Label.RELIABLE)
    assert reasons(days.lessons()) == [Reason.UNCLEAR, Reason.UNCLEAR]
    assert said(days.lessons()) == ["It is old.", "Yes."]


async def test_what_a_document_says_of_its_writer_is_not_learned_of_the_person(days: Days) -> None:
    page = (
        "My name is John Smith. I live in London. Moro em Londres. Our dog is Rex. The mill has turned since the flood."
    )
    await days.read(page, approved=True)
    found = days.lessons()
    assert said(found) == ["The mill has turned since the flood."]
    assert reasons(found) == [Reason.UNCLEAR] * 4


async def test_a_pronoun_of_a_document_goes_with_the_sentence_before_it_and_no_other(days: Days) -> None:
    await days.read(
        "Pedro runs the kitchen. And what about Marta? She runs the bar. They live in Porto. "
        "Ana is the head of sales. She is on leave. There are two cats in the yard.",
        approved=True,
    )
    found = days.lessons()
    assert said(found) == [
        "Pedro runs the kitchen.",
        "Ana is the head of sales. She is on leave.",
        "There are two cats in the yard.",
    ]
    assert reasons(found) == [Reason.UNCLEAR] * 2


async def test_there_is_and_this_with_a_noun_begin_a_lesson_of_their_own(days: Days) -> None:
    await days.say("My boat is red. There is a spare key in the shed. These boats belong to Marta. He is here.")
    assert said(days.lessons()) == [
        "My boat is red.",
        "There is a spare key in the shed.",
        "These boats belong to Marta. He is here.",
    ]


async def test_each_line_of_a_list_is_a_lesson_without_its_marks(days: Days) -> None:
    await days.read("- The filter of the pump costs 12 euros\n- The **belt** of the pump costs 30 euros", approved=True)
    assert said(days.lessons()) == ["The filter of the pump costs 12 euros", "The belt of the pump costs 30 euros"]


@pytest.mark.parametrize(
    "statement",
    [
        "My dentist appointment is tomorrow at 10.",
        "I have an exam next Monday.",
        "I moved to Lisbon last year.",
        "My flight is tonight at 22:10.",
        "I sold the boat two weeks ago.",
        "Esta semana estou em Madrid.",
        "O canalizador vem hoje às 17h.",
        "Amanhã tenho consulta às 10h.",
        "Mudei-me para Lisboa no ano passado.",
        "Tenho exame na próxima segunda.",
    ],
)
async def test_what_is_told_from_the_day_it_was_said_is_not_learned(days: Days, statement: str) -> None:
    await days.say(statement)
    assert reasons(days.lessons()) == [Reason.UNCLEAR]


@pytest.mark.parametrize(
    "statement",
    [
        "The bins go out on the last Monday of the month.",
        "The key hangs next to the door.",
        "The yard closes for the first week of May.",
        "A reunião é na última sexta do mês.",
    ],
)
async def test_a_day_that_stays_what_it_is_is_learned(days: Days, statement: str) -> None:
    await days.say(statement)
    assert said(days.lessons()) == [statement]


async def test_an_answer_about_today_is_not_learned_though_it_was_liked(days: Days) -> None:
    days.ask("What's the weather like today?", "Sunny, 24 degrees.", reward=0.9, label=Label.RELIABLE)
    assert reasons(days.lessons()) == [Reason.UNCLEAR]


async def test_lessons_are_of_one_person(days: Days) -> None:
    await days.say(KEY, owner="rui")
    assert days.lessons("ana").lessons == ()
    assert len(days.lessons("rui").lessons) == 1


async def test_what_was_forgotten_with_its_conversation_is_no_lesson(days: Days) -> None:
    turn = days.ask("What do owls eat?", "Owls eat mice.", conversation="c", reward=0.6, label=Label.RELIABLE)
    await days.edit(turn, "Owls eat mice and voles.")
    await days.say(KEY, conversation="c")
    await days.keeper.forget_conversation("ana", "c")
    assert days.lessons() == Lessons((), ())
