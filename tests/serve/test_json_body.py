"""Strict JSON: equal to the standard library where both accept, and stricter exactly where promised."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any, Literal

import pytest
from fastapi.exceptions import RequestValidationError
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aion.errors import BadInput
from aion.serve.json_body import parse_json
from aion.serve.validation import explain_invalid, show_value

NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


def refusal(body: bytes) -> str:
    with pytest.raises(BadInput) as caught:
        parse_json(body)
    assert caught.value.code == "invalid_json"
    assert len(caught.value.message) < 400
    return caught.value.message


@given(VALUES, st.booleans(), st.sampled_from([None, 2]))
@settings(deadline=None, max_examples=300)
def test_what_was_written_is_read(value: Any, is_ascii: bool, indent: int | None) -> None:
    body = json.dumps(value, ensure_ascii=is_ascii, indent=indent).encode()
    assert parse_json(body) == value


@given(st.binary(max_size=60) | st.text('[]{}",:\\u0d8e1-.+ NaIfinitytrue\n', max_size=60).map(str.encode))
@settings(deadline=None, max_examples=2000)
def test_anything_is_either_read_like_the_standard_library_or_refused(body: bytes) -> None:
    try:
        value = parse_json(body)
    except BadInput:
        return  # any other exception fails the test
    assert value == json.loads(body.decode())


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty"),
        (b" \n ", "empty"),
        (b'{"a": 1,\n "b": }', "line 2, column 7"),
        (b"{} {}", "line 1, column 4"),
        (b'{"a": 1} x', "Extra data"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b'{"a": "\xff"}', "0xff at offset 7"),
        (b'{"a": "\xed\xa0\x80"}', "offset 7"),
        ('{"a": 1}'.encode("utf-16"), "offset 0"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "'c' stands twice"),
        (b'{"a": 1, "\\u0061": 2}', "'a' stands twice"),
        (b'{"NaN": "NaN",\n "b": NaN}', "NaN is not a JSON number at line 2, column 7"),
        (b"[Infinity]", "Infinity is not a JSON number at line 1, column 2"),
        (b"[-Infinity]", "-Infinity"),
        (b'["1e400", 1e400]', "1e400 is too large for a number at line 1, column 11"),
        (b"[-1E400]", "too large"),
        (b"[1" + b"0" * 400 + b".5]", "too large"),
        (b"[9223372036854775808]", "9223372036854775808 does not fit in 64 bits at line 1, column 2"),
        (b"[-9223372036854775809]", "does not fit"),
        (b"[" + b"1" * 100_000 + b"]", "does not fit"),
        (b'["\\ud800"]', "\\ud800 is half"),
        (b'["\\udc00\\ud800"]', "half"),
        (b'{"\\ud83d": 1}', "half"),
        (b'["a\nb"]', "control character"),
        (b'["\\x"]', "escape"),
        (b"[01]", "line 1"),
        (b"[1,]", "line 1"),
        (b"{'a': 1}", "line 1"),
        (b"nul", "line 1"),
        (b"[" * 65 + b"]" * 65, "deeper than 64"),
        (b"[" * 10_000, "deeper than 64"),
        (b"[" + b"1," * 300_000 + b"1]", "more than 300000 values"),
        (b"[" + b"[]," * 200_000 + b"1]", "more than 300000 values"),
        (b"[" + b'"",' * 700_000 + b"1]", "more than 300000 values"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "deeper than 64"),
    ],
)
def test_what_two_parsers_could_read_differently_is_refused(body: bytes, says: str) -> None:
    assert says in refusal(body)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 64 + b"]" * 64,
        b'["' + b"[" * 1000 + b'"]',
        b'["' + b"," * 400_000 + b'"]',
        b'"' + b",[" * 400_000 + b'"',
        b'["\\"' + b"[{" * 1000 + b'\\\\"]',
        b"[" + b"[]," * 1000 + b"[]]",
        b"[9223372036854775807, -9223372036854775808, 1e308, -0.0, 1E-400]",
        b'["\\ud83d\\ude00", "\\\\ud800", "\\u0000"]',
    ],
)
def test_what_only_looks_odd_is_read(body: bytes) -> None:
    assert parse_json(body) == json.loads(body)


def test_a_normal_body_is_read_in_a_fraction_of_a_millisecond() -> None:
    turns = [{"role": "user", "content": "What did we decide about the billing service? " * 9} for _ in range(45)]
    body = json.dumps({"model": "aion", "messages": turns, "temperature": 0.7}).encode()
    assert len(body) > 20_000
    best = 1.0
    for _ in range(50):
        start = time.perf_counter()
        parse_json(body)
        best = min(best, time.perf_counter() - start)
    assert best < 0.0003


# Fields


class Part(BaseModel):
    """A piece of content."""

    type: Literal["text", "image_url"]
    text: str


class Message(BaseModel):
    """One message."""

    model_config = ConfigDict(extra="forbid")

    role: Literal["user", "assistant"]
    content: str | list[Part]


class Ask(BaseModel):
    """A small request."""

    messages: list[Message] = Field(min_length=1)
    n: int = Field(1, ge=1, le=8)
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top: float | None = Field(None, gt=0)
    bias: dict[str, Annotated[float, Field(ge=-100, le=100)]] = Field(default_factory=dict)


def explain(body: Any) -> tuple[str | None, str]:
    with pytest.raises(ValidationError) as caught:
        Ask.model_validate(body)
    raw = [{**error, "loc": ("body", *error["loc"])} for error in caught.value.errors()]
    told = explain_invalid(RequestValidationError(raw, body=body), Ask)
    return told.param, told.message


HELLO = {"role": "user", "content": "hello"}


@pytest.mark.parametrize(
    ("body", "param", "message"),
    [
        ({}, "messages", "messages is missing"),
        ({"messages": [HELLO] * 3 + [{**HELLO, "role": "king"}]}, "messages[3].role",
         "messages[3].role must be 'user' or 'assistant'; found 'king'"),
        ({"messages": [HELLO], "n": 1_000_000}, "n", "n must be between 1 and 8; found 1000000"),
        ({"messages": [HELLO], "n": "x" * 1000}, "n", None),
        ({"messages": [HELLO], "temperature": -1}, "temperature", "temperature must be between 0 and 2; found -1"),
        ({"messages": [HELLO], "top": 0}, "top", "top must be greater than 0; found 0"),
        ({"messages": [HELLO], "bias": {"17": 101}}, "bias.17", "bias.17 must be between -100 and 100; found 101"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "messages[0].content is missing"),
        ({"messages": [{**HELLO, "content": 5}]}, "messages[0].content",
         "messages[0].content must be a valid string or must be a valid list; found 5"),
        ({"messages": [{**HELLO, "content": [{"type": "text"}]}]}, "messages[0].content[0].text",
         "messages[0].content[0].text is missing"),
        ({"messages": [{**HELLO, "x": 1}]}, "messages[0].x", "messages[0].x is not a known field; found 1"),
        ([], None, None),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named_with_what_is_allowed_and_what_was_found(
    body: Any, param: str | None, message: str | None
) -> None:
    found_param, found_message = explain(body)
    assert found_param == param
    assert message is None or found_message == message
    assert len(found_message) < 300


def test_a_value_is_shown_short_however_large_it_is() -> None:
    for value in ("x" * 10_000, list(range(100_000)), {str(i): i for i in range(100_000)}, b"x" * 10_000):
        assert len(show_value(value)) <= 100
