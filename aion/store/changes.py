"""Whether anything of a person's has been added or changed since a moment; it does not say what."""

from __future__ import annotations

from aion.store.base import Store


def changed_since(store: Store, owner: str, at: float, version: int) -> bool:
    """A turn, a judgement, or anything about memories. Ids begin with their moment, see records.new_id."""
    moment = f"{int(at * 1000):012x}"
    return (
        store.memories.version(owner=owner) != version
        or bool(store.turns(owner=owner, after=f"turn_{moment}", limit=1))
        or bool(store.experience.feedback(owner=owner, after=f"fb_{moment}", limit=1))
    )
