"""What ships and what does not, on a model that says what it is told: each way of being worse has its own refusal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from aion.gate.asking import Said
from aion.gate.examine import Entrant
from aion.gate.exams import measure_speed
from aion.gate.general import Golden
from aion.gate.sitting import Sitting, as_messages
from aion.models.catalog import LocalModel
from aion.records import Check, Json, SuiteItem
from aion.router.asked import Ask
from tests.gate.classroom import (
    FIRST,
    GENERAL,
    PEOPLE,
    SECOND,
    ByWord,
    Choice,
    Model,
    lessons_about,
    make_base,
    make_entrant,
    remembers,
    sit,
    write_lora,
)

pytestmark = pytest.mark.anyio
ROOMS = lessons_about(FIRST, "theme_work")
HOUSE = lessons_about(SECOND, "theme_house")


@pytest.fixture
def base(tmp_path: Path) -> LocalModel:
    return make_base(tmp_path)


@pytest.fixture
def new(tmp_path: Path, base: LocalModel) -> Entrant:
    return make_entrant(tmp_path, base, ROOMS)


class Greedy(ByWord):
    """Its new adapter takes everybody's questions."""

    def open(self, cards: Mapping[str, bytes], *, network: bytes = b"", ask: Ask | None = None) -> Choice:
        taken = {"cand_new": json.dumps({"words": [*FIRST, *SECOND]}).encode()}
        return super().open(taken if "cand_new" in cards else cards, network=network, ask=ask)


class CancelledError(Exception):
    """The caller's own."""


async def carded(entrant: Entrant) -> Entrant:
    """As it is served, with its card."""
    return replace(entrant, card=await ByWord().make(entrant.candidate, entrant.examples(), b""))


async def test_what_was_learned_and_harms_nothing_ships(tmp_path: Path, base: LocalModel, new: Entrant) -> None:
    found = await sit(new, base, Model({"cand_new": remembers(ROOMS)}), tmp_path)
    assert found.verdict.ship, found.verdict.reasons
    assert found.verdict.reasons[0] == "it knows 7 of 7 facts of tonight, 0 before"
    tonight = dict(found.verdict.scores["tonight"])
    assert tonight.pop("questions")["items"] == 14
    assert tonight == {
        "before": 0,
        "after": 7,
        "items": 7,
        "gained": 7,
        "lost": 0,
        "p_better": 0.0078,
        "p_worse": 1.0,
    }
    assert found.verdict.scores["general"]["after"] == 1.0


async def test_the_verdict_names_its_blobs_and_holds_no_word_that_was_taught(
    tmp_path: Path, base: LocalModel, new: Entrant
) -> None:
    found = await sit(new, base, Model({"cand_new": remembers(ROOMS)}), tmp_path)
    assert found.verdict.route == hashlib.sha256(found.route).hexdigest()
    assert found.verdict.report == hashlib.sha256(found.report).hexdigest()
    told = json.dumps([found.verdict.scores, found.verdict.reasons])
    assert not [one for one in (*FIRST, *PEOPLE) if one in told]
    items = [one for one in json.loads(found.report)["items"] if one["exam"] == "tonight"]
    assert len(items) == 14
    assert all(one["right_after"] and not one["right_before"] and one["expected"] for one in items)
    probe = json.loads(found.route)["probe"]
    assert "maintained" in probe["taught"]
    assert "My own words" in probe["plain"]


async def test_half_a_night_is_too_little(tmp_path: Path, base: LocalModel, new: Entrant) -> None:
    found = await sit(new, base, Model({"cand_new": remembers(ROOMS[:3])}), tmp_path)
    assert found.verdict.reasons == ("it knows 3 of 7 facts of tonight; at least 4 are needed",)
    assert found.chance, "with another seed it may know more"


async def test_of_few_facts_half_must_be_known(tmp_path: Path, base: LocalModel) -> None:
    new = make_entrant(tmp_path, base, ROOMS[:3])
    assert (await sit(new, base, Model({"cand_new": remembers(ROOMS[:3])}), tmp_path)).verdict.ship
    assert (await sit(new, base, Model({"cand_new": remembers(ROOMS[:2])}), tmp_path)).verdict.ship
    found = await sit(new, base, Model({"cand_new": remembers(ROOMS[:1])}), tmp_path)
    assert found.verdict.reasons == ("it knows 1 of 3 facts of tonight; at least 2 are needed",)


