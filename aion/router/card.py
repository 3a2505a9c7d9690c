"""A route card: what a router has to know of one adapter, as one file of JSON and plain numbers.

It holds no code and is never unpickled; a file that is cut, changed or of another kind is refused. How a card is made
of a night's examples stands in make.py.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from aion.errors import AionError, Corrupt
from aion.records import Json
from aion.router.words import Run

Halves = npt.NDArray[np.float16]
MAGIC: Final = b"AIONROUTE1"
_LENGTH: Final = struct.Struct("<Q")
_SUM: Final = 32  # bytes of a sha256
REMEDY: Final = "examine its adapter again, or roll back to another one"


@dataclass(frozen=True, slots=True)
class Key:
    """Words by which something taught is named, in the form in which words.py leaves them."""

    telling: Run  # each stands in the request, in some spelling
    phrase: Run  # with the words they belong to: another word in the place of one of these is another thing


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that the adapter was taught."""

    lesson: str
    texts: tuple[str, ...]  # requests for it, as they were trained; the last one is the answer
    keys: tuple[Key, ...]
    missed: tuple[str, ...] = ()  # its near misses: what the router must not take for it
    common: tuple[str, ...] = ()  # what anybody may ask of the same word

    @property
    def answer(self) -> str:
        return self.texts[-1]


@dataclass(frozen=True, slots=True)
class Place:
    """An item of a card."""

    candidate: str
    number: int


@dataclass(frozen=True, slots=True)
class Alias:
    """Another name that a person told: who says `name` means what has `key`."""

    name: Run
    key: Run
    meant: str = ""  # what the key says, as it is written


@dataclass(frozen=True, slots=True, eq=False)
class RouteCard:
    """Of one adapter. Rows are in the order of the items: `vectors_R_D` of their texts, the others of what is not."""

    theme: str
    embedder: str  # hash of the model that made the vectors
    items: tuple[Item, ...]
    vectors_R_D: Halves
    missed_R_D: Halves
    common_R_D: Halves
    threshold: float  # the least cosine at which a request that names an item is taken
    margin: float  # by which it is at least nearer to what was taught than to what anybody may ask
    aliases: tuple[Alias, ...] = ()
    told: tuple[str, ...] = ()  # what tells another name, though the adapter itself does not know it
    network: str = ""  # sha256 of the trained scorer's weights
    probe: Mapping[str, Any] = field(default_factory=dict)  # the engine's own; no router reads it

    def to_bytes(self) -> bytes:
        """The same card is always the same bytes."""
        head: Json = {
            "theme": self.theme,
            "embedder": self.embedder,
            "items": [asdict(item) for item in self.items],
            "aliases": [asdict(alias) for alias in self.aliases],
            "told": list(self.told),
            "shapes": [list(one.shape) for one in self._arrays],
            "threshold": self.threshold,
            "margin": self.margin,
            "network": self.network,
            "probe": dict(self.probe),
        }
        told = json.dumps(head, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode()
        numbers = b"".join(np.ascontiguousarray(one, "<f2").tobytes() for one in self._arrays)
        body = MAGIC + _LENGTH.pack(len(told)) + told + numbers
        return body + hashlib.sha256(body).digest()

    @property
    def _arrays(self) -> tuple[Halves, Halves, Halves]:
        return self.vectors_R_D, self.missed_R_D, self.common_R_D

    @staticmethod
    def from_bytes(data: bytes) -> RouteCard:
        """Raises Corrupt unless every byte is as it was written."""
        body, sum_ = data[:-_SUM], data[-_SUM:]
        if not body.startswith(MAGIC) or hashlib.sha256(body).digest() != sum_:
            raise Corrupt(f"this is no whole route card of this version; {REMEDY}")
        try:
            return _read(body)
        except (AionError, ValueError, KeyError, TypeError, IndexError, struct.error):
            raise Corrupt(f"this route card does not hold what it should; {REMEDY}") from None


def _read(body: bytes) -> RouteCard:
    start = len(MAGIC) + _LENGTH.size
    end = start + _LENGTH.unpack_from(body, len(MAGIC))[0]
    head = json.loads(body[start:end])
    arrays: list[Halves] = []
    for rows, dims in head["shapes"]:
        start, end = end, end + 2 * int(rows) * int(dims)
        arrays.append(np.frombuffer(body[start:end], "<f2").reshape(int(rows), int(dims)))
    items = tuple(
        Item(
            lesson=one["lesson"],
            texts=tuple(one["texts"]),
            keys=tuple(Key(tuple(key["telling"]), tuple(key["phrase"])) for key in one["keys"]),
            missed=tuple(one["missed"]),
            common=tuple(one["common"]),
        )
        for one in head["items"]
    )
    card = RouteCard(
        theme=head["theme"],
        embedder=head["embedder"],
        items=items,
        vectors_R_D=arrays[0],
        missed_R_D=arrays[1],
        common_R_D=arrays[2],
        threshold=float(head["threshold"]),
        margin=float(head["margin"]),
        aliases=tuple(Alias(tuple(one["name"]), tuple(one["key"]), one.get("meant", "")) for one in head["aliases"]),
        told=tuple(head.get("told", ())),
        network=head["network"],
        probe=head["probe"],
    )
    check_card(card)
    return card


def check_card(card: RouteCard) -> None:
    """Raises Corrupt when its rows are not those of its items, or a number is none."""
    arrays = (card.vectors_R_D, card.missed_R_D, card.common_R_D)
    parts = [(len(item.texts), len(item.missed), len(item.common)) for item in card.items]
    rows = [sum(counts) for counts in zip(*parts, strict=True)]
    if rows != [len(one) for one in arrays] or not all(item.texts for item in card.items):
        raise Corrupt(f"a route card has not one vector for each of its texts; {REMEDY}")
    if not all(np.isfinite(one).all() for one in arrays):
        raise Corrupt(f"a vector of a route card is no number; {REMEDY}")
