"""Memories and documents as JSON lines, out and back in, with everything that says where they came from.

Vectors are left out: they belong to an embedder and are made again. Taking in never raises trust. A line that claims to
be somebody's own words, or approved, is a stranger's claim unless the person says that the file is their own backup
(`trusted`); hashes are checked either way, and a line that fails is refused with its reason while the others go on. A
stranger's document gets the hash of the passages that came, so that no approval of a hash reaches what only claims it.
Ids stay, but for a document's, which comes from its owner and its bytes, and for one that somebody else has here.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from aion.errors import BadInput
from aion.memory.checks import NAME_LIMIT, check_ids, check_text
from aion.memory.documents import document_id_of
from aion.memory.provenance import hash_of, lower, unapproved
from aion.records import Document, Json, Memory, MemoryKind, Origin, Source, Trust
from aion.store.base import Memories

FORMAT = "aion-memory"
VERSION = 1
PAGE = 500
_HEX = frozenset("0123456789abcdef")
Choice = TypeVar("Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What became of the lines: memories added, merged with known ones, and the refused with line number and reason."""

    added: int
    merged: int
    refused: list[tuple[int, str]]


def export_lines(memories: Memories, owner: str) -> Iterator[Json]:
    """A head, documents, then memories, the newest first. What changes meanwhile comes (again) at the end."""
    yield {"type": "head", "format": FORMAT, "version": VERSION}
    before: float | None = None
    while page := memories.documents(owner=owner, before=before, limit=PAGE):
        yield from (_document_line(document) for document in page)
        before = page[-1].updated
    newest, pinned = 0, frozenset(memories.pins(owner=owner))
    while fresh := memories.listed(owner=owner, limit=1):
        if fresh[0].seq <= newest:
            return
        yield from _memories_above(memories, owner, newest, pinned)
        newest = fresh[0].seq


