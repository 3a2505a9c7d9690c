"""What a model server's refusals and failures mean in AION's own error tree.

It reads llama.cpp's, vLLM's, Ollama's and OpenAI's bodies. Of an upstream message only a short, cleaned part is passed
on: no paths, addresses or keys. It retries nothing and logs nothing, because such a message may quote what people say.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from aion.errors import AionError, BadInput, Overloaded, TooLarge, Unavailable
from aion.records import Json

MAX_QUOTED = 240  # characters of an upstream message shown to a client
MAX_RETRY_AFTER_S = 3600.0

_SECRETS = (
    (re.compile(r"(?i)\bbearer\s+\S+|\b(?:sk|hf|pk|key)[-_][\w-]{6,}|\b[0-9a-f]{32,}\b"), "(key)"),
    (re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE), "(address)"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"), "(address)"),
    (re.compile(r"(?<![#\w/])~?(?:/[\w.@%+-]+){2,}/?|\b[A-Za-z]:\\\S+"), "(path)"),
)
_SCHEMA_ERROR = re.compile(
    r"JSON schema|unrecognized type|Invalid pattern|invalid (?:json )?schema|schema conversion", re.I
)
_GRAMMAR_ERROR = re.compile(r"grammar|initialize samplers|peg-native", re.IGNORECASE)
_CONTEXT_ERROR = re.compile(r"context (?:length|size|window)|maximum context|too many tokens", re.IGNORECASE)
_CONTEXT_LIMIT = re.compile(
    r"(?:maximum context length is|context size \(|context length of|n_ctx\D{1,4})\s*(\d+)", re.I
)
_CONTEXT_ASKED = re.compile(
    r"(?:requested(?: about)?|resulted in|request \(|contains at least|has)\s*(\d+)", re.IGNORECASE
)
_NO_MEDIA = re.compile(r"(?:image|audio|video) input is not supported", re.IGNORECASE)
_NOT_THE_CALLERS_FAULT = {
    401: "refused our key; set model.api_key to one that it accepts",
    402: "asks for payment",
    403: "refused our key; set model.api_key to one that it accepts",
    404: "does not know what it was asked for",
    408: "gave up waiting",
}


def error_of(status: int, body: Any, headers: Mapping[str, str], secret: str = "") -> AionError:
    """The error that a reply with this status and decoded body stands for."""
    error = _error_object(body)
    said = clean(str(error.get("message") or ""), secret)
    known = _known_refusal(error, said) if status in {400, 413, 422, 500} else None
    if known is not None:
        return known
    if status == 429:
        wait = retry_after(headers)
        return Overloaded(f"the model server has too much to do; try again in {wait:.0f} s", retry_after=wait)
    if status == 413:
        return TooLarge(f"the request is larger than the model server accepts{_quoted(said)}; shorten it")
    if 400 <= status < 500 and status not in _NOT_THE_CALLERS_FAULT:
        return BadInput(f"the model server refused the request{_quoted(said)}")
    reason = _NOT_THE_CALLERS_FAULT.get(status, f"failed with status {status}")
    return Unavailable(f"the model server {reason}{_quoted(said)}", retry_after=1.0)


def stream_error_of(error: Any, secret: str = "") -> AionError:
    """The error that stood inside a stream, after its status had already been 200."""
    found = error if isinstance(error, dict) else {"message": str(error)}
    code = found.get("code")
    return error_of(code if isinstance(code, int) and 400 <= code < 600 else 500, {"error": found}, {}, secret)


def decode_body(raw: bytes) -> Any:
    """The JSON of an error body, or its text as a message."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        text = raw[:2000].decode("utf-8", "replace")
        return {} if "<" in text else {"message": text}  # a proxy's page says nothing worth passing on


def clean(text: str, secret: str = "") -> str:
    """An upstream message without keys, addresses, paths and control characters, and not too long."""
    if secret:
        text = text.replace(secret, "(key)")
    for pattern, word in _SECRETS:
        text = pattern.sub(word, text[:4000])
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= MAX_QUOTED else text[: MAX_QUOTED - 3] + "..."


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds a Retry-After header asks for: a number or a date; 1 when it is missing or unreadable."""
    value = headers.get("Retry-After", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except ValueError:
            return 1.0
    return min(max(seconds, 1.0), MAX_RETRY_AFTER_S) if seconds == seconds else 1.0  # noqa: PLR0124 - NaN is not itself


def _error_object(body: Any) -> Json:
    """OpenAI nests it, vLLM's older releases and FastAPI do not, Ollama gives a bare string."""
    if not isinstance(body, dict):
        return {}
    error = body.get("error", body)
    if isinstance(error, dict):
        return error if "message" in error else {"message": error.get("detail", ""), **error}
    return {"message": str(error)}


def _known_refusal(error: Json, said: str) -> AionError | None:
    """A refusal that has a code of ours, whatever its status was."""
    names = {str(error.get("type")), str(error.get("code"))}
    if names & {"exceed_context_size_error", "context_length_exceeded"} or _CONTEXT_ERROR.search(said):
        return _too_long(error, said)
    if _NO_MEDIA.search(said):
        return BadInput(f"this model reads text only{_quoted(said)}", code="unsupported_content", param="messages")
    if _SCHEMA_ERROR.search(said):
        return BadInput(f"the schema cannot be used{_quoted(said)}", code="invalid_schema", param="response_format")
    if _GRAMMAR_ERROR.search(said):
        return BadInput(
            f"the schema is too complex for the model server{_quoted(said)}; simplify it",
            code="schema_too_complex",
            param="response_format",
        )
    return None


def _too_long(error: Json, said: str) -> BadInput:
    asked = error.get("n_prompt_tokens") or _number(_CONTEXT_ASKED, said)
    limit = error.get("n_ctx") or _number(_CONTEXT_LIMIT, said)
    return BadInput(
        f"the request has {asked or 'more'} tokens and the model's context holds {limit or 'fewer'}; "
        "shorten the messages or lower max_tokens",
        code="context_length_exceeded",
        param="messages",
    )


def _number(pattern: re.Pattern[str], text: str) -> int | None:
    found = pattern.search(text)
    return int(found[1]) if found else None


def _quoted(said: str) -> str:
    return f': "{said}"' if said else ""
