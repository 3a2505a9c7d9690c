"""P15: what people and models write, shown on every page, runs nothing and fetches nothing.

The policy of the pages is switched off in the browser on purpose: it would stop a script that should never have come so
far. What is shown was put into the store before the server began, in every place that shows what somebody wrote.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser

from aion.records import Answer
from aion.store.base import Store
from aion.store.sqlite import SqliteStore
from tests.panel.browser.payloads import COUNT, payloads
from tests.panel.browser.window import Window, enter
from tests.serving import RunningServer, running
from tests.store.examples import make_audit, make_turn
from tests.store.memory_examples import make_document, make_memory, make_source
from tests.store.night_examples import make_theme
from tests.store.served_examples import make_suite_item

TURNS = 52  # in a thread
# Every element with an event attribute, every one that could load or run what is not ours, and every odd link.
WRONG = """() => {
  const ours = (one, name) => one.getAttribute(name)?.startsWith('/panel/');
  const all = [...document.querySelectorAll('*')];
  const odd = one => [...one.attributes].some(a => /^on|^style$|^srcdoc$|^formaction$/i.test(a.name))
    || /^(iframe|object|embed|base|video|audio|image|use|style|math|template|marquee)$/i.test(one.localName)
    || (/^(script|img)$/.test(one.localName) && !ours(one, 'src'))
    || (one.localName === 'link' && !ours(one, 'href'))
    || (one.localName === 'form' && one.hasAttribute('action') && !ours(one, 'action'))
    || (one.localName === 'meta' && one.hasAttribute('http-equiv'))
    || (one.localName === 'a' && one.href && !/^(https?|mailto):$/.test(one.protocol || new URL(one.href).protocol));
  return all.filter(odd).map(one => one.outerHTML.slice(0, 200));
}"""
COUNTED = "(document.querySelector('main').textContent.match(/ran.push|foreign.invalid/g) ?? []).length"
# As if a person touched everything.
TOUCH = """() => {
  for (const one of document.querySelectorAll('main *')) {
    for (const name of ['mouseover', 'pointerenter', 'focus', 'blur', 'toggle', 'animationstart'])
      one.dispatchEvent(new Event(name, { bubbles: false }));
  }
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data = tmp_path_factory.mktemp("payloads") / "data"
    fill(data)
    with running(data) as up:
        await_embedding(data)
        yield up


def await_embedding(data: Path) -> None:
    """What is embedded moves to the front of the list, under the hands of who walks through it."""
    with closing(SqliteStore(data, read_only=True)) as store:
        for _ in range(600):
            if len(store.memories.unembedded(embedder="", limit=COUNT)) == COUNT:  # by whatever embedder
                return
            time.sleep(0.2)
    raise AssertionError("memories still have no vector after two minutes")


def fill(data: Path) -> None:
    """Every payload as a question, an answer, the name of a conversation, a memory, a document's title, a question of
    the examination, the name of a theme, and what an entry of the audit is about."""
    store = SqliteStore(data)
    waiting: list[Any] = []
    for number, text in enumerate(payloads()):
        waiting += put_all(store, number, text)
    for thread in range(0, COUNT, TURNS):
        waiting += put_thread(store, f"thread_{thread}", payloads()[thread : thread + TURNS])
    for one in waiting:
        one.result()
    store.close()


def put_all(store: Store, number: int, text: str) -> list[Any]:
    conversation = f"conv_{number}"
    messages = ({"role": "user", "content": text},)
    asked = make_turn(conversation=conversation, messages=messages, started=float(number), owner="ana")
    memory = make_memory(text=text, entities=(text[:60],), sources=(make_source(conversation=conversation),))
    return [
        store.append_turn(asked),
        store.name_conversation(conversation, text[:120].replace("\n", " ").replace("\t", " "), owner="ana"),
        store.memories.put(memory, terms="payload", vector=None, embedder=""),
        store.memories.put_document(make_document(title=text, updated=float(number))),
        store.served.put_suite_item(make_suite_item(id=f"item_{number}", question=text, expected=text)),
        store.nights.put_theme(make_theme(id=f"theme_{number}", name=text)),
        store.append_audit(make_audit(subject=text, actor="ana", at=float(number))),
    ]


def put_thread(store: Store, conversation: str, texts: list[str]) -> list[Any]:
    messages: list[dict[str, str]] = []
    made = []
    for text in texts:
        messages = [*messages, {"role": "user", "content": text}]
        answer = {"role": "assistant", "content": text}
        turn = make_turn(
            conversation=conversation,
            messages=tuple(messages),
            answers=(Answer(message=answer, finish="stop"),),
            owner="ana",
        )
        made.append(store.append_turn(turn))
        messages = [*messages, answer]
    return made


@pytest.fixture(scope="module")
def window(browser: Browser, server: RunningServer) -> Iterator[Window]:
    opened = enter(browser, server, server.add_key("ana", "admin"), bypass_csp=True)
    opened.page.add_init_script("window.ran = []")
    yield opened
    opened.page.context.close()


def check(window: Window, place: str) -> int:
    """Nothing ran, nothing was fetched, and nothing stands there that could. Gives how many payloads it shows."""
    window.go(place)
    window.page.evaluate(TOUCH)
    assert window.page.evaluate("window.ran") == []
    assert window.page.evaluate(WRONG) == []
    assert window.foreign == []
    assert window.dialogs == []
    return int(window.page.evaluate(COUNTED))


def older(window: Window) -> str:
    """Where the page's link to what is older leads."""
    link = window.page.get_by_role("link", name="Older", exact=True)
    return str(link.evaluate("one => one.search")) if link.count() else ""


def walk(window: Window, place: str) -> int:
    """All pages of a list."""
    shown, query = check(window, place), older(window)
    while query:
        shown += check(window, place + query)
        query = older(window)
    return shown


def test_there_are_enough_and_all_are_tried() -> None:
    assert len(set(payloads())) == COUNT >= 500


@pytest.mark.parametrize("thread", range(0, COUNT, TURNS))
def test_a_thread_shows_questions_and_answers_as_words(window: Window, thread: int) -> None:
    assert check(window, f"chat/thread_{thread}") > TURNS


@pytest.mark.parametrize(
    "place",
    [
        "chat",  # names of conversations
        "memory",
        "memory/documents",
        "teach",  # questions of the examination
        "sleep",  # themes
        "people",  # the audit
    ],
)
def test_a_list_shows_what_was_written_as_words(window: Window, place: str) -> None:
    assert walk(window, place) > COUNT * 0.9


@pytest.mark.parametrize("text", payloads()[::13])
def test_what_is_looked_for_is_said_back_as_words(window: Window, text: str) -> None:
    check(window, f"chat?search={quote(text[:200])}")
    assert window.page.input_value("input[name=search]") == text[:200]
