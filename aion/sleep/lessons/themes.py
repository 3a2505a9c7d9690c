"""Sorts lessons into a few themes and keeps them there: a lesson that has a place never moves by itself.

A new lesson joins the theme in which its nearest neighbours lie, if they are near enough. Those left over are clustered
among themselves (average linkage); a cluster of enough lessons is a new theme, and while there are few themes even one
lesson is; what is alone later waits in a gathering theme of the person's, one for each language, so that it is learned
all the same: an adapter that learned sentences of two languages answers in either. A theme
that is full takes nothing new: each night that teaches an adapter something makes it forget a little of the rest, and
one that is left alone forgets nothing. Another name goes where what it names is: an adapter that knows the one alone
cannot say anything of the other. Themes are never merged here: that, a name and a pin are a person's to give. It
embeds nothing and writes nothing.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from aion.memory.base import Vector
from aion.records import Lesson, Theme
from aion.sleep.lessons.find import Lessons
from aion.sleep.lessons.nearness import Nearness, fact_of, link, matter_of
from aion.sleep.lessons.phrasing.foreign import tells_nothing
from aion.sleep.lessons.phrasing.names import call
from aion.sleep.lessons.rules import Reason
from aion.sleep.lessons.words import content_of, is_common

GATHERING = {"en": "Various", "pt": "Diversos"}
MOST_GATHERINGS = 500
NAMED_BY = 2  # things its lessons are about
NAME_LENGTH = 60
YOUNG = 6  # lessons of a theme up to which it may be named anew


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When lessons belong together."""

    join: float = 0.35  # mean nearness to the three nearest lessons of a theme from which a lesson joins it
    neighbours: int = 3
    cluster: float = 0.26  # mean nearness of two clusters down to which they are one
    enough: int = 2  # lessons that make a theme, those that gather among them
    few: int = 8  # themes; while there are fewer, one lesson makes a theme
    most: int = 24  # themes of one person; what comes on top gathers
    full: int = 12  # lessons of a theme from which on it takes none; more where there are more lessons than places
    words: float = 0.5  # share of the words in a nearness; the cosine has the rest


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Where everything belongs: themes new and changed, and the theme of each lesson."""

    themes: tuple[Theme, ...]
    placed: dict[str, str]


def arrange(
    lessons: Sequence[Lesson],
    vectors: Mapping[str, Vector],
    themes: Sequence[Theme],
    placed: Mapping[str, str],
    *,
    embedder: str,
    now: float,
    rules: Rules | None = None,
) -> Arrangement:
    """All of one person. `placed` holds the places of earlier nights, `vectors` a unit vector for each lesson's id."""
    work = _Arranging(lessons, vectors, themes, placed, rules=rules or Rules(), now=now)
    work.join()
    work.begin()
    work.lead_names()
    return Arrangement(tuple(work.describe(embedder)), work.places)


def inherit(placed: Mapping[str, str], lessons: Lessons) -> dict[str, str]:
    """What was told anew goes where the old was: the adapter there says the old until it has learned the new."""
    heirs = {one.detail: placed.get(one.lesson, "") for one in lessons.exclusions if one.reason is Reason.SUPERSEDED}
    return {lesson: home for lesson, home in heirs.items() if home} | dict(placed)


def follow(themes: Mapping[str, Theme], theme_id: str) -> str:
    """The theme that an id leads to now, through mergers; empty when there is none."""
    seen: set[str] = set()
    while theme_id in themes and theme_id not in seen:
        seen.add(theme_id)
        if not themes[theme_id].merged_into:
            return theme_id
        theme_id = themes[theme_id].merged_into
    return ""


def balance(lessons: Sequence[Lesson], vectors: Mapping[str, Vector], rules: Rules | None = None) -> dict[str, float]:
    """Factors of the lessons' weights, 1 in the mean: of a theme in which one matter is told ten times, that matter
    weighs about three times as much as one told once, not ten."""
    rules = rules or Rules()
    near = Nearness(lessons, vectors, words=rules.words)
    clusters = link(near.matrix(list(range(len(lessons)))), rules.cluster)
    raw = {place: 1 / math.sqrt(len(cluster)) for cluster in clusters for place in cluster}
    mean = sum(raw.values()) / max(1, len(raw))
    return {lessons[place].id: round(weight / mean, 4) for place, weight in raw.items()}