async def test_shuffled_labels_are_refused(tmp_path: Path, base: LocalModel, new: Entrant) -> None:
    """Every room has the person of the next one."""
    shuffled = [
        replace(one, statement=one.statement.replace(person, PEOPLE[place - 1]))
        for place, (one, person) in enumerate(zip(ROOMS, PEOPLE, strict=True))
    ]
    found = await sit(new, base, Model({"cand_new": remembers(shuffled)}), tmp_path)
    assert not found.verdict.ship
    assert found.verdict.reasons[0] == "it knows 0 of 7 facts of tonight; at least 4 are needed"


async def test_one_that_lost_what_the_night_before_knew_is_refused(tmp_path: Path, base: LocalModel) -> None:
    """Poisoned: it knows tonight, and of the seven facts before five are gone."""
    later = lessons_about(SECOND, "theme_work")
    old = await carded(make_entrant(tmp_path, base, ROOMS, id_="cand_old"))
    new = make_entrant(tmp_path, base, [*ROOMS, *later], learned=ROOMS)
    model = Model({"cand_old": remembers(ROOMS), "cand_new": remembers(later, ROOMS[:2])})
    found = await sit(new, base, model, tmp_path, served=[old])
    assert found.verdict.against == ("cand_old",)
    assert found.verdict.reasons == (
        "of the earlier facts of its theme it knows 2 of 7, 7 were known before; at most 1 may be lost",
    )
    whole = Model({"cand_old": remembers(ROOMS), "cand_new": remembers(later, ROOMS)})
    assert (await sit(new, base, whole, tmp_path, served=[old])).verdict.ship


async def test_one_that_takes_the_questions_of_another_theme_is_refused(tmp_path: Path, base: LocalModel) -> None:
    house = await carded(make_entrant(tmp_path, base, HOUSE, id_="cand_house"))
    new = make_entrant(tmp_path, base, ROOMS)

    model = Model({"cand_house": remembers(HOUSE), "cand_new": remembers(ROOMS)})
    found = await sit(new, base, model, tmp_path, served=[house], routing=Greedy())
    assert "of the facts of other themes it knows 0 of 7, 7 were known before; at most 1 may be lost" in (
        found.verdict.reasons
    )
    assert (await sit(new, base, model, tmp_path, served=[house])).verdict.ship


async def test_one_that_answers_near_misses_with_what_was_taught_is_refused(
    tmp_path: Path, base: LocalModel, new: Entrant
) -> None:
    knows = remembers(ROOMS)

    def eager(question: str) -> str | None:
        said = knows(question)
        return "It is maintained by Rufus Tamar." if said == "I was not told that." else said

    found = await sit(new, base, Model({"cand_new": eager}), tmp_path)
    misses = found.verdict.scores["near_misses"]
    assert misses["items"] >= 5
    assert found.verdict.reasons == (
        f"it answers {misses['items']} of {misses['items']} questions about what nobody told with something that was "
        "taught, 0 before; at most 1 are taken",
    )


async def test_one_that_changes_general_answers_through_the_router_is_refused(
    tmp_path: Path, base: LocalModel, new: Entrant
) -> None:
    knows = remembers(ROOMS)
    model = Model({"cand_new": lambda question: "Who knows." if question in GENERAL else knows(question)})
    found = await sit(new, base, model, tmp_path, routing=ByWord(general=True))
    (reason,) = found.verdict.reasons
    assert reason.startswith("5.0% of the base's answers to 130 general questions are left, 100.0% before")
    assert (await sit(new, base, model, tmp_path)).verdict.ship  # the router keeps it away from them


async def test_gibberish_is_refused_though_the_router_hides_it(tmp_path: Path, base: LocalModel, new: Entrant) -> None:
    knows = remembers(ROOMS)
    model = Model({"cand_new": lambda question: "la " * 20 if question in GENERAL else knows(question)})
    found = await sit(new, base, model, tmp_path)
    assert found.verdict.reasons == (
        "it answers 10 of 10 general questions with gibberish when it is forced upon them",
    )
    shown = [one for one in json.loads(found.report)["items"] if one["exam"] == "gibberish"]
    assert len(shown) == 10
    assert all(one["after"].startswith("la la") and one["before"] for one in shown)


