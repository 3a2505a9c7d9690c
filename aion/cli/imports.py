"""Hands an adapter from elsewhere to the running server, as a night hands over what it made. It checks nothing itself.

The files lie in a folder of their own under the data folder, written like a night's, until the server has them.
"""

from __future__ import annotations

from pathlib import Path

from aion.cli.asking import ask
from aion.cli.client import Running
from aion.models.adapters.lora import Lora
from aion.models.adapters.served import ServedBase
from aion.records import Json
from aion.serve.adapter_import import laid_out


def hand_over(server: Running, data: Path, lora: Lora, base: ServedBase, name: str) -> Json:
    """What the server says of the candidate that it became. Its theme is its own: no night goes on from it."""
    with laid_out(data, lora, base) as told:
        return dict(ask(server, "POST", "/api/sleep/imports", told | {"name": name}))