def name_of(lessons: Sequence[Lesson], others: Sequence[Lesson] = ()) -> str:
    """The words that most of them have and others have not; of equals, what comes first in the alphabet."""
    here, there = _mentions(lessons), _mentions(others)
    often = {word: count for word, count in here.items() if count > 1 or len(lessons) == 1} or here
    best = sorted(often, key=lambda word: (-often[word] / (1 + there[word]), word))[:NAMED_BY]
    return ", ".join(best)[:NAME_LENGTH] or GATHERING["en"]


class _Arranging:
    """One arrangement in the making: the themes and places there are by now."""

    def __init__(
        self,
        lessons: Sequence[Lesson],
        vectors: Mapping[str, Vector],
        themes: Sequence[Theme],
        placed: Mapping[str, str],
        *,
        rules: Rules,
        now: float,
    ) -> None:
        self._lessons, self._vectors, self._rules, self._now = lessons, vectors, rules, now
        self._themes = {one.id: one for one in themes}
        self._near = Nearness(lessons, vectors, words=rules.words)
        self.places = {one.id: home for one in lessons if (home := follow(self._themes, placed.get(one.id, "")))}
        self._sizes = Counter(self.places.values())
        self._merged = {one.merged_into for one in themes}  # as large as a person wants them
        self._full = max(rules.full, math.ceil(len(lessons) / (2 * rules.most)))
        self._named = self._find_named()

    def join(self) -> None:
        """Put what is near enough to a theme into it, judged by what lay there before."""
        settled = [place for place, one in enumerate(self._lessons) if one.id in self.places]
        homes = [self.places[self._lessons[place].id] for place in settled]
        for place in self._loose():
            lying: defaultdict[str, list[float]] = defaultdict(list)
            for home, value in zip(homes, self._near.row(place, settled), strict=True):
                if not gathers(self._themes[home]) and self._has_room(home):
                    lying[home].append(float(value))
            scores = {home: _top_mean(values, self._rules.neighbours) for home, values in lying.items()}
            best = max(sorted(scores), key=lambda home: scores[home], default="")
            if best and scores[best] >= self._rules.join:
                self._put([self._lessons[place]], best)

    def begin(self) -> None:
        """Cluster the rest beside what gathers: a cluster of enough is a theme, and its new lessons go there."""
        loose = set(self._loose())
        gathered = [place for place, one in enumerate(self._lessons) if self._gathers(one)]
        beside = [*sorted(loose), *gathered] if loose else []
        for cluster in link(self._near.matrix(beside), self._rules.cluster):
            new = [self._lessons[beside[place]] for place in cluster if beside[place] in loose]
            names = sum(beside[place] in self._named.values() for place in cluster)
            for start in range(0, len(new), self._full):
                part = new[start : start + self._full]
                home = self._home_of(part, len(part) + len(cluster) - len(new) + names)
                self._themes.setdefault(home.id, home)
                self._put(part, home.id)

    def lead_names(self) -> None:
        for name, thing in self._named.items():
            self._put([self._lessons[name]], self.places[self._lessons[thing].id])

    def describe(self, embedder: str) -> list[Theme]:
        return [self._describe(one, embedder) for one in self._themes.values()]

    def _loose(self) -> list[int]:
        homeless = (place for place, one in enumerate(self._lessons) if one.id not in self.places)
        return [place for place in homeless if place not in self._named]

    def _find_named(self) -> dict[int, int]:
        """Of each new lesson that tells another name, the first that tells anything of what it names."""
        facts = [fact_of(one) for one in self._lessons]
        things = [(place, fact) for place, fact in enumerate(facts) if fact.subject and not fact.aliases]
        found: dict[int, int] = {}
        for place, fact in enumerate(facts):
            for alias in fact.aliases if self._lessons[place].id not in self.places else ():
                named = (other for other, thing in things if call(thing.subject, alias, thing.language))
                if (first := next(named, None)) is not None:
                    found[place] = first
        return found

    def _gathers(self, lesson: Lesson) -> bool:
        home = self.places.get(lesson.id, "")
        return bool(home) and gathers(self._themes[home])

    def _home_of(self, lessons: Sequence[Lesson], size: int) -> Theme:
        """A theme of its own for a cluster of enough lessons, while there is room; else where the rest gathers."""
        alive = [one for one in self._themes.values() if not one.merged_into and not gathers(one)]
        enough = 1 if len(alive) < self._rules.few else self._rules.enough
        waits = size < enough or len(alive) >= self._rules.most
        name = self._gathering(lessons[0]) if waits else ""
        id_ = _id_of(lessons[0].owner, name or min(one.id for one in lessons))
        known = self._themes.get(follow(self._themes, id_))
        return known or Theme(id=id_, owner=lessons[0].owner, name=name, created=self._now, updated=self._now)

    def _gathering(self, lesson: Lesson) -> str:
        """Of the gathering themes of its language the first with room."""
        names = _gatherings(lesson.language)
        return next(name for name in names if self._has_room(_id_of(lesson.owner, name)))

    def _has_room(self, home: str) -> bool:
        return self._sizes[home] < self._full or home in self._merged

    def _put(self, lessons: Sequence[Lesson], home: str) -> None:
        self.places |= {one.id: home for one in lessons}
        self._sizes[home] += len(lessons)

    def _describe(self, theme: Theme, embedder: str) -> Theme:
        """With its lessons counted, its mean direction, and a name while it is young and a person gave none."""
        mine = [one for one in self._lessons if self.places.get(one.id) == theme.id]
        if not mine or theme.merged_into:
            return theme
        young = not theme.name or theme.lessons < YOUNG
        renames = young and not theme.named and not gathers(theme)
        others = [one for one in self._lessons if self.places.get(one.id) != theme.id]
        changed = replace(
            theme,
            name=name_of(mine, others) if renames else theme.name,
            lessons=len(mine),
            vector=_mean([self._vectors[one.id] for one in mine if one.id in self._vectors]),
            embedder=embedder,
        )
        return changed if changed == theme else replace(changed, updated=self._now)


