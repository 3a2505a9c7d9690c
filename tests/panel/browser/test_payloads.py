"""P15: what people and models write, shown on every page, runs nothing and fetches nothing.

The policy of the pages is switched off in the browser on purpose: it would stop a script that should never have come so
far. What is shown was put into the store before the server began, in every place that shows what somebody wrote.
"""

from __future__ import annotations

OWNER = "ana"
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
# As if a person touched everything.
TOUCH = """() => {
  for (const one of document.querySelectorAll('main *')) {
    for (const name of ['mouseover', 'pointerenter', 'focus', 'blur', 'toggle', 'animationstart'])
      one.dispatchEvent(new Event(name, { bubbles: false }));
  }
}"""
