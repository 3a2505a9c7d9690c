"""A real Chromium for the tests here. Where there is none they are skipped, and the reason names the package."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.panel.browser.window import open_browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for each module: what Playwright runs in must not outlast it beside tests that have loops of their own."""
    with open_browser() as opened:
        yield opened
