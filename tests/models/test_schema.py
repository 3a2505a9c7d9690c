"""What a schema may hold. Each refusal here stands for a schema seen to hang, crash or mislead an engine."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from aion.errors import BadInput
from aion.models.schema import check_response_format, check_schema, tame_pattern


def nest(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


TOO_COMPLEX: list[dict[str, Any]] = [
    {"$ref": "#"},
    {"type": "object", "properties": {"child": {"$ref": "#"}}},
    {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
    {"$defs": {"n": {"properties": {"next": {"$ref": "#/$defs/n"}}}}, "$ref": "#/$defs/n"},
    nest(33),
    {"enum": [f"{n:06}" for n in range(257)]},
    {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(1001)}},
    {"description": "x" * (64 << 10)},
    {"type": "string", "pattern": "^(a+)+$"},
    {"type": "string", "pattern": "^((a*)b)*$"},
    {"type": "string", "pattern": "^(a{1,9}){2,}$"},
    {"type": "string", "pattern": "^" + "[a-z]?" * 60 + "$"},
    {"type": "string", "pattern": "a" * 257},
    {"type": "string", "pattern": "^(?=a)a$"},
    {"type": "string", "pattern": r"^(a)\1$"},
    {"type": "string", "pattern": "^a{9999}$"},
    {"type": "string", "minLength": 10**6},
    {"type": "array", "items": {}, "minItems": 10**5},
    {"type": "integer", "minimum": -(10**30)},
]
INVALID: list[Any] = [
    {"type": "nonsense"},
    {"type": 5},
    {"type": []},
    {"$ref": "https://example.com/x.json"},
    {"$ref": "#/$defs/none"},
    {"properties": [1]},
    {"items": 5},
    {"anyOf": []},
    {"enum": []},
    {"type": "string", "minLength": 5, "maxLength": 2},
    {"type": "array", "minItems": 5, "maxItems": 2},
    {"type": "string", "maxLength": -1},
    {"type": "integer", "minimum": 5, "maximum": 2},
    {"type": "integer", "exclusiveMinimum": 5, "exclusiveMaximum": 6},
    {"type": "integer", "minimum": "x"},
    {"type": "string", "pattern": "^(ab$"},
    {"type": "string", "pattern": "^a{5,2}$"},
    [1],
    True,
    "x",
]


@pytest.mark.parametrize("schema", TOO_COMPLEX, ids=lambda schema: str(schema)[:40])
def test_a_schema_that_an_engine_would_choke_on_is_refused(schema: dict[str, Any]) -> None:
    inside = {"type": "array", "items": schema} if "$ref" not in str(schema) else schema
    for one in (schema, inside):
        with pytest.raises(BadInput) as caught:
            check_schema(one, "tools[2].function.parameters")
        assert (caught.value.code, caught.value.param) == ("schema_too_complex", "tools[2].function.parameters")


def test_a_schema_nested_beyond_reading_is_refused() -> None:
    with pytest.raises(BadInput, match="too deeply"):
        check_schema(nest(5000), "x")


@pytest.mark.parametrize("schema", INVALID, ids=str)
def test_a_schema_that_means_nothing_is_refused(schema: Any) -> None:
    with pytest.raises(BadInput) as caught:
        check_schema(schema, "here")
    assert caught.value.code == "invalid_schema"


def test_references_are_put_in_place() -> None:
    schema = {"$defs": {"city": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/city", "title": "A"}}}
    assert check_schema(schema, "x") == {"properties": {"a": {"type": "string", "title": "A"}}}


def test_a_reference_to_itself_is_told_as_what_it_is() -> None:
    for loop in ({"$ref": "#"}, {"$defs": {"n": {"items": {"$ref": "#/$defs/n"}}}, "$ref": "#/$defs/n"}):
        with pytest.raises(BadInput, match="leads back to itself"):
            check_schema(loop, "x")


def test_references_that_multiply_are_refused() -> None:
    """Sixteen definitions that each name the next one twice are 65,536 parts when written out."""
    names = [f"d{n}" for n in range(16)]
    definitions: dict[str, Any] = {
        a: {"anyOf": [{"$ref": f"#/$defs/{b}"}, {"$ref": f"#/$defs/{b}"}]} for a, b in pairwise(names)
    }
    with pytest.raises(BadInput, match="1000 parts"):
        check_schema({"$defs": {**definitions, "d15": {"type": "null"}}, "$ref": "#/$defs/d0"}, "x")


@pytest.mark.parametrize(
    ("pattern", "tame"),
    [
        ("^.+@.+$", r'^[^"\\]+@[^"\\]+$'),
        (r"^[^a]\.[.]$", r'^[^"\\a]\.[.]$'),
        (r"^\d{3}-(\w+|x{2,5})?$", r"^\d{3}-(\w+|x{2,5})?$"),
        ("", ""),
    ],
)
def test_a_dot_cannot_write_the_end_of_the_string(pattern: str, tame: str) -> None:
    assert tame_pattern(pattern, "x") == tame


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"type": "xyz"}, "response_format.type"),
        ({}, "response_format.type"),
        ({"type": "json_schema"}, "response_format.json_schema"),
        ({"type": "json_schema", "json_schema": {"name": "x"}}, "response_format.json_schema"),
        ({"type": "json_schema", "json_schema": {"schema": True}}, "response_format.json_schema.schema"),
    ],
)
def test_a_response_format_that_engines_would_ignore_is_refused(given: dict[str, Any], param: str) -> None:
    with pytest.raises(BadInput) as caught:
        check_response_format(given)
    assert caught.value.param == param


def test_plain_response_formats_pass() -> None:
    for plain in (None, {"type": "text"}, {"type": "json_object"}):
        assert check_response_format(plain) == plain
