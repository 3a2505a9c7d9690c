"""A smaller copy of an adapter: fewer ranks where little is lost, zeros for small numbers or for whole weak pairs.

It says how much of each pair's change is lost, not what that does to answers: a smaller copy has to be examined as
if it were a new adapter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from aion.errors import BadInput
from aion.models.adapters.lora import Lora, Pair
from aion.nets.compress import delta_error, delta_norm, prune, reduce_rank


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrunk:
    """The smaller adapter, and each pair's error relative to the change it made before."""

    lora: Lora
    errors: Mapping[str, float]

    @property
    def worst(self) -> float:
        return max(self.errors.values())


def shrink(lora: Lora, *, rank: int = 0, error: float = 0.0, share: float = 0.0) -> Shrunk:
    """Refactor each pair to the lowest rank within `error`, at most `rank` if given, then prune a `share` of it.

    Each pair keeps its strength: alpha falls with its rank.
    """
    if rank < 0 or not 0 <= error < 1 or not (rank or error or share):
        raise BadInput("nothing smaller was asked for; give a rank, an error or a share to prune")
    pairs = {module: _shrink_pair(pair, rank, error, share) for module, pair in lora.pairs.items()}
    errors = {name: delta_error(old.a, old.b, pairs[name].a, pairs[name].b) for name, old in lora.pairs.items()}
    return Shrunk(lora=replace(lora, pairs=pairs), errors=errors)


def silence(lora: Lora, share: float, sizes: Mapping[str, float]) -> Lora:
    """Nothing in place of this share of the pairs, those that change their matrix least: each costs as much to serve.

    `sizes` are the Frobenius norms of the matrices.
    """
    strengths = {name: pair.scale * delta_norm(pair.a, pair.b) / sizes[name] for name, pair in lora.pairs.items()}
    weakest = sorted(strengths, key=strengths.__getitem__)[: int(share * len(strengths))]
    silent = {name: replace(lora.pairs[name], b=np.zeros_like(lora.pairs[name].b)) for name in weakest}
    return replace(lora, pairs={**lora.pairs, **silent})


def _shrink_pair(pair: Pair, rank: int, error: float, share: float) -> Pair:
    a, b = pair.a, pair.b
    if error:
        reduced = reduce_rank(a, b, error=error)
        a, b = reduced.a, reduced.b
    if rank and rank < a.shape[0]:
        reduced = reduce_rank(a, b, rank=rank)
        a, b = reduced.a, reduced.b
    if share:
        a, b = prune(a, share).matrix, prune(b, share).matrix
    return Pair(a=a, b=b, alpha=pair.scale * a.shape[0])
