"""Forms with and without files: every byte of a file as it was, and nothing read from what is broken."""

from __future__ import annotations

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aion.panel.forms import MOST_PLAIN, BadForm, File, Form, read_form

PLAIN = "application/x-www-form-urlencoded"
MIXED = "multipart/form-data; boundary=line"
PART = b'--line\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'


def test_plain_fields_are_read_and_the_last_of_a_name_counts() -> None:
    assert read_form(PLAIN, b"a=1&b=%C3%A9+x&a=2&c=") == Form({"a": "2", "b": "é x", "c": ""})


@given(data=st.binary(max_size=300), text=st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_every_byte_of_a_file_comes_through_beside_its_fields(data: bytes, text: str) -> None:
    sent = httpx2.Request("POST", "http://x/", data={"t": text}, files={"file": ('a "b"\n.md', data)})
    form = read_form(sent.headers["content-type"], sent.read())
    assert form == Form({"t": text}, {"file": File('a "b"\n.md', data)})


def test_a_file_that_was_not_chosen_is_none() -> None:
    part = b'--line\r\nContent-Disposition: form-data; name="file"; filename=""\r\n\r\n\r\n'
    assert read_form(MIXED, part + PART + b"--line--\r\n") == Form({"a": "1"})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        PART,
        PART[:-3],
        PART[2:] + b"--line--",
        b"--line\r\nno head\r\n--line--",
        b"--line\r\nContent-Disposition: form-data\r\n\r\n1\r\n--line--",
    ],
)
def test_what_is_no_whole_form_is_refused(body: bytes) -> None:
    with pytest.raises(BadForm):
        read_form(MIXED, body)


def test_a_plain_form_that_is_too_large_is_refused_and_not_cut() -> None:
    with pytest.raises(BadForm):
        read_form(PLAIN, b"a=" + b"x" * MOST_PLAIN)
