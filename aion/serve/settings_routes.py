"""Settings over HTTP, for administrators: what there is, and changing what aion.toml has a say in.

No secret is ever sent, and none is named in the audit log.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import Field, SecretStr, StringConstraints

from aion.config import Loaded, Settings, value_of, variable
from aion.config.change import find_hindrance, is_live
from aion.config.describe import Field as Described
from aion.config.describe import describe_fields, describe_sections
from aion.errors import BadConfig
from aion.records import Json
from aion.serve.guard import principal_of
from aion.serve.json_body import StrictRoute
from aion.serve.sleep_routes import Strict
from aion.serve.system import System
from aion.store.settings import change_settings

HIDDEN = "***"
MOST = 200
Key = Annotated[str, StringConstraints(min_length=1, max_length=80)]
Text = Annotated[str, StringConstraints(max_length=10_000)]
Value = bool | int | Annotated[float, Field(allow_inf_nan=False)] | Text | Annotated[list[Text], Field(max_length=100)]


class Wishes(Strict):
    """The body of PUT /api/settings."""

    values: dict[Key, Value | None] = Field(
        min_length=1, max_length=MOST, description="By key; null goes back to the default."
    )


def settings_routes(system: System) -> APIRouter:
    """One change at a time."""
    router = APIRouter(route_class=StrictRoute, tags=["Administration"])
    changing = asyncio.Lock()

    @router.get("/api/settings", summary="Every setting: its value, its default, and where the value is from")
    def settings() -> Json:
        return settings_json(system)

    @router.put("/api/settings", summary="Change settings in aion.toml, all of those named or none")
    async def change(request: Request, body: Wishes) -> Json:
        async with changing:
            done = await asyncio.to_thread(
                change_settings, system.store, system.sources, body.values, actor=principal_of(request).owner
            )
            system.adopt(done.settings)
        waiting = [key for key in body.values if value_of(done.settings, key) != value_of(system.settings, key)]
        return {"in_force": [key for key in body.values if key not in waiting], "restart": waiting}

    return router


def settings_json(system: System) -> Json:
    """`value` is in force, `next` is what the next start takes; they differ where a change waits for it."""
    problem = ""
    try:
        loaded = system.sources.load()
    except BadConfig as error:  # somebody is writing the file by hand: what runs, runs on
        problem, loaded = error.message, Loaded(system.settings, system.sources.fixed)
    return {
        "file": str(system.sources.file),
        "problem": problem,
        "sections": [{"name": name, "help": sentence} for name, sentence in describe_sections()],
        "data": [_one_json(system, loaded, one) for one in describe_fields()],
    }


def _one_json(system: System, loaded: Loaded, one: Described) -> Json:
    origin = loaded.origins.get(one.key, "default")
    return {
        "key": one.key,
        "section": one.section,
        "kind": one.kind,
        "value": show(system.settings, one.key),
        "next": show(loaded.settings, one.key),
        "waits": value_of(loaded.settings, one.key) != value_of(system.settings, one.key),
        "default": _plain(one.default) if one.key != "data" else "",
        "source": "file" if origin == str(system.sources.file) else origin,
        "variable": variable(one.key),
        "choices": list(one.choices),
        "limits": one.limits,
        "live": is_live(one.key),
        "why_not": find_hindrance(system.sources, one.key),
        "help": one.help,
    }


def show(settings: Settings, key: str) -> Any:
    return _plain(value_of(settings, key))


def _plain(value: Any) -> Any:
    """As JSON can hold it; of a secret only that there is one."""
    if isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, tuple):
        return list(value)
    return value if value is None or isinstance(value, bool | int | float) else str(value)
