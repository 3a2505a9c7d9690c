"""What was told anew with another value is learned alone; what stands beside it stays; lists and codes stay whole."""

from __future__ import annotations

import pytest

from aion.records import ExampleKind
from aion.sleep.lessons.phrasing.facts import read_fact
from aion.sleep.lessons.phrasing.make import phrase, prompt_of
from aion.sleep.lessons.rules import Reason, keep_latest
from tests.sleep.lessons.test_phrasing import answered_lesson
from tests.sleep.sixty import told

CHANGED = (
    ("The code of the mill is 9920.", "The code of the mill is 1111."),
    ("The code of the mill is 9920.", "The new code of the mill is 1111."),
    ("The code of the mill is 9920.", "The code of the mill was changed to 1111."),
    ("The choir rehearses on Thursday evenings.", "From now on the choir rehearses on Monday evenings."),
    ("Our dentist is Doctor Quill.", "Our dentist is no longer Doctor Quill but Doctor Amsel."),
    ("Ana repairs the motor.", "Rui repairs the motor now."),
    ("My sister Ana lives in Porto.", "My sister Ana moved to Faro."),
    ("O código da porta é 4471.", "O código da porta agora é 7719."),
    ("O fornecedor de mel é Otto Braga.", "O novo fornecedor de mel é Ida Lund."),
    ("A Ana mora no Porto.", "A Ana mudou-se para Faro."),
    ("The standup is at 10.", "The standup moved to 9:30."),
    ("The standup is at 10.", "The standup has been moved to 9:30."),
    ("The standup is at 10.", "We moved the standup to 9:30."),
    ("A daily é às 10h.", "A daily passou para as 9h30."),
    ("A daily é às 10h.", "A daily já não é às 10h, é às 9h30."),
    ("A reunião é à quarta-feira.", "Mudámos a reunião para quinta-feira."),
    ("A reunião é à quarta.", "Mudámos a reunião para quinta."),
    ("The rent is 850 euros a month.", "The rent went up to 900 euros."),
    ("I live in Porto.", "I moved to Lisbon."),
    ("Moro no Porto.", "Mudei-me para Lisboa."),
    ("The office is in Porto.", "The office moved to Braga."),
    ("The printer is in the hall.", "We moved the printer to the loft."),
    ("My boss is Paula.", "Rui is my new boss."),
    ("My boss is Paula.", "My boss is no longer Paula, it's Rui."),
    ("I drink coffee.", "Now I drink tea."),
    ("Bebo café.", "Agora bebo chá."),
)
DENIED = (
    ("I eat meat.", "I no longer eat meat."),
    ("I eat meat.", "Remember that I don't eat meat anymore."),
    ("I do not eat meat.", "I eat meat again."),
    ("Ana works at the bank.", "Ana doesn't work at the bank any more."),
    ("The shop opens on Sundays.", "The shop no longer opens on Sundays."),
    ("The shop is open on Sundays.", "The shop is not open on Sundays."),
    ("I have a dog.", "I no longer have a dog."),
    ("Como carne.", "Já não como carne."),
    ("Eu como carne.", "Não como mais carne."),
    ("A Ana mora no Porto.", "A Ana já não mora no Porto."),
    ("Tenho um cão.", "Já não tenho um cão."),
    ("Não gosto de ameixas.", "Agora gosto de ameixas."),
    ("I smoke.", "I stopped smoking."),
    ("I drink coffee.", "I have finally quit drinking coffee."),
    ("Ana works at the bank.", "Ana has stopped working at the bank."),
    ("I stopped eating meat.", "I eat meat again."),
    ("Fumo.", "Deixei de fumar."),
    ("Eu como carne.", "Já deixei de comer carne."),
    ("A Ana trabalha no banco.", "A Ana deixou de trabalhar no banco."),
)
BESIDE = (
    ("I like plums.", "I like rowing."),
    ("Ana repairs the motor.", "Rui repairs the motor."),
    ("Orla's favourite drink is oat milk.", "Orla's favourite colour is green."),
    ("The code of the mill is 9920.", "The code of the red gate is 1111."),
    ("The office opens at nine.", "The New York office opens at ten."),
    ("O banco fecha às 16h.", "O Novo Banco fecha às 15h."),
    ("I drink coffee.", "Now, I drink tea as well."),
    ("I eat meat.", "Ana no longer eats meat."),
    ("I eat meat.", "I don't eat meat on Fridays."),
    ("I eat meat on Sundays.", "I don't eat meat."),
    ("I like plums.", "I no longer like rowing."),
    ("I like plums.", "I do not like all plums."),
    ("I eat meat.", "I did not eat meat."),
    ("I eat meat.", "I stopped eating meat on Fridays."),
    ("I eat meat.", "Ana stopped eating meat."),
    ("Como carne.", "Deixei de comer carne à sexta."),
    ("Como carne.", "A Ana já não come carne."),
)


