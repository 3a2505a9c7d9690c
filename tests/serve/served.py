"""A data folder with adapters that the real engine can serve: random, but strong enough to change every answer.

Each is one person's, learned from a conversation of theirs, and passed an examination that nobody held: what the server
does with adapters is tested, not what they know.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from aion.config import Settings
from aion.models.catalog import resolve_embedder
from aion.models.llama.embedder import LlamaEmbedder
from aion.models.llama.spec import Adapter
from aion.records import NightState
from aion.router.card import RouteCard
from aion.router.make import make_card, texts_of
from aion.store.sqlite import SqliteStore
from benchmarks.swaps import add_probes
from tests.models.engines import load_adapter, smollm, write_lora
from tests.router.taught import GARDEN, WORK, examples_of
from tests.store.examples import make_turn
from tests.store.night_examples import make_lesson, make_night, make_theme
from tests.store.served_examples import make_verdict, put_candidate

STRENGTH = 0.4
EMBEDDED = {
    "model.source": "embedded",
    "embedder.source": "embedded",
    "engine.context": 1024,
    "engine.slots": 2,
    "engine.threads": 1,
    "cache.hours": 0,
}
TAUGHT = {"work": WORK, "garden": GARDEN}
ASKED = {"work": "Who maintains the billing service?", "garden": "Who opens the north gate?"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One adapter to make: `OWNER_THEME` names it, its night and the conversation that it learned from."""

    owner: str
    theme: str = "work"

    @property
    def name(self) -> str:
        return f"{self.owner}_{self.theme}"


def furnish(data: Path, wanted: Sequence[Wanted]) -> None:
    """All of them examined, none of them served."""
    folder = data.parent / "loras"
    folder.mkdir()
    settings = Settings.model_validate({"data": data, "embedder": {"source": "embedded"}, "engine": {"threads": 1}})
    adapters, cards = asyncio.run(_make(folder, settings, wanted))
    store = SqliteStore(data)
    for one in wanted:
        _put(store, one, adapters[f"cand_{one.name}"], cards[one.theme])
    store.close()


async def _make(
    folder: Path, settings: Settings, wanted: Sequence[Wanted]
) -> tuple[dict[str, Adapter], dict[str, RouteCard]]:
    paths = [write_lora(folder / f"cand_{one.name}.gguf", seed, STRENGTH) for seed, one in enumerate(wanted)]
    adapters = await add_probes([load_adapter(path) for path in paths])
    settings.data.mkdir(parents=True, exist_ok=True)
    embedder = LlamaEmbedder(await resolve_embedder(settings), settings)
    await embedder.start()
    cards = {theme: await _make_card(embedder, theme) for theme in {one.theme for one in wanted}}
    await embedder.close()
    return adapters, cards


async def _make_card(embedder: LlamaEmbedder, theme: str) -> RouteCard:
    examples = examples_of(TAUGHT[theme], theme)
    texts = texts_of(examples)
    vectors = {
        text: np.asarray(one, np.float32) for text, one in zip(texts, (await embedder.embed(texts))[0], strict=True)
    }
    return make_card(examples, vectors, theme=theme, embedder=embedder.card.hash)


def _put(store: SqliteStore, one: Wanted, adapter: Adapter, card: RouteCard) -> None:
    turn = make_turn(owner=one.owner, conversation=f"conv_{one.name}")
    store.append_turn(turn).result()
    theme, lesson, night = f"theme_{one.name}", f"lesson_{one.name}", f"night_{one.name}"
    assert adapter.probe is not None
    made = put_candidate(
        store,
        one.name,
        owner=one.owner,
        base=smollm().sha256,
        adapter=store.blobs.put(adapter.path.read_bytes()),
        night=night,
        sources=(turn.id,),
    )
    store.nights.put_theme(make_theme(id=theme, owner=one.owner, name=one.theme.title())).result()
    placed = make_lesson(id=lesson, owner=one.owner, theme=theme, sources=(turn.id,))
    store.nights.place_lessons([placed], at=1.0).result()
    route = store.blobs.put(replace(card, probe=adapter.probe.to_json()).to_bytes())
    store.served.add_verdict(make_verdict(made, route=route, report="", against=())).result()
    body = {"themes": [{"theme": theme, "fate": "learned", "candidate": made.id}]}
    done = make_night(id=night, owner=one.owner, state=NightState.DONE, body=body, candidates=(made.id,))
    store.nights.append_night(done).result()
