"""Sleep over HTTP: ask for a night, see how it goes, end it; themes; and what the night's own processes tell.

What only those processes may send needs the token of this very server, which stands in a file of its data's owner.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from aion.config.change import plain_leaves
from aion.errors import BadInput, Conflict, Forbidden, NotFound
from aion.memory.checks import NAME_LIMIT
from aion.records import Candidate, Json, Lesson, LessonKind, Night, NightState, Quarantine, Theme
from aion.serve.adapter_import import keep
from aion.serve.guard import principal_of
from aion.serve.json_body import StrictRoute
from aion.serve.keys import CONTROL_ID, CONTROL_OWNER, Principal
from aion.serve.night_desk import Outlook
from aion.serve.night_take import Made
from aion.serve.night_waste import take_over
from aion.serve.own import Limit, Owner, whose
from aion.serve.system import System
from aion.serve.yielding import NightProcess

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,80}$")]
Ref = Annotated[str, Field(min_length=1, max_length=NAME_LIMIT)]  # a source's: what was taken in may come from anywhere
Sum = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Person = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Words = Annotated[str, StringConstraints(max_length=500)]
Count = Annotated[int, Field(ge=0, le=1 << 53)]
Amount = Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)]


class Strict(BaseModel):
    """Values of the right JSON type only, and no unknown fields."""

    model_config = ConfigDict(extra="forbid", strict=True)


class NightWish(Strict):
    """The body of POST /api/sleep/start."""

    minutes: float | None = Field(
        None, gt=0, le=1440, allow_inf_nan=False, description="Longest night; else the setting."
    )
    theme: Annotated[str, Field(max_length=80)] | None = Field(None, description="This theme alone.")
    force: bool = Field(default=False, description="Without a reason, too. What is not safe stays refused.")


class WindowWish(Strict):
    """The body of POST /api/sleep/window."""

    minutes: float = Field(ge=0, le=1440, allow_inf_nan=False, description="How long from now; 0 closes it.")


class ThemeChange(Strict):
    """The body of POST /api/themes: what a person wants of one theme."""

    theme: str = Field(min_length=1, max_length=80, description="Id of the theme.")
    name: Name | None = Field(None, description="No night renames it from then on.")
    pinned: bool | None = None
    merge_into: str | None = Field(
        None, min_length=1, max_length=80, description="Id of the theme that takes its place."
    )
    lessons: list[Annotated[str, Field(max_length=80)]] = Field(
        default_factory=list, max_length=1000, description="Ids of lessons to take over; no night moves them again."
    )


class WaitingTold(Strict):
    """One lesson that the next night would learn: where it is from, and none of its words."""

    kind: Annotated[LessonKind, Field(strict=False)]
    sources: list[Ref] = Field(max_length=8)


class OutlookTold(Strict):
    """What the sleeper says about one person."""

    lessons: Count = 0
    waiting: list[WaitingTold] = Field(default_factory=list, max_length=100)
    lessons_learned: Count = 0
    disk_needed: Count = 0
    reason: Words = ""
    why_not: Words = ""
    at: Amount = 0.0
    version: Count = 0


class SleeperTold(Strict):
    """The body of POST /api/sleep/sleeper."""

    owners: dict[Person, OutlookTold] = Field(max_length=10_000)
    pid: Annotated[int, Field(gt=1, le=1 << 22)] | None = None


class Doing(Strict):
    """Where a night is."""

    theme: Id | None = None
    theme_name: Annotated[str, Field(max_length=80)] = ""
    stage: Annotated[str, Field(max_length=32)] = ""
    step: Count = 0
    steps: Count = 0
    loss: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    tokens_per_s: Amount = 0.0
    eta_s: Amount = 0.0
    peak_bytes: Count = 0
    device: Annotated[str, Field(max_length=32)] = ""
    device_reason: Annotated[str, Field(max_length=300)] = ""


class NightTold(Strict):
    """The body of POST /api/sleep/progress."""

    night: Id
    owner: Person
    state: Annotated[NightState, Field(strict=False)]
    reason: Words = ""
    theme: Id | None = None
    minutes: Amount = 0.0
    asked: Amount
    pid: Annotated[int, Field(gt=1, le=1 << 22)] | None = None
    began: Count = 0
    may_stop: bool = False
    doing: Doing = Doing()
    body: dict[str, Any] = Field(default_factory=dict, max_length=100)
    candidates: list[Id] = Field(default_factory=list, max_length=100)


class Aside(Strict):
    """The body of POST /api/sleep/quarantine: lessons that a training could not get past."""

    owner: Person
    night: Id
    theme: Id
    lessons: list[Id] = Field(max_length=10_000)
    reason: Words


class Release(Strict):
    """The body of POST /api/sleep/release."""

    lessons: list[Id] = Field(min_length=1, max_length=1000, description="Ids of lessons in quarantine.")


class ThemeTold(Strict):
    """A theme as the night arranged it."""

    id: Id
    name: Annotated[str, Field(max_length=80)]
    vector: list[Annotated[float, Field(allow_inf_nan=False)]] = Field(max_length=8192)
    embedder: Annotated[str, Field(max_length=64)]
    read: Amount = Field(0.0, description="When it had last changed as the night read it; 0 for a new one.")


class PlaceTold(Strict):
    """Where a lesson belongs."""

    lesson: Id
    theme: Id
    sources: list[Ref] = Field(max_length=1000)


class Arranged(Strict):
    """The body of POST /api/sleep/arrangement."""

    owner: Person
    themes: list[ThemeTold] = Field(max_length=100)
    places: list[PlaceTold] = Field(max_length=10_000)


class MadeTold(Strict):
    """The body of POST /api/sleep/candidates."""

    owner: Person
    night: Id
    theme: Id
    base: Sum
    dataset: Sum
    lessons: list[Id] = Field(max_length=100_000)
    sources: list[Ref] = Field(max_length=100_000)
    created: Amount
    parent: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{0,80}$")] = ""


class ImportTold(Strict):
    """The body of POST /api/sleep/imports: an adapter from elsewhere, whose files lie ready as a night's would."""

    id: Annotated[str, StringConstraints(pattern=r"^import_[0-9a-f]{32}$")] = Field(description="Names its folder.")
    theme: Id = Field(description="Of its own: nothing is trained on from it.")
    name: Name
    base: Sum
    dataset: Sum
    created: Amount


