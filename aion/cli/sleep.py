"""`aion sleep`: ask for a night and watch it, see how it goes, cancel it, list nights. The sleeper does the rest."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from aion.cli.asking import ask, find_running, whose
from aion.cli.client import Running
from aion.cli.options import AsJson, Data
from aion.cli.output import console, moment, note, print_json, print_table, shorten
from aion.errors import BadInput
from aion.records import Json

EVERY_S = 0.5
OVER = {"done", "cancelled", "failed"}
COLUMNS = ("asked", "state", "interruptions", "adapters", "night", "reason")

app = typer.Typer()
sleep = typer.Typer(invoke_without_command=True, help="Let AION learn from what happened, and see how it goes.")
app.add_typer(sleep, name="sleep")


@sleep.callback()
def start(
    context: typer.Context,
    *,
    now: Annotated[bool, typer.Option("--now", help="Begin a night now.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Show its progress until it is over.")] = False,
    minutes: Annotated[
        float | None, typer.Option("--minutes", help="The longest it may train; one step at least.")
    ] = None,
    theme: Annotated[str | None, typer.Option("--theme", help="Id or name of the one theme to learn.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Learn again what was learned.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Ask for a night with --now; else say how it goes."""
    if context.invoked_subcommand is not None:
        return
    server = find_running(data)
    if not now:
        if wait or force or minutes is not None or theme is not None:
            raise BadInput("--wait, --minutes, --theme and --force go with --now")
        _show_status(server, as_json=as_json)
        return
    body: Json = {"force": force}
    body |= {} if minutes is None else {"minutes": minutes}
    body |= {} if theme is None else {"theme": find_theme(server, theme)}
    night = ask(server, "POST", "/api/sleep/start", body)
    if wait:
        night = watch(server, night["id"])
    if as_json:
        print_json(night)
    elif not wait:
        print(f"asked for night {night['id']}; `aion sleep status` says how it goes")
    else:
        print(f"{night['state']}: {night['reason']}")
    raise typer.Exit(1 if wait and night["state"] == "failed" else 0)


@sleep.command("status")
def status(data: Data = None, as_json: AsJson = False) -> None:
    """Say whether AION sleeps, how far it is, and what it waits for."""
    _show_status(find_running(data), as_json=as_json)


@sleep.command("cancel")
def cancel(data: Data = None) -> None:
    """End the night that is asked for or under way."""
    night = ask(find_running(data), "POST", "/api/sleep/cancel")
    print(f"cancelled night {night['id']}")


@sleep.command("window")
def window(
    minutes: Annotated[float, typer.Argument(help="How long from now; 0 closes it.")],
    data: Data = None,
) -> None:
    """Let a night work beside requests for some minutes: it finishes, and answers are slower meanwhile."""
    told = ask(find_running(data), "POST", "/api/sleep/window", {"minutes": minutes})
    if not told["window_s"]:
        print("no window is open")
        return
    begins = "" if told["night"] else "; no night is under way, `aion sleep --now` begins one"
    print(f"a window is open for {told['window_s'] / 60:.0f} min{begins}")


@sleep.command("nights")
def nights(
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="The most to show.")] = 20,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """List nights, the latest first."""
    found = ask(find_running(data), "GET", "/api/sleep/nights", owner=whose(everyone=False), limit=limit)
    if as_json:
        print_json(found)
        return
    print_table(COLUMNS, [row_of(night) for night in found["data"]])


@sleep.command("plan")
def plan(data: Data = None, as_json: AsJson = False) -> None:
    """What the next night would learn, and where it is from, the latest first."""
    found = ask(find_running(data), "GET", "/api/sleep/plan")
    if as_json:
        print_json(found)
        return
    print_table(
        ("from", "id", "what", "kind"),
        [
            [one["origin"]["kind"], one["origin"]["id"], shorten(one["origin"]["title"]), one["kind"]]
            for one in found["data"]
        ],
    )
    left = found["lessons"] - len(found["data"])
    if left > 0 or not found["lessons"]:
        note(f"and {left} more" if found["lessons"] else "nothing new waits")


