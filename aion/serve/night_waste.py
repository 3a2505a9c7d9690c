"""Takes what was forgotten out of the files that sleep made: blobs of adapters that learned it, and jobs that would.

A lesson whose source is forgotten loses its place, in the transaction that forgets; one whose document nobody approves
any more, right after that is written, or when it is taken back again. Whatever teaches a lesson without a place goes:
done again, or at the next start, it comes to the same, so it may be cut short anywhere. From the same transaction on
that retires an adapter nobody is served it; that requests under way stop using it is the server's to see to. A network
of the router goes with any adapter it was trained over, and with any turn it learned from.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

import structlog

from aion.errors import AionError, Conflict, Corrupt
from aion.records import Candidate, Verdict, new_id
from aion.router.network import HEAD, Origin
from aion.serve.night_take import NIGHTS, Made, take_candidate
from aion.store.base import Store
from aion.store.blobs import BlobStore

PREPARED = "prepared.json"  # what a night says of a job once it is whole
GONE = ".gone-"
MOST = 100_000
REASON = "what it learned was forgotten"
ACTOR = "forgetting"
log = structlog.get_logger()


def clear_forgotten(store: Store, blobs: BlobStore, data: Path) -> list[str]:
    """Retire adapters and remove jobs that teach a lesson without a place, with every file that holds its words.

    Gives the adapters that this retired.
    """
    retired = _retire(store)
    needed = _needed(store)
    _drop_files(store, blobs, [one for one in store.nights.candidates(owner=None, limit=MOST) if one.retired], needed)
    drop_networks(store, blobs)
    _drop_jobs(store, blobs, data / NIGHTS, needed)
    return retired


def clear_at_start(store: Store, blobs: BlobStore, data: Path) -> None:
    """What a stop cut short. Damage that it meets is `aion verify`'s to tell, and keeps no server from starting."""
    try:
        clear_forgotten(store, blobs, data)
    except (AionError, OSError) as error:
        log.warning("night.waste_kept", reason=str(error), remedy="run `aion verify`")


def take_over(store: Store, blobs: BlobStore, data: Path, made: Made) -> Candidate:
    """What a night made, with its row; Conflict, and nothing of it stays, when something it learned is forgotten."""
    candidate = take_candidate(data, blobs, made)
    try:
        kept = store.nights.add_candidate(candidate).result()
    except AionError:
        _drop_files(store, blobs, [candidate], _needed(store))
        if not teaches_forgotten(store, made.owner, made.lessons):
            raise
    else:
        if not teaches_forgotten(store, made.owner, made.lessons):
            return kept
    clear_forgotten(store, blobs, data)
    raise Conflict("what it learned has been forgotten meanwhile; prepare the theme again", code="forgotten")


def drop_exam(store: Store, blobs: BlobStore, verdict: Verdict) -> None:
    """The files of a verdict that the store did not take: they may hold what was forgotten meanwhile."""
    for name in {verdict.route, verdict.report, verdict.network} - {""} - _needed(store):
        blobs.remove(name)


def drop_networks(store: Store, blobs: BlobStore) -> None:
    """Of the router, those that learned what is forgotten. One that does not say what it learned is no use and goes."""
    retired = {one.id for one in store.nights.candidates(owner=None, limit=MOST) if one.retired}
    names = {one.network for one in store.served.verdicts(owner=None, limit=MOST)} - {""}
    origins = {name: _read_origin(blobs, name) for name in names if blobs.path(name).exists()}
    turns = {turn for origin in origins.values() if origin is not None for turn in origin.turns}
    gone = {turn for turn in turns if store.turn(turn, owner=None) is None}
    for name, origin in origins.items():
        if origin is None or retired.intersection(origin.adapters) or gone.intersection(origin.turns):
            blobs.remove(name)


def _read_origin(blobs: BlobStore, name: str) -> Origin | None:
    with blobs.path(name).open("rb") as file:
        try:
            return Origin.from_bytes(file.read(HEAD))
        except Corrupt:
            return None


def teaches_forgotten(store: Store, owner: str, lessons: Sequence[str]) -> bool:
    """Whether one of these lessons has no place any more."""
    return not store.nights.placed(owner=owner).keys() >= set(lessons)


def _retire(store: Store) -> list[str]:
    """Also those that went on from one that goes, whatever they learned themselves."""
    candidates = sorted(store.nights.candidates(owner=None, limit=MOST), key=lambda one: (one.created, one.id))
    placed = {owner: store.nights.placed(owner=owner).keys() for owner in {one.owner for one in candidates}}
    gone = {one.id for one in candidates if one.retired or not placed[one.owner] >= set(one.lessons)}
    while more := {one.id for one in candidates if one.parent in gone} - gone:
        gone |= more
    fresh = [one.id for one in candidates if one.id in gone and not one.retired]
    if fresh:
        store.served.retire(fresh, reason=REASON, actor=ACTOR, at=time.time()).result()
        log.info("night.adapters_retired", count=len(fresh))
    return fresh


def _needed(store: Store) -> set[str]:
    """Files of adapters that are not retired: the same bytes may belong to several."""
    made = store.nights.candidates(owner=None, limit=MOST)
    return _files_of(store, [one for one in made if not one.retired])


def _drop_files(store: Store, blobs: BlobStore, candidates: Sequence[Candidate], needed: AbstractSet[str]) -> None:
    for name in _files_of(store, candidates) - needed:
        blobs.remove(name)


def _files_of(store: Store, candidates: Sequence[Candidate]) -> set[str]:
    """Their own, and what their examinations kept of what they learned."""
    ids = {one.id for one in candidates}
    examined = [one for one in store.served.verdicts(owner=None, limit=MOST) if one.candidate in ids]
    own = {name for one in candidates for name in (one.adapter, one.peft, one.dataset, one.importance)}
    return (own | {name for one in examined for name in (one.route, one.report, one.network)}) - {""}


def _drop_jobs(store: Store, blobs: BlobStore, nights: Path, needed: AbstractSet[str]) -> None:
    """A job that is not whole yet goes, too: nobody can say what it will teach. The night makes it again."""
    for rest in nights.glob(f"{GONE}*"):
        shutil.rmtree(rest, ignore_errors=True)
    for folder in nights.glob("*/*"):
        if not folder.is_dir():
            continue
        told = _read_prepared(folder)
        if told is not None and not teaches_forgotten(store, told[0], told[1]):
            continue
        if told is not None and told[2] not in needed:
            blobs.remove(told[2])  # of a candidate that was being handed over
        rest = nights / f"{GONE}{new_id('job')}"  # whoever writes there finds it gone at once
        try:
            folder.rename(rest)
        except FileNotFoundError:  # its night has just put it elsewhere
            return _drop_jobs(store, blobs, nights, needed)
        shutil.rmtree(rest, ignore_errors=True)
    return None


def _read_prepared(folder: Path) -> tuple[str, list[str], str] | None:
    """Whose it is, its lessons, and the sum of its examples."""
    try:
        told = json.loads((folder / PREPARED).read_bytes())
        return str(told["owner"]), [str(one) for one in told["lessons"]], str(told["dataset"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
