"""What a store promises; SQLite implements it embedded, Postgres at scale, both held to tests/contracts/test_store.py.

Writes return a future that resolves only once the rows are durable (they survive a power cut). What happened is
appended and never changed: turns, feedback, calibrations, nights, candidates, verdicts, promotions, audit; a key may be
revoked. Memories, experiences, clusters, themes and documents are today's state and are replaced whole. Forgetting
removes rows, whatever they are; of candidates it removes none, and names them. Reads see every resolved write. A row is
visible to its owner alone; `owner=None` reads everyone's and is for administrators.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Literal, Protocol

from aion.records import (
    AuditEntry,
    Calibration,
    Candidate,
    Cluster,
    Conversation,
    Document,
    Experience,
    Feedback,
    Finding,
    Forgotten,
    Found,
    Json,
    Key,
    Label,
    Lesson,
    Memory,
    MemoryKind,
    Night,
    Quarantine,
    Theme,
    Turn,
)
from aion.store.served import Served

Order = Literal["latest", "top", "ask", "uncertain"]


class Store(Protocol):
    """Keeps rows. Safe to call from any thread; writes are serialised by the store itself."""

    @property
    def memories(self) -> Memories: ...

    @property
    def experience(self) -> Experiences: ...

    @property
    def nights(self) -> Nights: ...

    @property
    def served(self) -> Served: ...

    def forget_conversation(self, conversation: str, *, owner: str) -> Future[Forgotten]:
        """Remove its turns with their messages, feedback and experiences, and every memory that came from it alone.

        A memory that has other sources stays, without the sources here; if none of those has the memory's own words,
        it becomes a new version in the words of the best of them, to be embedded again. One transaction; what was
        removed is overwritten in the file, and gone from its log when the future resolves, or as soon as a long read,
        such as a backup, lets go of the log. `answers` are turns elsewhere that had been shown what went, or were sent
        an answer of it as something said before. Of an unknown name: an empty Forgotten.
        """
        ...

    def append_turn(self, turn: Turn) -> Future[None]:
        """Append; resolves when durable. A second turn with the same id fails with Conflict and changes nothing."""
        ...

    def turn(self, turn_id: str, *, owner: str | None) -> Turn | None: ...

    def turns(
        self, *, owner: str | None, conversation: str | None = None, after: str | None = None, limit: int = 100
    ) -> list[Turn]:
        """Oldest first, by id; those whose id sorts behind `after`."""
        ...

    def turn_before(self, turn: Turn) -> Turn | None:
        """The one that came before it in its conversation."""
        ...

    def conversations(self, *, owner: str | None, before: float | None = None, limit: int = 100) -> list[Conversation]:
        """Most recently used first; `before` continues a listing by the `updated` of its last row."""
        ...

    def conversation(self, conversation: str, *, owner: str) -> Conversation | None: ...

    def search(self, words: str, *, owner: str, limit: int = 100) -> list[Found]:
        """Conversations in which one message, of anybody but the system, holds every one of the words, whatever their
        case; those with the newest such message first."""
        ...

    def name_conversation(self, conversation: str, title: str, *, owner: str) -> Future[bool]:
        """Call it so; by its first words again when `title` is empty. False when there is no such conversation."""
        ...

    def continues(self, messages: Sequence[Json], *, owner: str) -> str | None:
        """The conversation that recorded the last assistant message here as an answer to the same messages before it.

        This is how a client that knows nothing of AION, and sends its whole history each time, stays in one
        conversation. Keys that are null or empty make no difference. Of several, the one last used this way.
        """
        ...

    def add_key(self, key: Key) -> Future[None]: ...

    def keys(self) -> list[Key]: ...

    def revoke_key(self, key_id: str, at: float) -> Future[bool]:
        """False when no such key was active."""
        ...

    def append_audit(self, entry: AuditEntry) -> Future[None]: ...

    def audit(
        self, *, actor: str | None = None, act: str | None = None, before: str | None = None, limit: int = 100
    ) -> list[AuditEntry]:
        """Newest first; `before` continues a listing behind the entry with this id."""
        ...

    def verify(self) -> Iterator[Finding]:
        """Prove integrity, references and content hashes; yields what is wrong."""
        ...

    def close(self) -> None:
        """Finish queued writes, then close. Later writes fail with StorageFailed."""
        ...


class Memories(Protocol):
    """Memories and documents, with full-text search over their terms.

    Every `put` gives the memory a new `seq`, so what an index holds for a seq never changes: it is right or it is
    absent. Vectors are little-endian float32 and belong to the embedder whose hash is given with them.
    """

    def put(self, memory: Memory, *, terms: str, vector: bytes | None, embedder: str) -> Future[Memory]:
        """Insert, or replace the memory of the same id and owner; resolves to it with its new seq.

        `terms` are the words to find it by, separated by spaces and already normalised (see memory.terms). An id that
        belongs to another owner is refused with Conflict.
        """
        ...

    def remove(self, ids: Sequence[str], *, owner: str) -> Future[Forgotten]: ...

    def get(self, memory_id: str, *, owner: str | None) -> Memory | None: ...

    def fetch(self, seqs: Sequence[int], *, owner: str) -> dict[int, Memory]:
        """Those that exist and are the owner's."""
        ...

    def listed(
        self,
        *,
        owner: str | None,
        kind: MemoryKind | None = None,
        document: str | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[Memory]:
        """Newest seq first; `before` continues behind a seq."""
        ...

    def from_source(self, ref: str, *, owner: str) -> list[Memory]:
        """Those with a source of this ref, or of this conversation."""
        ...

    def search(
        self,
        terms: Sequence[str],
        *,
        owner: str,
        limit: int,
        since: float | None = None,
        until: float | None = None,
        budget: int = 8000,
    ) -> list[tuple[int, float]]:
        """(seq, BM25 score) of memories with any of the terms, best first; where since <= updated < until.

        Terms are taken from the rarest on, until the rows they stand in exceed `budget`; at least one is taken.
        """
        ...

    def vectors(self, seqs: Sequence[int], *, owner: str, embedder: str) -> dict[int, bytes]: ...

    def embedded(
        self, *, owner: str, embedder: str, after: int = 0, limit: int = 5000
    ) -> list[tuple[int, float, bytes]]:
        """(seq, updated, vector) in order of seq: what an index of this embedder must hold."""
        ...

    def embedded_seqs(self, *, owner: str, embedder: str) -> list[int]: ...

    def unembedded(self, *, embedder: str, limit: int = 100) -> list[Memory]:
        """Memories of any owner that have no vector of this embedder."""
        ...

    def owners(self) -> list[str]: ...

    def stands(self, ref: str, *, owner: str) -> Future[bool]:
        """Whether this turn or feedback is there, and no memory that came from it was removed by its id since.

        Told in the order of writes: a turn being appended stands, one being forgotten does not.
        """
        ...

    def count(self, *, owner: str | None, embedder: str | None = None, document: str | None = None) -> int:
        """How many there are; with `embedder`, how many of them have its vector; of one document, its passages."""
        ...

    def version(self, *, owner: str) -> int:
        """A number that grows with every change to the owner's memories, removals too."""
        ...

    def pin(self, memory_id: str, *, owner: str, at: float, most: int) -> Future[None]:
        """Pin a memory, whatever its version. NotFound for one that is not the owner's, Conflict beyond `most`."""
        ...

    def unpin(self, memory_id: str, *, owner: str) -> Future[None]:
        """NotFound where it is not pinned."""
        ...

    def pins(self, *, owner: str | None) -> list[str]:
        """Ids of pinned memories, the oldest pin first; one that is forgotten is pinned no more."""
        ...

    def put_document(self, document: Document) -> Future[None]: ...

    def document(self, document_id: str, *, owner: str | None) -> Document | None: ...

    def documents(self, *, owner: str | None, before: float | None = None, limit: int = 100) -> list[Document]:
        """The latest `updated` first."""
        ...

    def remove_document(self, document_id: str, *, owner: str) -> Future[Forgotten]:
        """The document, and every memory that came from it alone, as forget_conversation does."""
        ...


class Experiences(Protocol):
    """Feedback, and what is derived from turns and feedback."""

    def add_feedback(self, feedback: Feedback) -> Future[Feedback]:
        """Append; resolves to it, or to the one recorded before under the same owner and key.

        A vote (thumb, score) takes the place of the owner's current one of its kind on the same answer, which it names
        as `supersedes`: both are kept, and only the later is read from then on, except by its key. The same
        key with another turn, kind or content is refused with Conflict; a turn that is not the owner's with NotFound.
        """
        ...

    def feedback(
        self, *, owner: str | None, turn: str | None = None, after: str | None = None, limit: int = 1000
    ) -> list[Feedback]:
        """Oldest first, by id; of votes the current ones."""
        ...

    def put_experience(self, experience: Experience) -> Future[None]:
        """Insert or replace. NotFound when its turn is not there, such as after it was forgotten."""
        ...

    def experience(self, turn: str, *, owner: str | None) -> Experience | None: ...

    def experiences(
        self,
        *,
        owner: str | None,
        order: Order = "latest",
        tau: float = 0.62,
        label: Label | None = None,
        theme: str | None = None,
        since: float | None = None,
        until: float | None = None,
        unjudged: bool = False,
        after: str | None = None,
        limit: int = 100,
    ) -> list[Experience]:
        """Those where since <= at < until, in one of four orders; with `unjudged`, those that nobody has judged yet.

        latest: the newest first; top: by priority; ask: the smallest |confidence - tau| among those that nobody has
        judged; uncertain: the lowest confidence first. Of the same value the turn whose id sorts last comes first.
        `after` continues a listing behind this turn of the owner's, whether it still belongs to the listing or not.
        """
        ...

    def count_experiences(
        self,
        *,
        owner: str | None,
        order: Order = "latest",
        label: Label | None = None,
        unjudged: bool = False,
        most: int,
    ) -> int:
        """How many such a listing has in all; `most` when there are more."""
        ...

    def unobserved(self, *, limit: int = 100) -> list[Turn]:
        """Turns of anyone without an experience, and turns with feedback later than theirs, oldest first."""
        ...

    def put_cluster(self, cluster: Cluster, *, turn: str | None = None) -> Future[Cluster]:
        """Insert, or replace whole. With `turn`, it begins with that turn's question, whose vector is its centre.

        A turn that has a place keeps it: this then writes nothing, and resolves to the cluster it lies in. NotFound
        when the turn is not there. Forgetting a turn makes the centre again from the questions that stay.
        """
        ...

    def join_cluster(
        self, cluster_id: str, turn: str, *, owner: str, vector: Sequence[float], at: float
    ) -> Future[Cluster]:
        """Put a turn's question into a cluster, whose centre becomes the mean direction of one question more.

        Resolves to the cluster as it then is; a turn that has a place keeps it. NotFound when the cluster or the turn
        is not there.
        """
        ...

    def clusters(self, *, owner: str) -> list[Cluster]: ...

    def add_calibration(self, calibration: Calibration) -> Future[None]: ...

    def calibration(self, *, owner: str) -> Calibration | None:
        """The newest."""
        ...

    def append_sample(self, at: float, values: Mapping[str, float]) -> Future[None]:
        """What the machine was doing at a moment: cpu_percent, memory_bytes and the like."""
        ...

    def samples(self, *, since: float, until: float, limit: int = 100_000) -> list[tuple[float, Mapping[str, float]]]:
        """Where since <= at < until, oldest first."""
        ...

    def drop_samples(self, *, until: float) -> Future[int]:
        """Remove those where at < until; resolves to how many there were."""
        ...


class Nights(Protocol):
    """Themes, what belongs to them, nights, and the candidates they made with the ledger of what each learned from."""

    def put_theme(self, theme: Theme) -> Future[None]:
        """Insert, or replace the one of the same id and owner. An id that belongs to another owner: Conflict."""
        ...

    def theme(self, theme_id: str, *, owner: str | None) -> Theme | None: ...

    def themes(self, *, owner: str | None, merged: bool = False) -> list[Theme]:
        """By id, with their number of lessons; those merged into another only when asked for."""
        ...

    def change_theme(
        self,
        theme_id: str,
        *,
        owner: str,
        at: float,
        name: str | None = None,
        pinned: bool | None = None,
        lessons: Sequence[str] = (),
        merge_into: str | None = None,
    ) -> Future[Theme]:
        """What a person wants of a theme as it is now, all of it or nothing, in one transaction.

        No night renames what has a `name` from it. `lessons` are taken over from wherever they lie; the theme that one
        leaves loses the name that no person gave it, since it may be made of that lesson. `merge_into` moves all of its
        lessons there, and it stays, pointing there, for as long as the other stays. Resolves to the theme that has the
        lessons now. NotFound when a theme, or the place of a lesson, is not there; Conflict when a theme has been
        merged.
        """
        ...

    def place_lessons(self, lessons: Sequence[Lesson], *, at: float, moved: bool = False) -> Future[int]:
        """Put each lesson where its `theme` says; one that has a place keeps it unless a person `moved` it.

        A theme that a lesson is taken out of loses the name that no person gave it: it may be made of that lesson.
        Resolves to how many got a place. NotFound when a theme is not there, or has been merged; Conflict when a
        lesson is somebody else's.
        """
        ...

    def arrange(
        self, themes: Sequence[Theme], places: Sequence[Lesson], *, owner: str, read: Mapping[str, float], at: float
    ) -> Future[int]:
        """What a night made of what it had read a while ago, as far as that still holds; all in one transaction.

        `read` says when each theme had last changed then; a new one is not in it. A theme that changed since stays as
        it is, and one that was merged gives its places to where it leads. A lesson is passed over when any of its
        sources is gone, and with it the name and vector that it may have given to a theme; so is a theme that is not
        there, and that no lesson comes to. Resolves to how many lessons got a place.
        """
        ...

    def placed(self, *, owner: str) -> dict[str, str]:
        """Lesson id to theme id."""
        ...

    def quarantine(self, found: Sequence[Quarantine]) -> Future[int]:
        """Put lessons aside; one that is aside keeps its first reason, one without a place of its owner is passed over.

        Resolves to how many are aside of those named.
        """
        ...

    def quarantined(self, *, owner: str | None) -> list[Quarantine]:
        """By lesson."""
        ...

    def release(self, lessons: Sequence[str], *, owner: str) -> Future[list[str]]:
        """Let lessons be tried again; resolves to those that had been put aside."""
        ...

    def append_night(self, night: Night) -> Future[None]:
        """A new state. Conflict when the night is another owner's."""
        ...

    def night(self, night_id: str, *, owner: str | None) -> Night | None:
        """Its newest state."""
        ...

    def night_states(self, night_id: str, *, owner: str | None) -> list[Night]:
        """All of its states, the oldest first."""
        ...

    def nights(self, *, owner: str | None, limit: int = 100) -> list[Night]:
        """The newest state of each, the one that began last first."""
        ...

    def add_candidate(self, candidate: Candidate) -> Future[Candidate]:
        """The candidate and what it learned from, in one transaction; resolves to it.

        Sent again it changes nothing. Conflict when the same id came with something else, or when another candidate
        of the same night has learned one of its lessons.
        """
        ...

    def candidate(self, candidate_id: str, *, owner: str | None) -> Candidate | None: ...

    def candidates(
        self, *, owner: str | None, theme: str | None = None, night: str | None = None, limit: int = 100
    ) -> list[Candidate]:
        """The newest first."""
        ...

    def learned(self, *, owner: str, base: str | None = None) -> set[str]:
        """Ids of the lessons that any of the `heads`, or what they went on from, has learned; or any on this base.

        Not those that the newest verdict of such a head calls unlearned: they are new again.
        """
        ...

    def heads(self, *, owner: str) -> set[str]:
        """Candidates that a night may go on from: neither retired nor refused; served, or never served yet."""
        ...

    def withdraw(self, document: str, *, owner: str) -> Future[None]:
        """Take away the places of lessons from this document, and from answers of conversations that were shown it."""
        ...

    def sources_of(self, lessons: Sequence[str], *, owner: str) -> dict[str, frozenset[str]]:
        """What each of these lessons was made of: turns, feedback, memories, documents. Unknown ones are left out."""
        ...

    def candidates_from(self, sources: Sequence[str], *, owner: str) -> list[str]:
        """Ids of the candidates that learned from any of these turns, feedback, memories or documents."""
        ...
