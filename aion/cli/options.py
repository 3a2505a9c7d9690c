"""The options that verbs share, and how they become settings. It prints nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from aion import config
from aion.errors import BadConfig

Data = Annotated[Path | None, typer.Option("--data", help="Folder of everything AION keeps.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def read_settings(data: Path | None, flags: Mapping[str, Any] | None = None) -> config.Loaded:
    """The settings under these flags; refuses a data folder that is a file."""
    if data is not None and data.exists() and not data.is_dir():
        raise BadConfig(f"--data {str(data)!r} is a file; name a folder")
    given = {"data": None if data is None else str(data), **(flags or {})}
    return config.load(given)


def require_folder(settings: config.Settings) -> None:
    """Refuse a data folder in which AION never ran, instead of making an empty one."""
    if not settings.data.is_dir():
        raise BadConfig(
            f"there is no data folder at {str(settings.data)!r}; start AION once with `aion up`, or name it"
        )
