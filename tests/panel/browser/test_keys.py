"""The chat worked with the keyboard alone, and what a window does on its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.panel.browser.window import Window, ask, enter
from tests.serving import RunningServer, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("keys") / "data") as up:
        yield up


@pytest.fixture
def window(browser: Browser, server: RunningServer) -> Iterator[Window]:
    opened = enter(browser, server, server.key)
    yield opened
    assert opened.troubles() == []
    opened.page.context.close()


def tab_to(page: Page, name: str, most: int = 60) -> None:
    """Press Tab until the element of this name has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        found = page.evaluate("(document.activeElement.getAttribute('aria-label') || document.activeElement.innerText)")
        if str(found).strip() == name:
            return
    raise AssertionError(f"{most} presses of Tab did not lead to {name!r}")


def test_a_chat_needs_no_mouse(window: Window) -> None:
    page = window.page
    page.keyboard.press("/")
    page.keyboard.type("how many hives")
    page.keyboard.press("Enter")
    page.locator(".turn[data-turn]").first.wait_for()
    page.locator(".turn[data-turn] [data-otherwise]").first.focus()
    tab_to(page, "Good answer")
    page.keyboard.press("Space")
    expect(page.get_by_text("Thank you.")).to_be_visible()
    tab_to(page, "Correct")
    page.keyboard.press("Enter")
    page.keyboard.type("Three. ")
    tab_to(page, "Teach this")
    page.keyboard.press("Enter")
    expect(page.get_by_text("AION will study this tonight.")).to_be_visible()


def test_the_drawer_gives_the_focus_back(window: Window) -> None:
    ask(window, "why is that")
    button = window.page.get_by_role("button", name="Why?")
    button.focus()
    window.page.keyboard.press("Enter")
    expect(window.page.get_by_role("button", name="Close")).to_be_focused()
    window.page.keyboard.press("Escape")
    expect(button).to_be_focused()


def test_a_search_is_one_key_away(window: Window) -> None:
    ask(window, "the zweihander is in the loft")
    window.page.keyboard.press("Control+k")
    window.page.keyboard.type("zweihander")
    window.page.keyboard.press("Enter")
    window.page.wait_for_url("**search=zweihander")
    window.page.locator(".conversations a").first.click()
    expect(window.page.locator(".asked")).to_have_text("the zweihander is in the loft")


def test_an_answer_again_takes_its_place_and_two_can_be_compared(window: Window) -> None:
    ask(window, "say it twice")
    window.page.get_by_role("button", name="Again").click()
    window.page.get_by_text("2 / 2").wait_for()
    assert window.page.locator(".turn").count() == 1
    window.page.get_by_role("button", name="Which is better?").click()
    window.page.get_by_role("button", name="This one").first.click()
    expect(window.page.locator("#drawer").get_by_text("Thank you.")).to_be_visible()


def test_a_question_asked_otherwise_is_another_branch(window: Window) -> None:
    ask(window, "first")
    ask(window, "second")
    second = window.page.locator(".turn").nth(1)
    second.get_by_role("button", name="Ask otherwise").click()
    second.locator("[data-edit-question] textarea").fill("instead of it")
    second.get_by_role("button", name="Ask", exact=True).click()
    expect(window.page.locator(".turn .asked")).to_have_text(["first", "instead of it"])
    window.page.get_by_text("2 / 2").wait_for()
    window.page.get_by_role("link", name="The question before").click()
    expect(window.page.locator(".turn .asked")).to_have_text(["first", "second"])


def test_a_stopped_answer_says_so(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> None:
    with running(tmp_path_factory.mktemp("slow") / "data", {"model.source": "fake:0.3"}) as slow:
        window = enter(browser, slow, slow.key)
        window.page.fill("#question", "one two three four five six seven eight nine ten")
        window.page.keyboard.press("Enter")
        window.page.locator(".turn .text p").wait_for()
        window.page.keyboard.press("Escape")
        expect(window.page.get_by_role("alert")).to_have_text("stopped")
        assert window.troubles() == []


def test_a_text_file_is_attached_and_anything_else_is_refused(window: Window) -> None:
    chooser = window.page.locator("[data-attach]")
    chooser.set_input_files({"name": "hives.md", "mimeType": "text/markdown", "buffer": b"The hives are blue."})
    expect(window.page.get_by_text("hives.md: kept. Ask about it.")).to_be_visible()
    chooser.set_input_files({"name": "x.png", "mimeType": "image/png", "buffer": b"\x89PNG\x00\xff"})
    expect(window.page.get_by_text("Only text files can be attached, such as .txt or .md.")).to_be_visible()


def test_a_document_is_approved_and_no_longer_relied_on_with_the_keyboard_alone(window: Window) -> None:
    chooser = window.page.locator("[data-attach]")
    chooser.set_input_files({"name": "boats.md", "mimeType": "text/markdown", "buffer": b"The Gaivota is blue."})
    window.page.get_by_text("boats.md: kept. Ask about it.").wait_for()
    window.go("memory/documents")
    tab_to(window.page, "boats.md")
    window.page.keyboard.press("Enter")
    window.page.wait_for_url("**/panel/memory/documents/*")
    tab_to(window.page, "Approve this text")
    window.page.keyboard.press("Enter")
    window.page.get_by_text("It is relied on from now on.").wait_for()
    assert "Did you read all of it?" in window.dialogs[-1]
    tab_to(window.page, "No longer rely on it")
    window.page.keyboard.press("Enter")
    window.page.get_by_role("button", name="Approve this text").wait_for()


def test_a_thing_that_goes_for_good_stays_when_the_question_is_answered_with_no(window: Window) -> None:
    window.accepts = False
    window.page.locator("[data-attach]").set_input_files(
        {"name": "kept.md", "mimeType": "text/plain", "buffer": b"Stay."}
    )
    window.page.get_by_text("kept.md: kept. Ask about it.").wait_for()
    window.go("memory/documents")
    window.page.get_by_role("link", name="kept.md").click()
    window.page.get_by_role("button", name="Forget it").click()
    assert "gone for good" in window.dialogs[-1]
    window.go("memory/documents")
    expect(window.page.get_by_role("link", name="kept.md")).to_be_visible()
