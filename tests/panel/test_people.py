"""People: keys that are made, shown once and revoked; signing somebody out; and the audit, page by page."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx2
import pytest

from aion.store.sqlite import SqliteStore
from tests.panel.people import Visitor, sign_in
from tests.serving import RunningServer, running
from tests.store.examples import make_audit

KEY = re.compile(r"<code>(aion-([0-9a-f]{12})-[\w-]{43})</code>")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data = tmp_path_factory.mktemp("people") / "data"
    store = SqliteStore(data)
    for number in range(120):
        store.append_audit(
            make_audit(at=float(number), actor="zoe", act="new.act", subject=f"thing_{number:03}")
        ).result()
    store.close()
    with running(data) as up:
        yield up


@pytest.fixture(scope="module")
def admin(server: RunningServer) -> Visitor:
    return sign_in(server, server.key)


def status_of(server: RunningServer, key: str) -> int:
    return httpx2.get(f"{server.url}/api/me", headers={"Authorization": f"Bearer {key}"}).status_code


def test_a_key_is_made_shown_once_and_revoked(server: RunningServer, admin: Visitor) -> None:
    made = admin.post("/panel/people/keys", {"owner": " ana ", "scope": "user", "days": "3"})
    assert (made.status_code, made.headers["cache-control"]) == (200, "no-store")
    found = KEY.search(made.text)
    assert found
    assert "data-copy" in made.text
    listed = admin.get("/panel/people").text
    assert found[1] not in listed
    assert f'name="key" value="{found[2]}"' in listed
    assert status_of(server, found[1]) == 200
    assert admin.post("/panel/people/keys/revoke", {"key": found[2]}).status_code == 303
    assert status_of(server, found[1]) == 401
    later = admin.get("/panel/people").text
    assert f'name="key" value="{found[2]}"' not in later
    assert f"<code>{found[2]}</code>" in later, "it is still listed, among those that no longer work"


def test_a_key_without_days_never_ends(admin: Visitor) -> None:
    made = admin.post("/panel/people/keys", {"owner": "ines", "scope": "admin", "days": ""}).text
    [row] = re.findall(r'<th scope="rowgroup" rowspan="1">ines</th>\s*(.*?)</td>\s*<td><form', made, re.DOTALL)
    assert "everything, of everybody" in row
    assert row.endswith("it is revoked")


@pytest.mark.parametrize(
    "fields",
    [
        {"owner": ""},
        {"owner": "a\x00b"},
        {"owner": "<script>"},
        {"owner": "x", "scope": "root"},
        {"owner": "x", "days": "soon"},
        {"owner": "x", "days": "0"},
        {"owner": "x", "days": "9" * 40},
        {"owner": "x", "days": "-3"},
    ],
)
def test_a_key_with_a_wrong_wish_is_not_made(admin: Visitor, fields: dict[str, str]) -> None:
    before = admin.get("/panel/people").text.count('name="key" value=')
    refused = admin.post("/panel/people/keys", fields)
    assert (refused.status_code, 'role="alert"' in refused.text) == (400, True)
    assert admin.get("/panel/people").text.count('name="key" value=') == before


def test_revoking_asks_first_and_a_key_that_is_none_is_no_fault_of_ours(admin: Visitor) -> None:
    assert "data-confirm" in admin.get("/panel/people").text.partition("/panel/people/keys/revoke")[2][:100]
    assert admin.post("/panel/people/keys/revoke", {"key": "../x"}).status_code == 404
    assert admin.post("/panel/people/keys/revoke", {"key": "0" * 12}).status_code == 404


def test_somebody_is_signed_out_everywhere_and_the_administrator_is_not(server: RunningServer, admin: Visitor) -> None:
    key = server.add_key("carl")
    browsers = [sign_in(server, key) for _ in range(2)]
    assert 'name="owner" value="carl"' in admin.get("/panel/people").text
    assert 'name="owner" value="me"' not in admin.get("/panel/people").text
    assert admin.post("/panel/people/sign-out", {"owner": "carl"}).status_code == 303
    assert {one.get("/panel/you").headers["location"] for one in browsers} == {"/panel/enter"}
    assert 'name="owner" value="carl"' not in admin.get("/panel/people").text
    assert admin.post("/panel/people/sign-out").status_code == 400, "nobody is no name for oneself"
    assert admin.get("/panel/people").status_code == 200


def subjects(page: str) -> list[str]:
    return re.findall(r'<code class="wrap">(thing_\d+)</code>', page)


def test_the_audit_is_read_page_by_page_to_its_beginning(admin: Visitor) -> None:
    place, seen = "/panel/people?actor=zoe", []
    for _ in range(4):
        page = admin.get(place or "/panel/people?actor=nobody").text
        seen += subjects(page)
        found = re.search(r'<a href="([^"]*before=[^"#]*)#log"', page)
        place = found[1].replace("&amp;", "&") if found else ""
    assert seen == [f"thing_{number:03}" for number in reversed(range(120))]


def test_the_audit_is_chosen_by_who_and_what(admin: Visitor) -> None:
    assert len(subjects(admin.get("/panel/people?actor=zoe&act=new.act").text)) == 50
    assert "Nothing of this kind was done." in admin.get("/panel/people?actor=zoe&act=key.add").text
    page = admin.get("/panel/people?act=session.begin").text
    assert subjects(page) == []
    assert '<option value="session.begin" selected>signed in</option>' in page
    assert "<td>new.act</td>" in admin.get("/panel/people?actor=zoe").text, "one without a name keeps its own"
    assert admin.get("/panel/people?before=%22%3E%3Cscript%3E").status_code == 200
