"""What the panel costs: first paint of the chat, what it adds to the time to the first word, and idle tabs.

A real Chromium opens the chat of a running AION with the embedded base. Paint is compared with that of a picture of the
same server; the first word with that of the same question asked at the HTTP API, in turns. With the package chromium.
"""

from __future__ import annotations

import contextlib
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpx2
import psutil
from playwright.sync_api import Browser, BrowserContext, Page

from aion.panel.sign_in import COOKIE
from benchmarks.servers import aion
from benchmarks.tools import Figure, interleave, median, parse_options, percentile, print_head, print_load, print_table
from tests.panel.browser.window import Window, enter, open_browser

EMBEDDED = {"model.source": "embedded", "embedder.source": "embedded", "context.recall_items": 5}
TABS = 50
MB = 1 << 20
SETTLE_S = 3.0
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
# Notes when the answer of a question that was just sent has its first words.
WATCH = """() => new Promise((done) => {
  const began = performance.now();
  new MutationObserver((_, watch) => {
    if (!document.querySelector('.turn.writing .text p')) return;
    watch.disconnect();
    done(performance.now() - began);
  }).observe(document.getElementById('turns'), { childList: true, subtree: true });
  document.getElementById('ask').requestSubmit();
})"""


def first_paint(context: BrowserContext, url: str) -> float:
    """Milliseconds from asking for a page to its first paint, with nothing of it cached."""
    page = context.new_page()
    page.goto(url)
    page.wait_for_function(f"() => ({PAINT}) !== null")
    taken = float(page.evaluate(PAINT))
    page.close()
    return taken


def measure_paint(browser: Browser, window: Window, rounds: int) -> list[Figure]:
    places = {"chat": "/panel/chat", "picture": "/panel/assets/icon.svg"}
    found: dict[str, list[float]] = {name: [] for name in places}
    state = window.page.context.storage_state()
    for _, name in interleave(list(places), range(rounds)):
        fresh = browser.new_context(storage_state=state)
        found[name].append(first_paint(fresh, window.server.url + places[name]))
        fresh.close()
    return [
        Figure(f"first paint of the chat, nothing cached, slowest of {rounds}", max(found["chat"]), "ms", 1000),
        Figure("first paint of the chat, median", median(found["chat"]), "ms"),
        Figure("first paint of a picture of the same server, median", median(found["picture"]), "ms"),
    ]


def ask_api(client: httpx2.Client, question: str) -> float:
    """Milliseconds to the first word, at the HTTP API."""
    body = {"messages": [{"role": "user", "content": question}], "stream": True, "aion": {"cache": False}}
    return _until(
        client, "/v1/chat/completions", body, lambda line: '"content":"' in line and '"content":""' not in line
    )


def ask_panel(client: httpx2.Client, question: str) -> float:
    """Milliseconds to the first piece of HTML, where the chat's script asks."""
    return _until(client, "/panel/send", {"text": question}, lambda line: '"html"' in line)


def _until(client: httpx2.Client, place: str, body: dict[str, Any], is_word: Callable[[str], bool]) -> float:
    began, taken = time.perf_counter(), 0.0
    with client.stream("POST", place, json=body) as reply:
        for line in reply.iter_lines():  # to the end: the next begins when this is over
            if not taken and is_word(line):
                taken = (time.perf_counter() - began) * 1000
    assert taken, "the answer had no word"
    return taken


def ask_browser(page: Page, question: str) -> float:
    """Milliseconds from sending to the first word in the page."""
    page.fill("#question", question)
    taken = float(page.evaluate(WATCH))
    page.locator("[data-send]").wait_for()
    return taken


def measure_first_word(window: Window, rounds: int) -> list[Figure]:
    cookie = next(one["value"] for one in window.page.context.cookies() if one["name"] == COOKIE)
    url, headers = window.server.url, {"cookie": f"{COOKIE}={cookie}", "accept": "application/json"}
    api = httpx2.Client(base_url=url, headers=window.server.headers, timeout=60)
    panel = httpx2.Client(base_url=url, headers=headers, timeout=60)
    found: dict[str, list[float]] = {"api": [], "panel": [], "browser": []}
    for number, how in interleave(list(found), range(rounds)):
        question = f"In one sentence: what is special about the number {number + 2}?"
        if how == "api":
            found[how].append(ask_api(api, question))
        elif how == "panel":
            found[how].append(ask_panel(panel, question))
        else:
            window.go("chat")
            found[how].append(ask_browser(window.page, question))
    base = median(found["api"])
    return [
        Figure("first word at the API, median", base, "ms"),
        Figure("added by the panel's server, median", median(found["panel"]) - base, "ms", 50),
        Figure("added until it stands in the browser, median", median(found["browser"]) - base, "ms", 50),
        Figure("the same, 90th percentile beside 90th", _p90(found["browser"]) - _p90(found["api"]), "ms"),
    ]


def measure_tabs(window: Window) -> list[Figure]:
    process = psutil.Process(window.server.process.pid)
    time.sleep(SETTLE_S)
    before = process.memory_info().rss
    with open_tabs(window.page.context, f"{window.server.url}/panel/chat"):
        time.sleep(SETTLE_S)
        after = process.memory_info().rss
    return [Figure(f"more memory of the server with {TABS} idle tabs", (after - before) / MB, "MB", 300)]


@contextlib.contextmanager
def open_tabs(context: BrowserContext, url: str) -> Iterator[None]:
    tabs = [context.new_page() for _ in range(TABS)]
    for tab in tabs:
        tab.goto(url)
    yield
    for tab in tabs:
        tab.close()


def _p90(values: Sequence[float]) -> float:
    return percentile(values, 90)


def main(options: Namespace) -> None:
    assert __doc__
    meter = print_head(__doc__)
    rounds = 5 if options.quick else 20
    with aion(options.cache, EMBEDDED) as (_, server), open_browser() as browser:
        window = enter(browser, server, server.key)
        figures = [*measure_paint(browser, window, rounds), *measure_first_word(window, rounds)]
        figures += measure_tabs(window)
    print_load("while measuring", meter)
    print_table(figures)


if __name__ == "__main__":
    main(parse_options(__doc__ or "", seconds=60))
