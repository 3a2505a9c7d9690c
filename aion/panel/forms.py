"""Reads what a form sent: its fields, and the files that it brought along.

Both kinds of form are read, by the request's own head: plain fields (urlencoded) and those with files (multipart). The
whole body is held in memory; how large one may be is the guard's decision. What a file holds is its reader's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote

MOST_PLAIN = 1 << 20  # bytes of a form without files
_BOUNDARY = re.compile(r'multipart/form-data\s*;\s*boundary="?([\w\'()+,./:=? -]{1,70})"?', re.IGNORECASE)
_NAME = re.compile(r'\bname="([^"]*)"')
_FILE = re.compile(r'\bfilename="([^"]*)"')


class BadForm(Exception):  # noqa: N818 - what happened
    """It cannot be read."""


@dataclass(frozen=True, slots=True)
class File:
    """One file, as it came."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """Of a name that stands twice the last value."""

    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)


def read_form(content_type: str, body: bytes) -> Form:
    """Raises BadForm."""
    found = _BOUNDARY.match(content_type)
    if found:
        return _read_parts(body, found[1].strip().encode())
    if len(body) > MOST_PLAIN:
        raise BadForm
    plain = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return Form({name: values[-1] for name, values in plain.items()})


def _read_parts(body: bytes, boundary: bytes) -> Form:
    """A file that was not chosen comes without a name, and is left out."""
    form = Form()
    for head, data in _split(body, boundary):
        named, of_file = _NAME.search(head), _FILE.search(head)
        if named is None:
            raise BadForm
        if of_file is None:
            form.fields[_plain(named[1])] = data.decode("utf-8", "replace")
        elif of_file[1]:
            form.files[_plain(named[1])] = File(_plain(of_file[1]), data)
    return form


def _split(body: bytes, boundary: bytes) -> Iterator[tuple[str, bytes]]:
    """The head and the bytes of each part."""
    before, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if before or not parts or not parts[-1].startswith(b"--"):
        raise BadForm
    for part in parts[:-1]:
        head, end, data = part.partition(b"\r\n\r\n")
        if not end:
            raise BadForm
        yield head.decode("utf-8", "replace"), data


def _plain(name: str) -> str:
    """Browsers write a quote or a line's end inside a name as %22, %0D and %0A."""
    return re.sub(r"%(?:22|0D|0A)", lambda found: unquote(found[0]), name)
