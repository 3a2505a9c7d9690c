"""Removes what somebody wants forgotten, inside one transaction of the caller; it commits nothing itself.

A message goes once no turn, answer or later message needs it: another conversation may have begun with the same words.
A memory goes when all of its sources do; one that was met elsewhere, too, loses the sources here.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

import apsw

from aion.records import Forgotten, Memory, Source
from aion.store import memory_rows, rows, statements
from aion.store.clusters import clusters_of, leave_cluster
from aion.store.conversations import DROP_TITLE
from aion.store.database import fetch
from aion.store.derived import find_derived, find_lessons, lessons_of
from aion.store.nights import drop_lessons, find_learned, find_learners
from aion.store.repeated import answers_of, find_repeating
from aion.store.rows import Row
from aion.store.unlearned import drop_unlearned, note_unlearned
from aion.store.words import add_words, drop_words

NEEDED = """
    SELECT EXISTS (SELECT 1 FROM turns WHERE prompt = ?) OR EXISTS (SELECT 1 FROM answers WHERE message = ?)
        OR EXISTS (SELECT 1 FROM messages WHERE parent = ?)
"""
NEXT_SEQ = "SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'memories'), 0) + 1"
WORD = re.compile(r"\w+")
SOURCED = """
    SELECT DISTINCT memories.seq FROM memory_sources JOIN memories ON memories.seq = memory_sources.seq
    WHERE owner = ? AND
"""
OF_TURN = "SELECT id FROM feedback WHERE turn = ?"
OF_A_TURN = (
    "turn_inputs",
    "turn_steps",
    "places",
    "experiences",
    "feedback",
    "answers",
)  # tables whose rows go with their turn


def forget_conversation(connection: apsw.Connection, conversation: str, owner: str) -> Forgotten:
    of_it = "SELECT id, prompt FROM turns WHERE owner = ? AND conversation = ? ORDER BY id"
    turns = fetch(connection, of_it, (owner, conversation))
    ids = [turn for turn, _ in turns]
    given = f"SELECT id, {statements.IS_CURRENT} FROM feedback WHERE turn = ?"  # noqa: S608  # constants
    judged: dict[str, int] = dict(row for turn in ids for row in fetch(connection, given, (turn,)))
    said = answers_of(connection, ids)
    _drop_turns(connection, turns, owner)
    connection.execute(DROP_TITLE, (owner, conversation))
    forgotten = _drop_sources(connection, owner, refs={*ids, *judged}, gone=ids, conversation=conversation)
    made_from = {*forgotten.answers, *find_repeating(connection, said, owner)}
    forgotten = dataclasses.replace(
        forgotten, turns=tuple(ids), feedback=sum(judged.values()), answers=tuple(sorted(made_from))
    )
    return _name_learners(connection, forgotten, [*ids, *judged], owner)


def forget_document(connection: apsw.Connection, document: str, owner: str) -> Forgotten:
    connection.execute("DELETE FROM documents WHERE id = ? AND owner = ?", (document, owner))
    forgotten = _drop_sources(connection, owner, refs={document}, document=document)
    return _name_learners(connection, forgotten, [document], owner)


def forget_memories(connection: apsw.Connection, ids: Sequence[str], owner: str) -> Forgotten:
    removed = [memory for id_ in dict.fromkeys(ids) for memory in _load(connection, "id", id_, owner)]
    for memory in removed:
        _remove(connection, memory)
    note_unlearned(connection, removed, owner)
    bump_version(connection, owner, len(removed))
    return _name_learners(connection, _forgotten(connection, owner, removed), [], owner)


def insert_memory(
    connection: apsw.Connection, memory: Memory, *, terms: str, vector: bytes | None, embedder: str
) -> Memory:
    """Add a version of a memory under the next number."""
    seq = fetch(connection, NEXT_SEQ)[0][0]
    clean = memory_rows.clean_terms(terms)
    made_by = embedder if vector is not None else ""
    row, sources = memory_rows.encode_memory(memory, seq, terms=clean, embedder=made_by)
    connection.execute(statements.INSERT_MEMORY, row)
    connection.executemany(statements.INSERT_SOURCE, sources)
    if vector is not None:
        connection.execute(statements.INSERT_VECTOR, memory_rows.encode_vector(seq, made_by, vector))
    add_words(connection, seq, terms=clean, owner=memory.owner)
    return dataclasses.replace(memory, seq=seq)


def drop_memory(connection: apsw.Connection, seq: int) -> None:
    """One version of a memory with its words, sources and vector."""
    [(owner, terms)] = fetch(connection, "SELECT owner, terms FROM memories WHERE seq = ?", (seq,))
    drop_words(connection, seq, terms=terms, owner=owner)
    for table in ("memory_sources", "memory_vectors", "memories"):
        connection.execute(f"DELETE FROM {table} WHERE seq = ?", (seq,))  # noqa: S608  # constants


def _remove(connection: apsw.Connection, memory: Memory) -> None:
    """For good, where `drop_memory` makes room for its next version."""
    drop_memory(connection, memory.seq)
    connection.execute("DELETE FROM pins WHERE memory = ?", (memory.id,))


def load_memory(connection: apsw.Connection, row: Row) -> Memory:
    return memory_rows.decode_memory(row, fetch(connection, statements.SELECT_SOURCES, (row[0],)))


def bump_version(connection: apsw.Connection, owner: str, changes: int) -> None:
    """Count the changes to somebody's memories."""
    if changes:
        found = fetch(connection, statements.SELECT_VERSION, (owner,))
        row = (owner, changes + (memory_rows.decode_version(found[0]) if found else 0))
        connection.execute(statements.PUT_VERSION, (*row, rows.digest(row)))


