"""Turns what a model or a person wrote into HTML that runs nothing and fetches nothing.

Raw HTML stays text. A picture becomes a link to it, because showing it would fetch it. Only http, https and mailto are
led to, and nothing else is made an attribute. Code is coloured by classes, never by style.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup, escape
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.lexers.special import TextLexer
from pygments.util import ClassNotFound

LED_TO = frozenset({"http", "https", "mailto"})
LONGEST_CODE = 50_000  # characters that are coloured; more stays plain
COPY = (  # two sheets; what it is called stands in the page's own language
    '<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">'
    '<path d="M8 3h11v13h-2V5H8V3zM5 7h10v14H5V7zm2 2v10h6V9H7z"/></svg>'
)
_LANGUAGE = re.compile(r"[\w+#.-]{1,30}")


def render(text: str) -> Markup:
    """The whole text."""
    return Markup(_reader().render(text))  # noqa: S704 - of our own renderer, which escapes


def code_style(style: str) -> str:
    """The rules that colour code, for a style sheet."""
    return str(HtmlFormatter(style=style).get_style_defs(".code"))


@cache
def _reader() -> MarkdownIt:
    reader = MarkdownIt("commonmark", {"html": False, "breaks": True}, renderer_cls=_Renderer)
    reader.enable(["table", "strikethrough"])
    reader.validateLink = _may_lead  # type: ignore[method-assign]
    return reader


def _may_lead(url: str) -> bool:
    try:
        return urlsplit(url.strip()).scheme.lower() in LED_TO
    except ValueError:
        return False


class _Renderer(RendererHTML):
    """HTML without pictures, with coloured code that can be copied."""

    def link_open(self, tokens: Sequence[Token], idx: int, _options: OptionsDict, _env: EnvType) -> str:
        href = escape(str(tokens[idx].attrGet("href") or ""))
        return f'<a href="{href}" rel="noopener noreferrer nofollow" target="_blank">'

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        token = tokens[idx]
        name = self.renderInlineAsText(token.children, options, env) or "image"
        return (
            f'<a class="picture" href="{escape(str(token.attrGet("src") or ""))}" rel="noopener noreferrer nofollow" '
            f'target="_blank">{escape(name)}</a>'
        )

    def th_open(self, tokens: Sequence[Token], idx: int, _options: OptionsDict, _env: EnvType) -> str:
        return f"<th{_side_of(tokens[idx])}>"

    def td_open(self, tokens: Sequence[Token], idx: int, _options: OptionsDict, _env: EnvType) -> str:
        return f"<td{_side_of(tokens[idx])}>"

    def fence(self, tokens: Sequence[Token], idx: int, _options: OptionsDict, _env: EnvType) -> str:
        return _show_code(tokens[idx].content, tokens[idx].info)

    def code_block(self, tokens: Sequence[Token], idx: int, _options: OptionsDict, _env: EnvType) -> str:
        return _show_code(tokens[idx].content, "")


def _side_of(cell: Token) -> str:
    """A class in place of the style that Markdown gives."""
    side = str(cell.attrGet("style") or "").removeprefix("text-align:")
    return f' class="{side}"' if side in {"left", "right", "center"} else ""


def _show_code(code: str, info: str) -> str:
    named = _LANGUAGE.match(info.strip())
    language = named.group() if named else ""
    coloured = str(escape(code)) if len(code) > LONGEST_CODE else _colour(code, language)
    head = (
        f'<div class="code-head"><span>{escape(language)}</span><button type="button" data-copy>{COPY}</button></div>'
    )
    return f'<div class="code">{head}<pre><code>{coloured}</code></pre></div>'


def _colour(code: str, language: str) -> str:
    try:
        lexer = get_lexer_by_name(language, stripnl=False) if language else TextLexer(stripnl=False)
    except ClassNotFound:
        lexer = TextLexer(stripnl=False)
    return str(highlight(code, lexer, HtmlFormatter(nowrap=True)))
