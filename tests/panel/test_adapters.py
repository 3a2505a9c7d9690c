"""Adapters in the panel: from what one learned, and taking its file along."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aion.panel.lineage import Origin, draw_lineage
from tests.panel.people import Visitor, sign_in
from tests.serve.test_adapter_routes import furnish
from tests.serving import RunningServer, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data = tmp_path_factory.mktemp("adapters") / "data"
    furnish(data)
    with running(data) as up:
        yield up


@pytest.fixture(scope="module")
def ana(server: RunningServer) -> Visitor:
    return sign_in(server, server.add_key("ana"))


def test_every_adapter_stands_under_its_theme_with_its_state(ana: Visitor) -> None:
    shown = ana.get("/panel/adapters").text
    assert "<h2>Boats</h2>" in shown
    assert shown.count("/panel/adapters/cand_") == 6
    for state in ("served", "refused", "passed, not served", "retired", "on trial", "not examined"):
        assert f">{state}</span>" in shown


def test_an_adapters_file_is_taken_along_and_what_is_gone_says_so(ana: Visitor) -> None:
    reply = ana.get("/panel/adapters/cand_used/export")
    assert (reply.content, reply.headers["content-type"]) == (b"adapter of used", "application/octet-stream")
    gone = ana.get("/panel/adapters/cand_new/export")
    assert gone.status_code == 404
    assert "file is gone" in gone.text


def test_what_may_be_done_with_an_adapter_follows_from_where_it_stands(ana: Visitor) -> None:
    shown = {name: ana.get(f"/panel/adapters/cand_{name}").text for name in ("good", "used", "bad", "new")}
    assert [name for name in shown if "Serve it</button>" in shown[name]] == ["good"]
    assert [name for name in shown if "Serve it no more</button>" in shown[name]] == ["used"]
    assert "Go back to this" in ana.get("/panel/adapters").text


def test_what_could_not_be_done_is_said_and_changes_nothing(ana: Visitor) -> None:
    """The fake model can serve no adapter."""
    before = ana.get("/panel/adapters").text
    refused = ana.post("/panel/adapters/cand_good/promote")
    assert (refused.status_code, 'role="alert"' in refused.text) == (503, True)
    assert ana.get("/panel/adapters").text == before


def test_what_taught_more_is_drawn_broader_and_leads_to_its_place() -> None:
    origins = [Origin("Boats & <b>", "/panel/chat/c1", 4), Origin("A note", "", 1)]
    drawn = draw_lineage(origins, "My theme", label="from what")
    assert 'stroke-width="14.0"' in drawn
    assert 'stroke-width="3.5"' in drawn
    assert '<a href="/panel/chat/c1">' in drawn
    assert "Boats &amp; &lt;b&gt;" in drawn
    assert drawn.count("<a ") == 1
