"""`aion panel`: the link it prints signs in; without a server it says how to start one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.cli.conftest import Ran
from tests.panel.people import Visitor
from tests.serving import running

Aion = Callable[..., Ran]


def test_the_link_alone_is_printed_and_signs_in(aion: Aion, tmp_path: Path) -> None:
    with running(tmp_path / "served") as server:
        ran = aion("panel", "--data", str(server.data))
        place, _, code = ran.out.strip().partition("#")
        assert (place, ran.code) == (f"{server.url}/panel/enter", 0)
        assert Visitor(server).enter(code).headers["location"] == "/panel/chat"
        told = json.loads(aion("panel", "--data", str(server.data), "--json").out)
        assert told["link"].startswith(f"{server.url}/panel/enter#")


def test_without_a_server_there_is_no_link(aion: Aion, tmp_path: Path) -> None:
    ran = aion("panel", "--data", str(tmp_path / "nobody"))
    assert ran.code != 0
    assert "aion up" in ran.err
    assert ran.out == ""