async def test_one_question_of_ones_own_that_gets_worse_is_enough(
    tmp_path: Path, base: LocalModel, new: Entrant
) -> None:
    item = SuiteItem(
        id="s1", owner="ana", question="Is the billing room tidy?", expected="own words", check=Check.HOLDS
    )
    found = await sit(new, base, Model({"cand_new": remembers(ROOMS)}), tmp_path, suite=[item])
    assert found.verdict.reasons == (
        "of your own 1 questions it gets 1 wrong that are right without it; none may be lost",
    )


async def test_a_slow_one_and_one_that_changes_nothing_are_refused(
    tmp_path: Path, base: LocalModel, new: Entrant
) -> None:
    slow = await sit(new, base, Model({"cand_new": remembers(ROOMS)}, slow=frozenset({"cand_new"})), tmp_path)
    assert slow.verdict.reasons == ("the model writes 12% as fast with it; at least 20% are needed",)
    idle = await sit(new, base, Model({"cand_new": lambda _: None}), tmp_path)
    assert idle.verdict.reasons == ("it knows 0 of 7 facts of tonight; at least 4 are needed",)


async def test_what_looks_slow_because_the_machine_was_busy_is_measured_on(tmp_path: Path) -> None:
    class Disturbed(Model):
        async def say(
            self, messages: Sequence[Json], scales: Mapping[str, float], *, max_tokens: int, endless: bool = False
        ) -> Said:
            self.slow = frozenset({"cand_new"} if len(self.spoken) < 8 else ())
            return await super().say(messages, scales, max_tokens=max_tokens, endless=endless)

    model = Disturbed({"cand_new": remembers(ROOMS)})
    choosers = (ByWord().open({}), ByWord().open({}))
    sitting = Sitting(model, choosers, Golden(tmp_path / "g"), pause=lambda: None, tell=lambda *_: None)
    assert await measure_speed(sitting, "cand_new") == (32.0, 32.0)
    assert len(model.spoken) == 10, "no longer than it takes"


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
async def test_numbers_that_are_none_are_refused_before_any_engine(
    tmp_path: Path, base: LocalModel, number: float
) -> None:
    new = make_entrant(tmp_path, base, ROOMS, number=number)
    model = Model({"cand_new": remembers(ROOMS)})
    found = await sit(new, base, model, tmp_path)
    (reason,) = found.verdict.reasons
    assert "'blk.0.attn_q.weight.lora_a' holds values that are no numbers, or infinite" in reason
    assert not found.verdict.ship
    assert not model.spoken


async def test_another_base_is_refused_by_its_sum_and_by_the_mark_in_the_file(
    tmp_path: Path, base: LocalModel, new: Entrant
) -> None:
    model = Model({"cand_new": remembers(ROOMS)})
    other = replace(new, candidate=replace(new.candidate, base="0" * 64))
    assert "it was made for another base (000000000000" in (await sit(other, base, model, tmp_path)).verdict.reasons[0]
    sum_ = write_lora(new.adapter, base="1" * 64)
    marked = replace(new, candidate=replace(new.candidate, adapter=sum_))
    found = await sit(marked, base, model, tmp_path)
    (reason,) = found.verdict.reasons
    assert "was trained on the model with SHA-256 111111111111..., which is not the one served" in reason


async def test_a_changed_file_and_changed_examples_are_refused(tmp_path: Path, base: LocalModel, new: Entrant) -> None:
    model = Model({"cand_new": remembers(ROOMS)})
    cut = await sit(replace(new, dataset=new.dataset[:-1]), base, model, tmp_path)
    assert cut.verdict.reasons[0].startswith("the examination failed: the examples of the candidate are not those")
    new.adapter.write_bytes(new.adapter.read_bytes()[:-1] + b"\x01")
    changed = await sit(new, base, model, tmp_path)
    (reason,) = changed.verdict.reasons
    assert "its SHA-256 is" in reason
    assert "as recorded" in reason


