"""Takes in an adapter from elsewhere: held against the served model, laid out like a night's, examined by nobody yet.

Its theme is its own: no night goes on from it. A file that does not fit is refused with the reason, and leaves nothing.
"""

from __future__ import annotations

import hashlib
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aion.models.adapters.convert import read_adapter, save_gguf, save_peft
from aion.models.adapters.lora import Lora
from aion.models.adapters.served import ServedBase, read_served
from aion.models.durable import write_json
from aion.models.sealed import seal_folder
from aion.records import Candidate, Json, Theme, new_id
from aion.records.learning import IMPORTED
from aion.serve.night_take import ADAPTER, EXAMPLES, NIGHTS, OUT, RECORD, Made
from aion.serve.night_waste import take_over
from aion.serve.system import System
from aion.store.files import make_folder

SENT = "the file that was sent"  # what messages call it


@contextmanager
def laid_out(data: Path, lora: Lora, base: ServedBase) -> Iterator[Json]:
    """Its files in a folder of their own, as a night writes them; gone afterwards. Gives what names them."""
    id_, theme = f"import_{uuid.uuid4().hex}", new_id("theme")
    folder = make_folder(data / NIGHTS / id_ / theme)
    try:
        save_peft(lora, folder / OUT, base)
        save_gguf(lora, folder / OUT / ADAPTER, base)
        ranks = sorted({pair.rank for pair in lora.pairs.values()})
        write_json(folder / OUT / RECORD, {IMPORTED: True, "ranks": ranks, "base_by_word": lora.marks.assumed})
        seal_folder(folder / OUT)
        (folder / EXAMPLES).write_bytes(b"")
        told = {"id": id_, "theme": theme, "base": base.sha256, "created": time.time()}
        yield told | {"dataset": hashlib.sha256(b"").hexdigest()}
    finally:
        shutil.rmtree(folder.parent, ignore_errors=True)


def take_in(system: System, owner: str, sent: bytes, *, name: str, unknown: bool) -> Candidate:
    """The bytes of a GGUF LoRA. Raises BadInput for what is damaged, or for another model. Not for the event loop."""
    model = system.need_base()
    base = read_served(model.path, model.sha256)
    with laid_out(system.settings.data, _read(system.settings.data, sent, base, unknown=unknown), base) as told:
        return keep(system, owner, told, name)


def keep(system: System, owner: str, told: Json, name: str) -> Candidate:
    """What lies in the folder that it is told of, in a theme of that name. Not for the event loop."""
    now = time.time()
    theme = Theme(id=told["theme"], owner=owner, name=name, created=now, updated=now, named=True)
    system.store.nights.put_theme(theme).result()
    plain = {key: told[key] for key in ("theme", "base", "dataset", "created")}
    made = Made(owner=owner, night=told["id"], lessons=(), sources=(), **plain)
    return take_over(system.store, system.blobs, system.settings.data, made)


def _read(data: Path, sent: bytes, base: ServedBase, *, unknown: bool) -> Lora:
    """From a folder that a start removes, should this one be cut short."""
    folder = make_folder(data / NIGHTS / f"import_{uuid.uuid4().hex}" / "sent")
    try:
        path = folder / SENT
        path.write_bytes(sent)
        return read_adapter(path, base, unknown=unknown)
    finally:
        shutil.rmtree(folder.parent, ignore_errors=True)
