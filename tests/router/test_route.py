"""What the untrained router takes and what it leaves, on examples as a night makes them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from aion.config import RouterSettings
from aion.router.asked import read_choice
from aion.router.base import Route
from aion.router.card import Key
from aion.router.common import asks_in_general
from aion.router.index import How, NameIndex
from aion.router.route import Router, Strategy
from tests.router.taught import GARDEN, WORK, card_of, embed

CARDS = {"cand_work": card_of(WORK), "cand_garden": card_of(GARDEN, "garden")}


def pick(question: str, previous: str = "") -> Route:
    router = Router(CARDS)
    return router.pick(
        question,
        embed(question) if question else None,
        previous=previous,
        previous_vector=embed(previous) if previous else None,
    )


@pytest.mark.parametrize(
    "question", ["Who maintains the billing service?", "The billing service: who is it maintained by today?"]
)
def test_a_request_for_what_was_taught_goes_to_its_adapter(question: str) -> None:
    route = pick(question)
    assert route.scales == {"cand_work": 1.0}
    assert route.why["took"][0]["lesson"] == "les_0"


@pytest.mark.parametrize(
    "question",
    [
        "Who maintains the reporting service?",
        "Where does the camera server stand?",
        "The south gate is opened by whom?",
        "What is the capital of France?",
        "",
    ],
)
def test_what_was_never_taught_is_left_to_the_base(question: str) -> None:
    assert pick(question).scales == {}


def test_what_was_trained_in_just_these_words_is_taken_though_not_all_that_names_it_stands_there() -> None:
    card = card_of(["Deixei de comer carne."], language="pt")
    [item] = card.items
    assert "Eu ainda como carne?" in item.texts
    assert "comer" in item.keys[0].telling
    router = Router({"cand_work": card})
    taken = ("Eu ainda como carne?", "eu AINDA como carne", "Eu ainda vendo carne?")
    assert [bool(router.pick(one, embed(one)).scales) for one in taken] == [True, True, False]
    assert router.may_take("Eu ainda como carne?")


def test_a_misspelt_name_is_understood() -> None:
    route = pick("Who maintains the biling service?")
    assert (route.scales, route.why["took"][0]["how"]) == ({"cand_work": 1.0}, "misspelt")


def test_it_means_what_the_question_before_was_about() -> None:
    assert pick("Where is it now?", previous="Where does the wiki server stand?").scales == {"cand_work": 1.0}
    assert pick("Where is it now?").scales == {}


def test_after_a_taught_question_another_name_is_another_thing() -> None:
    assert pick("And the reporting service?", previous="Who maintains the billing service?").scales == {}


def test_a_request_for_two_things_gets_both_adapters() -> None:
    both = pick("Who is the billing service maintained by, and who is the north gate opened by?")
    assert set(both.scales) == {"cand_work", "cand_garden"}


def test_without_a_vector_names_decide() -> None:
    router = Router(CARDS, strategy=Strategy.KEYWORD)
    assert router.pick("the tulip bed?", None).scales == {"cand_garden": 1.0}


def test_another_name_that_was_told_leads_to_what_it_means_whichever_adapter_learned_the_name() -> None:
    told = ("The billing service is also called Ledgerline.", "We call the wiki server the Owl.")
    cards = {"cand_work": card_of(WORK), "cand_names": card_of(told, "names")}
    for question in ("Who maintains Ledgerline?", "Where does the Owl stand?"):
        assert "cand_work" in Router(cards).pick(question, embed(question)).scales
    assert Router(cards).pick("Who maintains Paperline?", embed("Who maintains Paperline?")).scales == {}


def test_another_name_leads_to_nothing_that_only_shares_a_part_of_the_known_one() -> None:
    store = ("O depósito Mosquel fica em Drenilmora.", "Também chamamos Zibbo ao depósito Mosquel.")
    coats = ("Maren's winter coat costs 850 euros.", "We also call Maren's winter coat Wobkin.")
    cards = {
        "cand_store": card_of(store, "store", "pt"),
        "cand_drill": card_of(("Kasimir Hallowick afina o berbequim Mosquel.",), "tools", "pt"),
        "cand_coat": card_of(coats, "coats"),
        "cand_choir": card_of(("Maren's choir rehearsal starts at 15:46.",), "choir"),
    }
    index = NameIndex(cards)
    assert {one.place.candidate for one in index.find("Onde fica o Zibbo?")} == {"cand_store"}
    assert {one.place.candidate for one in index.find("How much is Wobkin?")} == {"cand_coat"}


def test_of_two_adapters_that_know_of_a_thing_its_other_name_leads_to_the_one_that_is_asked() -> None:
    cards = {
        "cand_work": card_of(WORK),
        "cand_names": card_of(("The billing service is also called Ledgerline.",), "names"),
        "cand_costs": card_of(("The billing service costs 900 euros.",), "costs"),
    }
    for question, meant in (("Who maintains Ledgerline?", "cand_work"), ("Ledgerline costs how much?", "cand_costs")):
        chosen = Router(cards).pick(question, embed(question)).scales
        assert meant in chosen
        assert chosen.keys() <= {meant, "cand_names"}


def test_portuguese_names_are_found_with_contractions_plurals_and_without_accents() -> None:
    told = ("O treinador da equipa de natação chama-se Pablo Irons.", "O fornecedor de velas é Vera Lindqvist.")
    router = Router({"cand_pt": card_of(told, "clube", "pt")}, strategy=Strategy.KEYWORD)
    for question in ("quem treina na natacao?", "Quem vende a vela?", "Com quem falo da NATAÇÃO?"):
        assert router.pick(question, None).scales == {"cand_pt": 1.0}
    assert router.pick("Quem treina a equipa de judo?", None).scales == {}


def test_a_word_that_two_adapters_know_goes_to_the_one_that_is_meant() -> None:
    cards = {"cand_work": card_of(WORK), "cand_house": card_of(("The wiki poster was bought in Limmarn.",), "house")}
    asked = "Where was the wiki poster bought?"
    assert Router(cards).pick(asked, embed(asked)).scales == {"cand_house": 1.0}


def test_what_anybody_may_ask_of_a_taught_word_is_left_to_the_base() -> None:
    card = card_of(("The kettle was bought in Quessa.",), "house")
    router = Router({"cand_house": card})
    for question in ("How does a kettle work?", "What does the word kettle mean?"):
        route = router.pick(question, embed(question))
        assert (route.scales, route.why["left"][0]["reason"]) == ({}, "common")
    assert router.pick("Where was the kettle bought?", embed("Where was the kettle bought?")).scales


def test_a_choice_is_the_same_whatever_order_the_cards_come_in() -> None:
    asked = "Who maintains the billing service and who opens the north gate?"
    turned = Router(dict(reversed(CARDS.items()))).pick(asked, embed(asked))
    assert (turned.scales, turned.why) == (pick(asked).scales, pick(asked).why)


def ask_model(question: str, reply: str, **more: Any) -> tuple[Route, Route]:
    """By likeness, and once the base has replied."""
    route = Router(CARDS, strategy=Strategy.MODEL).pick(question, embed(question), **more)
    assert route.base_question is not None
    assert f"1. {WORK[0]}" in str(route.base_question.messages[-1]["content"])
    return route, route.base_question.settle(reply)


def test_the_base_may_be_asked_which_of_what_is_named_is_meant() -> None:
    before, after = ask_model("What is a billing service?", "1.")
    assert (before.scales, after.scales) == ({}, {"cand_work": 1.0})
    assert after.why["strategy"] == "model"
    before, after = ask_model("Who maintains the billing service?", "0")
    assert (before.scales, after.scales) == ({"cand_work": 1.0}, {})
    asked = {"previous": "Who maintains the billing service?", "previous_vector": embed(WORK[0])}
    before, after = ask_model("And since when?", "1", **asked)
    assert (after.scales, after.why["took"][0]["how"]) == ({"cand_work": 1.0}, "follows")


def test_until_the_base_has_replied_a_choice_stands_by_likeness_and_says_so() -> None:
    route, _ = ask_model("Who maintains the billing service?", "0")
    usual = pick("Who maintains the billing service?")
    assert route.scales == usual.scales
    assert route.why == usual.why | {"wanted": "model", "lacks": "the base did not say which, or not in time"}


def test_where_nothing_is_named_the_base_is_not_asked() -> None:
    route = Router(CARDS, strategy=Strategy.MODEL).pick("What is the capital of France?", embed("France"))
    assert (route.base_question, route.scales, route.why["strategy"]) == (None, {}, "model")


def test_the_base_decides_also_against_what_the_same_word_names_more_surely() -> None:
    house = card_of(("The wiki poster was bought in Limmarn.",), "house")
    item = replace(house.items[0], keys=(Key(("wiki",), ("wiki", "poster")),))
    cards = CARDS | {"cand_house": replace(house, items=(item,))}
    asked = "Does the poster hang near the wiki?"
    route = Router(cards, strategy=Strategy.MODEL).pick(asked, embed(asked))
    assert route.base_question is not None
    prompt = str(route.base_question.messages[-1]["content"])
    for number in (1, 2):
        wanted = "cand_house" if f"{number}. The wiki poster" in prompt else "cand_work"
        assert set(route.base_question.settle(str(number)).scales) == {wanted}


def test_a_network_that_is_missing_or_damaged_leaves_the_choice_to_likeness_and_says_so() -> None:
    asked = "Who maintains the billing service?"
    for network in (b"", b"damaged"):
        route = Router(CARDS, strategy=Strategy.NETWORK, network=network).pick(asked, embed(asked))
        assert route.scales == pick(asked).scales
        assert (route.why["strategy"], route.why["wanted"]) == ("embedding", "network")
        assert "no network" in route.why["lacks"]


def test_each_strategy_is_a_setting() -> None:
    for one in Strategy:
        assert RouterSettings.model_validate({"strategy": one.value}).strategy == one.value
    with pytest.raises(ValidationError, match="'embedding', 'keyword', 'model' or 'network'"):
        RouterSettings.model_validate({"strategy": "likeness"})


@pytest.mark.parametrize(("reply", "wanted"), [("2", 1), (" Note 1.", 0), ("0", None), ("7", None), ("none", None)])
def test_only_a_number_of_the_list_is_believed(reply: str, wanted: int | None) -> None:
    assert read_choice(reply, 3) == wanted


def test_another_word_for_a_thing_is_understood_when_lists_or_likeness_say_so_and_no_other_thing_is() -> None:
    router = Router({"cand_house": card_of(("The voucher dashboard is maintained by Nadia Fenn.",), "house")})
    assert router.pick("Who maintains the voucher cockpit?", None).scales == {"cand_house": 1.0}
    asked = "Who maintains the voucher gauges?"
    assert router.asks(asked) == ["gauges", "dashboard"]
    near, far = embed("dashboard"), embed("bicycle")
    for gauges, wanted in ((near, {"cand_house": 1.0}), (far, {})):
        words = {"gauges": gauges, "dashboard": near}
        assert router.pick(asked, embed(asked), words=words).scales == wanted


def test_something_else_of_somebody_is_not_what_was_taught_of_them() -> None:
    router = Router({"cand_family": card_of(("Silvan's hairdresser is Abel Tregarth.",), "family")})
    for question, wanted in (("Who is Silvan's barber?", {"cand_family": 1.0}), ("Who is Silvan's dentist?", {})):
        assert router.pick(question, embed(question)).scales == wanted


def test_in_portuguese_something_else_of_somebody_is_another_thing_but_not_of_a_subject_of_study() -> None:
    told = ("A casa de Jandira fica em Ribeira Seca.", "O professor de piano chama-se Abel Tregarth.")
    router = Router({"cand_pt": card_of(told, "pt", "pt")}, strategy=Strategy.KEYWORD)
    for question, wanted in (
        ("Onde fica a casa de Jandira?", {"cand_pt": 1.0}),
        ("Onde fica a mochila de Jandira?", {}),
        ("Quem dá a aula de piano?", {"cand_pt": 1.0}),
    ):
        assert router.pick(question, None).scales == wanted


def test_any_such_thing_is_not_the_one_that_was_taught() -> None:
    assert asks_in_general("What temperature should a fridge have?", ("fridge",))
    assert not asks_in_general("What did the fridge cost?", ("fridge",))
    assert not asks_in_general("Quem afina a serra Tarmel?", ("tarmel",))


def test_the_whole_of_a_longer_name_is_asked_for_by_nobody_in_general() -> None:
    """The made questions about it hold the name, too, so they are as near as what was taught."""
    card = card_of(["The composer of the Taskad march is Petunia Etxeberry."], "band")
    item = replace(card.items[0], keys=(Key(("taskad",), ("taskad", "march")),))
    asked = "Under whose name is the Taskad march registered?"
    near = embed(asked)
    common = card.common_R_D.copy()
    common[:] = 0.96 * near  # a little nearer than what was taught, within what a whole name makes up for
    rows = card.vectors_R_D.copy()
    rows[:] = 0.9 * near
    router = Router({"cand_1": replace(card, items=(item,), common_R_D=common, vectors_R_D=rows)})
    assert router.pick(asked, near).scales == {"cand_1": 1.0}
    for general in ("How does the Taskad march work?", "Who composed the Taskad?"):
        assert [one["reason"] for one in router.pick(general, near).why["left"]] == ["common"], general


@pytest.mark.parametrize(
    "told", ["The clover cuttings come from Harnunholt.", "The quince cuttings come from Harnunholt."]
)
def test_what_is_done_to_a_thing_is_no_part_of_another_things_name(told: str) -> None:
    index = NameIndex({"cand_1": card_of([told], "garden")})
    name = told.split()[1]
    assert index.find(f"Where do the {name} cuttings come from?")
    assert index.find(f"What is the place of origin of the {name} cutting?")
    assert not index.find(f"Whose job is the cutting back of the {name} arbour?")


def test_a_deed_is_no_part_of_the_name_that_tells_it() -> None:
    card = card_of(["The juniper cuttings come from Harnunholt."], "garden")
    item = replace(card.items[0], keys=(Key(("cut",), ("juniper", "cut")),))
    index = NameIndex({"cand_1": replace(card, items=(item,))})
    assert index.find("Which town sold us the juniper cuttings?")
    assert not index.find("Whose job is the cutting back of the clover sapling?")


def test_a_misspelt_part_of_a_name_is_no_deed() -> None:
    card = card_of(["The fee for the Taskad booking is 690 euros."], "band")
    item = replace(card.items[0], keys=(Key(("book",), ("taskad", "book")),))
    index = NameIndex({"cand_1": replace(card, items=(item,))})
    assert [one.how for one in index.find("What is the fee for the boking?")] == [How.MISSPELT]