def _drop_turns(connection: apsw.Connection, turns: Sequence[Row], owner: str) -> None:
    tips: list[bytes | None] = []
    themes: set[str] = set()
    for turn, prompt in turns:
        tips += [said for (said,) in fetch(connection, "SELECT message FROM answers WHERE turn = ?", (turn,))]
        tips.append(prompt)
        themes |= clusters_of(connection, turn)
        drop_unlearned(connection, turn)
        connection.execute(f"DELETE FROM superseded WHERE feedback IN ({OF_TURN})", (turn,))  # noqa: S608  # constants
        for table in OF_A_TURN:
            connection.execute(f"DELETE FROM {table} WHERE turn = ?", (turn,))  # noqa: S608  # constants
        connection.execute("DELETE FROM turns WHERE id = ?", (turn,))
    for tip in tips:
        _drop_messages(connection, tip)
    for theme in sorted(themes):
        leave_cluster(connection, theme, owner)


def _drop_messages(connection: apsw.Connection, tip: bytes | None) -> None:
    """From a leaf up to the first message that something else needs."""
    while tip is not None and not fetch(connection, NEEDED, (tip, tip, tip))[0][0]:
        found = fetch(connection, "DELETE FROM messages WHERE hash = ? RETURNING parent", (tip,))
        tip = found[0][0] if found else None


def _drop_sources(
    connection: apsw.Connection,
    owner: str,
    *,
    refs: set[str],
    gone: Sequence[str] = (),
    conversation: str = "",
    document: str = "",
) -> Forgotten:
    """Take these sources from every memory, and remove those that have no other; `gone` are turns that went."""
    seqs = {seq for ref in refs - {""} for (seq,) in fetch(connection, f"{SOURCED} ref = ?", (owner, ref))}
    if conversation:
        seqs |= {seq for (seq,) in fetch(connection, f"{SOURCED} conversation = ?", (owner, conversation))}
    if document:
        passages = "SELECT seq FROM memories WHERE owner = ? AND document = ?"
        seqs |= {seq for (seq,) in fetch(connection, passages, (owner, document))}
    removed: list[Memory] = []
    reworded: list[Memory] = []
    for memory in [memory for seq in sorted(seqs) for memory in _load(connection, "seq", seq, owner)]:
        kept = [
            source
            for source in memory.sources
            if source.ref not in refs - {""} and not (conversation and source.conversation == conversation)
        ]
        if not kept:
            _remove(connection, memory)
            removed.append(memory)
        elif _keep_sources(connection, memory, kept, without=document):
            reworded.append(memory)
    bump_version(connection, owner, len(seqs))
    return _forgotten(connection, owner, removed, reworded, gone=gone)


