"""Asks a router about one request, and says how the adapters that it chose are asked: in words that they know.

An adapter knows a thing best by the name that it was taught with, and a request best that stands by itself. So a name
that a person told for a thing is read as the known one where the router is surer then, a misspelt one as it is spelt,
and what was said before stands before a request that only points at it. What it embeds with it is given, and it keeps
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from aion.records import Json
from aion.router.base import BaseQuestion, Picks, Route, Vector, Wording
from aion.router.index import How

LONGEST = 200  # signs of what was said before, to be said again
Embed = Callable[[list[str]], Awaitable[Mapping[str, Vector]]]
_Texts = tuple[str, str]  # the question, and what was said before it


async def choose(router: Picks, question: str, previous: str, embed: Embed) -> Route:
    """Of the request as it is put and as it reads by known names the surer one counts: who asks what the other name
    means is not asking for the thing."""
    said = question, previous
    ways = list(dict.fromkeys([said, (router.read(question), router.read(previous))]))
    texts = [text for way in ways for text in (*filter(None, way), *router.asks(*way))]
    vectors = await embed(list(dict.fromkeys(texts)))
    routes = [
        router.pick(asked, vectors[asked], previous=before, previous_vector=vectors.get(before), words=vectors)
        for asked, before in ways
    ]
    surest = max(range(len(ways)), key=lambda way: _sureness(routes[way])) if len(ways) > 1 else 0
    return _put(routes[surest], said, ways[surest])


def reword(messages: Sequence[Json], wordings: Sequence[Wording]) -> tuple[Json, ...]:
    """The last things that the person said, as adapters are asked them; what stands before them in a message stays."""
    changed = list(messages)
    places = [place for place, one in enumerate(messages) if one.get("role") == "user"]
    for place, wording in zip(reversed(places), wordings, strict=False):
        content = messages[place].get("content")
        if isinstance(content, str) and content.endswith(wording.said):
            changed[place] = {**messages[place], "content": content.removesuffix(wording.said) + wording.put}
    return tuple(changed)


def _put(route: Route, said: _Texts, read: _Texts) -> Route:
    """With how the adapters are asked, also where the base has yet to say which."""
    if route.base_question is not None:
        base, settle = route.base_question, route.base_question.settle
        route = replace(route, base_question=BaseQuestion(base.messages, lambda reply: _put(settle(reply), said, read)))
    if read != said:
        route = replace(route, why=_tell_read(route.why))
    wordings = tuple(map(Wording, said, _spell_out(route, *read)))
    changed = bool(route.scales) and any(one.said != one.put for one in wordings)
    return replace(route, wordings=wordings) if changed else route


def _spell_out(route: Route, question: str, previous: str) -> _Texts:
    question, previous = (_exchange(text, route.slips) for text in (question, previous))
    if route.follows and "?" not in previous and len(previous) <= LONGEST:
        end = "" if previous[-1:] in ".!:,;" else "."
        question = f"{previous}{end} {question}"
    return question, previous


def _exchange(text: str, slips: Mapping[str, str]) -> str:
    for word, known in slips.items():
        text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", known, text)
    return text


def _tell_read(why: Json) -> Json:
    """Without the words by which things are known: they are of what was taught, not of the request."""
    hidden: Json = {"words": [], "how": How.ALIAS.value}
    return {**why, "read": True} | {name: [one | hidden for one in why.get(name, ())] for name in ("took", "left")}


def _sureness(route: Route) -> float:
    """How like the nearest of what was taken is: of what takes nothing, least."""
    return max((float(one["cosine"]) for one in route.why.get("took", ())), default=-1.0)