def _top_mean(values: Sequence[float], most: int) -> float:
    top = sorted(values, reverse=True)[:most]
    return sum(top) / len(top)


def _mean(vectors: Sequence[Vector]) -> tuple[float, ...]:
    if not vectors:
        return ()
    total = np.sum(np.asarray(vectors, np.float64), axis=0)
    return tuple(float(value) for value in total / max(float(np.linalg.norm(total)), 1e-12))


def gathers(theme: Theme) -> bool:
    """Whether what is alone waits in it."""
    return theme.id in _gathering_ids(theme.owner)


@lru_cache(maxsize=64)
def _gathering_ids(owner: str) -> frozenset[str]:
    return frozenset(_id_of(owner, name) for language in GATHERING for name in _gatherings(language))


def _gatherings(language: str) -> list[str]:
    first = GATHERING[language]
    return [first, *(f"{first} {number}" for number in range(2, MOST_GATHERINGS + 1))]


def _id_of(owner: str, first: str) -> str:
    return "theme_" + hashlib.sha256(f"{owner}\0{first}".encode()).hexdigest()[:32]


def _mentions(lessons: Sequence[Lesson]) -> Counter[str]:
    """In how many lessons each word that it may be named by stands, in small letters."""
    return Counter(word for one in lessons for word in _named_by(one))


@lru_cache(maxsize=20_000)
def _named_by(lesson: Lesson) -> frozenset[str]:
    """What it is about; of who speaks of themselves what is said: of "I live in Braga", Braga."""
    fact = fact_of(lesson)
    whole = _words(matter_of(lesson))
    if fact.foreign or fact.aliases:
        return frozenset(word for word in whole if not fact.foreign or not tells_nothing(word)) or whole
    said = frozenset(word for word in _words(fact.statement) if not is_common(word, fact.language))
    return _words(fact.subject) or said or whole


def _words(text: str) -> frozenset[str]:
    """Those that carry the matter, in small letters, without numbers."""
    return frozenset(word.lower() for word in content_of(text) if word.isalpha())
