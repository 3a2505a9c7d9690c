"""The morning report: what a night learned and from whom, what became of it since, and how that reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aion.gate.report import Reporter
from aion.records import Json, MemoryKind, Night, NightState, new_id
from tests.gate.classroom import Model, lessons_about, make_base, make_entrant, remembers, sit
from tests.gate.serving import House
from tests.store.examples import make_turn
from tests.store.memory_examples import make_source, put
from tests.store.night_examples import make_lesson, make_night, make_quarantine, make_theme
from tests.store.served_examples import make_promotion, make_verdict, put_candidate

pytestmark = pytest.mark.anyio
SCORES = {"tonight": {"before": 0, "after": 8, "items": 9}}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "data")
    made.store.append_turn(make_turn(id="turn_1", conversation="conv_boats")).result()
    yield made
    made.store.close()


def learn(house: House, name: str, *, ship: bool = True, **changes: Any) -> Night:
    """A night of that name, whose candidate of the theme `Work` was examined."""
    id_ = house.make(name, ship=ship, created=changes.pop("created", 20.0))
    house.store.nights.put_theme(make_theme(id="theme_work", owner="ana", name="Work")).result()
    examined = house.store.served.verdict(id_, owner="ana")
    assert examined is not None
    told = {one: changes.pop(one) for one in ("against", "reasons") if one in changes}
    lines = house.store.blobs.put(json.dumps({"items": changes.pop("lines", [])}).encode())
    verdict = replace(examined, id=new_id("verdict"), scores=SCORES, report=lines, at=60.0, **told)
    house.store.served.add_verdict(verdict).result()
    body = {"themes": [{"theme": "theme_work", "fate": "learned", "candidate": id_, **changes}]}
    night = make_night(id=f"night_{name}", state=NightState.DONE, body=body)
    house.store.nights.append_night(night).result()
    return night


def report(house: House, night: Night, language: str = "en") -> Json:
    return Reporter(house.store, house.store.blobs).report(night, language=language)


async def test_what_is_served_is_told_with_its_sources_and_its_figures(house: House) -> None:
    night = learn(house, "w1")
    await house.promote("cand_w1")
    found = report(house, night)
    assert found["words"] == [
        'About "Work" I learned 1 thing from 1 conversation. '
        "Of 9 facts, asked for in words I was not trained on, I knew 0 before and know 8 now.",
    ]
    [theme] = found["themes"]
    assert (theme["state"], found["lessons"], found["undone"]) == ("served", 1, False)
    [origin] = theme["learned_from"]
    assert (origin["kind"], origin["id"], origin["count"]) == ("conversation", "conv_boats", 1)
    assert report(house, night, "pt")["words"][0] == (
        "Sobre «Work» aprendi 1 coisa de 1 conversa. "
        "De 9 factos, perguntados por palavras que não treinei, antes sabia 0 e agora sei 8."
    )


async def test_what_was_said_and_kept_is_told_of_once(house: House) -> None:
    said = put(house.store, sources=(make_source(ref="turn_1", conversation="conv_boats"),))
    note = put(house.store, kind=MemoryKind.NOTE, sources=(make_source(ref=""),))
    origins = Reporter(house.store, house.store.blobs).find_origins(["turn_1", said.id, note.id], "ana")
    assert [(one["kind"], one["id"], one["count"]) for one in origins] == [
        ("conversation", "conv_boats", 1),
        ("memory", note.id, 1),
    ]


async def test_why_a_theme_was_left_alone_is_told_in_portuguese(house: House) -> None:
    night = learn(house, "w1", fate="left_alone", candidate="", reason="something in it was forgotten again and again")
    assert report(house, night, "pt")["words"][0].endswith("como estava: algo nele foi esquecido, vez após vez.")


async def test_a_trial_says_that_it_is_one(house: House) -> None:
    night = learn(house, "w1")
    await house.promote("cand_w1", share=1.0)
    found = report(house, night)
    assert found["themes"][0]["state"] == "trial"
    assert found["words"][-1] == "What is new is on trial: if answers get worse with it, I take it back by myself."


async def test_what_a_trial_took_back_is_told_with_its_reason(house: House) -> None:
    night = learn(house, "w1")
    trial = await house.promote("cand_w1", share=1.0)
    await house.promoter.settle(trial, accept=False, reason="3 of 3 answers were badly received", actor="canary")
    found = report(house, night)
    assert found["words"] == ['I took back what I had learned about "Work": 3 of 3 answers were badly received.']
    assert (found["undone"], found["lessons"]) == (True, 0)
    assert [(one["move"], one["actor"]) for one in found["moves"]] == [("try", "gate"), ("roll_back", "canary")]


async def test_a_night_that_somebody_went_back_from_is_undone_and_one_that_was_gone_on_from_is_not(
    house: House,
) -> None:
    first = learn(house, "w1")
    await house.promote("cand_w1")
    second = learn(house, "w2", created=30.0, against=("cand_w1",))
    await house.promote("cand_w2")
    assert report(house, first)["words"][-1].endswith(" A later night has gone on from there.")
    assert (report(house, first)["undone"], report(house, first)["lessons"]) == (False, 1)
    await house.promoter.roll_back("ana", "night_w1", reason="Ana asked for it", actor="ana")
    assert report(house, second)["words"] == ['I took back what I had learned about "Work": Ana asked for it.']
    assert (report(house, second)["undone"], report(house, first)["themes"][0]["state"]) == (True, "served")


async def test_only_what_was_not_served_before_is_counted_as_learned(house: House) -> None:
    learn(house, "w1")
    made = put_candidate(
        house.store, "w2", theme="theme_work", lessons=("lesson_w1", "lesson_w2", "lesson_w3"), night="night_w2"
    )
    house.store.served.add_verdict(make_verdict(made, against=("cand_w1",))).result()
    body = {"themes": [{"theme": "theme_work", "fate": "learned", "candidate": made.id}]}
    assert report(house, make_night(id="night_w2", body=body))["themes"][0]["lessons"] == 2


async def test_what_it_does_not_know_is_not_counted_and_told_to_come_again(house: House) -> None:
    put_candidate(house.store, "w1", theme="theme_work", lessons=("lesson_1", "lesson_2", "lesson_3"), night="night_w1")
    made = house.candidate("cand_w1")
    house.store.nights.place_lessons([make_lesson(id="lesson_3", theme="theme_work")], at=1.0).result()
    told: Json = {"unlearned": ("lesson_2", "lesson_3"), "scores": {"tonight": {"before": 0, "after": 1, "items": 3}}}
    house.store.served.add_verdict(make_verdict(made, against=(), **told)).result()
    house.store.served.append_promotion(make_promotion(made.id)).result()
    body = {"themes": [{"theme": "theme_work", "fate": "learned", "candidate": made.id}]}
    night = make_night(id="night_w1", body=body)
    [theme] = report(house, night)["themes"]
    assert (theme["lessons"], theme["unlearned"], theme["put_aside"]) == (1, 2, 0)
    assert "I learned 1 thing" in report(house, night)["words"][0]
    assert report(house, night)["words"][0].endswith(" 2 things I do not know yet and try again.")
    assert report(house, night, "pt")["words"][0].endswith(" 2 coisas ainda não sei e volto a tentar.")
    house.store.nights.quarantine([make_quarantine(lesson="lesson_3", theme="theme_work")]).result()
    [theme] = report(house, night)["themes"]
    assert (theme["unlearned"], theme["put_aside"]) == (1, 1)
    assert report(house, night)["words"][0].endswith(" 1 thing I do not know yet and try again.")
    assert "1 lesson was put aside" in report(house, night)["words"][1]


async def test_what_the_one_before_did_not_know_counts_as_learned(house: House) -> None:
    made = put_candidate(house.store, "w1", theme="theme_work", lessons=("lesson_1", "lesson_2"), night="night_w1")
    house.store.served.add_verdict(make_verdict(made, against=(), unlearned=("lesson_2",))).result()
    later = put_candidate(house.store, "w2", theme="theme_work", lessons=("lesson_1", "lesson_2"), night="night_w2")
    house.store.served.add_verdict(make_verdict(later, against=(made.id,))).result()
    body = {"themes": [{"theme": "theme_work", "fate": "learned", "candidate": later.id}]}
    assert report(house, make_night(id="night_w2", body=body))["themes"][0]["lessons"] == 1


@pytest.mark.parametrize(
    ("night", "line"),
    [
        ({"ship": False, "reasons": ("it is worse", "it is slow")}, "refused it: it is worse; it is slow."),
        (
            {"fate": "left_alone", "candidate": "", "reason": "3 trainings broke off"},
            'I left "Work" alone: 3 trainings broke off.',
        ),
        ({"fate": "kept", "candidate": ""}, 'I had no time to finish "Work" and go on next night.'),
        ({"fate": "nothing_new", "candidate": "", "put_aside": 2}, "2 lessons were put aside because no training got"),
        ({"fate": "nothing_new", "candidate": ""}, "Nothing new was learned in this night."),
        ({}, "passed its examination and is not in use: nobody promoted it."),
    ],
)
async def test_what_did_not_come_into_use_is_told_with_the_reason(house: House, night: Json, line: str) -> None:
    made = learn(house, "w1", **night)
    assert line in report(house, made)["words"][0]
    assert all("{" not in one for one in report(house, made, "pt")["words"])


async def test_why_a_first_try_was_refused_is_told_with_what_became_of_the_second(house: House) -> None:
    learn(house, "w0", ship=False, reasons=("it knows 1 of 3 facts of tonight; at least 2 are needed",))
    night = learn(house, "w1", first="cand_w0", created=21.0)
    await house.promote("cand_w1")
    told = "The first adapter of this night was refused (it knows 1 of 3 facts of tonight; at least 2 are needed);"
    assert told in report(house, night)["words"][0]
    assert "não passou (" in report(house, night, "pt")["words"][0]
    again = learn(house, "w2", ship=False, reasons=("it is worse",), first="cand_w0", created=22.0)
    assert report(house, again)["words"][0].endswith("refused it twice, last: it is worse.")
    assert report(house, again)["themes"][0]["refused_first"]
    same = learn(house, "w3", ship=False, reasons=("it is worse",), first="cand_w3", created=23.0)
    assert "twice" not in report(house, same)["words"][0], "no second adapter was made"


async def test_what_the_engine_could_not_prove_is_told_beside_what_is_served(house: House) -> None:
    night = learn(house, "w1")
    served = {"promotion": "promo_1", "left": {"cand_w1": "it is not at work"}}
    found = report(house, replace(night, body=dict(night.body) | {"served": served}))
    assert "passed its examination and is not in use: it is not at work." in found["words"][0]


async def test_what_was_forgotten_is_told_without_a_word_of_it(house: House) -> None:
    night = learn(house, "w1", lines=[line_of("Who?", "Nadia Fenn", "I do not know.", "Nadia Fenn.", (False, True))])
    await house.promote("cand_w1")
    assert "Nadia Fenn" in json.dumps(report(house, night))
    house.store.served.retire(["cand_w1"], reason="forgotten", actor="ana", at=70.0).result()
    found = report(house, night)
    assert found["words"] == [
        'What I learned about "Work" is not in use any more, because something in it was forgotten.'
    ]
    assert "Nadia Fenn" not in json.dumps(found)


def line_of(question: str, expected: str, before: str, after: str, right: tuple[bool, bool]) -> Json:
    told = {"question": question, "expected": expected, "before": before, "after": after}
    return told | {"exam": "tonight", "right_before": right[0], "right_after": right[1]}


async def test_the_examples_are_one_a_fact_and_those_that_changed_first(house: House) -> None:
    lines = [
        line_of("Where is the wiki?", "Torvale", "Torvale", "Torvale", (True, True)),
        line_of("Who maintains it?", "Nadia", "I do not know.", "Nadia.", (False, True)),
        line_of("By whom is it maintained?", "Nadia", "I do not know.", "Nadia.", (False, True)),
        line_of("What is 2 + 2?", "", "4", "4", (True, True)) | {"exam": "drift"},
    ]
    night = learn(house, "w1", lines=lines)
    found = report(house, night)["themes"][0]["examples"]
    assert [one["question"] for one in found] == ["Who maintains it?", "Where is the wiki?"]
    assert (found[0]["right_before"], found[0]["right_after"], found[0]["after"]) == (False, True, "Nadia.")


async def test_the_examples_are_read_from_what_an_examination_writes(house: House, tmp_path: Path) -> None:
    base = make_base(tmp_path)
    facts = lessons_about(("billing", "search", "export"), "work")
    new = make_entrant(tmp_path, base, facts)
    examined = await sit(new, base, Model({new.id: remembers(facts)}), tmp_path)
    night = learn(house, "w1", lines=json.loads(examined.report)["items"])
    found = report(house, night)["themes"][0]["examples"]
    assert {(one["right_before"], one["right_after"]) for one in found} == {(False, True)}
    assert len({one["expected"] for one in found}) == 3
