"""What was told weighed against what was learned: of both, the newer counts.

A memory that something newer tells anew stands in no prompt. And an adapter that learned what was told anew since is
left out, until a night has taught it: whatever stands before the question, it says what it learned. The newest is what
is being said in the request itself. It finds and decides; nothing is changed here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from aion.memory.anew import Told, tells_anew
from aion.memory.base import Recalled
from aion.memory.sentences import sentences_of
from aion.memory.statements import statements_of
from aion.records import Json, Memory, MemoryKind, Trust
from aion.router.base import Route
from aion.router.table import Learned

Find = Callable[[str], Sequence[Memory]]  # what is remembered of a turn, feedback or memory

REASON = "told_anew"
LONGEST = 1000  # characters of a request in which it is looked for what it tells


def said_in(question: str) -> str:
    """What it tells; "" of a long one, which is no telling but a text that somebody brought."""
    return (statements_of(question) or "") if len(question) <= LONGEST else ""


def find_outdated(items: Sequence[Recalled], said: str = "") -> frozenset[str]:
    """Ids of those that another one of them, told later by somebody trusted as much, tells anew, or what is `said`."""
    told = {item.memory.id: Told.of(item.memory.text) for item in items}
    saying = Told.of(said)
    return frozenset(
        old.id
        for old in (item.memory for item in items if not item.pinned and _is_one_statement(item.memory))
        if any(_may_replace(new.memory, old) and told[new.memory.id].replaces(told[old.id]) for new in items)
        or saying.replaces(told[old.id])
    )


def leave_outdated(
    route: Route, told: Sequence[Memory], learned: Mapping[str, Learned], find: Find, said: str = ""
) -> Route:
    """Without the adapters that were chosen for something that was told anew since they learned it, or is `said`."""
    took: list[Json] = [one for one in route.why.get("took", ()) if isinstance(one, dict)]
    gone = {
        one["adapter"]: {**one, "reason": REASON, "memory": newer}
        for one in took
        if one["adapter"] in learned
        and (newer := _newer(learned[one["adapter"]], one["lesson"], told, find, said)) is not None
    }
    if not gone:
        return route
    scales = {name: scale for name, scale in route.scales.items() if name not in gone}
    why = route.why | {
        "took": [one for one in took if one["adapter"] not in gone],
        "left": [*gone.values(), *route.why.get("left", ())],
    }
    return Route(scales=scales, why=why, follows=route.follows, wordings=route.wordings if scales else ())


def _newer(learned: Learned, lesson: str, told: Sequence[Memory], find: Find, said: str) -> str | None:
    """The memory that tells anew what the lesson taught, or is what it was made of and was edited since.

    "" for what is being said, which is no memory yet; None for nothing.
    """
    since = [memory for memory in told if memory.updated >= learned.at]
    refs = learned.lessons.get(lesson, frozenset()) if since or said else frozenset()
    taught = [memory for ref in sorted(refs) for memory in find(ref)]
    if any(tells_anew(said, memory.text) for memory in taught):
        return ""
    for memory in since:
        if any(_may_replace(memory, one) and tells_anew(memory.text, one.text) for one in taught) or (
            refs & _refs(memory) and learned.refs >= _refs(memory)
        ):
            return memory.id
    return None


def _may_replace(new: Memory, old: Memory) -> bool:
    is_told = new.kind is not MemoryKind.PASSAGE and new.trust.rank >= max(old.trust.rank, Trust.APPROVED.rank)
    return is_told and new.id != old.id and new.updated > old.updated


def _is_one_statement(memory: Memory) -> bool:
    """What says more stays: only a part of it is another by now."""
    told = [sentence for sentence in sentences_of(memory.text) if not sentence.endswith("?")]
    return memory.kind is not MemoryKind.PASSAGE and len(told) == 1


def _refs(memory: Memory) -> frozenset[str]:
    return frozenset((memory.id, *(source.ref for source in memory.sources if source.ref)))
