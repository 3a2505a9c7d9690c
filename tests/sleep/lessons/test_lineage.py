"""Which adapter a night goes on from: the newest that fits, never one that learned what was forgotten."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aion.config import TrainSettings
from aion.models.adapters.convert import export_gguf
from aion.models.adapters.lora import Marks
from aion.models.adapters.served import read_served
from aion.models.sealed import seal_folder
from aion.records import Candidate
from aion.serve.night_take import Made, take_candidate
from aion.sleep.lessons.dataset import build_dataset
from aion.sleep.lessons.lineage import Line, choose_line, lessons_of, sources_of
from aion.sleep.nights.work import ADAPTER, WEIGHTS, bring_parent
from aion.sleep.training.base import EXAMPLES, IMPORTANCE, OUT
from aion.sleep.training.jobs import read_job
from aion.sleep.training.train import train
from aion.store.blobs import BlobStore
from aion.store.files import make_folder
from tests.sleep.days import Days
from tests.sleep.small_jobs import ignore, make_base, make_job, random_tokens
from tests.store.night_examples import make_candidate, make_theme

BASE = "b" * 64
PLACED = {"lesson_1", "lesson_2", "lesson_3"}
FIRST = make_candidate(id="cand_1", lessons=("lesson_1",), sources=("turn_1",))
SECOND = make_candidate(id="cand_2", lessons=("lesson_2",), sources=("turn_1", "turn_2"), parent="cand_1")
THIRD = make_candidate(id="cand_3", lessons=("lesson_3",), sources=("turn_1", "turn_2", "turn_3"), parent="cand_2")
ALL = [THIRD, SECOND, FIRST]

pytestmark = pytest.mark.usefixtures("single")


def chosen(
    candidates: list[Candidate] = ALL,
    placed: set[str] = PLACED,
    base: str = BASE,
    rank: int = 8,
    heads: tuple[str, ...] = ("cand_1", "cand_2", "cand_3"),
) -> Line:
    return choose_line(candidates, placed, base=base, config={"r": rank}, heads=set(heads))


def test_a_night_goes_on_from_the_newest_and_knows_what_all_before_it_learned() -> None:
    assert chosen() == (THIRD, SECOND, FIRST)
    assert lessons_of(chosen(), {}) == PLACED
    assert sources_of(chosen(), ["turn_4"]) == ["turn_1", "turn_2", "turn_3", "turn_4"]


def test_what_an_examination_found_that_it_does_not_know_is_learned_again_until_a_later_one_knows_it() -> None:
    assert lessons_of(chosen(), {"cand_3": ("lesson_3",)}) == {"lesson_1", "lesson_2"}
    assert lessons_of(chosen(), {"cand_3": ("lesson_1",)}) == {"lesson_2", "lesson_3"}, "the one before knew it"
    again = replace(THIRD, lessons=("lesson_2", "lesson_3"))
    assert lessons_of((again, SECOND, FIRST), {"cand_2": ("lesson_2",)}) == PLACED


def test_an_adapter_of_another_base_or_rank_is_not_gone_on_from() -> None:
    assert chosen(base="f" * 64) == chosen(rank=4) == ()
    assert lessons_of((), {}) == set()
    assert sources_of((), ["turn_4"]) == ["turn_4"]


def test_one_that_was_refused_or_taken_back_is_not_gone_on_from() -> None:
    assert chosen(heads=("cand_2",)) == (SECOND, FIRST)  # what it went on from itself may be served no more
    assert chosen(heads=()) == ()


@pytest.mark.parametrize(("forgotten", "left"), [(3, (SECOND, FIRST)), (2, (FIRST,)), (1, ())])
def test_none_that_learned_what_was_forgotten_is_gone_on_from_nor_any_after_it(forgotten: int, left: Line) -> None:
    assert chosen(placed=PLACED - {f"lesson_{forgotten}"}) == left


def test_an_adapter_of_unknown_descent_is_not_gone_on_from() -> None:
    assert chosen([THIRD, FIRST]) == (FIRST,)


def take(folder: Path, data: Path, blobs: BlobStore) -> Candidate:
    """As the server does at the end of a night."""
    job = read_job(folder)
    export_gguf(folder / OUT, read_served(job.base, job.base_hash), folder / OUT / ADAPTER, Marks(base=job.base_hash))
    seal_folder(folder / OUT)
    (folder / EXAMPLES).write_bytes(b"{}\n")
    made = Made(
        owner="ana",
        night=folder.parent.name,
        theme=folder.name,
        base=job.base_hash,
        dataset=hashlib.sha256(b"{}\n").hexdigest(),
        lessons=["lesson_1"],
        sources=["turn_1"],
        created=1.0,
    )
    return take_candidate(data, blobs, made)


def test_what_mattered_to_a_night_is_with_the_adapter_that_the_next_goes_on_from(tmp_path: Path) -> None:
    base, blobs = make_base(tmp_path), BlobStore(make_folder(tmp_path / "blobs"))
    first = make_job(tmp_path / "nights" / "night_1" / "theme_1", base, mas=1.0)
    train(first, tell=ignore)
    made = take(first, tmp_path, blobs)

    def go_on(name: str, candidate: Candidate) -> str:
        parent = bring_parent(make_folder(tmp_path / name), (candidate,), blobs)
        later = make_job(tmp_path / f"{name}_job", base, parent=parent, tokens=random_tokens(seed=9), mas=1.0)
        return train(later, tell=ignore).files[WEIGHTS]

    held = go_on("held", made)
    assert held != go_on("free", replace(made, importance=""))
    assert blobs.get(made.importance) == (first / OUT / IMPORTANCE).read_bytes()


def test_a_first_night_goes_on_from_nothing(tmp_path: Path) -> None:
    assert bring_parent(tmp_path, (), BlobStore(make_folder(tmp_path / "blobs"))) is None


SAID = {
    "conv_key": "The spare key of the boathouse is with Marta Lopes.",
    "conv_crane": "The blue crane was built by Harrow Works.",
    "conv_ferry": "The night ferry leaves from Quessa.",
}


@pytest.fixture
def days(tmp_path: Path) -> Iterator[Days]:
    made = Days(tmp_path)
    yield made
    made.store.close()


@pytest.mark.anyio
async def test_a_forgotten_conversation_is_never_replayed_and_what_else_was_learned_with_it_is_new(days: Days) -> None:
    nights = days.store.nights
    for conversation, text in SAID.items():
        await days.say(text, conversation=conversation)
    told = [replace(one, theme="theme_1") for one in days.lessons().lessons]
    nights.put_theme(make_theme()).result()
    nights.place_lessons(told, at=1.0).result()
    made = replace(FIRST, lessons=tuple(one.id for one in told), sources=tuple(one.sources[0] for one in told))
    nights.add_candidate(made).result()
    await days.keeper.forget_conversation("ana", "conv_crane")
    placed = nights.placed(owner="ana")
    line = chosen(nights.candidates(owner="ana"), set(placed))
    assert line == ()
    dataset = build_dataset(
        days.lessons(), theme="theme_1", placed=placed, learned=lessons_of(line, {}), settings=TrainSettings()
    )
    assert len(dataset.fresh) == 2
    assert "Harrow" not in str(dataset)
    assert "Marta Lopes" in str(dataset.examples)


def test_forgetting_names_an_adapter_that_knows_of_it_from_the_one_before_alone(days: Days) -> None:
    nights = days.store.nights
    nights.put_theme(make_theme()).result()
    nights.add_candidate(FIRST).result()
    later = replace(SECOND, night="night_2", sources=tuple(sources_of((FIRST,), ["turn_2"])))
    nights.add_candidate(later).result()
    assert nights.candidates_from(["turn_1"], owner="ana") == ["cand_1", "cand_2"]
