"""Examines one candidate: its files, then the exams on an engine of their own, then the verdict on what they found.

What would be served is examined, router included, against what is served. It fails closed: whatever goes wrong inside
is a refusal that says so, and only what the caller's `pause` raises comes out. It serves and promotes nothing, and
writes no row.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from aion.config import Settings
from aion.errors import AionError, BadInput, Refused
from aion.gate.asking import Asker, EngineAsker, OpenAsker
from aion.gate.course import Course, LeaveOut, sit_import, sit_lessons
from aion.gate.decide import Findings, decide
from aion.gate.general import Golden, golden_path
from aion.gate.network import Making, Networks, make_networks, name_network
from aion.gate.paper import Paper, make_paper, read_examples
from aion.gate.routing import CardRouting, Chooser, Routing
from aion.gate.sitting import BASE, Interrupted, Pause, Sitting, Tell, interrupt
from aion.gate.triggers import find_phrases
from aion.models.adapter_file import check_adapter
from aion.models.base import Embedder
from aion.models.catalog import LocalModel
from aion.models.gguf_file import GgufContents, read_contents
from aion.models.llama.generator import spec_of
from aion.models.llama.spec import Adapter
from aion.records import Candidate, Example, Json, SuiteItem, Verdict, new_id
from aion.router.asked import TOKENS, Ask
from aion.router.route import Strategy

LONGEST = 400  # signs of a reason
Cards = dict[str, bytes]  # by candidate
ROUTER = "router"  # in the scores: how a network compares with the rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """A candidate with its files."""

    candidate: Candidate
    adapter: Path  # its GGUF LoRA
    dataset: bytes = b""
    card: bytes = b""  # its route card, of one that is served
    unlearned: tuple[str, ...] = ()  # lessons that its examination found it does not know

    @property
    def id(self) -> str:
        return self.candidate.id

    def examples(self) -> list[Example]:
        return read_examples(self.dataset, self.candidate.dataset) if self.dataset else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What every examination of a night shares."""

    settings: Settings
    base: LocalModel
    embedder: Embedder
    pause: Pause  # called between questions; may block while somebody is answered, and may raise
    tell: Tell  # stage, done, of so many
    open_asker: OpenAsker = EngineAsker
    routing: Routing | None = None  # None: the router that serves
    making: Making | None = None  # None: no network is wanted

    @property
    def strategy(self) -> Strategy:
        return Strategy(self.settings.router.strategy)


@dataclass(frozen=True, slots=True)
class Examined:
    """The verdict, the two blobs it names, and the network that its card names."""

    verdict: Verdict
    route: bytes = b""
    report: bytes = b""
    network: bytes = b""
    chance: bool = False  # as of a decision


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What the exams came to, or why there were none."""

    ship: bool
    reasons: tuple[str, ...]
    scores: Json
    route: bytes = b""
    report: bytes = b""
    network: bytes = b""
    unlearned: tuple[str, ...] = ()
    chance: bool = False


async def examine(new: Entrant, served: Sequence[Entrant], suite: Sequence[SuiteItem], room: Room) -> Examined:
    """`served` are the same person's; those for another base, and the candidate itself, are left aside."""
    began = time.monotonic()
    rivals = [one for one in served if one.candidate.base == room.base.sha256 and one.id != new.id]
    try:
        outcome = await _examine(new, rivals, suite, room)
    except Interrupted as stop:
        raise stop.cause from None
    except Exception as error:  # noqa: BLE001 - it fails closed, and the verdict says what happened
        outcome = _Outcome(ship=False, reasons=(f"the examination failed: {_describe(error)}"[:LONGEST],), scores={})
    verdict = Verdict(
        id=new_id("verdict"),
        owner=new.candidate.owner,
        candidate=new.id,
        night=new.candidate.night,
        theme=new.candidate.theme,
        adapter=new.candidate.adapter,
        base=room.base.sha256,
        ship=outcome.ship,
        reasons=outcome.reasons,
        scores=outcome.scores,
        against=tuple(one.id for one in rivals),
        route=_sum_of(outcome.route),
        report=_sum_of(outcome.report),
        strategy=room.strategy.value,
        network=_sum_of(outcome.network),
        unlearned=outcome.unlearned,
        at=time.time(),
        seconds=round(time.monotonic() - began, 3),
    )
    return Examined(verdict, outcome.route, outcome.report, outcome.network, outcome.chance)


