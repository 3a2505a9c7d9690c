"""Makes figures of telemetry: a chart with its legend, and the same numbers as a table for whoever reads them.

Numbers in, figures out: it asks nobody, and draws with charts.py. A figure of which nothing was measured has no chart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from aion.panel.calibration import Dot, calibration_chart
from aion.panel.charts import Line, bar_chart, legend, line_chart
from aion.panel.words import Words
from aion.records import Json

STEP = "total_ms"  # the whole answer
MILLI, GIGA = 1000, 1e9
PERCENT, SECONDS = "%", " s"
NOTHING = "\u2013"
Pick = Callable[[Json], float | None]


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart and its table; without a chart nothing was measured."""

    title: str
    chart: Markup
    legend: Markup
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]


def day_figures(words: Words, days: Sequence[Json], step: str) -> dict[str, Figure]:
    """By day: how much, how good, how quick."""
    return {
        "answers": _by_day(
            words,
            days,
            words("Answers"),
            [
                (words("answers"), lambda day: day["turns"] or None),
                (words("of these judged, or otherwise telling"), lambda day: day["signed"] or None),
            ],
            bars=True,
        ),
        "quality": _by_day(
            words,
            days,
            words("How good"),
            [
                (words("well received"), lambda day: _percent(day["success"])),
                (words("AION's confidence"), lambda day: _percent(day["confidence"])),
                (words("recall (nDCG)"), lambda day: _percent(day["ndcg"])),
            ],
            unit=PERCENT,
            top=100,
        ),
        "latency": _by_day(
            words,
            days,
            words("How long: {step}", step=words.code("step", step)),
            [
                (name, lambda day, of=of: _shrink(day["steps"].get(step, {}).get(of), MILLI))  # type: ignore[misc]
                for of, name in (
                    ("p50", words("half of them within")),
                    ("p95", words("95 of 100 within")),
                    ("p99", words("99 of 100 within")),
                )
            ],
            unit=SECONDS,
        ),
        "speed": _by_day(
            words,
            days,
            words("Tokens written a second"),
            [(words("tokens a second"), lambda day: day["tokens_per_second"])],
        ),
    }


def machine_figures(words: Words, days: Sequence[Json]) -> list[Figure]:
    """By day, of one sample a minute; only what this machine tells of."""

    def mean(name: str, size: float = 1.0) -> Pick:
        return lambda day: _shrink(((day["resources"] or {}).get(name) or {}).get("mean"), size)

    def sum_(name: str) -> Pick:
        return lambda day: (day["resources"] or {}).get(name)

    made = [
        _by_day(
            words,
            days,
            words("Processor and graphics card in use"),
            [(words("processor"), mean("cpu_percent")), (words("graphics card"), mean("gpu_percent"))],
            unit=PERCENT,
            top=100,
        ),
        _by_day(
            words,
            days,
            words("Memory in use"),
            [
                (words("machine"), mean("memory_bytes", GIGA)),
                (words("model"), mean("engine_rss_bytes", GIGA)),
                (words("graphics card"), mean("gpu_memory_bytes", GIGA)),
            ],
            unit=" GB",
        ),
        _by_day(
            words,
            days,
            words("Energy"),
            [(words("processor"), sum_("energy_wh")), (words("graphics card"), sum_("gpu_energy_wh"))],
            unit=" Wh",
            bars=True,
        ),
    ]
    return [one for one in made if one.chart]


def skill_figure(words: Words, skills: Json) -> Figure:
    """By what was asked for."""
    names = [words.code("skill", skill) for skill in skills]
    line = Line(words("well received"), [_percent(one["success"]) for one in skills.values()])
    title = words("Well received, by skill")
    return Figure(
        title=title,
        chart=_draw(words, [line], names, unit=PERCENT, label=title, top=100, bars=True),
        legend=Markup(""),
        columns=(words("Skill"), words("Answers"), words("Telling"), words("Good"), words("Failed"), words("Share")),
        rows=[
            (
                words.code("skill", skill),
                *(words.number(one[name]) for name in ("turns", "signed", "good", "failed")),
                NOTHING if one["success"] is None else words.percent(one["success"]),
            )
            for skill, one in skills.items()
        ],
    )


