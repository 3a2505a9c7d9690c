"""A newcomer's first evening and morning, in a real browser on the real thing: the embedded base, a real night.

They open the link, ask, put the answer right, let AION sleep, read in the morning what it learned, ask again in other
words without its memory, look at why, and undo the night. Then every page is looked at, as it is after a night.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product

import pytest
from playwright.sync_api import Browser, expect

from aion.cli.companion import Companion
from aion.panel.page import MENU
from benchmarks.nightly.home import FLAGS
from tests.panel.browser.window import DESKTOP, PHONE, Window, ask, open_window
from tests.serving import RunningServer, start_server

pytestmark = pytest.mark.engine
NIGHT_MS = 1_800_000
HERE = {
    **FLAGS,
    "sleep.disk_reserve_mb": 0,
    "engine.threads": 1,  # two wait for each other wherever something else runs
    "train.threads": 1,
    "train.rewordings": 0,
}
ASKED = "Who maintains the voucher dashboard?"
OTHERWISE = "Who looks after the voucher dashboard?"
RIGHT = "The voucher dashboard is maintained by Anatol Corrigane."
NAME = "Anatol Corrigane"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data = tmp_path_factory.mktemp("newcomer") / "data"
    up = start_server(data, HERE, timeout=300)
    sleeper = Companion({**HERE, "data": str(data), "server.port": 0})
    sleeper.begin()
    yield up
    sleeper.close()
    up.stop()


@pytest.fixture(scope="module")
def window(browser: Browser, server: RunningServer) -> Iterator[Window]:
    """Opened with the link that a start ends with."""
    link = next(event for event in server.events if event["stage"] == "ready")["panel"]
    opened = open_window(browser, server)
    opened.page.goto(link)
    opened.page.wait_for_url("**/panel/chat")
    yield opened
    assert opened.troubles() == []


@pytest.fixture(scope="module")
def morning(window: Window) -> Window:
    """After a first question, its answer put right, and a night."""
    assert NAME not in ask(window, ASKED)
    turn = window.page.locator(".turn[data-turn]").last
    turn.get_by_role("button", name="Correct").click()
    turn.locator("[data-edit-answer] textarea").fill(RIGHT)
    assert NAME in turn.locator(".diff ins").all_inner_texts()[-1] or NAME in turn.locator(".diff").inner_text()
    window.picture("corrected")
    turn.get_by_role("button", name="Teach this").click()
    expect(turn.get_by_text("AION will study this tonight.")).to_be_visible()
    window.go("sleep")
    button = window.page.get_by_role("button", name="Sleep now")
    for _ in range(60):  # the sleeper counts what there is to learn
        button.click()
        if "said=" in window.page.url:
            break
        window.page.wait_for_timeout(1000)
        window.go("sleep")
    window.picture("asleep")
    expect(window.page.locator("#state h2")).to_have_text("Awake", timeout=NIGHT_MS)
    window.picture("awake")
    window.go("morning")
    return window


def test_the_morning_says_what_was_learned_and_from_what(morning: Window) -> None:
    morning.go("morning")
    expect(morning.page.get_by_role("heading", name="What I learned")).to_be_visible()
    learned = morning.page.locator(".card").first
    expect(learned).to_contain_text("Anatol Corrigane")
    learned.get_by_role("link", name=re.compile("voucher dashboard")).first.click()
    morning.page.wait_for_url("**/panel/chat/**")
    expect(morning.page.locator(".asked").first).to_have_text(ASKED)


def test_what_was_taught_is_known_in_other_words_without_memory(morning: Window) -> None:
    morning.go("chat")
    morning.page.get_by_label("use memory").uncheck()
    assert NAME in ask(morning, OTHERWISE)
    turn = morning.page.locator(".turn[data-turn]").last
    expect(turn.get_by_text("learned at night")).to_be_visible()
    turn.get_by_role("button", name="Why?").click()
    drawer = morning.page.get_by_role("complementary", name="Why this answer")
    expect(drawer.locator("a[href^='/panel/adapters/']").first).to_be_visible()
    morning.picture("why")
    morning.page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()


LOOKS = list(product([place for place, _, _ in MENU], ["en", "pt"]))


@pytest.mark.parametrize(("place", "language"), LOOKS)
def test_every_page_is_sound_in_both_languages_wide_and_narrow_light_and_dark(
    browser: Browser, morning: Window, place: str, language: str
) -> None:
    state = morning.page.context.storage_state()
    for size, colours in ((DESKTOP, "light"), (PHONE, "dark")):
        look = {"locale": language, "color_scheme": colours, "storage_state": state, "size": size}
        seen = open_window(browser, morning.server, **look)
        seen.go(place)
        seen.picture(f"{place}-{language}-{colours}")
        width = seen.page.evaluate("document.documentElement.scrollWidth")
        assert width <= size[0], "it has to be pushed sideways"
        assert seen.findings() == []
        assert seen.troubles() == []
        seen.page.context.close()


def test_a_night_is_undone_with_one_button(morning: Window) -> None:
    morning.go("morning")
    morning.page.get_by_role("button", name="Undo this night").click()
    expect(morning.page.get_by_role("status")).to_contain_text("What was served before is served again.")
    assert "served before this night" in morning.dialogs[-1]
    morning.go("chat")
    morning.page.get_by_label("use memory").uncheck()
    assert NAME not in ask(morning, OTHERWISE)
