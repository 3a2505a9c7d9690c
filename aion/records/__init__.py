"""Frozen values that cross rooms. No I/O, no behaviour beyond reading themselves.

A `Turn` is written once, when its answer is complete, and never changed: everything AION learns later starts here.
Messages are kept as the plain JSON objects of the OpenAI API, because that is what people send and get.
"""

from __future__ import annotations

from aion.records.experience import (
    Calibration,
    Cluster,
    Entity,
    Experience,
    Feedback,
    FeedbackKind,
    Label,
    Reward,
    Signal,
)
from aion.records.gate import Check, Move, Promotion, SuiteItem, Verdict
from aion.records.learning import (
    Candidate,
    Example,
    ExampleKind,
    Lesson,
    LessonKind,
    Night,
    NightState,
    Quarantine,
    Theme,
)
from aion.records.memory import Document, Forgotten, Memory, MemoryKind, Origin, Source, Trust
from aion.records.turns import (
    AdapterUse,
    Answer,
    AuditEntry,
    Conversation,
    Finding,
    Found,
    Json,
    Key,
    LogprobSummary,
    Outcome,
    Scope,
    Turn,
    TurnKind,
    Usage,
    new_id,
)

__all__ = [
    "AdapterUse",
    "Answer",
    "AuditEntry",
    "Calibration",
    "Candidate",
    "Check",
    "Cluster",
    "Conversation",
    "Document",
    "Entity",
    "Example",
    "ExampleKind",
    "Experience",
    "Feedback",
    "FeedbackKind",
    "Finding",
    "Forgotten",
    "Found",
    "Json",
    "Key",
    "Label",
    "Lesson",
    "LessonKind",
    "LogprobSummary",
    "Memory",
    "MemoryKind",
    "Move",
    "Night",
    "NightState",
    "Origin",
    "Outcome",
    "Promotion",
    "Quarantine",
    "Reward",
    "Scope",
    "Signal",
    "Source",
    "SuiteItem",
    "Theme",
    "Trust",
    "Turn",
    "TurnKind",
    "Usage",
    "Verdict",
    "new_id",
]