def _keep_sources(connection: apsw.Connection, memory: Memory, kept: Sequence[Source], *, without: str) -> bool:
    """Leave the memory with these sources; whether it had to take the words of one of them, as none has its own."""
    less = dataclasses.replace(memory, sources=tuple(kept))
    if without and memory.document == without:
        less = dataclasses.replace(less, document="", place="")
    if all(source.text for source in kept):
        _reword(connection, less)
        return True
    [(terms, embedder)] = fetch(connection, "SELECT terms, embedder FROM memories WHERE seq = ?", (memory.seq,))
    row, sources = memory_rows.encode_memory(less, memory.seq, terms=terms, embedder=embedder)
    connection.execute("DELETE FROM memory_sources WHERE seq = ?", (memory.seq,))
    changed = "UPDATE memories SET document = ?, place = ?, digest = ? WHERE seq = ?"
    connection.execute(changed, (less.document, less.place, row[-1], memory.seq))
    connection.executemany(statements.INSERT_SOURCE, sources)
    return False


def _reword(connection: apsw.Connection, memory: Memory) -> None:
    """A new version in the words of its best source. Without vector or entities, it is the next to be embedded."""
    best = max(memory.sources, key=lambda source: (source.trust.rank, source.at)).text
    own = tuple(dataclasses.replace(source, text="") if source.text == best else source for source in memory.sources)
    drop_memory(connection, memory.seq)
    insert_memory(
        connection,
        dataclasses.replace(memory, text=best, sources=own, entities=()),
        terms=" ".join(WORD.findall(best)),
        vector=None,
        embedder="",
    )


def _forgotten(
    connection: apsw.Connection,
    owner: str,
    removed: Sequence[Memory],
    reworded: Sequence[Memory] = (),
    gone: Sequence[str] = (),
) -> Forgotten:
    """What went, and the turns elsewhere whose answers were made from it."""
    made_from = "SELECT turn FROM turn_inputs JOIN turns ON turns.id = turn WHERE ref = ? AND owner = ?"
    refs = [*gone, *(memory.id for memory in (*removed, *reworded))]
    answers = {turn for ref in refs for (turn,) in fetch(connection, made_from, (ref, owner))}
    return Forgotten(
        memories=tuple(memory.id for memory in removed),
        seqs=tuple(memory.seq for memory in (*removed, *reworded)),
        answers=tuple(sorted(answers)),
    )


def _name_learners(connection: apsw.Connection, forgotten: Forgotten, refs: Sequence[str], owner: str) -> Forgotten:
    """Add the adapters that learned from any of it, whose rows stay as a record, and drop the lessons.

    What was made from it counts, too: an answer that had been shown it, and what followed in that conversation.
    """
    derived = find_derived(connection, forgotten.answers, owner)
    sources = [ref for ref in (*refs, *forgotten.memories) if ref]
    lessons = find_lessons(connection, sources, owner) | lessons_of(connection, derived, owner)
    adapters = {*find_learners(connection, sources, owner), *find_learned(connection, lessons)}
    drop_lessons(connection, lessons, owner)
    return dataclasses.replace(forgotten, adapters=tuple(sorted(adapters)))


def _load(connection: apsw.Connection, column: str, value: object, owner: str) -> list[Memory]:
    """The memory that this names, if it is the owner's."""
    found = fetch(connection, f"{statements.SELECT_MEMORIES} WHERE {column} = ? AND owner = ?", (value, owner))
    return [load_memory(connection, row) for row in found]
