"""The time a person asks about when they ask what was said: "what did I tell you yesterday?" Pure.

Only a question of what was said between the person and AION narrows the search: a date in any other is what it is
about, not when it was told. Days are those of this machine's own time zone, as it stands at `now`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo

from aion.memory.base import Window
from aion.memory.entity_patterns import MONTHS

DAY = timedelta(days=1)
_TOLD = re.compile(
    r"\bdid (?:i|we|you)\b(?:\W+\w+){0,3}?\W+(?:say|tell|mention|talk|discuss|ask|write|note)\b"
    r"|\b(?:i|we|you)\b(?:\W+(?:just|had|have|also|already|both))?"
    r"\W+(?:said|told|mentioned|talked|discussed|asked|wrote|noted)\b"
    r"|\b(?:eu|te|lhe|vos|que|você)\s+disse\b(?!\s+(?:o|a|os|as)\b)"
    r"|\b(?:dissemos|disseste|contei|contaste|falei|fal[áa]mos|falaste|conversei|convers[áa]mos|discutimos|pedi|pediste|"
    r"perguntei|perguntaste|escrevi|anotei|mencionei)\b"
    r"|\bvocê (?:contou|falou|pediu|perguntou|mencionou)\b",
    re.IGNORECASE,
)
_WEEKDAYS = {
    "monday": 0, "tuesday": 1, "wednesday": 2, "thursday": 3, "friday": 4, "saturday": 5, "sunday": 6,
    "segunda": 0, "terça": 1, "quarta": 2, "quinta": 3, "sexta": 4, "sábado": 5, "domingo": 6,
}  # fmt: skip
_COUNTS = {
    "a": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "um": 1, "uma": 1, "dois": 2, "duas": 2, "três": 3, "quatro": 4, "cinco": 5, "seis": 6, "sete": 7,
}  # fmt: skip
_COUNT = rf"(?P<count>\d{{1,3}}|{'|'.join(_COUNTS)})"
Span = tuple[datetime, datetime]


def window_of(question: str, now: float, zone: tzinfo | None = None) -> Window | None:
    """None when the question does not ask when something was told."""
    if not _TOLD.search(question):
        return None
    moment = datetime.fromtimestamp(now, UTC).astimezone(zone)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    for pattern, span in _SPANS:
        if found := pattern.search(question):
            since, until = span(midnight, found)
            return Window(since=since.timestamp(), until=until.timestamp())
    return None


def topic_of(question: str) -> str:
    """What is left of such a question without the asking and the time: what was said, if it names any of it."""
    for pattern in (_TOLD, *(pattern for pattern, _ in _SPANS)):
        question = pattern.sub(" ", question)
    return question


def _days(back: int, count: int = 1) -> Callable[[datetime, re.Match[str]], Span]:
    return lambda midnight, _: (midnight - back * DAY, midnight - (back - count) * DAY)


def _this_week(midnight: datetime, _: re.Match[str]) -> Span:
    monday = midnight - midnight.weekday() * DAY
    return monday, monday + 7 * DAY


def _last_week(midnight: datetime, found: re.Match[str]) -> Span:
    since, until = _this_week(midnight, found)
    return since - 7 * DAY, until - 7 * DAY


def _this_month(midnight: datetime, _: re.Match[str]) -> Span:
    first = midnight.replace(day=1)
    return first, (first + 32 * DAY).replace(day=1)


def _last_month(midnight: datetime, _: re.Match[str]) -> Span:
    first = midnight.replace(day=1)
    return (first - DAY).replace(day=1), first


def _days_ago(midnight: datetime, found: re.Match[str]) -> Span:
    number = found["count"].lower()
    back = _COUNTS.get(number) or int(number)
    back *= 7 if found["unit"].lower().startswith(("week", "semana")) else 1
    return midnight - back * DAY, midnight - (back - 1) * DAY


def _weekday(midnight: datetime, found: re.Match[str]) -> Span:
    """The latest one before today."""
    back = (midnight.weekday() - _WEEKDAYS[found["day"].lower()] - 1) % 7 + 1
    return midnight - back * DAY, midnight - (back - 1) * DAY


def _month(midnight: datetime, found: re.Match[str]) -> Span:
    """The latest one that has begun."""
    number = MONTHS[found["month"].lower()]
    year = midnight.year if number <= midnight.month else midnight.year - 1
    first = midnight.replace(year=year, month=number, day=1)
    return first, (first + 32 * DAY).replace(day=1)


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{pattern})", re.IGNORECASE)


_SPANS: tuple[tuple[re.Pattern[str], Callable[[datetime, re.Match[str]], Span]], ...] = (
    (_words(r"day before yesterday|anteontem\b"), _days(2)),
    (_words(r"yesterday|last night|ontem\b"), _days(1)),
    (_words(r"today|hoje|this morning|esta manhã"), _days(0)),
    (_words(r"this week|esta semana"), _this_week),
    (_words(r"last week|semana passada"), _last_week),
    (_words(r"this month|este mês"), _this_month),
    (_words(r"last month|mês passado"), _last_month),
    (_words(rf"{_COUNT} (?P<unit>days?|weeks?) ago"), _days_ago),
    (_words(rf"há {_COUNT} (?P<unit>dias?|semanas?)"), _days_ago),
    (_words(rf"(?:on|last|na|no|na última|no último) (?P<day>{'|'.join(_WEEKDAYS)})(?:-feira)?\b"), _weekday),
    (_words(rf"(?:in|em) (?P<month>{'|'.join(MONTHS)})\b"), _month),
)
