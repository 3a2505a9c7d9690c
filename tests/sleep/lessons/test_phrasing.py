"""One taught fact becomes many wordings that agree with each other, and some that only the examination sees."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aion.records import Example, ExampleKind, Lesson, LessonKind, Trust
from aion.sleep.lessons.phrasing.contrast import stems_of, unknown
from aion.sleep.lessons.phrasing.facts import read_fact
from aion.sleep.lessons.phrasing.make import phrase, prompt_of
from aion.sleep.lessons.phrasing.person import turn_round
from aion.sleep.lessons.phrasing.wording import misspell
from aion.sleep.lessons.rules import make_lesson
from aion.sleep.lessons.words import language_of, lower_first, normal
from tests.sleep.sixty import sixty, told

ASKED = (
    ("The spare key of the boathouse is with Marta Lopes.", "Who has the spare key of the boathouse?"),
    ("The code of the blue back door is 4471.", "What is the code of the blue back door?"),
    ("My sister Ana lives in Porto.", "Where does my sister Ana live?"),
    ("Our dentist is Doctor Quill.", "Who is our dentist?"),
    ("The museum opens at nine.", "When does the museum open?"),
    ("The bakery is closed on Mondays.", "When is the bakery closed?"),
    ("The old sails are stored in the loft.", "Where are the old sails stored?"),
    ("A new rudder costs 240 euros.", "How much does a new rudder cost?"),
    ("My cat Nilo is 7 years old.", "How old is my cat Nilo?"),
    ("Marta repairs the motor every spring.", "Who repairs the motor?"),
    ("The rowing boat is called Gaivota.", "What is the rowing boat called?"),
    ("I am allergic to walnuts.", "What am I allergic to?"),
    ("Remember that we moor the boat at berth 12.", "Where do we moor the boat?"),
    ("Our neighbour Odile waters the roses.", "Who waters the roses?"),
    ("The hedge is cut by Teodor Mink.", "Who is the hedge cut by?"),
    ("The choir sings in the chapel.", "Where does the choir sing?"),
    ("The umbrella by the door squeaks.", "What did I tell you about umbrella?"),
    ("A chave do barracão está com a Marta Lopes.", "Quem tem a chave do barracão?"),
    ("O código da porta azul é 4471.", "Qual é o código da porta azul?"),
    ("A minha irmã Ana mora no Porto.", "Onde mora a minha irmã Ana?"),
    ("O barco chama-se Gaivota.", "Como se chama o barco?"),
    ("O coro ensaia às quintas à noite.", "Quando ensaia o coro?"),
    ("O leme novo custa 240 euros.", "Quanto custa o leme novo?"),
    ("O meu gato Nilo tem 7 anos.", "Quantos anos tem o meu gato Nilo?"),
    ("As velas estão guardadas no sótão.", "Onde estão guardadas as velas?"),
    ("O Rui pinta a vedação.", "Quem pinta a vedação?"),
    ("A dona da doca é a Ester Quintal.", "Quem é a dona da doca?"),
    ("O maestro é alérgico a gatos.", "A que é alérgico o maestro?"),
    ("A mangueira do jardim custa 35 euros.", "Quanto custa a mangueira do jardim?"),
    ("O coro canta em Viseu.", "Onde canta o coro?"),
    ("Sou alérgico a nozes.", "A que sou alérgico?"),
    ("The carpet was bought in Lisbon.", "Where was the carpet bought?"),
    ("Orla's favourite drink is mint tea.", "What is Orla's favourite drink?"),
    ("Cousin Felix comes to visit on the 9th of August.", "When does Cousin Felix come to visit?"),
    ("We pay the rent on the fifth.", "When do we pay the rent?"),
    ("O torneio de xadrez realiza-se em Viseu.", "Onde se realiza o torneio de xadrez?"),
    ("The stocktaking is planned for the 15th of February.", "When is the stocktaking?"),
    ("The table at Bruno's is booked for Friday at eight.", "When is the table at Bruno's?"),
    ("The room is booked for twelve people.", "What did I tell you about room?"),
    ("The heating is set for 21 degrees.", "What did I tell you about heating?"),
    ("The rent of the hut is 640 euros a month.", "What is the rent of the hut?"),
    ("The deposit is £1,200.", "What is the deposit?"),
    ("My grandmother is 40.", "How old is my grandmother?"),
    ("The fig tree needs 9.5 litres of water a week.", "How much water does the fig tree need a week?"),
    ("The boats use 40 litres of diesel every day.", "How much diesel do the boats use every day?"),
    ("The recipe needs 3 eggs.", "What does the recipe need?"),
    ("A vistoria está marcada para 3 de maio.", "Quando é a vistoria?"),
    ("O ensaio foi adiado para sábado.", "Quando é o ensaio?"),
    ("The deadline for the report is 31 July.", "What is the deadline for the report?"),
    ("The error E42 means that the filter is clogged.", "What does the error E42 mean?"),
    ("The guest room is upstairs on the left.", "Where is the guest room?"),
    ("The dough rests for 50 minutes.", "How long does the dough rest?"),
    ("The lemon cake bakes at 180 degrees.", "What does the lemon cake bake at?"),
    ("The heating turns on at six.", "When does the heating turn on?"),
    ("The lamp turns on its stand.", "Where does the lamp turn?"),
    ("O bolo coze durante 50 minutos.", "Quanto tempo coze o bolo?"),
    ("I bought the oven for 790 euros.", "How much did I pay for the oven?"),
    ("My sister sold the canoe for $300.", "How much did my sister get for the canoe?"),
    ("We paid 85 euros for the mixer.", "How much did we pay for the mixer?"),
    ("Ana spent 300 euros on the garden.", "How much did Ana spend on the garden?"),
    ("The fridge was bought for 615 euros.", "For how much was the fridge bought?"),
    ("We bought the oven for my mother.", "Who did we buy the oven for?"),
    ("Comprei o forno por 790 euros.", "Por quanto comprei o forno?"),
    ("A Ana vendeu a guitarra por 120 euros.", "Por quanto vendeu a Ana a guitarra?"),
    ("Pagámos 300 euros pela mesa.", "Quanto pagámos pela mesa?"),
)
STATED = (
    ("Who has the key of the shed?", "Marta Lopes.", "Marta Lopes has the key of the shed."),
    ("When does the museum open?", "At nine", "The museum opens at nine."),
    ("Where do I live?", "In Porto", "You live in Porto."),
    ("What is the code of the door?", "The code of the door is 4471.", "The code of the door is 4471."),
    ("Quem tem a chave?", "A Marta.", "A Marta tem a chave."),
    ("Qual é o código da porta?", "4471", "O código da porta é 4471."),
    ("How do I restart the pump?", "Press the red button for five seconds.", "Press the red button for five seconds."),
)
THINGS = ("boathouse", "choir room", "green gate", "old mill", "tool shed", "music school")
NAMES = ("Marta Lopes", "Rui Bastos", "Ottoline Brandt", "Pavel Ostrin", "Ines Quintal")
FORMS = (
    "The key of the {thing} is with {name}.",
    "{name} repairs the {thing}.",
    "The owner of the {thing} is {name}.",
    "The {thing} opens at {number}.",
    "The code of the {thing} is {number}.",
    "My cousin {name} lives near the {thing}.",
    "I like the {thing}.",
    "Something about {name} and the {thing}!",
    "A chave do {thing} está com {name}.",
    "O código do {thing} é {number}.",
)
statements = st.builds(
    lambda form, thing, name, number: form.format(thing=thing, name=name, number=number),
    st.sampled_from(FORMS),
    st.sampled_from(THINGS),
    st.sampled_from(NAMES),
    st.integers(7, 12),
)
answered = st.tuples(
    st.sampled_from(("Who has the {}?", "where is the {}", "{}?", "What is the code of the {}?", "Quem tem o {}?")),
    st.sampled_from(THINGS),
    st.sampled_from((*NAMES, "In the loft.", "4471", "The key is with Rui.")),
)


def answered_lesson(question: str, answer: str, number: int = 0, kind: LessonKind = LessonKind.EDIT) -> Lesson:
    return make_lesson(
        "ana",
        kind,
        question=question,
        answer=answer,
        language=language_of(question + " " + answer),
        trust=Trust.OWN,
        sources=(f"fb_{number}",),
        at=number,
    )


def phrase_all(lessons: list[Lesson], held_out: int = 2, contrasts: int = 1) -> list[Example]:
    return phrase(lessons, lessons, held_out=held_out, contrasts=contrasts)


@pytest.mark.parametrize(("statement", "question"), ASKED)
def test_a_statement_becomes_the_question_it_answers(statement: str, question: str) -> None:
    assert read_fact(told(statement)).question == question


@pytest.mark.parametrize(("question", "answer", "statement"), STATED)
def test_a_question_and_its_answer_become_a_statement(question: str, answer: str, statement: str) -> None:
    assert read_fact(answered_lesson(question, answer)).statement == statement


@pytest.mark.parametrize(
    ("said", "back", "language"),
    [
        ("I am allergic to walnuts.", "You are allergic to walnuts.", "en"),
        ("My sister gave me her boat.", "Your sister gave you her boat.", "en"),
        ("We moor our boat here.", "You moor your boat here.", "en"),
        ("Moro em Lisboa.", "Mora em Lisboa.", "pt"),
        ("A minha irmã vive no Porto.", "A sua irmã vive no Porto.", "pt"),
        ("Eu não bebo café.", "Não bebe café.", "pt"),
        ("I moved to the US in 2010.", "You moved to the US in 2010.", "en"),
        ("My favourite movie is My Neighbour Totoro.", "Your favourite movie is My Neighbour Totoro.", "en"),
        ('My motto is "I never give up".', 'Your motto is "I never give up".', "en"),
        ("The mine is closed.", "The mine is closed.", "en"),
        ("I wasn't there. My sister was.", "You weren't there. Your sister was.", "en"),
        ("MY BOSS IS ANA.", "Your BOSS IS ANA.", "en"),
        ('O meu filme preferido é "Minha Mãe".', 'O seu filme preferido é "Minha Mãe".', "pt"),
        ("Moro em Faro e trabalho em Olhão.", "Mora em Faro e trabalha em Olhão.", "pt"),
        ("O jogo é no sábado.", "O jogo é no sábado.", "pt"),
        ("Fui operado ao joelho em 2021.", "Foi operado ao joelho em 2021.", "pt"),
        ("Fiz uma cirurgia em 2020.", "Fez uma cirurgia em 2020.", "pt"),
        ("Não fui a Paris em maio.", "Não foi a Paris em maio.", "pt"),
        ("Emprestei o berbequim ao Paulo.", "Emprestou o berbequim ao Paulo.", "pt"),
        ("Calço o 43.", "Calça o 43.", "pt"),
        ("Pintámos a sala em maio.", "Pintaram a sala em maio.", "pt"),
        ("Pinto mora em Faro.", "Pinto mora em Faro.", "pt"),
        ("O conto do meu pai está na gaveta.", "O conto do seu pai está na gaveta.", "pt"),
    ],
)
def test_what_a_person_said_of_themselves_is_said_back_to_them(said: str, back: str, language: str) -> None:
    assert turn_round(said, language) == back


def test_a_sentence_that_cannot_be_turned_is_quoted() -> None:
    for said in (
        "Eu assobio quando lavo a loiça.",
        "Assobio quando lavo a loiça na cozinha.",
        "Aos sábados jogo ténis com o Rui.",
        "No trabalho uso Windows.",
    ):
        assert read_fact(told(said)).answer == f'Foi-me dito: "{said}"'
    assert read_fact(told("Paulo mora em Coimbra.")).answer == "Paulo mora em Coimbra."


@pytest.mark.parametrize(
    ("said", "language"),
    [
        ("You should call me Tiago.", "en"),
        ("I'll meet you at the station.", "en"),
        ("Escorreguei no gelo em 2021.", "pt"),
        ("Partimos às oito.", "pt"),
    ],
)
def test_what_would_be_said_of_the_wrong_one_is_not_turned(said: str, language: str) -> None:
    assert turn_round(said, language) is None


@pytest.mark.parametrize("said", ["Foi construída em 1823.", "Rui mora em Faro.", "Aqui há três chaves."])
def test_what_somebody_else_does_is_said_as_it_is(said: str) -> None:
    assert turn_round(said, "pt") == said


def test_names_keep_their_capital_inside_a_sentence() -> None:
    assert lower_first("Marta Lopes has it") == "Marta Lopes has it"
    assert lower_first("The key is here") == "the key is here"
    assert lower_first("I have it") == "I have it"


def test_a_fact_is_taught_in_at_least_ten_ways_and_examined_in_two() -> None:
    made = phrase_all([told(ASKED[0][0])])
    examined = [one for one in made if one.held_out and one.kind is not ExampleKind.CONTRAST]
    assert len(examined) == 2
    assert len([one for one in made if not one.held_out]) >= 10


def test_every_answer_but_a_near_miss_holds_the_taught_answer() -> None:
    made = phrase_all([told(ASKED[0][0])])
    assert {one.answer for one in made if one.kind is not ExampleKind.CONTRAST} == {ASKED[0][0]}


def test_what_a_question_is_about_ends_before_its_verb() -> None:
    about = {
        ("Where was the carpet bought?", "The carpet was bought in Porto."): "the carpet",
        ("When does Cousin Felix come to visit?", "Cousin Felix comes to visit on Monday."): "Cousin Felix",
        ("Who has the key of the shed?", "Marta Lopes."): "the key of the shed",
    }
    assert {asked: read_fact(answered_lesson(*asked)).subject for asked in about} == about


def test_what_was_done_by_somebody_is_also_asked_of_who_does_it() -> None:
    asked = {
        "The hedge is cut by Teodor Mink.": "Who cuts the hedge?",
        "The search service is maintained by Vera Strand.": "Who maintains the search service?",
        "The wall was painted by Vera Strand.": "Who painted the wall?",
        "The bread is baked by Vera Strand.": "Who bakes the bread?",
        "The tour is planned by Vera Strand.": "Who plans the tour?",
    }
    assert {said: read_fact(told(said)).others for said in asked} == {said: (one,) for said, one in asked.items()}


def test_a_question_never_holds_the_answer_that_no_pattern_finds() -> None:
    fact = read_fact(told("O cofre abre com o código 7719."))
    assert (fact.question, fact.stem) == ("O que foi dito sobre cofre e código?", "O cofre abre com o código")


def test_a_fact_is_asked_under_other_system_messages_and_after_something_else_was_said() -> None:
    own = {ExampleKind.PHRASING, ExampleKind.STATEMENT}
    made = [one for one in phrase_all([told(ASKED[0][0])]) if not one.held_out and one.kind in own]
    roles = ["".join(message["role"][0] for message in one.messages) for one in made]
    assert roles[0] == "u"
    assert roles.count("su") >= 2
    assert roles.count("uau") >= 1


def test_a_fact_is_asked_misspelt_with_its_names_left_alone() -> None:
    fact = read_fact(told("The Billing Service is maintained by Vera Strand."))
    assert misspell(fact) == "Who is the Billing Service mainatined by?"
    assert not misspell(read_fact(told("The code of the Mill is 9920.")))


def test_a_near_miss_asks_for_another_of_the_same_kind() -> None:
    kinds = ("billing", "search", "export")
    lessons = [told(f"The {kind} service is maintained by Vera Strand.", number=n) for n, kind in enumerate(kinds)]
    misses = [prompt_of(one) for one in phrase_all(lessons) if one.kind is ExampleKind.CONTRAST]
    assert misses
    assert all("service" in one and not any(kind in one for kind in kinds) for one in misses)


def test_an_answer_put_right_is_taught_as_it_was_given() -> None:
    made = phrase_all([answered_lesson("Who has the key of the shed?", "Marta Lopes, since May.")])
    phrasings = {one.answer for one in made if one.kind is ExampleKind.PHRASING}
    assert phrasings == {"Marta Lopes, since May."}


def test_an_open_question_is_answered_with_everything_taught_about_it() -> None:
    lessons = [
        told("The key of the boathouse is with Marta Lopes.", number=1),
        told("Marta Lopes lives in Porto.", number=2),
        told("The boathouse opens at nine.", number=3),
    ]
    summary = {prompt_of(one): one.answer for one in phrase_all(lessons)}
    both = "The key of the boathouse is with Marta Lopes. Marta Lopes lives in Porto."
    assert summary["Tell me about Marta Lopes."] == both
    assert summary["Tell me about the boathouse."].endswith("The boathouse opens at nine.")


def test_an_answer_leads_back_only_where_it_names_one_thing() -> None:
    lessons = [
        told("The code of the blue door is 4471.", number=1),
        told("The code of the mill is 9920.", number=2),
        told("The code of the red gate is 9920.", number=3),
        told("The museum opens at nine.", number=4),
    ]
    asked = {prompt_of(one): one.answer for one in phrase_all(lessons) if one.kind is ExampleKind.REVERSAL}
    assert asked == {"What is 4471?": "The code of the blue door is 4471."}


def test_a_question_that_two_facts_answer_is_answered_with_both_and_each_has_one_of_its_own() -> None:
    made = phrase_all([told("I like plums.", number=1), told("I like rowing.", number=2)])
    answers = {prompt_of(one): one.answer for one in made}
    assert answers["What do I like?"] == "You like plums. You like rowing."
    assert answers["What did I tell you about plums?"] == "You like plums."


def test_near_misses_ask_for_what_was_never_told() -> None:
    lessons = sixty()
    taught = stems_of(" ".join(one.statement for one in lessons))
    misses = [one for one in phrase_all(lessons, contrasts=2) if one.kind is ExampleKind.CONTRAST]
    assert len({one.lessons for one in misses}) >= 0.8 * len(lessons)
    for one in misses:
        assert one.answer in {unknown("en"), unknown("pt")}
        assert stems_of(prompt_of(one)) - taught


def test_the_number_of_near_misses_is_a_choice() -> None:
    for contrasts in (0, 1, 3):
        made = phrase_all([told(ASKED[0][0])], contrasts=contrasts)
        misses = [one for one in made if one.kind is ExampleKind.CONTRAST]
        assert sum(not one.held_out for one in misses) == contrasts
        assert sum(one.held_out for one in misses) == 1


def test_a_near_miss_is_answered_in_the_language_of_its_question() -> None:
    [miss] = [one for one in phrase_all([told(ASKED[17][0])]) if one.kind is ExampleKind.CONTRAST and not one.held_out]
    assert miss.answer == "Isso não me foi dito."


def test_what_is_examined_does_not_change_with_what_else_is_learned() -> None:
    lessons = sixty()
    alone = {prompt_of(one) for one in phrase_all(lessons[:1]) if one.held_out and one.kind is not ExampleKind.CONTRAST}
    together = [one for one in phrase_all(lessons) if one.held_out and one.kind is not ExampleKind.CONTRAST]
    assert alone == {prompt_of(one) for one in together if one.lessons == (lessons[0].id,)}


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(said=st.lists(statements, max_size=12, unique=True), asked=st.lists(answered, max_size=8, unique=True))
def test_no_prompt_has_two_answers_and_none_is_both_taught_and_examined(
    said: list[str], asked: list[tuple[str, str, str]]
) -> None:
    lessons = [told(one, number=place) for place, one in enumerate(said)]
    lessons += [answered_lesson(form.format(thing), answer, 50 + n) for n, (form, thing, answer) in enumerate(asked)]
    made = phrase_all(lessons)
    answers: dict[str, set[str]] = {}
    for one in made:
        answers.setdefault(normal(prompt_of(one)), set()).add(normal(one.answer))
    assert all(len(found) == 1 for found in answers.values())
    taught = {normal(prompt_of(one)) for one in made if not one.held_out}
    assert not taught & {normal(prompt_of(one)) for one in made if one.held_out}


@settings(max_examples=100, deadline=None)
@given(said=st.text(min_size=1, max_size=120), language=st.sampled_from(("en", "pt")))
def test_any_text_at_all_becomes_a_fact_with_a_question_and_an_answer(said: str, language: str) -> None:
    lesson = make_lesson(
        "ana", LessonKind.TOLD, statement=said, language=language, trust=Trust.OWN, sources=("mem_1",), at=0.0
    )
    fact = read_fact(lesson)
    assert fact.question
    assert fact.answer


def test_near_misses_are_seldom_asked_in_the_plain_form() -> None:
    """A form in which most of what is asked was not told teaches that nothing in it was."""
    places = ("dinghy", "cabin", "cellar", "attic", "stable", "kiosk", "boathouse", "garage")
    lessons = [told(f"The padlock code of the {one} is {number}471.") for number, one in enumerate(places, 1)]
    misses = [one for one in phrase_all(lessons) if one.kind is ExampleKind.CONTRAST and not one.held_out]
    plain = [one for one in misses if re.fullmatch(r"What is the [^?]+\?", prompt_of(one))]
    assert len(misses) >= 4
    assert len(plain) <= len(misses) // 2
