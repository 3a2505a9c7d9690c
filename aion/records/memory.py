"""What is remembered: texts, where they came from, and how far each may be relied on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Origin(StrEnum):
    """Who first wrote a text."""

    PERSON = "person"  # its owner typed it
    DOCUMENT = "document"  # a file somebody brought
    WEB = "web"  # a page
    MODEL = "model"  # the base, or another model


class Trust(StrEnum):
    """How far a text may be relied on, from least to most. Training takes APPROVED and OWN alone."""

    UNTRUSTED = "untrusted"  # a document or page that nobody approved
    MODEL = "model"  # a model's own words
    APPROVED = "approved"  # a person approved exactly these bytes
    OWN = "own"  # the person's own words

    @property
    def rank(self) -> int:
        return list(Trust).index(self)


class MemoryKind(StrEnum):
    """What a memory is. None of them is an instruction: there is no such kind."""

    NOTE = "note"  # `aion remember`: a person asked to keep it
    SAID = "said"  # a statement made in a conversation
    CORRECTION = "correction"  # a question and the answer a person put right
    PASSAGE = "passage"  # a piece of a document


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One place a memory came from. A memory with several has been met several times."""

    ref: str  # id of the turn, feedback or document; "" for a note
    origin: Origin
    trust: Trust
    hash: str  # sha256 of the text as it came from there, in hex: an approval holds for these bytes alone
    at: float
    conversation: str = ""  # of the turn, so that forgetting it finds this
    text: str = ""  # as it came from there, where it is not the memory's: what is left when the others are forgotten


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """One thing remembered of one person. `seq` names this very version: an edit gives the memory a new one."""

    id: str
    owner: str
    kind: MemoryKind
    text: str
    sources: tuple[Source, ...]
    created: float
    updated: float
    entities: tuple[str, ...] = ()  # normalised, the heaviest first
    document: str = ""  # id of the document it is a passage of
    place: str = ""  # where in it, such as "page 3"
    seq: int = 0  # given by the store

    @property
    def trust(self) -> Trust:
        """That of its best source: what the person said themselves stays theirs when a page says it too."""
        return max((source.trust for source in self.sources), key=lambda trust: trust.rank, default=Trust.UNTRUSTED)

    @property
    def origin(self) -> Origin:
        best = max(self.sources, key=lambda source: source.trust.rank, default=None)
        return best.origin if best else Origin.WEB


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A text that was brought in whole; its passages are memories."""

    id: str
    owner: str
    title: str
    origin: Origin
    trust: Trust
    hash: str  # of its whole text
    created: float
    updated: float
    count: int = 0  # vectors its own vector has followed
    vector: tuple[float, ...] = ()  # moves with newly approved passages and feedback


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What went when something was forgotten, and what had learned from it."""

    turns: tuple[str, ...] = ()
    memories: tuple[str, ...] = ()
    seqs: tuple[int, ...] = ()  # of the memories, for the index
    feedback: int = 0
    answers: tuple[str, ...] = ()  # turns elsewhere whose answers had been shown it, by recall, cache or their client
    adapters: tuple[str, ...] = ()  # that learned from it
