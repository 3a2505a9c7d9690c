"""Reads a request body as JSON, strictly: what two parsers could read differently is refused.

Refused besides syntax errors: a byte order mark, bytes that are not UTF-8, doubled keys, NaN and Infinity, numbers that
do not fit, half surrogate pairs, depth over 64, more values than can be read in a moment. It knows nothing of fields:
pydantic models do.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from aion.errors import BadInput
from aion.serve.validation import explain_invalid, show_value

MAX_DEPTH = 64
MAX_VALUES = 300_000  # a quarter of a second of reading, during which nobody else is answered
MIN_INTEGER, MAX_INTEGER = -(1 << 63), (1 << 63) - 1
SAFE_DIGITS = 18  # no integer of so many digits passes MAX_INTEGER
LONGEST_SEARCHED = 1 << 18  # characters in which the place of a number is looked up for the message ...
LONGEST_TOKEN = 100  # ... and the longest such number

_STRING = r'"(?:[^"\\]|\\.)*"'
_HALF_SURROGATE = re.compile(r"[\ud800-\udfff]")
_NO_MARKS = bytes(set(range(256)) - set(b'"[]{},'))
_NUMBER_SHAPES = bytes.maketrans(b"123456789E", b"000000000e")


def parse_json(body: bytes) -> object:
    """The value that `body` holds, or BadInput `invalid_json` which says where and why not."""
    text = _decode(body)
    _check_shape(body)
    decoder = _CAREFUL if _has_odd_numbers(body) else _PLAIN
    try:
        value: object = decoder.decode(text)
    except json.JSONDecodeError as error:
        _refuse(f"{error.msg} at line {error.lineno}, column {error.colno}")
    except _Refusal as refusal:
        _refuse(f"{refusal.reason}{_place_of(refusal.token, text)}")
    if b"\\u" in body:
        _check_surrogates(value)
    return value


class StrictRequest(Request):
    """A request whose `json()` is `parse_json`."""

    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            self._json = parse_json(await self.body())
        return self._json


class StrictRoute(APIRoute):
    """A route that reads its body with `parse_json`, and explains what is wrong with its fields."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        reads_body = self.body_field is not None
        annotation = self.body_field.field_info.annotation if self.body_field is not None else None

        async def handle_strictly(request: Request) -> Response:
            strict = StrictRequest(request.scope, request.receive)
            if reads_body:
                await strict.json()  # here, because FastAPI would turn our errors into its own
            try:
                return await handle(strict)
            except RequestValidationError as error:
                raise explain_invalid(error, annotation) from None

        return handle_strictly


class _Refusal(Exception):  # noqa: N818 - carries a reason from a decoder's hook to parse_json, and never further
    """A value that is JSON, or nearly, but that AION does not take."""

    def __init__(self, reason: str, token: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.token = token


def _refuse(reason: str) -> NoReturn:
    raise BadInput(f"The body is not valid JSON: {reason}.", code="invalid_json") from None


def _decode(body: bytes) -> str:
    if not body.strip():
        _refuse("it is empty")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse(f"byte {body[error.start]:#04x} at offset {error.start} is not UTF-8")
    if text.startswith("\ufeff"):
        _refuse("it starts with a byte order mark, at offset 0; send plain UTF-8")
    return text


def _check_shape(body: bytes) -> None:
    """Depth and number of values, measured on what stands outside strings, before anything recurses or is built."""
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH and body.count(b",") < MAX_VALUES:
        return
    marks = body.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _NO_MARKS)
    strings = marks.count(b'"') // 2
    outline = b"".join(marks.split(b'"')[::2]) if strings <= MAX_VALUES * 2 else b""  # a key and a value each
    if strings > MAX_VALUES * 2 or outline.count(b",") + outline.count(b"[") + outline.count(b"{") > MAX_VALUES:
        _refuse(f"it holds more than {MAX_VALUES} values")
    depth = 0
    for bracket in outline.replace(b",", b""):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            _refuse(f"it is nested deeper than {MAX_DEPTH} levels")


def _has_odd_numbers(body: bytes) -> bool:
    """Whether some number might not fit. Without long runs of digits and exponents none can be out of range."""
    shapes = body.translate(_NUMBER_SHAPES)
    return b"0" * (SAFE_DIGITS + 1) in shapes or b"0e" in shapes


def _check_surrogates(value: object) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        half = _HALF_SURROGATE.search(error.object)
        shown = f"\\u{ord(half.group()):04x}" if half else "one"
        _refuse(f"{shown} is half of a surrogate pair, which stands for no character")


def _place_of(token: str, text: str) -> str:
    """' at line L, column C' of a number outside strings; nothing when unknown or when looking would take long."""
    if not token or len(token) > LONGEST_TOKEN or len(text) > LONGEST_SEARCHED:
        return ""
    for match in re.finditer(rf"{_STRING}|(?<![\w.+-]){re.escape(token)}(?![\w.+-])", text):
        if match.group()[0] != '"':
            line = text.count("\n", 0, match.start()) + 1
            return f" at line {line}, column {match.start() - text.rfind(chr(10), 0, match.start())}"
    return ""


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    built = dict(pairs)
    if len(built) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _Refusal(f"the key {show_value(name)} stands twice in one object")
            seen.add(name)
    return built


def _refuse_constant(token: str) -> NoReturn:
    raise _Refusal(f"{token} is not a JSON number", token)


def _read_integer(token: str) -> int:
    if len(token) <= len(str(MIN_INTEGER)) and MIN_INTEGER <= (number := int(token)) <= MAX_INTEGER:
        return number
    raise _Refusal(f"{show_value(token)[1:-1]} does not fit in 64 bits", token)


def _read_float(token: str) -> float:
    number = float(token)
    if math.isinf(number):
        raise _Refusal(f"{show_value(token)[1:-1]} is too large for a number", token)
    return number


_PLAIN = json.JSONDecoder(object_pairs_hook=_build_object, parse_constant=_refuse_constant)
_CAREFUL = json.JSONDecoder(
    object_pairs_hook=_build_object,
    parse_constant=_refuse_constant,
    parse_int=_read_integer,
    parse_float=_read_float,
)
