"""Computes the trained router's network in numpy, as torch does; it trains nothing.

Its file is plain safetensors, and says which adapters it was trained and examined over and which turns it learned from.
One that is damaged, of other shapes, or for another embedder is refused.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load

from aion.errors import AionError, Corrupt
from aion.router.card import RouteCard

Floats = npt.NDArray[np.float32]
TENSORS = ("first.weight", "first.bias", "second.weight", "second.bias", "last.weight", "last.bias")
ORIGIN, METADATA = "origin", "__metadata__"
HEAD = 1 << 20  # bytes that hold the head of any such file
_LENGTH = struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class Origin:
    """What a network was made of, by ids: it is used over exactly these adapters, and goes with what it learned."""

    adapters: tuple[str, ...]  # sorted
    embedder: str
    turns: tuple[str, ...] = ()

    def to_note(self) -> dict[str, str]:
        """The metadata of its file: one entry, because several would be written in any order."""
        return {ORIGIN: json.dumps(asdict(self), sort_keys=True)}

    @staticmethod
    def from_bytes(data: bytes) -> Origin:
        """Of a whole file, or of its head."""
        try:
            end = _LENGTH.size + _LENGTH.unpack_from(data)[0]
            told = json.loads(json.loads(data[_LENGTH.size : end])[METADATA][ORIGIN])
            return Origin(tuple(told["adapters"]), str(told["embedder"]), tuple(told["turns"]))
        except (ValueError, KeyError, TypeError, struct.error):
            raise Corrupt("the router's network does not say what it is of; let a night train it again") from None


def find_network(cards: Mapping[str, RouteCard], read: Callable[[str], bytes]) -> bytes:
    """That of exactly these adapters, which one of their cards names; none when there is none that can be read."""
    for _, card in sorted(cards.items()):
        try:
            data = read(card.network) if card.network else b""
            origin = Origin.from_bytes(data) if data else None
        except AionError:
            continue
        alike = {one.embedder for one in cards.values()} == {card.embedder}
        if origin is not None and alike and origin == Origin(tuple(sorted(cards)), card.embedder, origin.turns):
            return data
    return b""


class Scorer:
    """Of pairs of a request and an item: how surely the one asks for the other."""

    def __init__(self, tensors: Mapping[str, Floats]) -> None:
        self._first, self._second, self._last = (
            (tensors[f"{layer}.weight"], tensors[f"{layer}.bias"]) for layer in ("first", "second", "last")
        )

    @staticmethod
    def from_bytes(data: bytes, *, dimensions: int, figures: int) -> Scorer:
        """Raises Corrupt unless it holds the layers that follow from one another."""
        try:
            tensors: dict[str, Floats] = load(data)
        except (SafetensorError, ValueError, KeyError):
            raise Corrupt("the router's network cannot be read; let a night train it again") from None
        if sorted(tensors) != sorted(TENSORS) or not all(np.isfinite(one).all() for one in tensors.values()):
            raise Corrupt("the router's network holds other tensors than it should; let a night train it again")
        hidden, middle = len(tensors["first.bias"]), len(tensors["second.bias"])
        wanted = [(hidden, 4 * dimensions + figures), (hidden,), (middle, hidden), (middle,), (1, middle), (1,)]
        if [tensors[name].shape for name in TENSORS] != wanted:
            raise Corrupt("the router's network is for another embedder; let a night train it again")
        return Scorer(tensors)

    def score(self, q_D: Floats, t_N_D: Floats, figures_N_F: Floats) -> Floats:
        """Probabilities."""
        q_N_D = np.broadcast_to(q_D, t_N_D.shape)
        pair_N_P = np.concatenate([q_N_D, t_N_D, np.abs(q_N_D - t_N_D), q_N_D * t_N_D, figures_N_F], axis=1)
        hidden_N_H = _layer(pair_N_P, self._first)
        logits_N = (np.maximum(_layer(np.maximum(hidden_N_H, 0), self._second), 0) @ self._last[0].T)[:, 0]
        return np.asarray(1 / (1 + np.exp(-np.clip(logits_N + self._last[1], -60, 60))), np.float32)


def _layer(rows_N_I: Floats, layer: tuple[Floats, Floats]) -> Floats:
    weight_O_I, bias_O = layer
    return np.asarray(rows_N_I @ weight_O_I.T + bias_O, np.float32)
