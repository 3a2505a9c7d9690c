"""Asks a router about one request: as it is put, and as it reads by the names that things are known by.

Where a person told another name for a thing, an adapter knows the thing best by the name that it was taught with. Of
the two readings the surer one counts: who asks what the other name means is not asking for the thing. What it embeds
with it is given, and it keeps nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from aion.records import Json
from aion.router.base import Picks, Route, Vector
from aion.router.index import How

Embed = Callable[[list[str]], Awaitable[Mapping[str, Vector]]]


async def choose(router: Picks, question: str, previous: str, embed: Embed) -> Route:
    ways = list(dict.fromkeys([(question, previous), (router.read(question), router.read(previous))]))
    texts = [text for way in ways for text in (*filter(None, way), *router.asks(*way))]
    vectors = await embed(list(dict.fromkeys(texts)))
    routes = [
        router.pick(asked, vectors[asked], previous=before, previous_vector=vectors.get(before), words=vectors)
        for asked, before in ways
    ]
    surest = max(routes, key=_sureness) if len(routes) > 1 else routes[0]
    return surest if surest is routes[0] else replace(surest, is_read=True, why=_tell_read(surest.why))


def reword(messages: Sequence[Json], router: Picks) -> tuple[Json, ...]:
    """What the person said, as the router read it."""
    return tuple(
        one | {"content": router.read(one["content"])}
        if one.get("role") == "user" and isinstance(one.get("content"), str)
        else one
        for one in messages
    )


def _tell_read(why: Json) -> Json:
    """Without the words by which things are known: they are of what was taught, not of the request."""
    hidden: Json = {"words": [], "how": How.ALIAS.value}
    return {**why, "read": True} | {name: [one | hidden for one in why.get(name, ())] for name in ("took", "left")}


def _sureness(route: Route) -> float:
    """How like the nearest of what was taken is: of what takes nothing, least."""
    return max((float(one["cosine"]) for one in route.why.get("took", ())), default=-1.0)
