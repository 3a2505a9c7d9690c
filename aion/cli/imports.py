"""Hands an adapter from elsewhere to the running server, as a night hands over what it made. It checks nothing itself.

The files lie in a folder of their own under the data folder, written like a night's, until the server has them.
"""

from __future__ import annotations

import hashlib
import shutil
import time
import uuid
from pathlib import Path

from aion.cli.asking import ask
from aion.cli.client import Running
from aion.models.durable import write_json
from aion.records import Json, new_id
from aion.serve.night_take import ADAPTER, EXAMPLES, NIGHTS, OUT, RECORD
from aion.sleep.export.convert import save_gguf, save_peft
from aion.sleep.export.lora import Lora
from aion.sleep.export.served import ServedBase
from aion.sleep.lessons.lineage import IMPORTED
from aion.sleep.training.jobs import seal_folder
from aion.store.files import make_folder


def hand_over(server: Running, data: Path, lora: Lora, base: ServedBase, name: str) -> Json:
    """What the server says of the candidate that it became. Its theme is its own: no night goes on from it."""
    id_, theme = f"import_{uuid.uuid4().hex}", new_id("theme")
    folder = make_folder(data / NIGHTS / id_ / theme)
    try:
        save_peft(lora, folder / OUT, base)
        save_gguf(lora, folder / OUT / ADAPTER, base)
        ranks = sorted({pair.rank for pair in lora.pairs.values()})
        write_json(folder / OUT / RECORD, {IMPORTED: True, "ranks": ranks, "base_by_word": lora.marks.assumed})
        seal_folder(folder / OUT)
        (folder / EXAMPLES).write_bytes(b"")
        told = {"id": id_, "theme": theme, "name": name, "base": base.sha256, "created": time.time()}
        return dict(ask(server, "POST", "/api/sleep/imports", told | {"dataset": hashlib.sha256(b"").hexdigest()}))
    finally:
        shutil.rmtree(folder.parent, ignore_errors=True)