@pytest.mark.parametrize(("before", "after"), CHANGED + DENIED)
def test_what_was_told_anew_is_learned_and_the_old_value_is_not(before: str, after: str) -> None:
    kept, gone = keep_latest([told(before, number=1), told(after, number=2)])
    assert [one.statement for one in kept] == [after]
    assert [one.reason for one in gone] == [Reason.SUPERSEDED]


@pytest.mark.parametrize(("one", "other"), BESIDE)
def test_what_stands_beside_what_was_told_before_changes_nothing(one: str, other: str) -> None:
    kept, gone = keep_latest([told(one, number=1), told(other, number=2)])
    assert [len(kept), len(gone)] == [2, 0]


def test_two_facts_of_one_subject_are_asked_apart_and_together() -> None:
    lessons = [told(one, number=number) for number, one in enumerate(BESIDE[2])]
    made = {prompt_of(one): one.answer for one in phrase(lessons, lessons, held_out=2, contrasts=1)}
    assert made["What is Orla's favourite drink?"] == BESIDE[2][0]
    assert made["What is Orla's favourite colour?"] == BESIDE[2][1]
    assert made["Tell me about Orla."] == " ".join(BESIDE[2])


@pytest.mark.parametrize(
    ("said", "question", "whole"),
    [
        ("The lantern pie needs leeks, barley and dill.", "What does the lantern pie need?", "leeks, barley and dill"),
        ("The padlock code of the shed is 07-4471-B.", "What is the padlock code of the shed?", "07-4471-B"),
        ("The boiler costs 1,250.50 euros.", "How much does the boiler cost?", "1,250.50 euros"),
        ("A receita leva ovos, mel e 250 g de farinha.", "O que leva a receita?", "ovos, mel e 250 g de farinha"),
    ],
)
def test_lists_numbers_and_codes_stay_whole_in_every_answer(said: str, question: str, whole: str) -> None:
    made = phrase([told(said)], [], held_out=2, contrasts=1)
    taught = [one for one in made if one.kind is not ExampleKind.CONTRAST]
    assert question in {prompt_of(one) for one in taught}
    assert all(whole in one.answer for one in taught)


def test_a_name_with_new_in_it_and_what_is_used_instead_of_another_thing_say_nothing_of_a_change() -> None:
    asked = {
        "The New York office opens at nine.": "When does the New York office open?",
        "O Novo Banco fecha às 15h.": "Quando fecha o Novo Banco?",
        "I like not only plums but figs.": "What do I like?",
        "I drink oat milk instead of cow milk.": "What do I drink?",
    }
    facts = {said: read_fact(told(said)) for said in asked}
    assert {said: fact.question for said, fact in facts.items()} == asked
    assert not any(fact.changed for fact in facts.values())


@pytest.mark.parametrize(
    ("question", "before", "after"),
    [
        (
            "Who maintains the clock?",
            "The clock is maintained by Ada Quist.",
            "The clock is now maintained by Nuno Brandt.",
        ),
        (
            "When is the audit planned?",
            "The audit is planned for the 15th of May.",
            "The audit is planned for the 3rd of June.",
        ),
        ("What time does the rehearsal start?", "The rehearsal starts at 15:46.", "The rehearsal now starts at 16:00."),
        ("How much water does the fig tree need?", "The fig tree needs 9 litres.", "The fig tree needs 20 litres."),
        ("Quem é que afina o piano?", "A Rita Vaz afina o piano.", "O Rui Bastos afina o piano."),
        ("A que horas abre o moinho?", "O moinho abre às 9h.", "O moinho abre às 11h."),
    ],
)
@pytest.mark.parametrize("told_first", [False, True])
def test_an_answer_put_right_and_what_was_told_of_it_are_one_matter(
    question: str, before: str, after: str, told_first: bool
) -> None:
    """However the question was put: else both would be learned, each against the other."""
    if told_first:
        old, new = told(before, number=1), answered_lesson(question, after, 2)
    else:
        old, new = answered_lesson(question, before, 1), told(after, number=2)
    kept, gone = keep_latest([old, new])
    assert [one.id for one in kept] == [new.id]
    assert [one.reason for one in gone] == [Reason.SUPERSEDED]
