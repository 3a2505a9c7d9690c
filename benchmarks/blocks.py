"""How fast are GGUF blocks turned into bfloat16 weights, and what does a frozen layer cost beside a dense one?

One thread; peers take turns on the same random blocks. gguf's numpy and a bare call of ggml's loop, both to float32,
stand beside ours, which also rounds. A layer's pass is forward and backward to its input, in bfloat16.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from aion.nets import ggml
from aion.nets.blocks import LAYOUTS, TORCH, BlockKind, dequantise
from aion.nets.frozen import FrozenLinear
from benchmarks.tools import Figure, interleave, median, parse_options, print_head, print_load, print_table, rounds_for
from tests.nets.random_blocks import PACKED, dense, draw_blocks

SIDE = 2048  # rows and columns of the matrix that is read
Times = Mapping[str, float]  # name of a peer -> median seconds


@dataclass(frozen=True, slots=True)
class Product:
    """A layer, and how many tokens go through it at once."""

    name: str
    kind: BlockKind
    rows: int
    columns: int
    tokens: int


PRODUCTS = (  # of the embedded base, and of one of 1.2 billion weights
    Product("135M up", BlockKind.Q4_1, 1536, 576, 1024),
    Product("135M head", BlockKind.Q4_1, 49152, 576, 128),
    Product("1B up", BlockKind.Q4_K, 8192, 2048, 512),
    Product("1B down", BlockKind.Q6_K, 2048, 8192, 512),
)


def time_peers(peers: Mapping[str, Callable[[], object]], seconds: float) -> Times:
    times: dict[str, list[float]] = defaultdict(list)
    for call in peers.values():
        call()
    for _, name in interleave(list(peers), rounds_for(seconds, least=3)):
        begun = time.perf_counter()
        peers[name]()
        times[name].append(time.perf_counter() - begun)
    return {name: median(taken) for name, taken in times.items()}


def readers(kind: BlockKind) -> dict[str, Callable[[], object]]:
    """Everything that reads that kind: each gives all weights of one matrix."""
    blocks, rounded = draw_blocks(kind, SIDE, SIDE), torch.empty(SIDE, SIDE, dtype=torch.bfloat16)
    found: dict[str, Callable[[], object]] = {
        "AION": lambda: dequantise(blocks, kind, SIDE, out=rounded),
        "torch alone, float32": lambda: TORCH[kind](blocks.view(-1, LAYOUTS[kind].bytes)),
        "gguf (numpy), float32": lambda: dense(blocks, kind),
    }
    loop = ggml.find_dequantiser(kind, LAYOUTS[kind].weights)
    if loop is not None:
        found["ggml alone, float32"] = lambda: loop(blocks.view(-1, LAYOUTS[kind].bytes))
    return found


def read_figures(kind: BlockKind, seconds: float) -> list[Figure]:
    times = time_peers(readers(kind), seconds)
    figures = [Figure(f"{kind}: {name}", SIDE * SIDE / taken / 1e6, "Mweights/s") for name, taken in times.items()]
    ratio = times["gguf (numpy), float32"] / times["AION"]
    return [*figures, Figure(f"{kind}: AION against gguf", ratio, "x", target=1, at_least=True)]


def make_pass(layer: nn.Linear, tokens: int) -> Callable[[], object]:
    x = torch.randn(tokens, layer.in_features, dtype=torch.bfloat16, requires_grad=True)
    grad: Tensor = torch.randn(tokens, layer.out_features, dtype=torch.bfloat16)
    return lambda: torch.autograd.grad(layer(x), x, grad)


def layer_figures(product: Product, seconds: float) -> list[Figure]:
    rows, columns = product.rows, product.columns
    frozen = FrozenLinear(draw_blocks(product.kind, rows, columns), product.kind, columns)
    cached = FrozenLinear(frozen.blocks, product.kind, columns, cached=True)
    plain = nn.Linear(columns, rows, bias=False, device="meta")
    plain.weight = nn.Parameter(frozen.weight * 1, requires_grad=False)
    layers = {"dense": plain, "from blocks": frozen, "from its cache": cached}
    times = time_peers({peer: make_pass(layer, product.tokens) for peer, layer in layers.items()}, seconds)
    rate = 4 * product.tokens * rows * columns / times["dense"] / 1e9
    title = f"{product.name}, {product.kind} {rows} x {columns}, {product.tokens} tokens"
    return [
        Figure(f"{title}: dense bfloat16", rate, "GFLOP/s"),
        Figure(f"{title}: time from blocks", times["from blocks"] / times["dense"], "x dense"),
        Figure(f"{title}: time from its cache", times["from its cache"] / times["dense"], "x dense"),
    ]


def main() -> None:
    assert __doc__
    options = parse_options(__doc__, seconds=42.0)
    torch.set_num_threads(1)
    meter = print_head(__doc__)
    share = options.seconds / (len(PACKED) + len(PRODUCTS))
    figures = [figure for kind in PACKED for figure in read_figures(kind, share)]
    figures += [figure for product in PRODUCTS for figure in layer_figures(product, share)]
    print_load("after", meter)
    print_table(figures)


if __name__ == "__main__":
    main()