@dataclass(slots=True)
class Taking:
    """Reads the lines of one file for one owner, and counts what became of them. Writes nothing."""

    owner: str
    store: Memories
    trusted: bool
    added: int = 0
    merged: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)
    documents: dict[str, Trust] = field(default_factory=dict)  # as they are here, by id
    _ids: dict[str, str] = field(default_factory=dict)  # of documents: as exported -> as they are here

    def read(self, line: Json) -> Memory | Document | None:
        """What the line holds, as it may be stored; None for the head, and for a document that is here already."""
        kind = line.get("type") if isinstance(line, dict) else None
        if kind == "head":
            if (line.get("format"), line.get("version")) != (FORMAT, VERSION):
                raise BadInput(f"this reads {FORMAT} version {VERSION}; the file says {line.get('format')!r}")
            return None
        if kind == "document":
            return self._document(line)
        if kind == "memory":
            return self._memory(line)
        raise BadInput(f"type is {kind!r}; a line is a head, a document or a memory")

    def pins(self, line: Json) -> bool:
        """Whether the memory of this line is to be pinned: a stranger's file pins nothing."""
        return self.trusted and line.get("pinned") is True

    def count(self, *, merged: bool) -> None:
        self.merged += merged
        self.added += not merged

    def refuse(self, line: int, reason: str) -> None:
        self.refused.append((line, reason))

    def result(self) -> TakenIn:
        return TakenIn(self.added, self.merged, self.refused)

    def _document(self, line: Json) -> Document | None:
        """A stranger's document is another than the one here of the same hash, and has no hash until it is sealed."""
        hash_ = _hash(line, "hash")
        origin = _choice(Origin, line, "origin")
        claimed = _choice(Trust, line, "trust")
        read = Document(
            id=document_id_of(self.owner, hash_ if self.trusted else f"taken in {hash_}"),
            owner=self.owner,
            title=check_text(_text(line, "title"), limit=NAME_LIMIT, param="title"),
            origin=origin,
            trust=claimed if self.trusted else unapproved(origin),
            hash=hash_ if self.trusted else "",
            created=_time(line, "created"),
            updated=_time(line, "updated"),
        )
        here = self.store.document(read.id, owner=self.owner)
        self._ids[_text(line, "id")] = read.id
        self.documents[read.id] = here.trust if here else read.trust
        if here is None:
            return read
        return None if self.trusted else dataclasses.replace(here, hash="")

    def _memory(self, line: Json) -> Memory:
        text = _text(line, "text")
        if _hash(line, "hash") != hash_of(text):
            raise BadInput("its text is not what was exported: the hash differs; export it again")
        sources = line.get("sources")
        if not isinstance(sources, list):
            raise BadInput("sources is no list; export it again")
        exported = _text(line, "document", required=False)
        if exported and exported not in self._ids:
            raise BadInput("its document is not in the file; export both")
        return Memory(
            id=self._free_id(_text(line, "id")),
            owner=self.owner,
            kind=_choice(MemoryKind, line, "kind"),
            text=text,
            sources=tuple(self._source(source) for source in sources),
            created=_time(line, "created"),
            updated=_time(line, "updated"),
            document=self._ids.get(exported, ""),
            place=_text(line, "place", required=False),
        )

    def _source(self, line: Any) -> Source:
        if not isinstance(line, dict):
            raise BadInput("a source is no object; export it again")
        ref = _text(line, "ref", required=False)
        source = Source(
            ref=self._ids.get(ref, ref),
            origin=_choice(Origin, line, "origin"),
            trust=_choice(Trust, line, "trust"),
            hash=_hash(line, "hash"),
            at=_time(line, "at"),
            conversation=_text(line, "conversation", required=False),
            text=_text(line, "text", required=False),
        )
        if not self.trusted:
            return lower(source)
        most = self.documents.get(source.ref, source.trust)  # no more than its document is trusted here
        return dataclasses.replace(source, trust=min(source.trust, most, key=lambda trust: trust.rank))

    def _free_id(self, exported: str) -> str:
        """The id it had, unless somebody else's memory has it here."""
        check_ids(exported)
        other = self.store.get(exported, owner=None)
        if other is None or other.owner == self.owner:
            return exported
        return "mem_" + hashlib.sha256(f"{self.owner}\0{exported}".encode()).hexdigest()[:32]


def _memories_above(memories: Memories, owner: str, seq: int, pinned: Set[str]) -> Iterator[Json]:
    before: int | None = None
    while page := memories.listed(owner=owner, before=before, limit=PAGE):
        for memory in page:
            if memory.seq <= seq:
                return
            yield _memory_line(memory) | ({"pinned": True} if memory.id in pinned else {})
        before = page[-1].seq


def _memory_line(memory: Memory) -> Json:
    line = dataclasses.asdict(memory)
    del line["owner"], line["seq"], line["entities"]
    return {"type": "memory", **line, "hash": hash_of(memory.text)}


def _document_line(document: Document) -> Json:
    line = dataclasses.asdict(document)
    del line["owner"], line["vector"], line["count"]
    return {"type": "document", **line}


def _text(line: Json, key: str, *, required: bool = True) -> str:
    value = line.get(key, "")
    if not isinstance(value, str) or (required and not value):
        raise BadInput(f"{key} is {_short(value)}; a line needs it as text")
    return value


def _hash(line: Json, key: str) -> str:
    value = _text(line, key)
    if len(value) != 64 or not set(value) <= _HEX:
        raise BadInput(f"{key} is {_short(value)}; a SHA-256 has 64 hex digits")
    return value


def _time(line: Json, key: str) -> float:
    value = line.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadInput(f"{key} is {_short(value)}; it is a number of seconds")
    return float(value)


def _choice(choices: type[Choice], line: Json, key: str) -> Choice:
    value = line.get(key)
    try:
        return choices(str(value))
    except ValueError:
        raise BadInput(f"{key} is {_short(value)}; it is one of {', '.join(choices)}") from None


def _short(value: object) -> str:
    return repr(value)[:80]
