"""What the reply of POST /v1/embeddings looks like, and how a vector is shortened."""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Sequence
from typing import Any

from aion.records import Json


def shorten(vector: list[float], dimensions: int) -> list[float]:
    """The first components, brought back to length one."""
    cut = vector[:dimensions]
    norm = math.sqrt(sum(value * value for value in cut)) or 1.0
    return [value / norm for value in cut]


def embeddings_json(model: str, vectors: Sequence[Sequence[float]], tokens: int, *, as_base64: bool) -> Json:
    data: list[Any] = [
        {"object": "embedding", "index": index, "embedding": _packed(vector) if as_base64 else list(vector)}
        for index, vector in enumerate(vectors)
    ]
    return {
        "object": "list",
        "data": data,
        "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _packed(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
