"""What the examination found of a candidate, and what is served since: two kinds of rows, appended, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One examination of one candidate. Only a candidate whose newest verdict says `ship` may ever be served.

    It outlives what the candidate learned, so it holds none of its words: those stand in its two blobs, which go when
    the candidate is retired.
    """

    id: str
    owner: str
    candidate: str
    night: str
    theme: str
    adapter: str  # sha256 of the GGUF LoRA that was examined: the verdict is about these bytes alone
    base: str  # sha256 of the model file it was examined on
    ship: bool
    reasons: tuple[str, ...]  # in words, of none that was taught; of a refusal, each thing that spoke against it
    scores: Mapping[str, Any] = field(default_factory=dict)  # exam -> {"before", "after", "items", "p", ...}: no texts
    against: tuple[str, ...] = ()  # the candidates that were served when it was examined
    route: str = ""  # sha256 of what a router needs to know of it, with a prompt that shows it at work
    report: str = ""  # sha256 of what was asked and answered, item by item
    strategy: str = "embedding"  # by which the router chose
    network: str = ""  # sha256 of the network that the card names, where the router chose by one
    unlearned: tuple[str, ...] = ()  # lessons that it was taught and does not know: its card leads nobody to them
    at: float = 0.0
    seconds: float = 0.0


class Move(StrEnum):
    """Why what is served changed."""

    PROMOTE = "promote"
    TRY = "try"  # some conversations get the new set first
    ROLL_BACK = "roll_back"
    RETIRE = "retire"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """What one person is served from here on; of several rows the newest counts. History is the audit."""

    id: str
    owner: str
    move: Move
    adapters: tuple[str, ...]  # ids of candidates, one a theme; none: the untouched base
    trial: tuple[str, ...] = ()  # the whole set that a share of the conversations gets instead
    share: float = 0.0
    night: str = ""  # whose candidates it brought, or that it went back to
    follows: str = ""  # id of the row before it; "" for a person's first
    reason: str = ""  # in words
    actor: str = ""  # a person's name, or `gate`, `canary`
    at: float = 0.0


class Check(StrEnum):
    """How an answer to a question of a person's own suite is judged."""

    HOLDS = "holds"  # it holds the expected text
    EQUALS = "equals"  # but for case, spaces and the marks at its end
    LACKS = "lacks"  # it must not hold it


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteItem:
    """A question that a person wants asked of every candidate before it is served."""

    id: str
    owner: str
    question: str
    expected: str
    check: Check = Check.HOLDS
    at: float = 0.0
