"""Finds what is needed to serve a candidate, and proves each piece of it; it loads nothing into an engine."""

from __future__ import annotations

from dataclasses import dataclass

from aion.errors import AionError, Conflict
from aion.models.llama.spec import Adapter, read_probe
from aion.records import Candidate
from aion.router.card import RouteCard
from aion.store.base import Store
from aion.store.blobs import BlobStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A candidate with all that serving it takes."""

    candidate: Candidate
    adapter: Adapter
    card: RouteCard | None  # none of one from elsewhere: no question leads to it, people ask for it by name


def find_ready(store: Store, blobs: BlobStore, name: str, *, base: str) -> Ready:
    """The examined candidate of this name for this base, every byte of it proven. Raises Conflict."""
    candidate = store.nights.candidate(name, owner=None)
    verdict = store.served.verdict(name, owner=None)
    if candidate is None or verdict is None:
        raise Conflict("nobody has examined it", code="unfit")
    if candidate.retired:
        raise Conflict("it learned what was forgotten", code="unfit")
    if candidate.base != base:
        raise Conflict("it was trained on another base; the next nights learn its lessons again", code="unfit")
    if not verdict.ship or verdict.adapter != candidate.adapter:
        raise Conflict("its newest examination refused it", code="unfit")
    try:
        blobs.get(candidate.adapter)
        card = RouteCard.from_bytes(blobs.get(verdict.route)) if verdict.route else None
    except AionError as error:
        raise Conflict(error.message, code="unfit") from None
    path, probe = blobs.path(candidate.adapter), read_probe(card.probe) if card is not None else None
    return Ready(
        candidate=candidate,
        adapter=Adapter(name=name, path=path, hash=candidate.adapter, scale=0.0, probe=probe),
        card=card,
    )
