"""Settings in the panel: forms become changes of what was changed alone, and refusals stand beside what was typed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from aion.config.describe import describe_sections
from aion.panel.settings import read_wishes
from tests.panel.people import Visitor, sign_in
from tests.serving import RunningServer, running

CANARY = "canary-secret"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data = tmp_path_factory.mktemp("settings") / "data"
    data.mkdir(mode=0o700)
    (data / "aion.toml").write_text(f'[hub]\ntoken = "{CANARY}"\n\n[gate]\ntrial_hours = 1.5 # short\n')
    with running(data, {"sleep.check_minutes": 30}) as up:
        yield up


@pytest.fixture(scope="module")
def admin(server: RunningServer) -> Visitor:
    return sign_in(server, server.key)


def fields_of(html: str, section: str) -> dict[str, str]:
    """What a browser sends when nothing was touched."""
    form = html.split(f'action="{section}"')[1].split("</form>", maxsplit=1)[0]
    found = dict(re.findall(r'<input type="(?:text|number|range)" [^>]*?name="([^"]+)"[^>]* value="([^"]*)"', form))
    found |= dict.fromkeys(re.findall(r'<input type="checkbox"[^>]*?name="([^"]+)"[^>]* checked', form), "on")
    found |= dict(re.findall(r'<textarea [^>]*?name="([^"]+)"[^>]*>(.*?)</textarea>', form, re.DOTALL))
    for key, options in re.findall(r'<select [^>]*?name="([^"]+)"[^>]*>(.*?)</select>', form):
        found[key] = re.findall(r"<option selected>([^<]*)", options)[0]
    return found


def text_of(server: RunningServer) -> str:
    return (server.data / "aion.toml").read_text()


def setting(key: str, **told: Any) -> dict[str, Any]:
    return {"key": key, "kind": "number", "next": 0.5, "default": 0.5, "why_not": "", **told}


@pytest.mark.parametrize(
    ("told", "given", "wish"),
    [
        ({}, {"x": "0.50"}, {}),
        ({}, {"x": "0.6"}, {"x": "0.6"}),
        ({}, {"x": "much"}, {"x": "much"}),
        ({}, {}, {}),
        ({"next": 0.6}, {"x": "0.5"}, {"x": None}),
        ({"why_not": "a flag"}, {"x": "0.6"}, {}),
        ({"kind": "bool", "next": True, "default": True}, {}, {"x": False}),
        ({"kind": "bool", "next": False, "default": True}, {"x": "on"}, {"x": None}),
        ({"kind": "secret", "next": "***", "default": None}, {"x": ""}, {}),
        ({"kind": "secret", "next": "***", "default": None}, {"x": "new"}, {"x": "new"}),
        ({"kind": "text", "next": "a\nb", "default": "auto"}, {"x": "a\r\nb"}, {}),
        ({"kind": "text", "next": 4, "default": "auto"}, {"x": "auto"}, {"x": None}),
        ({"kind": "choice", "next": 8, "default": 8}, {"x": "16"}, {"x": "16"}),
    ],
)
def test_only_what_was_changed_is_asked_for(told: dict[str, Any], given: dict[str, str], wish: dict[str, Any]) -> None:
    assert read_wishes([setting("x", **told)], given) == wish


def test_a_form_that_was_not_touched_changes_nothing(server: RunningServer, admin: Visitor) -> None:
    before, page = text_of(server), admin.get("/panel/settings").text
    sections = re.findall(r'action="(/panel/settings/\w+)"', page)
    assert len(sections) == len(list(describe_sections()))
    for section in sections:
        reply = admin.post(section, fields_of(page, section))
        assert reply.headers["location"].endswith("?said=Nothing+was+changed."), section
    sleep = admin.get("/panel/sleep").text
    assert (
        "Nothing+was"
        in admin.post("/panel/sleep/settings", fields_of(sleep, "/panel/sleep/settings")).headers["location"]
    )
    assert text_of(server) == before


def test_a_section_is_saved_and_says_what_waits(server: RunningServer, admin: Visitor) -> None:
    place = "/panel/settings/gate"
    given = fields_of(admin.get(place).text, place) | {"gate.trial_share": "0.25"}
    del given["gate.auto"]
    assert "after+the+next+start" in admin.post(place, given).headers["location"]
    assert text_of(server).endswith("trial_hours = 1.5 # short\nauto = false\ntrial_share = 0.25\n")
    page = admin.get(place).text
    assert "These wait for the next start" in page
    assert page.count("In force:") == 2
    admin.post(place, {"reset": "gate.trial_share"})
    admin.post(place, {"reset": "gate.auto"})
    assert text_of(server).endswith("trial_hours = 1.5 # short\n")
    assert "These wait" not in admin.get(place).text


def test_what_is_refused_is_said_beside_what_was_typed(server: RunningServer, admin: Visitor) -> None:
    before, place = text_of(server), "/panel/settings/sleep"
    given = fields_of(admin.get(place).text, place) | {"sleep.window": "<3 to 5>", "sleep.priority": "0.75"}
    refused = admin.post(place, given)
    assert refused.status_code == 400
    assert refused.text.count('role="alert" id="why-sleep.window"') == refused.text.count('role="alert"') == 1
    assert 'value="&lt;3 to 5&gt;"' in refused.text
    assert re.search(r'name="sleep.window"[^>]*aria-invalid="true"', refused.text)
    assert fields_of(refused.text, place)["sleep.priority"] == "0.75"
    assert text_of(server) == before


def test_no_secret_reaches_the_browser(admin: Visitor) -> None:
    page = admin.get("/panel/settings").text
    assert 'name="hub.token"' in page
    assert "canary" not in page
    refused = admin.post("/panel/settings/hub", {"hub.token": "canary-typed", "hub.endpoint": "nowhere"})
    assert refused.status_code == 400
    assert "canary" not in refused.text


def test_what_a_flag_gives_cannot_be_changed_and_says_so(admin: Visitor) -> None:
    page = admin.get("/panel/settings/sleep").text
    assert re.search(r'name="sleep.check_minutes"[^>]* disabled', page)
    assert "Given by a flag" in page
    assert re.search(r'name="sleep.check_minutes"[^>]* disabled', admin.get("/panel/sleep").text)


def test_sliders_set_what_begins_a_night(server: RunningServer, admin: Visitor) -> None:
    place = "/panel/sleep/settings"
    given = fields_of(admin.get("/panel/sleep").text, place)
    moved = given | {"sleep.idle_percent": "12.4", "learning.tau": "0.7000001"}
    assert "from+now+on" in admin.post(place, moved).headers["location"]
    assert "[sleep]\nidle_percent = 12.0\n\n[learning]\ntau = 0.7\n" in text_of(server)
    assert re.search(r"<output [^>]*>12</output>", admin.get("/panel/sleep").text)
    admin.post(place, given)
    assert "idle_percent" not in text_of(server)


def test_a_slider_does_not_move_what_stands_between_its_steps_or_beyond_its_end(admin: Visitor) -> None:
    admin.post("/panel/settings/sleep", {"sleep.auto": "on", "sleep.idle_minutes": "600.25", "sleep.priority": "0.333"})
    page = admin.get("/panel/sleep").text
    [slider] = re.findall(r'<input type="range"[^>]*name="sleep.idle_minutes"[^>]*>', page)
    assert 'max="600.25" step="any" value="600.25"' in slider
    reply = admin.post("/panel/sleep/settings", fields_of(page, "/panel/sleep/settings"))
    assert "Nothing+was+changed" in reply.headers["location"]


def test_whoever_is_no_administrator_has_no_sliders(server: RunningServer) -> None:
    user = sign_in(server, server.add_key("user"))
    assert "sleep/settings" not in user.get("/panel/sleep").text
    before = text_of(server)
    assert user.post("/panel/sleep/settings", {"sleep.idle_percent": "5"}).status_code == 403
    assert user.post("/panel/settings/sleep", {"sleep.auto": "on"}).status_code == 403
    assert text_of(server) == before
