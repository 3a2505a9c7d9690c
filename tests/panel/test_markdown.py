"""What a model wrote is shown without running or fetching anything."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aion.panel.markdown import COPY, render

HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
TABLES = {"table", "thead", "tbody", "tr", "th", "td"}
TEXT = {"p", "br", "hr", "strong", "em", "s", "code", "pre", "ul", "ol", "li", "blockquote", "a", "div", "span"}
TAGS = HEADINGS | TABLES | TEXT | {"button", "svg", "path"}
ATTRIBUTES = {"href", "rel", "target", "class", "type", "data-copy", "start", "viewbox", "aria-hidden", "d"}
SCHEMES = ("http://", "https://", "mailto:")
PIECES = st.sampled_from(
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[a](javascript:alert(1))",
        "[a](JaVaScRiPt:alert(1))",
        "[a](data:text/html,<script>x</script>)",
        "![p](http://elsewhere/p.png)",
        "![p](javascript:x)",
        "<http://elsewhere/>",
        "[r]\n\n[r]: http://elsewhere/?q=1 'x\" onmouseover=\"y'",
        "`" * 3 + "html\n<script>x</script>\n" + "`" * 3,
        "`" * 3 + '"><script>x</script>\ncode\n' + "`" * 3,
        "| a | b |\n|:-:|--:|\n| <b> | `x` |\n",
        "<svg/onload=alert(1)>",
        "[x](vbscript:y)",
        "[x](//elsewhere)",
        "[x](\x01javascript:y)",
        "**bold** _and_ ~~gone~~",
        "&#106;avascript:alert(1)",
        "[x](&#106;avascript:alert(1))",
    ]
)


class Reader(HTMLParser):
    """Collects what a browser would see."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def read(text: str) -> list[tuple[str, dict[str, str | None]]]:
    reader = Reader()
    reader.feed(str(render(text)))
    return reader.tags


def check(text: str) -> None:
    """The only drawing is that of the button that copies code."""
    assert str(render(text)).count("<svg") == str(render(text)).count(COPY)
    for tag, attributes in read(text):
        assert tag in TAGS, (tag, text)
        assert set(attributes) <= ATTRIBUTES, (attributes, text)
        href = attributes.get("href")
        assert href is None or href.lower().startswith(SCHEMES), (href, text)


@given(
    parts=st.lists(st.one_of(PIECES, st.text(max_size=30)), max_size=6),
    between=st.sampled_from(["", " ", "\n", "\n\n"]),
)
def test_nothing_runs_and_nothing_is_fetched(parts: list[str], between: str) -> None:
    check(between.join(parts))


def test_a_picture_is_a_link_to_it() -> None:
    assert [tag for tag, _ in read("![a cat](https://elsewhere/cat.png)")] == ["p", "a"]


def test_code_is_coloured_by_classes_and_kept_word_for_word() -> None:
    shown = str(render("```python\nif a < b: print('x')\n```"))
    assert '<span class="k">if</span>' in shown
    assert "&lt;" in shown
    assert "style=" not in shown


@pytest.mark.parametrize("language", ["nonsense", "c--", '"><b>', ""])
def test_an_unknown_language_is_plain_code(language: str) -> None:
    assert "a = 1" in str(render(f"```{language}\na = 1\n```"))