async def _examine(new: Entrant, rivals: Sequence[Entrant], suite: Sequence[SuiteItem], room: Room) -> _Outcome:
    contents = read_contents(room.base.path)
    if fault := find_fault(new, room.base, contents):
        return _refuse(Findings(faults=(fault,)))
    for one in rivals:
        if fault := find_fault(one, room.base, contents):
            raise BadInput(f"the served adapter {one.id} cannot be loaded beside it: {fault}")
    paper = make_paper(new.examples())
    if not paper.facts and not new.candidate.is_imported:
        return _refuse(Findings())
    routing = room.routing or CardRouting(room.embedder, room.strategy)
    before, after = await _make_cards(new, rivals, routing)
    networks = await _make_networks(new, rivals, (before, after), routing, room)
    if networks.after and new.id in after:
        after[new.id] = name_network(after[new.id], networks.after)
    golden = _open_golden(room)
    adapters = [Adapter(name=one.id, path=one.adapter, hash=one.candidate.adapter) for one in (*rivals, new)]
    async with room.open_asker(room.base, adapters, room.settings) as asker:
        ask = _asking(asker)
        choosers = (
            routing.open(before, network=networks.before, ask=ask),
            routing.open(after, network=networks.after, ask=ask),
        )

        def leave_out(lessons: AbstractSet[str]) -> Chooser:
            after[new.id] = routing.leave_out(after[new.id], lessons)
            return routing.open(after, network=networks.after, ask=ask)

        sitting = Sitting(asker, choosers, golden, pause=room.pause, tell=room.tell)
        course = await _sit(sitting, new, rivals, paper, suite, leave_out=leave_out)
    golden.save()
    decision = decide(course.findings)
    route = routing.add_probe(after[new.id], course.probe) if new.id in after else b""
    scores = course.scores | ({ROUTER: networks.scores} if networks.scores else {})
    network = networks.after if decision.ship and new.id in after else b""
    return _Outcome(
        ship=decision.ship,
        reasons=decision.reasons,
        scores=scores,
        route=route,
        report=sitting.report(),
        network=network,
        unlearned=course.unlearned,
        chance=decision.chance,
    )


async def _make_networks(
    new: Entrant, rivals: Sequence[Entrant], cards: tuple[Cards, Cards], routing: Routing, room: Room
) -> Networks:
    if room.making is None:
        return Networks()
    papers = {one.id: make_paper(one.examples()) for one in (*rivals, new) if one.id in cards[1]}
    return await make_networks(cards, papers, room.making, routing.embed, lambda: interrupt(room.pause))


def _asking(asker: Asker) -> Ask:
    """The base, for a router that goes by its word."""

    async def ask(messages: Sequence[Json]) -> str:
        return (await asker.say(messages, BASE, max_tokens=TOKENS)).text

    return ask


async def _sit(
    sitting: Sitting,
    new: Entrant,
    rivals: Sequence[Entrant],
    paper: Paper,
    suite: Sequence[SuiteItem],
    *,
    leave_out: LeaveOut,
) -> Course:
    if new.candidate.is_imported:
        return await sit_import(sitting, new.id, suite)
    mine = _find_rival(new, rivals)
    learned = frozenset(mine.candidate.lessons) - frozenset(mine.unlearned) if mine else frozenset[str]()
    others = [make_paper(one.examples()) for one in rivals if one is not mine]
    phrases = find_phrases(new.examples(), new.id)
    return await sit_lessons(
        sitting,
        new.id,
        paper,
        learned=learned,
        others=others,
        suite=suite,
        phrases=phrases,
        leave_out=leave_out,
    )


def _find_rival(new: Entrant, rivals: Sequence[Entrant]) -> Entrant | None:
    """Whose place it would take: at most one adapter a theme is served."""
    return next((one for one in rivals if one.candidate.theme == new.candidate.theme), None)


async def _make_cards(new: Entrant, rivals: Sequence[Entrant], routing: Routing) -> tuple[Cards, Cards]:
    """Those of what is served, and of what would be."""
    before = {one.id: one.card for one in rivals if one.card}
    if new.candidate.is_imported:
        return before, before
    mine = _find_rival(new, rivals)
    card = await routing.make(new.candidate, new.examples(), mine.card if mine else b"")
    return before, {name: one for name, one in before.items() if mine is None or name != mine.id} | {new.id: card}


def _refuse(findings: Findings) -> _Outcome:
    """Before anything was asked."""
    decision = decide(findings)
    return _Outcome(ship=False, reasons=decision.reasons, scores={"faults": len(findings.faults)})


def find_fault(entrant: Entrant, base: LocalModel, contents: GgufContents) -> str:
    """What speaks against loading it, in words; "" of the file that was made, for this base, every number finite."""
    candidate = entrant.candidate
    if candidate.base != base.sha256:
        return f"it was made for another base ({candidate.base[:12]}..., served is {base.sha256[:12]}...)"
    try:
        check_adapter(entrant.adapter, candidate.adapter, contents, base.sha256)
    except Refused as error:
        return error.message[:LONGEST]
    return ""


def _open_golden(room: Room) -> Golden:
    threads = spec_of(room.base, room.settings).threads
    instruction = room.settings.model.instruction
    return Golden(golden_path(room.settings.data, base=room.base.sha256, instruction=instruction, threads=threads))


def _describe(error: Exception) -> str:
    """Our own errors speak for themselves, without paths; of others the kind is all that is safe to tell."""
    return error.message if isinstance(error, AionError) else type(error).__name__


def _sum_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest() if data else ""
