"""What the next night would train, theme by theme: sorted and made as a night does it, what it repeats included.

Anchors are without the base's answers, and the wordings that the base itself would find are missing. It writes nothing.
"""

from __future__ import annotations

import asyncio
import time

from aion.config import Settings
from aion.sleep.lessons.dataset import Dataset
from aion.sleep.lessons.due import list_due
from aion.sleep.lessons.find import collect_lessons
from aion.sleep.lessons.themes import arrange, inherit
from aion.sleep.nights.embed import embed_lessons
from aion.store.base import Store


def look_ahead(store: Store, owner: str, *, base: str, settings: Settings) -> list[Dataset]:
    """Where all is learned no embedder is begun."""
    lessons = collect_lessons(store, owner, source_share=settings.train.source_share)
    if {one.id for one in lessons.lessons} <= store.nights.learned(owner=owner, base=base):
        return []
    vectors, embedder = asyncio.run(embed_lessons(settings, lessons.lessons))
    themes = store.nights.themes(owner=owner, merged=True)
    placed = inherit(store.nights.placed(owner=owner), lessons)
    made = arrange(lessons.lessons, vectors, themes, placed, embedder=embedder, now=time.time())
    due = list_due(store, owner, lessons=lessons, base=base, settings=settings.train, placed=made.placed)
    return [one for one in due if one.trained]
