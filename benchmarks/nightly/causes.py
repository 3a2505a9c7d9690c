"""Says of a wrong answer where it went wrong: at night, at the router, or under the adapter that had learned it.

It reads what AION tells of its adapters and of an answer's route, and asks nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from enum import StrEnum

from aion.records import Json

SERVED = ("served", "trial")
FATES = dict.fromkeys(SERVED, "shipped")  # of a candidate, in words of the proof
PROMOTING = ("promote", "try")


class Cause(StrEnum):
    """Of a wrong answer; the first that holds."""

    UNTAUGHT = "learned by no night"
    REFUSED = "refused at night"
    WITHDRAWN = "served no more"  # it passed, and what learned it is not served now
    UNROUTED = "not routed"
    ELSEWHERE = "routed to another adapter"
    WRONG = "routed and wrong"


def find_cause(sources: Collection[str], adapters: Sequence[Json], used: Collection[str]) -> Cause:
    """`sources`: the turns and memories it was told by; `adapters` as describe_adapters has them; `used` for it."""
    learned = [one for one in adapters if set(sources) & set(one["sources"])]
    if not learned:
        return Cause.UNTAUGHT
    served = {one["id"] for one in learned if one["state"] in SERVED}
    if not served:
        return Cause.REFUSED if learned[0]["state"] == "refused" else Cause.WITHDRAWN
    if not used:
        return Cause.UNROUTED
    return Cause.WRONG if served & set(used) else Cause.ELSEWHERE


def describe_night(reports: Sequence[Json], adapters: Sequence[Json]) -> Json:
    """What became of what the newest night made, which nights were taken back until now, and all adapters there are.

    `reports` and `adapters` (with what they learned from) are the newest first; both are empty before the first night.
    """
    kept = ("id", "night", "theme", "theme_name", "state", "hash", "sources", "examined")
    newest = reports[0] if reports else {"themes": [], "moves": [], "words": []}
    fates = Counter(FATES.get(one["state"], one["state"]) for one in newest["themes"] if one["state"])
    return {
        "fates": dict(fates),
        "promoted": any(one["move"] in PROMOTING for one in newest["moves"]),
        "undone": [one["night"] for one in reports if one["undone"]],
        "said": newest["words"],
        "adapters": [{name: one[name] for name in kept} for one in adapters],
    }
