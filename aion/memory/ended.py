"""What "I stopped smoking" says of now: "I no longer smoke". By words, in both languages; "" where it is not sure.

So it speaks against "I smoke", and answers whoever asks "Do I smoke?".
"""

from __future__ import annotations

import re

from aion.memory.verbs import base_of, english_base, portuguese_present, third_person

_STOPPED = re.compile(
    r"(?P<who>.+?) (?:(?:has|have|had) )?(?:finally |recently |just |already |completely )?"
    r"(?:stopped|quit|gave up|given up) (?P<doing>[a-z]+ing)\b(?P<rest>.*)",
    re.IGNORECASE,
)
_DEIXOU = re.compile(
    r"(?:(?:eu )?(?:já )?deixei|(?P<who>.+?) deixou) de (?P<doing>\w+[aeio]r)\b(?P<rest>.*)", re.IGNORECASE
)
_NOTHING_DONE_WORDS = "anything being everything evening king morning nothing something spring string thing wedding"
_NOTHING_DONE = frozenset(_NOTHING_DONE_WORDS.split())
_IRREGULAR = {"dying": "die", "lying": "lie", "tying": "tie"}
_WHEN = re.compile(
    r"\d|\b(?:since|last|ago|when|because|after|before|today|yesterday|week|month|year|summer|winter|spring|autumn|"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|may|june|july|august|september|october|"
    r"november|december|desde|há|quando|porque|depois|antes|hoje|ontem|semana|mês|ano|janeiro|fevereiro|março|abril|maio|"
    r"junho|julho|agosto|setembro|outubro|novembro|dezembro)\b",
    re.IGNORECASE,
)
_SEVERAL = re.compile(r"(?:i|we|you|they|.* and .*|.*[^s']s)", re.IGNORECASE)


def no_longer(sentence: str) -> str:
    """The same, said of what is so now; not of what was stopped at a time, or for a while."""
    body = sentence.strip().rstrip(" .!")
    english = _STOPPED.fullmatch(body)
    found = english or _DEIXOU.fullmatch(body)
    if found is None or _WHEN.search(found["rest"]):
        return ""
    return _in_english(found) if english else _in_portuguese(found)


def _in_english(found: re.Match[str]) -> str:
    who, doing = found["who"], found["doing"].lower()
    if doing in _NOTHING_DONE:
        return ""
    verb = base_of_doing(doing)
    said = verb if _SEVERAL.fullmatch(who) else third_person(verb)
    return f"{who} no longer {said}{found['rest']}."


def _in_portuguese(found: re.Match[str]) -> str:
    mine, theirs = portuguese_present().get(found["doing"].lower(), ("", ""))
    if not mine:
        return ""
    return f"{found['who']} já não {theirs}{found['rest']}." if found["who"] else f"Já não {mine}{found['rest']}."


def base_of_doing(doing: str) -> str:
    """ "smoking" is "smoke", "running" "run"."""
    if doing in _IRREGULAR:
        return _IRREGULAR[doing]
    body = doing[:-3]
    return body if body in english_base() or body.endswith(("ee", "y")) else base_of(body + "ed")
