"""Changes settings: judged, then noted in the audit log by their names, then written to aion.toml.

Its caller sees to it that nobody else does the same meanwhile. It tells no running part of what has changed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from aion.config import Sources
from aion.config.change import Change, plan_change
from aion.records import AuditEntry, new_id
from aion.store.base import Store
from aion.store.faults import reworded_os
from aion.store.files import make_folder, replace_text

SET, RESET = "settings.set", "settings.reset"


def change_settings(store: Store, sources: Sources, wishes: Mapping[str, Any], *, actor: str) -> Change:
    """All of them or none; blocks until they are durable. There is no change without its entry."""
    change = plan_change(sources, wishes)
    now = time.time()
    for key in change.keys:
        act = RESET if wishes[key] is None else SET
        store.append_audit(AuditEntry(id=new_id("audit"), at=now, actor=actor, act=act, subject=key)).result()
    if change.keys:
        try:
            replace_text(make_folder(sources.data) / sources.file.name, change.text)
        except OSError as error:
            raise reworded_os(error) from None
    return change
