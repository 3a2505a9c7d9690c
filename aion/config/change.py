"""What a change of settings would make of aion.toml, judged by the whole tree before anything is written.

Some of what is changed counts at once, the rest after the next start: `take_live` is the one place that says which. It
writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from aion.config import Settings, Sources, fields, parse_toml, read_text, value_of, variable
from aion.config.edit import change_text
from aion.errors import BadConfig, BadInput, Conflict

LIVE = ("sleep.", "train.", "learning.tau")  # read anew for each decision to sleep, each night, each answer's worth


SENT_WITH = {"hub.endpoint": "hub.token", "model.source": "model.api_key"}  # an address, and the secret sent there


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be written, and what then holds."""

    text: str
    settings: Settings
    keys: tuple[str, ...]  # that the file says otherwise by then


def plan_change(sources: Sources, wishes: Mapping[str, Any]) -> Change:
    """Each key at its value, or at its default where that is None; all of them or none."""
    check_keys(sources, wishes)
    try:
        text = read_text(sources.file)
        told = parse_toml(text, sources.file)
        kept = {key: value for key, value in told.items() if key not in wishes}
        settings = sources.merge(kept, {key: value for key, value in wishes.items() if value is not None}).settings
    except BadConfig as error:
        param = next((key for key in wishes if error.message.startswith(key) or f"; {key} " in error.message), None)
        raise BadInput(error.message, param=param) from None
    _refuse_leak(told, settings, wishes)
    written = {key: None if value is None else _plain(value_of(settings, key)) for key, value in wishes.items()}
    changed = {key: value for key, value in written.items() if told.get(key) != value}
    return Change(change_text(text, changed) if changed else text, settings, tuple(changed))


def _refuse_leak(told: Mapping[str, Any], settings: Settings, wishes: Mapping[str, Any]) -> None:
    """Whoever changes where a secret is sent could read it there: it is given anew, or left out, with the address."""
    defaults = {key: default for key, default, _ in fields()}
    for key, secret in SENT_WITH.items():
        new, old = value_of(settings, key), told.get(key, defaults[key])
        moves = key in wishes and new != old and new.startswith(("openai:", "http"))
        if moves and secret not in wishes and value_of(settings, secret) is not None:
            raise Conflict(
                f"{secret} would be sent to another address; change it, or reset it, with {key}", param=secret
            )


def check_keys(sources: Sources, wishes: Mapping[str, Any]) -> None:
    """Refuse what is no setting, and what the file has no say in."""
    known = {key for key, _, _ in fields()}
    for key in wishes:
        if key not in known:
            raise BadInput(f"{key[:80]!r} is not a setting; `aion config` lists them all", param=key[:80])
        if reason := find_hindrance(sources, key):
            raise Conflict(reason, param=key)


def find_hindrance(sources: Sources, key: str) -> str:
    """Why a setting cannot be changed in the file; empty when it can."""
    if key == "data":
        return f"data names the folder in which {sources.file.name} lies: use --data or {variable(key)}"
    origin = sources.fixed.get(key)
    if origin is None:
        return ""
    where = f"the variable {variable(key)}" if key in sources.environment and key not in sources.flags else "a flag"
    return f"{key} is given by {where}, which counts before {sources.file.name}; change it there and start AION again"


def is_live(key: str) -> bool:
    """Whether a change counts at once."""
    return key.startswith(LIVE)


def take_live(running: Settings, new: Settings) -> Settings:
    """What counts from now on: of the new settings as much as needs no start."""
    learning = running.learning.model_copy(update={"tau": new.learning.tau})
    return running.model_copy(update={"sleep": new.sleep, "train": new.train, "learning": learning})


def plain_leaves(settings: Settings) -> dict[str, Any]:
    """All by dotted key, as JSON can hold them; without secrets, and without the folder, which whoever asks knows."""
    found = ((key, value_of(settings, key)) for key, _, _ in fields() if key != "data")
    return {key: _plain(value) for key, value in found if value is not None and not isinstance(value, SecretStr)}


def _plain(value: Any) -> Any:
    """As the file holds it."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return list(value) if isinstance(value, tuple) else value
