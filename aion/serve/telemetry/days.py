"""Days in UTC, and the experiences and samples of a range of them sorted into days and themes. It reads no store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from aion.errors import BadInput
from aion.records import Cluster, Experience, Json
from aion.serve.telemetry.resources import Sample, sum_resources
from aion.serve.telemetry.tally import Tally

DAY_S = 86_400
DEFAULT_DAYS = 30
MOST_DAYS = 366
MOST_THEMES = 50


@dataclass(frozen=True, slots=True)
class Range:
    """The days from `first` to `last`, both included."""

    first: date
    last: date

    @property
    def since(self) -> float:
        return start_of(self.first)

    @property
    def until(self) -> float:
        return start_of(self.last) + DAY_S

    def days(self) -> list[str]:
        count = (self.last - self.first).days + 1
        return [(self.first + timedelta(days=place)).isoformat() for place in range(count)]


def make_range(since: date | None, until: date | None, *, now: float) -> Range:
    """The days asked for; by default the last thirty, today included."""
    last = until or datetime.fromtimestamp(now, UTC).date()
    first = since or _days_before(last, DEFAULT_DAYS - 1)
    if first > last:
        raise BadInput(f"since is {first}, which is after until, {last}; turn them round", param="since")
    if (last - first).days >= MOST_DAYS:
        raise BadInput(f"{first} to {last} is more than {MOST_DAYS} days; ask for fewer at a time", param="since")
    return Range(first, last)


def _days_before(day: date, count: int) -> date:
    return date.fromordinal(max(1, day.toordinal() - count))


def start_of(day: date) -> float:
    return float((day.toordinal() - date(1970, 1, 1).toordinal()) * DAY_S)


def day_of(at: float) -> str:
    return date.fromordinal(date(1970, 1, 1).toordinal() + int(at // DAY_S)).isoformat()


def sum_days(asked: Range, experiences: Iterable[Experience], samples: Iterable[Sample]) -> Json:
    """One row a day, quiet days too; one row a theme of a person, the busiest first; one for all of it."""
    total = Tally()
    days: defaultdict[str, Tally] = defaultdict(Tally)
    themes: defaultdict[tuple[str, str], Tally] = defaultdict(Tally)
    for experience in experiences:
        for tally in (total, days[day_of(experience.at)], themes[experience.owner, experience.theme]):
            tally.add(experience)
    resources = sum_resources(samples, day_of)
    busiest = sorted(themes, key=lambda theme: (-themes[theme].turns, theme))
    return {
        "days": [{"day": day, **days[day].numbers(), "resources": resources.get(day)} for day in asked.days()],
        "themes": [
            {"theme": theme, "owner": owner, **themes[owner, theme].numbers()} for owner, theme in busiest[:MOST_THEMES]
        ],
        "themes_left_out": max(0, len(busiest) - MOST_THEMES),
        "total": total.numbers(),
    }


def add_names(themes: Iterable[Json], clusters_of: Callable[[str], Iterable[Cluster]]) -> list[Json]:
    """The rows with the names of their themes; "" for what lies in none."""
    rows = list(themes)
    names = {cluster.id: cluster.name for owner in {row["owner"] for row in rows} for cluster in clusters_of(owner)}
    return [{**row, "name": names.get(row["theme"], "")} for row in rows]
