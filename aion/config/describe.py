"""What a person can be asked for each setting: of which kind it is, and within which limits. It reads no value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from aion.config import Section, Settings

Kind = Literal["bool", "integer", "number", "choice", "list", "secret", "text"]
LIMITS = ("ge", "gt", "le", "lt", "max_length", "pattern")


@dataclass(frozen=True, slots=True)
class Field:
    """One setting."""

    key: str
    section: str
    kind: Kind
    default: Any
    help: str
    choices: tuple[str | int, ...] = ()
    limits: dict[str, Any] = field(default_factory=dict)


def describe_fields() -> Iterator[Field]:
    """All of them, in the order of the tree."""
    for name, info in Settings.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, Section):
            for leaf, leaf_info in info.annotation.model_fields.items():
                yield _describe(f"{name}.{leaf}", name, leaf_info)
        else:
            yield _describe(name, "", info)


def describe_sections() -> Iterator[tuple[str, str]]:
    """Their names, each with its sentence."""
    for name, info in Settings.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, Section):
            yield name, (info.annotation.__doc__ or "").strip()


def read_value(key: str, text: str) -> Any:
    """What somebody typed, as far as the tree does not read it from words by itself."""
    if any(one.key == key and one.kind == "list" for one in describe_fields()):
        return [part for part in (one.strip(" \"'") for one in text.strip("[] ").split(",")) if part]
    return text


def _describe(key: str, section: str, info: FieldInfo) -> Field:
    choices = get_args(info.annotation) if get_origin(info.annotation) is Literal else ()
    default = info.get_default(call_default_factory=True)
    return Field(key, section, _kind(info.annotation), default, info.description or "", choices, _limits(info))


def _kind(annotation: Any) -> Kind:
    if get_origin(annotation) is Literal:
        return "choice"
    if get_origin(annotation) is tuple:
        return "list"
    if get_origin(annotation) in (Union, UnionType):
        return "secret" if SecretStr in get_args(annotation) else "text"  # a number, or the word auto
    kinds: dict[Any, Kind] = {bool: "bool", int: "integer", float: "number"}
    return kinds.get(annotation, "text")


def _limits(info: FieldInfo) -> dict[str, Any]:
    found = ((name, getattr(one, name, None)) for one in info.metadata for name in LIMITS)
    return {name: value for name, value in found if value is not None}
