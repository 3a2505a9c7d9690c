"""Changes single settings in the text of aion.toml, and leaves all else in it as it stands, comments too.

Where a statement ends, the TOML reader itself says: after the fewest lines that it takes for whole. Every change is
proven by reading the new text, which must say what was asked and otherwise what it said before. What cannot be changed
so is refused, with its line. It reads no file and knows no setting.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aion.config import leaves_of
from aion.errors import Conflict

LARGEST = 64 << 10  # characters: a statement over many lines is read once for each of them
_PART = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_KEY = re.compile(rf"[ \t]*{_PART}(?:[ \t]*\.[ \t]*{_PART})*[ \t]*=[ \t]*")


@dataclass(frozen=True, slots=True)
class Statement:
    """A table's header (its `key` is empty), or a key with its value."""

    table: str
    key: str  # dotted, with its table
    holds: frozenset[str]  # the settings it gives a value: more than its key where that is a table in braces
    first: int
    after: int  # the line behind its last


def change_text(text: str, changes: Mapping[str, Any]) -> str:
    """The text with each key at its value, and without the keys that are to be None."""
    if len(text) > LARGEST:
        raise Conflict(f"aion.toml holds more than {LARGEST} characters; change it by hand")
    lines = _split(text)
    for key, value in changes.items():
        lines = _remove(lines, key) if value is None else _put(lines, key, value)
    changed = "".join(lines)
    if not _says(changed, text, changes):
        raise Conflict(f"aion.toml cannot be changed at {', '.join(changes)} without changing more; do it by hand")
    return changed


def write_value(value: Any) -> str:
    """As TOML writes it, on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return f"[{', '.join(write_value(one) for one in value)}]"
    if isinstance(value, int | float):
        return repr(value)
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def find_statements(lines: Sequence[str]) -> list[Statement]:
    """All of a text that is sound TOML, in order."""
    found: list[Statement] = []
    table, first = "", 0
    while first < len(lines):
        after, tree = _read_statement(lines, first)
        if tree and lines[first].lstrip().startswith("["):
            table = _name(tree)
            found.append(Statement(table, "", frozenset(), first, after))
        elif tree:
            before = f"{table}." if table else ""
            holds = frozenset(key for key, _ in leaves_of(tree, before))
            found.append(Statement(table, before + _written_key(lines[first]), holds, first, after))
        first = after
    return found


def _split(text: str) -> list[str]:
    """Lines with their ends; the last one has one, too."""
    lines = re.findall(r".*\n|.+", text)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += _end_of(lines)
    return lines


def _end_of(lines: Sequence[str]) -> str:
    return "\r\n" if lines and lines[0].endswith("\r\n") else "\n"


def _read_statement(lines: Sequence[str], first: int) -> tuple[int, dict[str, Any]]:
    for after in range(first + 1, len(lines) + 1):
        try:
            return after, tomllib.loads("".join(lines[first:after]))
        except tomllib.TOMLDecodeError:
            continue
    raise Conflict(f"aion.toml cannot be understood from line {first + 1} on; mend it by hand")


def _name(tree: Mapping[str, Any]) -> str:
    """Of a header's table."""
    name, inside = next(iter(tree.items()))
    return f"{name}.{_name(inside)}" if isinstance(inside, Mapping) and inside else str(name)


def _written_key(line: str) -> str:
    match = _KEY.match(line)
    return ".".join(part.strip("\"'") for part in re.findall(_PART, match[0].partition("=")[0])) if match else ""


def _find(lines: Sequence[str], key: str) -> tuple[Statement | None, list[Statement]]:
    """The statement that may be changed, if there is one, and all of them."""
    statements = find_statements(lines)
    for one in statements:
        within = one.key and key.startswith(f"{one.key}.")
        if within or (key in one.holds and one.key != key):
            raise _refuse(key, one, "in a table in braces")
        if key in one.holds:
            if one.after - one.first > 1 and any("#" in line for line in lines[one.first : one.after]):
                raise _refuse(key, one, "over several lines with a # among them, which may be a comment")
            return one, statements
    return None, statements


def _refuse(key: str, statement: Statement, where: str) -> Conflict:
    return Conflict(
        f"{key} stands {where}, at line {statement.first + 1} of aion.toml; change it there by hand", param=key
    )


def _remove(lines: list[str], key: str) -> list[str]:
    one, _ = _find(lines, key)
    return lines if one is None else lines[: one.first] + lines[one.after :]


def _put(lines: list[str], key: str, value: Any) -> list[str]:
    one, statements = _find(lines, key)
    if one is None:
        return _add(lines, statements, key, value)
    head = _KEY.match(lines[one.first])
    tail = _comment_of(lines[one.first]) if one.after - one.first == 1 else ""
    changed = f"{head[0] if head else ''}{write_value(value)}{tail}{_end_of(lines)}"
    return [*lines[: one.first], changed, *lines[one.after :]]


def _comment_of(line: str) -> str:
    """What follows the value, with the space before it."""
    text = line.rstrip("\r\n")
    whole = tomllib.loads(text)
    for match in re.finditer("#", text):
        before = text[: match.start()]
        try:
            if tomllib.loads(before) == whole:
                return text[len(before.rstrip()) :]
        except tomllib.TOMLDecodeError:
            continue
    return ""


def _add(lines: list[str], statements: Sequence[Statement], key: str, value: Any) -> list[str]:
    """Behind the last of its table, or in a new table at the end."""
    section, _, leaf = key.rpartition(".")
    end = _end_of(lines)
    inside = [one for one in statements if one.table == section]
    dotted = [one for one in statements if not one.table and one.key.startswith(f"{section}.")]
    if inside or dotted:
        name, place = (leaf, inside[-1].after) if inside else (key, dotted[-1].after)
        return [*lines[:place], f"{name} = {write_value(value)}{end}", *lines[place:]]
    gap = [end] if lines else []
    return [*lines, *gap, f"[{section}]{end}", f"{leaf} = {write_value(value)}{end}"]


def _says(changed: str, before: str, changes: Mapping[str, Any]) -> bool:
    try:
        now = dict(leaves_of(tomllib.loads(changed)))
    except tomllib.TOMLDecodeError:
        return False
    kept = {key: value for key, value in leaves_of(tomllib.loads(before)) if key not in changes}
    wanted = {key: list(one) if isinstance(one, tuple) else one for key, one in changes.items() if one is not None}
    return now == kept | wanted
