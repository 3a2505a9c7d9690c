"""What a store promises about verdicts and promotions; held to tests/contracts/test_served.py on every store.

Both are appended and never changed. What a person is served is their newest promotion, and it can name no adapter
that was not examined, was refused, or was retired: the store refuses such a row, whoever sends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Protocol

from aion.records import Promotion, SuiteItem, Verdict


class Served(Protocol):
    """The examinations of candidates, and what is served since."""

    def add_verdict(self, verdict: Verdict) -> Future[Verdict]:
        """Append; resolves to it. Sent again it changes nothing.

        NotFound when its candidate is not there or somebody else's; Conflict when the same id came with something
        else, when it is about other bytes, another base, theme or night than the candidate's or calls a lesson
        unlearned that the candidate was not taught (`other_candidate`), or when that is retired (`retired`). BadInput
        when its scores hold a text, which could be one that was taught.
        """
        ...

    def verdict(self, candidate: str, *, owner: str | None) -> Verdict | None:
        """The newest about a candidate."""
        ...

    def verdicts(self, *, owner: str | None, night: str | None = None, limit: int = 100) -> list[Verdict]:
        """The newest first."""
        ...

    def append_promotion(self, promotion: Promotion) -> Future[Promotion]:
        """Append, all or nothing. Sent again (the same id) it changes nothing.

        Conflict when the same id came with something else, and with a code when it does not follow the owner's newest
        (`served_changed`), or when an adapter it names, trial included, has no verdict on its present bytes
        (`not_evaluated`), was refused by the newest (`refused`), is retired (`retired`), or shares its theme with
        another of the same set (`same_theme`). NotFound when a candidate is not the owner's.
        """
        ...

    def promotion(self, *, owner: str) -> Promotion | None:
        """The newest: what this person is served."""
        ...

    def promotions(self, *, owner: str | None, limit: int = 100) -> list[Promotion]:
        """The newest first."""
        ...

    def serving(self) -> list[Promotion]:
        """The newest of everyone, by owner."""
        ...

    def retire(self, candidates: Sequence[str], *, reason: str, actor: str, at: float) -> Future[list[Promotion]]:
        """Mark candidates as retired and append, for each person who is served any, a row that leaves them out.

        A trial that loses one ends. The retired have learned nothing any more; their rows, verdicts and lineage stay
        as a record. One transaction: nothing is ever served that is retired. Resolves to the rows it appended. An id
        that names none is passed over.
        """
        ...

    def put_suite_item(self, item: SuiteItem) -> Future[SuiteItem]:
        """Insert or replace by id. Conflict when it is somebody else's."""
        ...

    def remove_suite_item(self, item: str, *, owner: str) -> Future[bool]: ...

    def suite(self, *, owner: str) -> list[SuiteItem]:
        """By age."""
        ...
