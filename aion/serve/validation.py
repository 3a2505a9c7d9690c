"""Says what is wrong with a request's fields: which one, what is allowed, what was found.

It translates what FastAPI and pydantic found; it checks nothing itself.
"""

from __future__ import annotations

import reprlib
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from aion.errors import BadInput

LONGEST_SHOWN = 100
LONGEST_PARAM = 200
MOST_REASONS = 3
RANGE_PROBLEMS = {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}

Path = tuple[str | int, ...]


def explain_invalid(error: RequestValidationError, annotation: Any = None) -> BadInput:
    """The first wrong field. With the body's `annotation` a range is told whole, not only the end that broke."""
    problems = [(_path_of(raw, error.body), raw) for raw in error.errors()]
    first = problems[0][0]
    path = max(
        (p for p, _ in problems if p[: len(first)] == first), key=len
    )  # of a union, the member that came closest
    reasons = dict.fromkeys(_reason(raw, annotation, p) for p, raw in problems if p == path)
    found = "" if any(raw["type"] == "missing" for p, raw in problems if p == path) else _found(problems, path)
    name = name_path(path)
    return BadInput(f"{name or 'the body'} {' or '.join([*reasons][:MOST_REASONS])}{found}", param=name or None)


def name_path(path: Sequence[str | int]) -> str:
    """('messages', 3, 'role') as messages[3].role."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text[:LONGEST_PARAM]


def show_value(value: object) -> str:
    """A value as a caller sent it, shortened; big containers are never written out whole."""
    shower = reprlib.Repr()
    shower.maxstring = shower.maxother = shower.maxlong = LONGEST_SHOWN
    text = shower.repr(value)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 3] + "..."


def _found(problems: Sequence[tuple[Path, Mapping[str, Any]]], path: Path) -> str:
    value = next(raw["input"] for p, raw in problems if p == path)
    return f"; found {show_value(value)}"


def _path_of(raw: Mapping[str, Any], body: Any) -> Path:
    """Where in the request it is. pydantic mixes names of union members into `loc`; those are left out."""
    place, *parts = raw["loc"]
    if place != "body":
        return tuple(parts[:1])
    path: list[str | int] = []
    value = body
    for position, part in enumerate(parts):
        is_last = position == len(parts) - 1
        if (isinstance(value, dict) and part in value) or (
            isinstance(value, list) and isinstance(part, int) and part < len(value)
        ):
            path.append(part)
            value = value[part]
        elif is_last and raw["type"] == "missing":
            path.append(part)
    return tuple(path)


def _reason(raw: Mapping[str, Any], annotation: Any, path: Path) -> str:
    if raw["type"] == "missing":
        return "is missing"
    if raw["type"] == "extra_forbidden":
        return "is not a known field"
    if raw["type"] in RANGE_PROBLEMS:
        return f"must be {_range_text(raw, _constraints(annotation, path))}"
    message: str = raw["msg"].removeprefix("Value error, ")
    return message.replace("Input should be", "must be", 1).replace("Value should", "should", 1)


def _range_text(raw: Mapping[str, Any], constraints: Sequence[Any]) -> str:
    bounds: dict[str, Any] = {}
    for constraint in constraints:
        for kind, name in ((Ge, "ge"), (Gt, "gt"), (Le, "le"), (Lt, "lt")):
            if isinstance(constraint, kind):
                bounds[name] = getattr(constraint, name)
    bounds |= {name: value for name, value in raw["ctx"].items() if name in ("ge", "gt", "le", "lt")}
    if "ge" in bounds and "le" in bounds:
        return f"between {bounds['ge']:.15g} and {bounds['le']:.15g}"
    words = {"ge": "at least", "gt": "greater than", "le": "at most", "lt": "less than"}
    return " and ".join(f"{word} {bounds[name]:.15g}" for name, word in words.items() if name in bounds)


def _constraints(annotation: Any, path: Path) -> list[Any]:
    """What the model says of the field at `path`: everything any member of its unions says."""
    nodes: list[tuple[Any, tuple[Any, ...]]] = [(annotation, ())]
    for part in path:
        nodes = [child for node in nodes for kind, _ in _members(*node) for child in _children(kind, part)]
    return [constraint for node in nodes for _, metadata in _members(*node) for constraint in metadata]


def _members(annotation: Any, metadata: tuple[Any, ...]) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _members(args[0], (*metadata, *args[1:]))
    elif origin in (Union, types.UnionType):
        for member in args:
            yield from _members(member, metadata)
    else:
        nested = [part for item in metadata for part in (item.metadata if isinstance(item, FieldInfo) else [item])]
        yield annotation, tuple(nested)


def _children(kind: Any, part: str | int) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    args = get_args(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            if part in (name, field.alias):
                yield field.annotation, tuple(field.metadata)
    elif args and isinstance(part, int):
        yield args[0], ()
    elif len(args) > 1:
        yield args[1], ()
