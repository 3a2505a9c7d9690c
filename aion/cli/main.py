"""`aion VERB`: finds the verb's file, runs it, and turns errors into exit codes and one sentence.

Only the verb that was asked for is imported, so that `aion --help` stays instant. Exit codes: 0 done, 1 something of
ours went wrong or a check found a fault, 2 refused with one sentence on stderr, 130 stopped by Ctrl-C. It knows
nothing of what the verbs do.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
from types import FrameType
from typing import Annotated

import typer
from typer.exceptions import TyperException

from aion import __version__
from aion.errors import AionError

VERBS = {
    "up": "Start AION and keep it running.",
    "status": "Say whether AION runs, where, and with which model.",
    "chat": "Talk to the running AION in this terminal.",
    "conversations": "List and search conversations, and call them by a name.",
    "why": "Explain an answer: its sources, confidence, cost and time.",
    "feedback": "Judge an answer.",
    "remember": "Remember a text, or a file as a document.",
    "recall": "Show what is remembered about a question.",
    "memory": "List, show, edit, forget, export and import what is remembered.",
    "experiences": "Show what turns were worth.",
    "forget": "Forget a conversation for good.",
    "themes": "List, name, pin and merge themes, and move lessons between them.",
    "dataset": "Show what the next night would learn, and what not and why.",
    "plan": "Say what learning would take on this machine: memory and time.",
    "sleep": "Let AION learn from what happened, and see how it goes.",
    "report": "Show what a night learned, and what it refused and why.",
    "adapters": "List adapters, choose what is served, take it back, import and export.",
    "route": "Say which adapters would answer a question, and why.",
    "suite": "Keep questions of your own that every new adapter has to answer.",
    "telemetry": "Show how the past days went, in numbers.",
    "panel": "A link that signs a browser in, once.",
    "keys": "Add, list and revoke API keys.",
    "people": "List who has keys and sessions, and sign somebody out everywhere.",
    "audit": "Show who did what: keys, sessions, things forgotten, adapters.",
    "models": "List the models, or download one.",
    "doctor": "Look at this machine: what works, what is missing, what to do.",
    "config": "Show every setting, its value and where that came from; change one.",
    "verify": "Prove that everything stored is what was written.",
    "backup": "Write one file that holds everything AION keeps.",
    "restore": "Make a data folder out of a backup.",
    "export": "Write turns as JSON lines.",
}


def main(argv: list[str] | None = None) -> int:
    arguments = (sys.argv[1:] if argv is None else argv) or ["--help"]
    before = signal.signal(signal.SIGINT, _stop_once)
    try:
        code = _build(arguments)(args=arguments, prog_name="aion", standalone_mode=False)
        sys.stdout.flush()
    except BaseException as error:
        if "--trace" in arguments[:1]:
            raise
        return _explain(error)
    finally:
        signal.signal(signal.SIGINT, before)
    return code if isinstance(code, int) else 0


def _build(arguments: list[str]) -> typer.Typer:
    """The command line, with the verb asked for loaded and the others known by their sentence alone."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.callback()(_root)
    wanted = next((word for word in arguments if not word.startswith("-")), None)
    for verb, sentence in VERBS.items():
        if verb == wanted:
            app.add_typer(importlib.import_module(f"aion.cli.{verb}").app)
        else:
            app.command(verb, help=sentence)(_not_loaded)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    trace: Annotated[bool, typer.Option("--trace", help="Show the whole trace of an unexpected error.")] = False,
) -> None:
    """A private assistant on your own machine that learns from its use."""


def _not_loaded() -> None:
    raise AssertionError("a verb that was not asked for was run")


def _stop_once(_number: int, _frame: FrameType | None) -> None:
    """The first Ctrl-C asks; the second, which finds the default handler, ends the process at once."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    raise KeyboardInterrupt


def _explain(error: BaseException) -> int:
    match error:
        case AionError():
            return _say(error.message, 2)
        case TyperException():
            return _say(error.format_message(), 2)
        case KeyboardInterrupt() | typer.Abort():
            return _say("stopped", 130)
        case BrokenPipeError():  # the reader, such as `head`, has enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        case SystemExit():
            return error.code if isinstance(error.code, int) else 1
        case _:
            hint = "not expected; `aion --trace VERB ...` shows where, `aion doctor` looks at the machine"
            return _say(f"{type(error).__name__}: {error} ({hint})", 1)


def _say(sentence: str, code: int) -> int:
    with contextlib.suppress(OSError):  # a closed terminal must not change the exit code
        print(f"aion: {' '.join(sentence.split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