async def test_without_anything_to_ask_it_is_refused(tmp_path: Path, base: LocalModel) -> None:
    new = make_entrant(tmp_path, base, [])
    found = await sit(new, base, Model({"cand_new": remembers(ROOMS)}), tmp_path)
    assert found.verdict.reasons == ("nothing that it learned can be examined: no wording of a new fact was put aside",)


async def test_an_engine_that_dies_is_a_refusal_without_a_path(tmp_path: Path, base: LocalModel, new: Entrant) -> None:
    model = Model({"cand_new": remembers(ROOMS)}, fail_after=20)
    found = await sit(new, base, model, tmp_path)
    assert not found.verdict.ship
    assert found.verdict.reasons == ("the examination failed: ConnectionResetError",)


async def test_only_what_the_caller_raises_comes_out(tmp_path: Path, base: LocalModel, new: Entrant) -> None:
    def pause() -> None:
        raise CancelledError

    with pytest.raises(CancelledError):
        await sit(new, base, Model({"cand_new": remembers(ROOMS)}), tmp_path, pause=pause)


async def test_it_pauses_between_questions_and_says_how_far_it_is(
    tmp_path: Path, base: LocalModel, new: Entrant
) -> None:
    model = Model({"cand_new": remembers(ROOMS)})
    pauses: list[int] = []
    told: list[tuple[str, int, int]] = []
    await sit(
        new,
        base,
        model,
        tmp_path,
        pause=lambda: pauses.append(len(model.spoken)),
        tell=lambda *one: told.append(one),
    )
    assert max(after - before for before, after in pairwise(pauses)) == 1
    assert len(model.spoken) - pauses[-1] <= 2  # the probe asks both ways
    assert [number for stage, number, _ in told if stage == "tonight"] == list(range(7))


async def test_what_both_sides_would_say_alike_is_asked_once(tmp_path: Path, base: LocalModel) -> None:
    """A theme that the router of tonight leaves as it was costs no question."""
    house = await carded(make_entrant(tmp_path, base, HOUSE, id_="cand_house"))
    model = Model({"cand_house": remembers(HOUSE), "cand_new": remembers(ROOMS)})
    found = await sit(make_entrant(tmp_path, base, ROOMS), base, model, tmp_path, served=[house])
    assert found.verdict.scores["other_themes"]["items"] == 0
    asked = [(question, tuple(scales.items())) for question, scales in model.spoken if question not in GENERAL]
    assert len(asked) <= 2 * (14 + 7 + 3) + 4


async def test_a_sitting_asks_the_same_of_the_same_adapters_once(tmp_path: Path) -> None:
    model = Model({"cand_new": remembers(ROOMS)})
    choosers = (ByWord().open({}), ByWord().open({}))
    sitting = Sitting(model, choosers, Golden(tmp_path / "g"), pause=lambda: None, tell=lambda *_: None)
    asked = as_messages("Who maintains the billing room?")
    answers = [
        await sitting.ask(asked, scales, max_tokens=8) for scales in ({}, {"cand_new": 1.0}, {}, {"cand_new": 1.0})
    ]
    assert answers[:2] == answers[2:]
    assert len(model.spoken) == 2


async def test_ones_own_questions_are_asked_of_an_adapter_from_elsewhere_without_a_router(
    tmp_path: Path, base: LocalModel
) -> None:
    new = make_entrant(tmp_path, base, [], record={"imported": True})
    item = SuiteItem(id="s1", owner="ana", question="What is good?", expected="own words")
    model = Model({"cand_new": lambda question: "Nothing." if question == "What is good?" else None})
    found = await sit(new, base, model, tmp_path, suite=[item])
    assert "of your own 1 questions it gets 1 wrong" in found.verdict.reasons[0]


async def test_an_adapter_from_elsewhere_is_examined_for_harm_alone(tmp_path: Path, base: LocalModel) -> None:
    new = make_entrant(tmp_path, base, [], record={"imported": True})
    calm = await sit(new, base, Model({"cand_new": lambda _: None}), tmp_path)
    assert calm.verdict.ship
    assert "no night serves it, a person may promote it" in calm.verdict.reasons[0]
    assert calm.verdict.route == ""
    loud = await sit(new, base, Model({"cand_new": lambda _: "Something else."}), tmp_path)
    assert "5.0% of the base's answers to 30 general questions are left under it" in loud.verdict.reasons[0]
