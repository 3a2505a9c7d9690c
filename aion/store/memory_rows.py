"""Memories, their sources and vectors, and documents to rows and back; it knows no database."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Sequence

from aion.errors import BadInput
from aion.records import Document, Memory, MemoryKind, Origin, Source, Trust
from aion.store.rows import Row, check_text, damaged, digest, to_json, to_number

TERM = re.compile(
    r"[0-9a-z\u0080-\ud7ff\ue000-\U0010ffff]{1,64}"
)  # what the full-text index takes for one word and leaves as it is
FLOAT_BYTES = 4


def clean_terms(terms: str) -> str:
    """Those of the terms that the full-text index can hold, in order and as often as they were given."""
    return " ".join(term for term in terms.lower().split() if TERM.fullmatch(term))


def encode_memory(memory: Memory, seq: int, *, terms: str, embedder: str) -> tuple[Row, list[Row]]:
    """The row of a memory under its new seq, and those of its sources; `terms` are clean."""
    check_text(memory.id, memory.owner, memory.document, memory.place, embedder)
    sources = [_source_row(seq, position, source) for position, source in enumerate(memory.sources)]
    row = (
        seq,
        memory.id,
        memory.owner,
        str(memory.kind),
        to_json(memory.text),  # a page may say anything, and a column may not
        to_json(list(memory.entities)),
        to_number(memory.created),
        to_number(memory.updated),
        memory.document,
        memory.place,
        terms,
        embedder,
    )
    return (*row, _prove(row, [source[1:] for source in sources])), sources


def decode_memory(row: Row, sources: Sequence[Row]) -> Memory:
    """The memory of its row, and of its sources without their seq."""
    check_memory(row, sources)
    return Memory(
        seq=row[0],
        id=row[1],
        owner=row[2],
        kind=MemoryKind(row[3]),
        text=json.loads(row[4]),
        entities=tuple(json.loads(row[5])),
        created=row[6],
        updated=row[7],
        document=row[8],
        place=row[9],
        sources=tuple(_source(source) for source in sources),
    )


def check_memory(row: Row, sources: Sequence[Row]) -> None:
    """Prove a memory with its sources; words that this code does not know are damage, too."""
    known = {str(trust) for trust in Trust} >= {source[3] for source in sources}
    known = known and {str(origin) for origin in Origin} >= {source[2] for source in sources}
    if not known or row[3] not in list(MemoryKind) or _prove(row[:-1], sources) != row[-1]:
        raise damaged(f"memory {row[1]}")


def encode_vector(seq: int, embedder: str, vector: bytes) -> Row:
    if not vector or len(vector) % FLOAT_BYTES or not embedder:
        raise BadInput(
            f"a vector of {len(vector)} bytes by embedder {embedder!r} is not one of float32; embed it again"
        )
    return seq, vector, _vector_digest(seq, embedder, vector)


def decode_vector(seq: int, embedder: str, vector: bytes, proof: bytes) -> bytes:
    if len(vector) % FLOAT_BYTES or _vector_digest(seq, embedder, vector) != proof:
        raise damaged(f"the vector of memory number {seq}")
    return vector


def encode_document(document: Document) -> Row:
    check_text(document.id, document.owner, document.hash)
    row = (
        document.id,
        document.owner,
        to_json(document.title),
        str(document.origin),
        str(document.trust),
        document.hash,
        to_number(document.created),
        to_number(document.updated),
        document.count,
        to_json(list(document.vector)),
    )
    return (*row, digest(row))


def decode_document(row: Row) -> Document:
    if digest(row[:-1]) != row[-1]:
        raise damaged(f"document {row[0]}")
    names = [field.name for field in dataclasses.fields(Document)]
    found = dict(zip(names, row[:-1], strict=True))
    found |= {"title": json.loads(row[2]), "origin": Origin(row[3]), "trust": Trust(row[4])}
    return Document(**{**found, "vector": tuple(json.loads(row[9]))})


def decode_version(row: Row) -> int:
    """The version of (owner, version, digest)."""
    if digest(row[:-1]) != row[-1]:
        raise damaged("the version of somebody's memories")
    version: int = row[1]
    return version


def _source_row(seq: int, position: int, source: Source) -> Row:
    check_text(source.ref, source.hash, source.conversation)
    words = (source.ref, str(source.origin), str(source.trust), source.hash)
    return (seq, position, *words, to_number(source.at), source.conversation, to_json(source.text))


def _source(row: Row) -> Source:
    _, ref, origin, trust, hash_, at, conversation, text = row
    return Source(
        ref=ref,
        origin=Origin(origin),
        trust=Trust(trust),
        hash=hash_,
        at=at,
        conversation=conversation,
        text=json.loads(text),
    )


def _prove(row: Row, sources: Sequence[Row]) -> bytes:
    return digest(row, tuple(sources))


def _vector_digest(seq: int, embedder: str, vector: bytes) -> bytes:
    named = hashlib.sha256(f"{seq} {embedder}".encode()).digest()
    return hashlib.sha256(named + vector).digest()
