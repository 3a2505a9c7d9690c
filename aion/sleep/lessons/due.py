"""What a night would learn now, theme by theme, as far as the store can say it. It arranges nothing and embeds nothing.

Lessons that no night has placed yet stand together, as one theme without a name, unless it is told where they belong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import takewhile

from aion.config import TrainSettings
from aion.records import Verdict
from aion.sleep.lessons.dataset import Dataset, build_dataset
from aion.sleep.lessons.find import Lessons
from aion.sleep.lessons.lineage import Line, choose_line, lessons_of
from aion.store.base import Store

UNPLACED = ""
MOST_CANDIDATES = 10_000  # of one theme
GENTLY = 0.5  # of the learning rate, after an adapter that learned too much
OFTEN = 3  # times the wordings of each earlier lesson, beside that
ANCHORS = 8  # of the base's own answers at least, beside that


def find_line(store: Store, owner: str, theme: str, *, base: str, settings: TrainSettings) -> Line:
    """The theme's latest adapter of this base, rank and scale, with those it went on from."""
    before = store.nights.candidates(owner=owner, theme=theme, limit=MOST_CANDIDATES)
    config = {"r": settings.rank, "lora_alpha": settings.alpha}
    heads = store.nights.heads(owner=owner)
    return choose_line(before, store.nights.placed(owner=owner).keys(), base=base, config=config, heads=heads)


def find_learned(store: Store, line: Line) -> set[str]:
    """What a night that goes on from this line need not teach."""
    verdicts = [store.served.verdict(one.id, owner=one.owner) for one in line]
    return lessons_of(line, {one.candidate: one.unlearned for one in verdicts if one is not None})


def vary(store: Store, owner: str, theme: str, line: Line, settings: TrainSettings) -> TrainSettings:
    """Another seed for each adapter of the theme that was made in vain since the one that is gone on from.

    Made alike, what an examination refused or a trial took back would be so again, every night. What knew all that was
    new, and was refused for what else it did, is made more gently, with more of what earlier nights taught and of the
    base's own answers.
    """
    newest = store.nights.candidates(owner=owner, theme=theme, limit=MOST_CANDIDATES)
    since = [one for one in takewhile(lambda one: one not in line[:1], newest) if not one.is_imported]
    changes: dict[str, float] = {"seed": settings.seed + len(since)}
    if since and _was_too_strong(store.served.verdict(since[0].id, owner=owner)):
        changes["learning_rate"] = settings.learning_rate * GENTLY
        changes["replay_each"] = settings.replay_each * OFTEN
        changes["anchors_least"] = max(settings.anchors_least, ANCHORS)
    return settings.model_copy(update=changes)


def _was_too_strong(verdict: Verdict | None) -> bool:
    """Refused, though it knew everything that it was made to know."""
    if verdict is None or verdict.ship:
        return False
    tonight = verdict.scores.get("tonight", {})
    return bool(tonight.get("items")) and tonight["after"] == tonight["items"]


def build_due(
    store: Store,
    owner: str,
    theme: str,
    *,
    lessons: Lessons,
    base: str,
    settings: TrainSettings,
    placed: Mapping[str, str] | None = None,
) -> Dataset:
    """Of one theme: what the adapter that a night would go on from does not know, and what it repeats of the rest."""
    places = placed or _list_places(store, owner, lessons)
    line = find_line(store, owner, theme, base=base, settings=settings)
    known, settings = find_learned(store, line), vary(store, owner, theme, line, settings)
    return build_dataset(lessons, theme=theme, placed=places, learned=known, settings=settings)


def list_due(
    store: Store,
    owner: str,
    *,
    lessons: Lessons,
    base: str,
    settings: TrainSettings,
    placed: Mapping[str, str] | None = None,
) -> Iterator[Dataset]:
    """Every theme of which a night would learn something; `placed`: each lesson's theme, else as nights left it."""
    places, learned = placed or _list_places(store, owner, lessons), store.nights.learned(owner=owner, base=base)
    for theme in sorted({places[one.id] for one in lessons.lessons if one.id in places and one.id not in learned}):
        yield build_due(store, owner, theme, lessons=lessons, base=base, settings=settings, placed=places)


def _list_places(store: Store, owner: str, lessons: Lessons) -> dict[str, str]:
    return dict.fromkeys((one.id for one in lessons.lessons), UNPLACED) | store.nights.placed(owner=owner)
