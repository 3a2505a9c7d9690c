"""The panel's front door before an API that fails: what a person is shown of it."""

from __future__ import annotations

import httpx2
import pytest
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from aion.panel.front import Panel

pytestmark = pytest.mark.anyio
ID = "req_1"


class Broken:
    """Says who is asking; what else it says has nothing of what a page shows."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        known = {"/api/me": {"owner": "ana", "scope": "user", "renew": False}}
        await JSONResponse(known.get(scope["path"], {}))(scope, receive, send)


async def get(accept: str) -> httpx2.Response:
    panel = Panel()
    panel.connect(Broken())

    async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
        await panel({**scope, "state": {"request_id": ID}}, receive, send)

    transport = httpx2.ASGITransport(app=with_state)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        return await client.get("/panel/sleep", headers={"accept": accept, "cookie": "aion_session=x"})


async def test_a_page_that_fails_is_still_a_page_and_names_its_request() -> None:
    shown = await get("text/html")
    assert (shown.status_code, shown.headers["content-type"]) == (500, "text/html; charset=utf-8")
    assert "Something went wrong on this side." in shown.text
    assert ID in shown.text
    assert "KeyError" not in shown.text


async def test_what_a_script_asked_fails_as_the_api_does() -> None:
    with pytest.raises(KeyError):
        await get("application/json")