def sleep_routes(system: System) -> APIRouter:
    """For people: nights."""
    router = APIRouter(route_class=StrictRoute, tags=["Sleep"])

    @router.post("/api/sleep/start", summary="Ask for a night", status_code=202)
    async def start(request: Request, body: NightWish) -> Json:
        owner = principal_of(request).owner
        night = await system.sleep.start(owner, minutes=body.minutes or 0.0, theme=body.theme or "", force=body.force)
        return night_json(night)

    @router.get("/api/sleep/status", summary="Whether AION sleeps, how far it is, and what it waits for")
    async def status(request: Request) -> Json:
        return await system.sleep.status(own_or_all(principal_of(request)))

    @router.post("/api/sleep/cancel", summary="End the night that is asked for or under way")
    async def cancel(request: Request) -> Json:
        return night_json(await system.sleep.cancel(principal_of(request).sees))

    @router.post("/api/sleep/window", summary="Let a night work beside requests for some minutes")
    async def open_window(body: WindowWish) -> Json:
        return await system.sleep.open_window(body.minutes)

    @router.post("/api/sleep/hush", summary="Somebody is about to ask: hold a night still already")
    async def hush() -> Json:
        return {"quiet_s": system.settings.sleep.quiet_s}

    @router.get("/api/sleep/nights", summary="Nights, the latest first")
    def nights(request: Request, owner: Owner = None, limit: Limit = 100) -> Json:
        found = system.store.nights.nights(owner=whose(request, owner), limit=limit)
        return {"data": [night_json(night) for night in found]}

    @router.get("/api/sleep/quarantine", summary="Lessons that no training got past")
    def aside(request: Request, owner: Owner = None) -> Json:
        return {
            "data": [dataclasses.asdict(one) for one in system.store.nights.quarantined(owner=whose(request, owner))]
        }

    @router.post("/api/sleep/release", summary="Let lessons in quarantine be tried again")
    async def release(request: Request, body: Release) -> Json:
        owner = principal_of(request).owner
        released = await asyncio.wrap_future(system.store.nights.release(body.lessons, owner=owner))
        if not released:
            raise NotFound("none of these lessons of yours is in quarantine; GET /api/sleep/quarantine lists them")
        return {"released": released}

    return router


def theme_routes(system: System) -> APIRouter:
    """For people: what their adapters are about."""
    router = APIRouter(route_class=StrictRoute, tags=["Sleep"])

    @router.get("/api/themes", summary="Themes, with the number of their lessons")
    def themes(request: Request, owner: Owner = None) -> Json:
        return {"data": [theme_json(theme) for theme in system.store.nights.themes(owner=whose(request, owner))]}

    @router.post("/api/themes", summary="Name, pin or merge a theme, or give it lessons")
    async def change(request: Request, body: ThemeChange) -> Json:
        if body.name is None and body.pinned is None and body.merge_into is None and not body.lessons:
            raise BadInput("say what to change: name, pinned, merge_into or lessons", param="name")
        owner, wish = principal_of(request).owner, body.model_dump(exclude={"theme"})
        changing = system.store.nights.change_theme(body.theme, owner=owner, at=time.time(), **wish)
        return theme_json(await asyncio.wrap_future(changing))

    return router


