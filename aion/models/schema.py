"""Decides whether a JSON schema may be shown to an engine, and rewrites it into a form that no engine chokes on.

llama.cpp was seen to hang with a shortest length above the longest, with large enumerations and with dozens of optional
parts in a pattern, and to fail midway when a pattern's dot wrote a quotation mark. All of that is refused or rewritten
here. References are put in place, so a schema that contains itself is refused. Whether an answer obeys is not checked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import orjson

from aion.errors import BadInput
from aion.records import Json

MAX_SCHEMA_BYTES = 64 << 10
MAX_DEPTH = 32
MAX_NODES = 1000
MAX_ENUM_VALUES = 256
MAX_PATTERN_CHARS = 256
MAX_PATTERN_QUANTIFIERS = 16
MAX_REPEATS = 1000

_TYPES = {"object", "array", "string", "integer", "number", "boolean", "null"}
_MAPS = ("properties", "patternProperties", "dependentSchemas")  # name -> schema
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")  # lists of schemas
_ONES = ("items", "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else")
_DEFINITIONS = ("$defs", "definitions")
_RANGES = (("minLength", "maxLength"), ("minItems", "maxItems"), ("minProperties", "maxProperties"))
_PATTERN_PARTS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{\d*,?\d*\}|.", re.DOTALL)
_REPEAT = re.compile(r"\{(\d*)(,?)(\d*)\}")


def check_schema(schema: Any, param: str) -> Json:
    """The schema without references and with tame patterns, or BadInput naming `param`."""
    if not isinstance(schema, dict):
        raise _invalid(f"a JSON schema must be an object, not {type(schema).__name__}", param)
    _check_size(schema, param)
    resolved: Json = _Walk(schema, param).walk(schema, 0, ())
    _check_size(resolved, param)
    return resolved


def check_response_format(response_format: Json | None) -> Json | None:
    """The response format with its schema checked."""
    if response_format is None or response_format.get("type") in {"text", "json_object"}:
        return response_format
    if response_format.get("type") != "json_schema":
        message = f"response_format.type is {response_format.get('type')!r}; use text, json_object or json_schema"
        raise BadInput(message, param="response_format.type")
    inner = response_format.get("json_schema")
    if not isinstance(inner, dict) or "schema" not in inner:
        raise _invalid("response_format.json_schema needs a schema", "response_format.json_schema")
    schema = check_schema(inner["schema"], "response_format.json_schema.schema")
    return {"type": "json_schema", "json_schema": {**inner, "schema": schema}}


@dataclass(slots=True)
class _Walk:
    """One pass over one schema: what it has counted, and where its references point."""

    root: Json
    param: str
    nodes: int = field(default=0, init=False)
    enum_values: int = field(default=0, init=False)

    def walk(self, schema: Any, depth: int, inside: tuple[str, ...]) -> Any:
        """A copy with references put in place; `inside` are the references being followed."""
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, dict):
            raise _invalid(f"a JSON schema must be an object, not {type(schema).__name__}", self.param)
        self.nodes += 1
        if depth > MAX_DEPTH:
            raise _complex(f"the schema is nested deeper than {MAX_DEPTH} levels", self.param)
        if self.nodes > MAX_NODES:
            raise _complex(f"the schema has more than {MAX_NODES} parts, counting what its references name", self.param)
        if "$ref" in schema:
            return self._follow(schema, depth, inside)
        self._check_values(schema)
        copy = {key: value for key, value in schema.items() if key not in _DEFINITIONS}
        for key in _MAPS:
            if key in copy:
                copy[key] = {str(k): self.walk(v, depth + 1, inside) for k, v in self._object(copy, key).items()}
        for key in _LISTS:
            if key in copy:
                copy[key] = [self.walk(part, depth + 1, inside) for part in self._list(copy, key)]
        for key in _ONES:
            if key in copy:
                copy[key] = self.walk(copy[key], depth + 1, inside)
        if isinstance(copy.get("pattern"), str):
            copy["pattern"] = tame_pattern(copy["pattern"], self.param)
        return copy

    def _follow(self, schema: Json, depth: int, inside: tuple[str, ...]) -> Any:
        ref = schema["$ref"]
        if not isinstance(ref, str) or not ref.startswith("#"):
            raise _invalid(f"$ref {ref!r} leaves the schema; only references inside it are followed", self.param)
        if ref in inside or ref == "#":
            raise _complex(f"$ref {ref!r} leads back to itself; write the levels that you need out", self.param)
        target: Any = self.root
        for part in ref[1:].strip("/").split("/"):
            name = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(target, dict) or name not in target:
                raise _invalid(f"$ref {ref!r} names nothing in the schema", self.param)
            target = target[name]
        found = self.walk(target, depth + 1, (*inside, ref))
        beside = {key: value for key, value in schema.items() if key in {"description", "title", "default"}}
        return {**found, **beside} if isinstance(found, dict) else found

    def _check_values(self, schema: Json) -> None:
        self._check_type(schema.get("type"))
        if "enum" in schema:
            values = self._list(schema, "enum")
            self.enum_values += len(values)
            if self.enum_values > MAX_ENUM_VALUES:
                raise _complex(f"the schema lists more than {MAX_ENUM_VALUES} enum values", self.param)
        for low, high in _RANGES:
            self._check_counts(schema, low, high)
        _check_numbers(schema, self.param)

    def _check_type(self, kind: Any) -> None:
        kinds = kind if isinstance(kind, list) and kind else [kind]
        if kind is not None and not all(isinstance(k, str) and k in _TYPES for k in kinds):
            raise _invalid(f"type is {kind!r}; use one of {', '.join(sorted(_TYPES))}", self.param)

    def _check_counts(self, schema: Json, low: str, high: str) -> None:
        for key in (low, high):
            value = schema.get(key, 0)
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise _invalid(f"{key} is {value!r}; it must be a whole number from 0", self.param)
        if schema.get(low, 0) > MAX_REPEATS:
            raise _complex(f"{low} is {schema[low]}; the most is {MAX_REPEATS}", self.param)
        if schema.get(low, 0) > schema.get(high, schema.get(low, 0)):
            raise _invalid(f"{low} is {schema[low]}, above {high}, which is {schema[high]}", self.param)

    def _object(self, schema: Json, key: str) -> Json:
        value = schema[key]
        if not isinstance(value, dict):
            raise _invalid(f"{key} must be an object", self.param)
        return value

    def _list(self, schema: Json, key: str) -> list[Any]:
        value = schema[key]
        if not isinstance(value, list) or not value:
            raise _invalid(f"{key} must be a list that is not empty", self.param)
        return value


def tame_pattern(pattern: str, param: str) -> str:
    """The pattern, with `.` and `[^...]` kept from writing the quotation mark that would end the string.

    Refused are look-around and back-references, a quantifier on a group that has one itself, and more quantifiers than
    an engine can follow.
    """
    if len(pattern) > MAX_PATTERN_CHARS:
        raise _complex(f"a pattern has {len(pattern)} characters; the most is {MAX_PATTERN_CHARS}", param)
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        raise _invalid(f"{pattern!r} is not a regular expression", param) from None
    tame, groups, count, closed = "", [False], 0, False  # groups: whether each open one holds a quantifier
    for part in _PATTERN_PARTS.findall(pattern):
        if re.fullmatch(r"\\[1-9kbBAZ]", part) or (part == "?" and tame.endswith("(")):
            raise _complex(f"pattern {pattern!r} uses a group with (?, a boundary or a back-reference", param)
        if part in {"*", "+", "?"} or _REPEAT.fullmatch(part):
            count += not tame.endswith(("*", "+", "?", "}"))
            _check_quantifier(part, pattern, param, nested=closed)
            groups[-1] = True
        if part == "(":
            groups.append(False)
        closed = part == ")" and len(groups) > 1 and groups.pop()
        groups[-1] = groups[-1] or closed
        tame += _tame_part(part)
    if count > MAX_PATTERN_QUANTIFIERS:
        raise _complex(f"pattern {pattern!r} has {count} quantifiers; the most is {MAX_PATTERN_QUANTIFIERS}", param)
    return tame


def _tame_part(part: str) -> str:
    if part == ".":
        return r'[^"\\]'
    return r'[^"\\' + part[2:] if part.startswith("[^") else part


def _check_quantifier(part: str, pattern: str, param: str, *, nested: bool) -> None:
    if nested and part != "?":
        raise _complex(f"pattern {pattern!r} repeats a group that repeats itself", param)
    if repeat := _REPEAT.fullmatch(part):
        low, high = int(repeat[1] or 0), int(repeat[3] or repeat[1] or 0)
        if max(low, high) > MAX_REPEATS:
            raise _complex(f"pattern {pattern!r} repeats more than {MAX_REPEATS} times", param)


def _check_numbers(schema: Json, param: str) -> None:
    """Refuse a range of numbers that holds none."""
    bounds = {
        key: schema[key] for key in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum") if key in schema
    }
    for key, value in bounds.items():
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise _invalid(f"{key} is {value!r}; it must be a number", param)
        if abs(value) > 2**53:
            raise _complex(f"{key} is {value!r}; the largest is 2**53", param)
    step = 1 if schema.get("type") == "integer" else 0
    low = max(bounds.get("minimum", -(2**53)), bounds.get("exclusiveMinimum", -(2**54)) + step)
    high = min(bounds.get("maximum", 2**53), bounds.get("exclusiveMaximum", 2**54) - step)
    if low > high:
        raise _invalid(f"no number lies in the range given by {', '.join(bounds)}", param)


def _check_size(schema: Any, param: str) -> None:
    try:
        size = len(orjson.dumps(schema))
    except (TypeError, ValueError, RecursionError):
        raise _complex("the schema is nested too deeply, or holds a number beyond 64 bits", param) from None
    if size > MAX_SCHEMA_BYTES:
        raise _complex(
            f"the schema has {size} bytes with its references put in place; the most is {MAX_SCHEMA_BYTES}", param
        )


def _complex(message: str, param: str) -> BadInput:
    return BadInput(message, code="schema_too_complex", param=param)


def _invalid(message: str, param: str) -> BadInput:
    return BadInput(message, code="invalid_schema", param=param)
