"""Finds what a question is about, and makes the sentence that a short answer to it stands for. Pure functions.

"When does the museum open?" with "at nine" is "The museum opens at nine." Questions of other forms give nothing.
"""

from __future__ import annotations

import re

from aion.sleep.phrasing.patterns import third_person
from aion.sleep.words import EDGES, end_sentence, is_small, upper_first

_BE = r"(?P<b>is|are|was|were)"
_ASKS = r"(?:who|what|which|where|when|how (?:old|far|long|tall|big|wide|heavy)|what colou?r|what time|at what time)"
_ENGLISH = (
    (re.compile(rf"{_ASKS}(?:\s|'s\s){_BE} (?P<s>.+)", re.I), "{s} {b} {a}"),
    (re.compile(r"(?:who|what|which|where|when)'s (?P<s>.+)", re.I), "{s} is {a}"),
    (re.compile(r"what (?:colou?r|kind|sort|type) of .+", re.I), ""),
    (re.compile(r"who (?P<v>(?!do\b|does\b|did\b|can\b|will\b)[a-z]+) (?P<s>.+)", re.I), "{a} {v} {s}"),
    (
        re.compile(
            r"(?:where|when|what|how (?:much|many|long|often|far)|what time|at what time|which \w+) does (?P<s>.+?) "
            r"(?P<v>[a-z]+)(?P<p>(?: (?:to|for|in|at|on|with|from|about|up|off|out))?)",
            re.I,
        ),
        "{s} {v}{p} {a}",
    ),
    (
        re.compile(r"(?:where|when|what|how (?:much|many|long|often)|what time) do (?P<s>.+?) (?P<v>[a-z]+)", re.I),
        "{s} {v} {a}",
    ),
)
_PORTUGUESE = (
    (re.compile(r"quem (?:é que )?(?P<v>é|são|era|foi) (?P<s>.+)", re.I), "{s} {v} {a}"),
    (re.compile(r"quem (?:é que )?(?P<v>[a-zà-ÿ]+) (?P<s>.+)", re.I), "{a} {v} {s}"),
    (re.compile(r"como (?:é que )?se (?P<v>chama|chamam) (?P<s>.+)", re.I), "{s} {v}-se {a}"),
    (re.compile(r"quantos anos (?P<v>tem|têm) (?P<s>.+)", re.I), "{s} {v} {a}"),
    (
        re.compile(
            r"(?:onde|quando|como|quanto|quanto tempo|a que horas|de que cor|qual|quais|o que|a quem|com quem|de quem|"
            r"por quem|em que dia) (?P<v>[a-zà-ÿ]+) (?P<s>(?:o|a|os|as|meu|minha|um|uma|[A-ZÀ-Þ]).*)",
            re.I,
        ),
        "{s} {v} {a}",
    ),
)
_DETERMINERS = {
    "en": re.compile(r"\b(?:the|my|our|your|his|her|their|a|an)\s", re.I),
    "pt": re.compile(r"\b(?:o|a|os|as|do|da|dos|das|no|na|meu|minha|nosso|nossa|seu|sua)\s(?!que\b)", re.I),
}
_NAME = re.compile(r"(?<=\s)[A-ZÀ-Þ][\w'\u2019-]+")
_DOES = re.compile(r"\b(?:does|do|did|can|will|should)\b", re.I)


def state(question: str, answer: str, language: str) -> str:
    """The sentence, from the person's side; empty when the question has another form."""
    body = question.strip().rstrip(EDGES)
    for pattern, template in _ENGLISH if language == "en" else _PORTUGUESE:
        found = pattern.fullmatch(body)
        if found is None or not template:
            continue
        words = {name: value or "" for name, value in found.groupdict().items()}
        if " does " in body:
            words["v"] = third_person(words["v"])
        small = _opens_small(answer) and not template.startswith("{a}")
        inside = answer[:1].lower() + answer[1:] if small else answer
        return end_sentence(upper_first(" ".join(template.format(**words, a=inside).split())))
    return ""


def subject_of(question: str, language: str) -> str:
    """What a question is about: from its first article or name on, without the verb that ends an English one."""
    body = question.strip().rstrip(EDGES)
    places = (_DETERMINERS[language].search(body, 1), _NAME.search(body))
    found = min((match for match in places if match), key=lambda one: one.start(), default=None)
    if found is None:
        return ""
    subject = body[found.start() :].strip()
    words = subject.split()
    if language == "en" and _DOES.search(body[: found.start()]) and len(words) > 1:
        last = 2 if words[-1] in {"to", "for", "in", "at", "on", "with", "from", "about"} and len(words) > 2 else 1
        subject = " ".join(words[:-last])
    return subject


def _opens_small(answer: str) -> bool:
    """Whether it begins with a word that has a capital only where a sentence begins."""
    return is_small(answer.split(maxsplit=1)[0]) if answer.split() else False