def night_routes(system: System) -> APIRouter:
    """For the sleeper and the night alone."""
    router = APIRouter(route_class=StrictRoute, include_in_schema=False)

    @router.post("/api/sleep/sleeper")
    async def hear_sleeper(request: Request, body: SleeperTold) -> Json:
        require_control(request)
        outlooks = {who: _outlook(told) for who, told in body.owners.items()}
        system.sleep.hear_sleeper(outlooks, body.pid)
        told = {"idle_s": system.sleep.yielding.idle_s, "pause": system.sleep.yielding.wants_pause}
        return told | {"settings": plain_leaves(system.settings)}

    @router.post("/api/sleep/progress")
    async def hear_night(request: Request, body: NightTold) -> Json:
        require_control(request)
        process = None
        if body.pid is not None:
            process = NightProcess(pid=body.pid, began=body.began, may_stop=body.may_stop)
        ended, waits = await system.sleep.hear_night(_night(body), body.doing.model_dump(), process)
        return {"cancel": ended, "pause": waits}

    @router.post("/api/sleep/arrangement")
    async def arrange(request: Request, body: Arranged) -> Json:
        require_control(request)
        now = time.time()
        placed = system.store.nights.arrange(
            [_arranged(told, body.owner, now) for told in body.themes],
            [_placed(one, body.owner) for one in body.places],
            owner=body.owner,
            read={one.id: one.read for one in body.themes if one.read},
            at=now,
        )
        return {"placed": await asyncio.wrap_future(placed)}

    @router.post("/api/sleep/quarantine")
    async def put_aside(request: Request, body: Aside) -> Json:
        require_control(request)
        now, told = time.time(), body.model_dump(exclude={"lessons"})
        found = [Quarantine(lesson=one, at=now, **told) for one in body.lessons]
        return {"lessons": await asyncio.wrap_future(system.store.nights.quarantine(found))}

    return router


def hand_over_routes(system: System) -> APIRouter:
    """Adapters that are handed over: by the night, and by the command line."""
    router = APIRouter(route_class=StrictRoute, include_in_schema=False)

    @router.post("/api/sleep/candidates")
    async def take(request: Request, body: MadeTold) -> Json:
        require_control(request)
        if await asyncio.to_thread(system.store.nights.night, body.night, owner=body.owner) is None:
            raise NotFound(f"there is no night {body.night!r} of theirs")
        made = Made(**body.model_dump())
        try:
            kept = await asyncio.to_thread(take_over, system.store, system.blobs, system.settings.data, made)
        except Conflict:
            await system.refresh_served()
            raise
        return {"id": kept.id, "adapter": kept.adapter, "size": kept.size}

    @router.post("/api/sleep/imports")
    async def take_import(request: Request, body: ImportTold) -> Json:
        require_control(request)
        if await asyncio.to_thread(system.store.nights.theme, body.theme, owner=None) is not None:
            raise Conflict(f"theme {body.theme!r} exists; an imported adapter gets one of its own")
        kept = await asyncio.to_thread(keep, system, principal_of(request).owner, body.model_dump(), body.name)
        return imported_json(kept)

    return router


def imported_json(kept: Candidate) -> Json:
    return {"id": kept.id, "theme": kept.theme, "size": kept.size}


def night_json(night: Night) -> Json:
    return dataclasses.asdict(night) | {"state": night.state.value, "candidates": list(night.candidates)}


def theme_json(theme: Theme) -> Json:
    """Without its vector, which says nothing to anyone."""
    shown = dataclasses.asdict(theme)
    del shown["vector"]
    return shown


def own_or_all(who: Principal) -> str | None:
    """The person at the machine is an administrator, and means their own night."""
    return CONTROL_OWNER if who.key_id == CONTROL_ID else who.sees


def require_control(request: Request) -> None:
    if principal_of(request).key_id != CONTROL_ID:
        raise Forbidden("Only this server's own night tells it this; use POST /api/sleep/start.")


def _outlook(told: OutlookTold) -> Outlook:
    waiting = tuple((one.kind, tuple(one.sources)) for one in told.waiting)
    return Outlook(**told.model_dump(exclude={"waiting"}), waiting=waiting)


def _night(told: NightTold) -> Night:
    return Night(
        id=told.night,
        owner=told.owner,
        state=told.state,
        reason=told.reason,
        asked=told.asked,
        at=time.time(),
        theme=told.theme or "",
        minutes=told.minutes,
        candidates=tuple(told.candidates),
        body=told.body,
    )


def _arranged(told: ThemeTold, owner: str, now: float) -> Theme:
    made = Theme(id=told.id, owner=owner, name=told.name, created=now, updated=now)
    return dataclasses.replace(made, vector=tuple(told.vector), embedder=told.embedder)


def _placed(told: PlaceTold, owner: str) -> Lesson:
    """As much of a lesson as its place needs."""
    return Lesson(id=told.lesson, owner=owner, kind=LessonKind.TOLD, theme=told.theme, sources=tuple(told.sources))