def learning_figure(words: Words, reports: Sequence[Json]) -> Figure:
    """Night by night: of the facts that its examination asked for, how many were known before it and after it."""
    lines = [
        Line(words("known before the night"), [_known(report, "before") for report in reports]),
        Line(words("known after it"), [_known(report, "after") for report in reports]),
    ]
    names = [words.day(one["ended"] or one["asked"]).rsplit(" ", 1)[0] for one in reports]  # without the year
    return _figure(words, words("Learning, night by night"), words("Night"), lines, names, unit=PERCENT, top=100)


def calibration_figure(words: Words, told: Json) -> Figure:
    """What was said against what was judged, of columns of answers."""
    title = words("What AION said, and what was judged good")
    known = [one for one in told["bins"] if one["count"]]
    dots = [Dot(one["confidence"], one["outcome"], one["count"], _in_words(words, one)) for one in known]
    across, up = words("how sure AION was"), words("share judged good")
    return Figure(
        title=title,
        chart=calibration_chart(dots, across=across, up=up, label=title) if dots else Markup(""),
        legend=Markup(""),
        columns=(words("AION said"), words("Judged good"), words("Answers")),
        rows=[
            (words.percent(one["confidence"]), words.percent(one["outcome"]), words.number(one["count"]))
            for one in known
        ],
    )


def _by_day(
    words: Words,
    days: Sequence[Json],
    title: str,
    series: Sequence[tuple[str, Pick]],
    *,
    unit: str = "",
    top: float = 0.0,
    bars: bool = False,
) -> Figure:
    """Series of which nothing was measured are left out."""
    lines = [Line(name, [pick(day) for day in days]) for name, pick in series]
    names = [_day(words, one["day"]) for one in days]
    return _figure(words, title, words("Day"), lines, names, unit=unit, top=top, bars=bars)


def _figure(
    words: Words,
    title: str,
    first: str,
    lines: Sequence[Line],
    names: Sequence[str],
    *,
    unit: str,
    top: float = 0.0,
    bars: bool = False,
) -> Figure:
    known = [line for line in lines if any(value is not None for value in line.values)]
    rows = [
        (name, *(NOTHING if value is None else _write(words, value, unit) + unit for value in values))
        for name, values in zip(names, zip(*(line.values for line in known), strict=True), strict=bool(known))
        if any(value is not None for value in values)
    ]
    return Figure(
        title=title,
        chart=_draw(words, known, names, unit=unit, label=title, top=top, bars=bars),
        legend=legend(known, shape="bar" if bars else "line") if len(known) > 1 else Markup(""),
        columns=(first, *(line.name for line in known)),
        rows=rows,
    )


def _draw(
    words: Words, lines: Sequence[Line], names: Sequence[str], *, unit: str, label: str, top: float, bars: bool
) -> Markup:
    if not any(value is not None for line in lines for value in line.values):
        return Markup("")
    draw = bar_chart if bars else line_chart
    return draw(lines, names, unit=unit, label=label, top=top, write=lambda value: _write(words, value, unit))


def _write(words: Words, value: float, unit: str) -> str:
    """Three digits are enough to see; of a hundred, whole ones."""
    whole = unit == PERCENT or value >= 100 or value == int(value)
    return words.number(value, 0 if whole else 1 if value >= 10 else 2)


def _day(words: Words, day: str) -> str:
    when = date.fromisoformat(day)
    return f"{when.day} {words(when.strftime('%b'))}"


def _known(report: Json, when: str) -> float | None:
    """The share of a night's facts, of tonight's and of those before."""
    parts = [
        one["scores"][name]
        for one in report["themes"]
        if one["scores"]
        for name in ("tonight", "earlier")
        if name in one["scores"]
    ]
    items = sum(part["items"] for part in parts)
    return 100 * sum(part[when] for part in parts) / items if items else None


def _in_words(words: Words, one: Json) -> str:
    return words(
        "{count} answers: said {said}, judged good {good}",
        count=words.number(one["count"]),
        said=words.percent(one["confidence"]),
        good=words.percent(one["outcome"]),
    )


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _shrink(value: float | None, size: float) -> float | None:
    return None if value is None else value / size
