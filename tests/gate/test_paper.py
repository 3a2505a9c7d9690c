"""What is asked of a candidate comes from the wordings that its night put aside, and from nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from aion.errors import Corrupt
from aion.gate.paper import make_paper, read_examples, said_before, sample_facts
from aion.records import ExampleKind
from aion.sleep.lessons.dataset import write_examples
from tests.gate.classroom import FIRST, PEOPLE, lessons_about, make_examples

ROOMS = lessons_about(FIRST, "theme_work")
EXAMPLES = make_examples(ROOMS, "theme_work", set())


def test_each_fact_is_asked_in_the_wordings_put_aside_and_told_by_its_value() -> None:
    paper = make_paper(EXAMPLES)
    assert [fact.lesson for fact in paper.facts] == [one.id for one in ROOMS]
    for fact, person in zip(paper.facts, PEOPLE, strict=True):
        assert len(fact.questions) == 2
        assert {question.expected.telling for question in fact.questions} == {frozenset(person.lower().split())}
    held = {one.id for one in EXAMPLES if one.held_out}
    assert {one.id for fact in paper.facts for one in fact.questions} | {one.id for one in paper.misses} == held


def test_near_misses_are_asked_beside_all_that_was_taught() -> None:
    paper = make_paper(EXAMPLES)
    assert paper.denials == ("I was not told that.",)
    assert len(paper.misses) == sum(one.held_out and one.kind is ExampleKind.CONTRAST for one in EXAMPLES) > 4
    assert {value.telling for value in paper.values} == {frozenset(person.lower().split()) for person in PEOPLE}


def test_examples_are_read_as_they_were_written_and_not_otherwise(tmp_path: Path) -> None:
    sum_ = write_examples(tmp_path / "a.jsonl", EXAMPLES)
    data = (tmp_path / "a.jsonl").read_bytes()
    assert [one.id for one in read_examples(data, sum_)] == [one.id for one in EXAMPLES]
    with pytest.raises(Corrupt, match="not those it was made with"):
        read_examples(data + b"\n", sum_)
    for bad in (b"{}\n", b"[1]\n", b'{"kind": "none"}\n', b"\xff\n"):
        with pytest.raises(Corrupt, match="damaged"):
            read_examples(bad, hashlib.sha256(bad).hexdigest())


def test_a_sample_is_the_same_for_a_candidate_and_another_for_the_next() -> None:
    facts = make_paper(EXAMPLES).facts
    drawn = [[fact.lesson for fact in sample_facts(facts, 3, seed)] for seed in ("one", "one", "two", "three", "four")]
    assert drawn[0] == drawn[1]
    assert {lesson for one in drawn for lesson in one} > set(drawn[0])


def test_what_was_said_before_is_the_persons() -> None:
    talk = [
        {"role": role, "content": f"{role} {place}"}
        for place, role in enumerate(["system", "user", "assistant", "user"])
    ]
    assert said_before(talk) == "user 1"
    assert said_before(talk[:2]) == ""


def test_a_name_that_was_told_is_examined_by_what_who_says_it_gets() -> None:
    alias = replace(
        ROOMS[0], id="les_alias", statement="We also call the billing room Ledgerline.", sources=("turn_9",)
    )
    paper = make_paper(make_examples([*ROOMS, alias], "theme_work", set()))
    facts = {fact.lesson: fact.questions for fact in paper.facts}
    assert len(facts[ROOMS[0].id]) == 2
    assert not any("Ledgerline" in one.text for one in facts[ROOMS[0].id])
    assert facts["les_alias"]
    assert all("Ledgerline" in one.text for one in facts["les_alias"])
    assert all(one.expected.telling == frozenset(PEOPLE[0].lower().split()) for one in facts["les_alias"])


def test_a_name_of_which_nothing_else_is_known_is_examined_by_its_meaning() -> None:
    alias = replace(ROOMS[0], id="les_alias", statement="We also call the billing room Ledgerline.")
    paper = make_paper(make_examples([alias], "theme_work", set()))
    assert [fact.lesson for fact in paper.facts] == ["les_alias"]
    assert all("ledgerline" in one.expected.telling for one in paper.facts[0].questions)