@sleep.command("quarantine")
def quarantine(data: Data = None, as_json: AsJson = False) -> None:
    """List lessons that a training broke off at, and that no night tries again."""
    found = ask(find_running(data), "GET", "/api/sleep/quarantine", owner=whose(everyone=False))["data"]
    if as_json:
        print_json(found)
        return
    rows = [[one["lesson"], one["theme"], one["night"], moment(one["at"]), one["reason"]] for one in found]
    print_table(("lesson", "theme", "night", "at", "reason"), rows)


@sleep.command("release")
def release(
    lessons: Annotated[list[str], typer.Argument(metavar="LESSON...", help="Ids from `aion sleep quarantine`.")],
    data: Data = None,
) -> None:
    """Let lessons be tried again."""
    released = ask(find_running(data), "POST", "/api/sleep/release", {"lessons": lessons})["released"]
    print(f"released: {' '.join(released)}")


def row_of(night: Json) -> list[object]:
    adapters = len(night["candidates"])
    words = shorten(night["reason"])
    return [moment(night["asked"]), night["state"], night["interruptions"], adapters, night["id"], words]


def find_theme(server: Running, wanted: str) -> str:
    """The id of a theme named by its id or its name."""
    themes = ask(server, "GET", "/api/themes", owner=whose(everyone=False))["data"]
    found = [one["id"] for one in themes if wanted in (one["id"], one["name"])]
    if len(found) != 1:
        raise BadInput(f"{len(found)} themes are called {wanted!r}; `aion themes` lists them with their ids")
    return str(found[0])


def describe(told: Json) -> str:
    """One line of where a night is."""
    if told["state"] == "awake":
        return f"awake; {told['why_not'] or told['reason'] or 'nothing speaks for a night yet'}"
    parts = [told["state"], str(told.get("theme_name") or "")]
    if told["state"] == "examining":
        parts += [told.get("stage", ""), f"{told['step']} of {told['steps']}" if told.get("steps") else ""]
    elif told.get("steps"):
        parts += [f"step {told['step']} of {told['steps']}", f"loss {told['loss']:.3f}"]
        parts += [f"{told['tokens_per_s']:.0f} tokens/s", f"{told['eta_s'] / 60:.0f} min left"]
        parts += [f"{told['peak_bytes'] / (1 << 20):.0f} MiB"]
    return ", ".join(part for part in (*parts, told["why_not"]) if part)


def explain(told: Json) -> list[str]:
    """Why a night that is under way began, and why it runs where it does."""
    if told["state"] == "awake":
        return []
    why = [f"why it began: {told['reason']}"] if told["reason"] else []
    return why + ([f"runs on {told['device']}: {told['device_reason']}"] if told.get("device_reason") else [])


def watch(server: Running, night: str, *, pause: Callable[[float], None] = time.sleep) -> Json:
    """Show how the night goes until it is over; gives it as it is then."""
    with Bar() as bar:
        while True:
            told = ask(server, "GET", "/api/sleep/status")
            if told.get("night") != night:
                break
            bar.show(told)
            pause(EVERY_S)
    found = ask(server, "GET", "/api/sleep/nights", owner=whose(everyone=False), limit=50)["data"]
    return next((dict(one) for one in found if one["id"] == night), {"id": night, "state": "failed", "reason": "gone"})


class Bar:
    """A bar on a terminal; elsewhere a line for each change."""

    def __init__(self) -> None:
        self._console = console(stderr=True)
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=self._console, transient=True) if self._console.is_terminal else None
        self._last = ""

    def __enter__(self) -> Bar:
        if self._bar is not None:
            self._bar.start()
            self._bar.add_task("waiting", total=None)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, told: Json) -> None:
        words = describe(told)
        if self._bar is not None:
            steps = told.get("steps") or None
            self._bar.update(self._bar.task_ids[0], description=words, total=steps, completed=told.get("step", 0))
        elif words != self._last:
            note(words)
        self._last = words
        sys.stderr.flush()


def _show_status(server: Running, *, as_json: bool) -> None:
    told = ask(server, "GET", "/api/sleep/status")
    if as_json:
        print_json(told)
        return
    print(describe(told))
    for line in explain(told):
        print(line)
    if told["window_s"]:
        print(f"a window is open for {told['window_s'] / 60:.0f} min more: a night works beside requests")
    elif told["wants_window"]:
        print(
            f"{told['starved_nights']} nights in a row were interrupted and finished nothing; `aion sleep window 60` "
            "lets one work beside requests for an hour, and the setting sleep.window does so every day"
        )
