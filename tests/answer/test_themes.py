"""Themes: which cluster a question joins, where its centre lies then, and how new the question was."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from aion.answer.themes import Place, Themes, name_of
from aion.config import LearningSettings
from aion.errors import NotFound
from aion.memory.base import Vector
from aion.records import Cluster
from aion.store.sqlite import SqliteStore
from tests.store.examples import make_turn
from tests.store.memory_examples import make_experience

pytestmark = pytest.mark.anyio
SETTINGS = LearningSettings(cluster_cosine=0.5)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path)
    for number in range(5):
        opened.append_turn(make_turn(id=f"turn_{number}", conversation=f"conv_{number}")).result()
    yield opened
    opened.close()


def at(degrees: float) -> Vector:
    """A direction in the plane: two of them have the cosine of the angle between."""
    angle = math.radians(degrees)
    return np.array([math.cos(angle), math.sin(angle)], np.float32)


def angle_of(cluster: Cluster) -> float:
    return math.degrees(math.atan2(cluster.vector[1], cluster.vector[0]))


async def test_near_questions_share_a_theme_and_far_ones_begin_their_own(store: SqliteStore) -> None:
    themes = Themes(store, SETTINGS)
    first = await themes.place("ana", "turn_1", "Who is Helen?", at(0))
    near = await themes.place("ana", "turn_2", "Where is Helen?", at(59))  # cosine 0.515
    far = await themes.place("ana", "turn_3", "How deep is the river?", at(120))
    assert near.theme == first.theme != far.theme
    assert [(one.name, one.count) for one in store.experience.clusters(owner="ana")] == [
        ("Helen", 2),
        ("deep, river", 1),
    ]


async def test_the_centre_is_the_mean_direction(store: SqliteStore) -> None:
    themes = Themes(store, SETTINGS)
    for number, degrees in enumerate((0, 40, 20)):
        await themes.place("ana", f"turn_{number}", "Who is Helen?", at(degrees))
    [cluster] = store.experience.clusters(owner="ana")
    assert cluster.count == 3
    assert angle_of(cluster) == pytest.approx(20, abs=1e-3)
    assert math.hypot(*cluster.vector) == pytest.approx(1)


async def test_a_question_pulls_the_centre_by_one_over_its_count(store: SqliteStore) -> None:
    themes = Themes(store, SETTINGS)
    for number, degrees in enumerate((0, 0, 60)):
        await themes.place("ana", f"turn_{number}", "Who is Helen?", at(degrees))
    [cluster] = store.experience.clusters(owner="ana")
    # 2 * (1, 0) + (1/2, sqrt(3)/2): its slope is sqrt(3)/5
    assert angle_of(cluster) == pytest.approx(math.degrees(math.atan(math.sqrt(3) / 5)), abs=1e-3)


async def test_novelty_is_worked_out_before_the_question_joins(store: SqliteStore) -> None:
    themes = Themes(store, SETTINGS)
    first = await themes.place("ana", "turn_1", "Who is Helen?", at(0))
    second = await themes.place("ana", "turn_2", "Who is Helen?", at(0))
    third = await themes.place("ana", "turn_3", "Who is Helen?", at(0))
    # nothing there; then 1 - 1/2 of a cosine of 1; then 1 - 2/3
    assert [one.novelty for one in (first, second, third)] == [1.0, 0.5, 0.3333]


async def test_a_question_keeps_its_place(store: SqliteStore) -> None:
    themes = Themes(store, SETTINGS)
    first = await themes.place("ana", "turn_1", "Who is Helen?", at(0))
    assert await themes.place("ana", "turn_1", "Who is Helen?", at(170)) == first
    [cluster] = store.experience.clusters(owner="ana")
    assert cluster.count == 1


async def test_clusters_are_found_again_after_a_restart(store: SqliteStore) -> None:
    first = await Themes(store, SETTINGS).place("ana", "turn_1", "Who is Helen?", at(0))
    again = await Themes(store, SETTINGS).place("ana", "turn_2", "Who is Helen?", at(10))
    assert again.theme == first.theme
    assert store.experience.clusters(owner="ana")[0].count == 2


async def test_a_question_keeps_its_place_after_a_restart(store: SqliteStore) -> None:
    turn = make_turn()
    store.append_turn(turn).result()
    store.experience.put_experience(make_experience(turn.id, theme="theme_kept", novelty=0.25)).result()
    assert await Themes(store, SETTINGS).place("ana", turn.id, "Who is Helen?", at(0)) == Place("theme_kept", 0.25)
    assert store.experience.clusters(owner="ana") == []


async def test_people_do_not_share_themes(store: SqliteStore) -> None:
    themes = Themes(store, SETTINGS)
    mine = await themes.place("ana", "turn_1", "Who is Helen?", at(0))
    store.append_turn(make_turn(id="turn_rui", owner="rui")).result()
    theirs = await themes.place("rui", "turn_rui", "Who is Helen?", at(0))
    assert mine.theme != theirs.theme
    assert theirs.novelty == 1.0


async def test_clusters_of_another_embedder_are_left_out(store: SqliteStore) -> None:
    other = Cluster(id="theme_old", owner="ana", name="old", count=5, vector=(1.0, 0.0, 0.0), updated=1.0)
    store.experience.put_cluster(other).result()
    place = await Themes(store, SETTINGS).place("ana", "turn_1", "Who is Helen?", at(0))
    assert place.theme != "theme_old"
    assert place.novelty == 1.0
    assert other in store.experience.clusters(owner="ana")


async def test_without_a_vector_there_is_no_theme(store: SqliteStore) -> None:
    themes = Themes(store, SETTINGS)
    assert await themes.place("ana", "turn_1", "Who is Helen?", None) == Place("", 0.0)
    assert (await themes.place("ana", "turn_1", "Who is Helen?", at(0))).theme


async def test_a_question_placed_before_a_stop_is_not_placed_again(store: SqliteStore) -> None:
    """Its experience was not written yet: where it lies is known by its place alone, wherever the centres are now."""
    settled = [await Themes(store, SETTINGS).place("ana", "turn_1", "Who is Helen?", at(0)) for _ in range(2)]
    other = await Themes(store, SETTINGS).place("ana", "turn_2", "How deep is the river?", at(120))
    themes = Themes(store, SETTINGS)
    again = await themes.place("ana", "turn_1", "Who is Helen?", at(120))
    assert {place.theme for place in (*settled, again)} == {settled[0].theme}
    assert [cluster.count for cluster in store.experience.clusters(owner="ana")] == [1, 1]
    assert (await themes.place("ana", "turn_3", "How deep is it?", at(119))).theme == other.theme


async def test_a_forgotten_question_leaves_no_direction_behind(store: SqliteStore) -> None:
    """Of 0, 40 and 80 degrees the last is forgotten: the centre lies between the others, here and after a restart."""
    themes = Themes(store, SETTINGS)
    placed = {}
    for number, degrees in enumerate((0, 40, 80)):
        placed[number] = await themes.place("ana", f"turn_{number}", "Who is Helen?", at(degrees))
        store.experience.put_experience(make_experience(f"turn_{number}", theme=placed[number].theme)).result()
    assert len({place.theme for place in placed.values()}) == 1
    store.forget_conversation("conv_2", owner="ana").result()
    themes.drop_cache()
    [cluster] = store.experience.clusters(owner="ana")
    assert cluster.count == 2
    assert angle_of(cluster) == pytest.approx(20, abs=1e-3)
    assert math.hypot(*cluster.vector) == pytest.approx(1)
    for number, degrees in ((3, -39), (4, 100)):  # 59 and 93 degrees from the centre
        placed[number] = await themes.place("ana", f"turn_{number}", "Who is Helen?", at(degrees))
    assert placed[3].theme == cluster.id != placed[4].theme


async def test_a_theme_forgotten_meanwhile_is_not_written_again(store: SqliteStore) -> None:
    """These themes still hold what the store let go of."""
    themes = Themes(store, SETTINGS)
    first = await themes.place("ana", "turn_1", "Who is Helen?", at(0))
    await themes.place("ana", "turn_2", "Where is Helen?", at(50))
    store.forget_conversation("conv_1", owner="ana").result()
    joined = await themes.place("ana", "turn_3", "Where is Helen?", at(30))
    [cluster] = store.experience.clusters(owner="ana")
    assert (joined.theme, cluster.count) == (first.theme, 2)
    assert angle_of(cluster) == pytest.approx(40, abs=1e-3)
    for name in ("conv_2", "conv_3"):
        store.forget_conversation(name, owner="ana").result()
    fresh = await themes.place("ana", "turn_4", "Who was Helen?", at(0))
    [cluster] = store.experience.clusters(owner="ana")
    assert (cluster.id, cluster.count, cluster.name) == (fresh.theme, 1, "Helen")
    assert fresh.theme != first.theme


async def test_a_forgotten_turn_gets_no_theme(store: SqliteStore) -> None:
    themes = Themes(store, SETTINGS)
    await themes.place("ana", "turn_1", "Who is Helen?", at(0))
    store.forget_conversation("conv_2", owner="ana").result()
    for degrees in (0, 120):
        with pytest.raises(NotFound):
            await themes.place("ana", "turn_2", "Where does the secret lie?", at(degrees))
    [cluster] = store.experience.clusters(owner="ana")
    assert cluster.count == 1
    assert angle_of(cluster) == pytest.approx(0)


async def test_what_was_being_read_when_something_was_forgotten_is_not_kept(store: SqliteStore) -> None:
    themes = Themes(store, SETTINGS)
    for number, degrees in ((1, 0), (2, 50)):
        await themes.place("ana", f"turn_{number}", "Where is Helen?", at(degrees))
    late = Themes(store, SETTINGS)
    reading = asyncio.create_task(late._load("ana", 2))
    await asyncio.sleep(0)
    store.forget_conversation("conv_1", owner="ana").result()
    late.drop_cache()
    await reading
    near = await late.place("ana", "turn_3", "Where is Helen?", at(105))
    assert near.novelty == round(1 - math.cos(math.radians(55)) / 2, 4)


def test_a_theme_is_named_by_what_its_first_question_is_about() -> None:
    assert name_of("Does Helen still live in York?") == "Helen, York"
    assert name_of("  Why\n not? ") == "Why not?"
    assert len(name_of("Why not? " * 20)) == 60
