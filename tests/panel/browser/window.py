"""A person's browser window, watched: what it wrote to its console, asked of other hosts, and what axe finds in a page.

Chromium is the system's own; nothing is downloaded here. Pictures are kept in build/screenshots, to be looked at.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, Route, sync_playwright

from tests.panel.people import make_code
from tests.serving import RunningServer

NAMES = ("chromium", "chromium-browser", "google-chrome")
PICTURES = Path(__file__).parents[3] / "build" / "screenshots"
DESKTOP, PHONE = (1280, 850), (390, 800)
PATIENCE_MS = 120_000  # on a machine that does much else
GRAVE = ("serious", "critical")


@contextmanager
def open_browser() -> Iterator[Browser]:
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no Chromium was found: install the package chromium")
    sandbox = os.geteuid() != 0  # Chromium refuses to build its sandbox as root
    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=path, chromium_sandbox=sandbox)
        yield opened
        opened.close()


@dataclass
class Window:
    """One tab of somebody who is signed in. What must not happen is gathered, and asked for with `troubles`."""

    server: RunningServer
    page: Page
    console: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    accepts: bool = True  # questions such as "Forget it?"

    def go(self, place: str) -> None:
        self.page.goto(f"{self.server.url}/panel/{place}")

    def troubles(self) -> list[str]:
        return [*self.console, *self.foreign]

    def picture(self, name: str) -> None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)

    def findings(self) -> list[str]:
        """What axe-core calls serious or critical in the page, with the element."""
        self.page.evaluate(AXE_SCRIPT)
        found: dict[str, Any] = self.page.evaluate("axe.run()")
        return [
            f"{self.page.url}: {one['id']}: {one['nodes'][0]['html'][:200]}"
            for one in found["violations"]
            if one["impact"] in GRAVE
        ]

    def _answer(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        if self.accepts:
            dialog.accept()
        else:
            dialog.dismiss()

    def _refuse_foreign(self, route: Route) -> None:
        url = route.request.url
        if url.startswith((f"{self.server.url}/", "data:", "blob:", "about:")):
            route.continue_()
        else:
            self.foreign.append(url)
            route.abort()


def open_window(browser: Browser, server: RunningServer, **options: Any) -> Window:
    """A tab of a new, empty profile. Scripts of tests, axe among them, run in spite of the page's policy only with
    `bypass_csp`."""
    width, height = options.pop("size", DESKTOP)
    context: BrowserContext = browser.new_context(viewport={"width": width, "height": height}, **options)
    context.set_default_timeout(PATIENCE_MS)
    window = Window(server, context.new_page())
    window.page.on("console", lambda said: window.console.append(said.text) if said.type in _BAD else None)
    window.page.on("pageerror", lambda error: window.console.append(str(error)))
    window.page.on("dialog", window._answer)
    window.page.route("**/*", window._refuse_foreign)
    return window


_BAD = ("error", "warning")


def enter(browser: Browser, server: RunningServer, key: str, **options: Any) -> Window:
    """Signed in by a link, as a person does it."""
    window = open_window(browser, server, **options)
    window.page.goto(f"{server.url}/panel/enter#{make_code(server, key)}")
    window.page.wait_for_url("**/panel/chat")
    return window


def ask(window: Window, question: str) -> str:
    """In the chat that is open. Gives the answer, once it is whole."""
    before = window.page.locator(".turn[data-turn]").count()
    window.page.fill("#question", question)
    window.page.keyboard.press("Enter")
    window.page.locator(".turn[data-turn]").nth(before).wait_for()
    return window.page.locator(".turn[data-turn] .text").last.inner_text()
