"""The options that verbs share, how they become settings, and where a verb's log goes. It prints nothing."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer

from aion import config
from aion.errors import BadConfig

Data = Annotated[Path | None, typer.Option("--data", help="Folder of everything AION keeps.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
QUIET = structlog.make_filtering_bound_logger(logging.WARNING)  # what a verb does, it says itself


def read_settings(data: Path | None, flags: Mapping[str, Any] | None = None) -> config.Loaded:
    """The settings under these flags; refuses a data folder that is a file. The first thing that each verb does."""
    return find_sources(data, flags).load()


def find_sources(data: Path | None, flags: Mapping[str, Any] | None = None) -> config.Sources:
    """What they come from, for a verb that may find aion.toml unsound."""
    structlog.configure(wrapper_class=QUIET, logger_factory=_log_to_stderr, cache_logger_on_first_use=False)
    if data is not None and data.exists() and not data.is_dir():
        raise BadConfig(f"--data {str(data)!r} is a file; name a folder")
    return config.find_sources({"data": None if data is None else str(data), **(flags or {})})


def require_folder(settings: config.Settings) -> None:
    """Refuse a data folder in which AION never ran, instead of making an empty one."""
    if not settings.data.is_dir():
        raise BadConfig(
            f"there is no data folder at {str(settings.data)!r}; start AION once with `aion up`, or name it"
        )


def _log_to_stderr(*_: object) -> structlog.PrintLogger:
    """Stdout is for results alone."""
    return structlog.PrintLogger(sys.stderr)
