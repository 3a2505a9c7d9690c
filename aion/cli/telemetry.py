"""`aion telemetry`: how the past days went, in numbers, by day, theme or skill."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer

from aion.cli.asking import ask, find_running
from aion.cli.options import AsJson, Data
from aion.cli.output import number, print_json, print_table
from aion.records import Json

NUMBERS = ("turns", "success", "ndcg", "total p50", "total p95", "tokens/s", "cache", "confidence", "reward")
SKILL_NUMBERS = ("turns", "signed", "good", "failed", "success")

app = typer.Typer()


class By(StrEnum):
    """What a row is."""

    DAY = "day"
    THEME = "theme"
    SKILL = "skill"


@app.command("telemetry")
def telemetry(
    *,
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="How many days, today included.")] = 30,
    by: Annotated[By, typer.Option("--by", help="What a row is.")] = By.DAY,
    owner: Annotated[
        str | None, typer.Option("--owner", help="One person's alone; else everyone's.", show_default=False)
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show how the past days went: success, recall, speed, confidence. Days are in UTC; times in milliseconds."""
    last = today()
    first = last - timedelta(days=days - 1)
    asked = {"since": first.isoformat(), "until": last.isoformat(), "owner": owner}
    found = ask(find_running(data), "GET", "/api/telemetry", **asked)
    if as_json:
        print_json(found)
    elif by is By.SKILL:
        rows = found["total"]["skills"].items()
        print_table(("skill", *SKILL_NUMBERS), [_skill_row(name, one) for name, one in rows])
    elif by is By.THEME:
        rows = [[one["name"] or one["theme"] or "(none)", *_cells(one)] for one in found["themes"]]
        print_table(("theme", *NUMBERS), rows)
    else:
        busy = [[one["day"], *_cells(one)] for one in found["days"] if one["turns"]]
        print_table(("day", *NUMBERS), [*busy, ["total", *_cells(found["total"])]])


def today() -> date:
    return datetime.now(UTC).date()


def _cells(one: Json) -> list[str]:
    total = one["steps"].get("total_ms", {})
    return [
        str(one["turns"]),
        number(one["success"]),
        number(one["ndcg"]),
        number(total.get("p50"), 0),
        number(total.get("p95"), 0),
        number(one["tokens_per_second"], 1),
        number(one["cache_hits"]),
        number(one["confidence"]),
        number(one["reward"]),
    ]


def _skill_row(name: str, one: Json) -> list[str]:
    return [name, *(str(one[column]) for column in SKILL_NUMBERS[:-1]), number(one["success"])]
