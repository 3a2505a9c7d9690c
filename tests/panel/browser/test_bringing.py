"""A document on its way in, in a real browser: how far it is stands in the page that waits for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.panel.browser.window import Window, enter
from tests.serving import running

SLOW = {"embedder.source": "fake:0.0002"}  # seconds a word
# While a form waits for its answer nobody can ask the page anything from outside: it notes by itself what it showed.
NOTES = """document.addEventListener("DOMContentLoaded", () => {
  const shown = document.querySelector("[data-look]");
  const note = () => { localStorage.seen = `${localStorage.seen ?? ""}${shown.innerText}\\n`; };
  if (shown) new MutationObserver(note).observe(shown, { childList: true });
})"""


@pytest.fixture
def window(browser: Browser, tmp_path: Path) -> Iterator[Window]:
    with running(tmp_path / "data", SLOW) as server:
        opened = enter(browser, server, server.add_key("ana"))
        opened.page.add_init_script(NOTES)
        yield opened
        opened.page.context.close()


def test_the_page_shows_how_far_a_document_is_while_it_is_brought_in(window: Window, tmp_path: Path) -> None:
    file = tmp_path / "Hives.txt"
    file.write_text("\n\n".join(f"Hive {number} stands in the sun and hums. " * 15 for number in range(150)))
    window.go("memory/documents")
    window.page.set_input_files("input[name=file]", file)
    window.page.get_by_role("button", name="Bring it in").click()
    window.page.wait_for_url("**/memory/documents/doc_*")
    seen = re.findall(r"Hives (\d+) of (\d+) passages", re.sub(r"\s+", " ", window.page.evaluate("localStorage.seen")))
    steps = [int(done) for done, _ in seen]
    assert len(set(steps)) >= 2
    assert steps == sorted(steps)
    assert window.troubles() == []
