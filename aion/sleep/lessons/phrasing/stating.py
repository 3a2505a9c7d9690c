"""Finds what a question is about, and makes the sentence that a short answer to it stands for. Pure functions.

"When does the museum open?" with "at nine" is "The museum opens at nine." Questions of other forms give nothing, and
so do answers that are sentences of their own: half a sentence would be taught as true.
"""

from __future__ import annotations

import re

from aion.memory.verbs import third_person
from aion.sleep.lessons.words import EDGES, end_sentence, is_small, read_data, upper_first

_BE = r"(?P<b>is|are|was|were)"
_ASKS = r"(?:who|what|which|where|when|how (?:old|far|long|tall|big|wide|heavy)|what colou?r|what time|at what time)"
_DONE = r"(?:born|due|called|named|open|closed|[a-z]{2,}[^\Wae]ed)"
_PLACED = r"(?:to|for|in|at|on|with|from|about)"
_ENGLISH = (
    (
        re.compile(
            rf"{_ASKS}(?:\s|'s\s){_BE} (?P<s>.+) (?P<p>born|due|called|named|open|closed|[a-z]{{2,}}[^\Wae]ed)", re.I
        ),
        "{s} {b} {p} {a}",
    ),
    (re.compile(rf"{_ASKS}(?:\s|'s\s){_BE} (?P<s>(?!{_PLACED}\b).+)", re.I), "{s} {b} {a}"),
    (re.compile(rf"(?:who|what|which|where|when)'s (?P<s>(?!{_PLACED}\b).+)", re.I), "{s} is {a}"),
    (re.compile(r"what (?:colou?r|kind|sort|type) of .+", re.I), ""),
    (re.compile(r"who (?P<v>(?!do\b|does\b|did\b|can\b|will\b)[a-z]+) (?P<s>.+)", re.I), "{a} {v} {s}"),
    (
        re.compile(
            rf"(?:where|when|what|how (?:much|many|long|often|far)|what time|at what time|which \w+) does "
            rf"(?P<s>(?!.*\b{_PLACED}\b.* ).+?) (?P<v>[a-z]+)(?P<p>(?: (?:{_PLACED}|up|off|out))?)",
            re.I,
        ),
        "{s} {v}{p} {a}",
    ),
    (re.compile(rf"what do (?P<s>I|we|they) (?P<v>[a-z]+)(?P<p>(?: {_PLACED} .+)?)", re.I), "{s} {v} {a}{p}"),
    (
        re.compile(r"(?:where|when|how (?:much|often|long)|what time) do (?P<s>I|we|they) (?P<v>.+)", re.I),
        "{s} {v} {a}",
    ),
    (
        re.compile(
            r"(?:where|when|what|how (?:much|many|long|often)|what time) do (?P<s>(?!(?:I|we|they)\b).+?) "
            r"(?P<v>[a-z]+)",
            re.I,
        ),
        "{s} {v} {a}",
    ),
)
_PORTUGUESE = (
    (re.compile(r"quem (?:é que )?(?P<v>é|são|era|foi) (?P<s>.+)", re.I), "{s} {v} {a}"),
    (re.compile(r"quem (?:é que )?(?P<v>[a-zà-ÿ]+) (?P<s>.+)", re.I), "{a} {v} {s}"),
    (re.compile(r"como (?:é que )?se (?P<v>chama|chamam) (?P<s>.+)", re.I), "{s} {v}-se {a}"),
    (re.compile(r"quantos anos (?P<v>tem|têm) (?P<s>.+)", re.I), "{s} {v} {a}"),
    (
        re.compile(r"(?:onde|quando|como|quanto|quanto tempo|a que horas|o que) é que (?P<s>\S+ \S+.*)", re.I),
        "{s} {a}",
    ),
    (
        re.compile(
            r"(?:onde|quando|como|quanto|quanto tempo|a que horas|de que cor|qual|quais|o que|a quem|com quem|de quem|"
            r"por quem|em que dia) (?P<v>[a-zà-ÿ]+) (?P<s>(?:(?:o|a|os|as|meu|minha|um|uma)\b|(?-i:[A-ZÀ-Þ])).*)",
            re.I,
        ),
        "{s} {v} {a}",
    ),
)
_OWN_VERB = {  # an answer that says more than a piece of a sentence
    "en": re.compile(
        r"(?:he|she|it|they|i|we|you|there|this|that|yes|no)\b|"
        r".*\b(?:is|are|was|were|am|did|does|do|has|have|had|will|can)\b",
        re.I,
    ),
    "pt": re.compile(
        r"(?:ele|ela|eles|elas|eu|isso|isto|sim|não)\b|"
        r".*\b(?:é|são|está|estão|foi|foram|era|tem|têm|fica|vai|há)\b",
        re.I,
    ),
}
_ECHO = {"en": re.compile(r" (?:did|does|has|is|was)$", re.I), "pt": re.compile(r"^(?:foi|é|são|foram) ", re.I)}
_WHERE = {"en": re.compile(r"where\b", re.I), "pt": re.compile(r"onde\b", re.I)}
_WHEN = re.compile(r"(?:when|what time) do(?:es)? ", re.I)
_BARE_TIME = re.compile(r"\d|(?:noon|midnight|(?:mon|tues|wednes|thurs|fri|satur|sun)day)\b", re.I)
_SELF = re.compile(r"[a-zà-ÿ]+(?:ei|amos|emos|imos|[^ã]o)")  # how verbs of the first person end
_DETERMINERS = {
    "en": re.compile(r"\b(?:the|my|our|your|his|her|their|a|an)\s", re.I),
    "pt": re.compile(r"\b(?:o|a|os|as|do|da|dos|das|no|na|meu|minha|nosso|nossa|seu|sua)\s(?!que\b)", re.I),
}
_NAME = re.compile(r"(?<=\s)[A-ZÀ-Þ][\w'\u2019-]+")
_DOES = re.compile(r"\b(?:does|do|did|can|will|should)\s$", re.I)


def state(question: str, answer: str, language: str) -> str:
    """The sentence, from the person's side; empty when the question or its answer has another form."""
    body = question.strip().rstrip(EDGES)
    if body.lower().startswith(("who", "quem")):
        answer = _ECHO[language].sub("", answer)
    if not _fits(body, answer, language):
        return ""
    for pattern, template in _ENGLISH if language == "en" else _PORTUGUESE:
        found = pattern.fullmatch(body)
        if found is None or not template:
            continue
        words = {name: value or "" for name, value in found.groupdict().items()}
        if language == "pt" and _is_self(words.get("v", words["s"].split()[0])):
            return ""
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
    words = body[found.start() :].split()
    if language == "en" and _DOES.search(body[: found.start()]):
        last = 2 if words[-1] in {"to", "for", "in", "at", "on", "with", "from", "about"} and len(words) > 2 else 1
        words = words[:-last] if any(not is_small(word) for word in words[:-last]) else words
    return " ".join(words)


def opens_place(answer: str, language: str) -> bool:
    """Whether it begins as a place does that stands inside a sentence."""
    return re.match(read_data(f"facts_{language}")["where"], answer, re.IGNORECASE) is not None


def _fits(question: str, answer: str, language: str) -> bool:
    """Whether the answer can stand where the question asks for it."""
    if _OWN_VERB[language].match(answer):
        return False
    if _WHERE[language].match(question):
        return opens_place(answer, language)
    return not (_WHEN.match(question) and _BARE_TIME.match(answer))


def _is_self(verb: str) -> bool:
    """Whether it is what the person does: in the question the person is not named, and the verb would stand astray."""
    return verb.islower() and (verb in read_data("person")["pt_verbs"] or _SELF.fullmatch(verb) is not None)


def _opens_small(answer: str) -> bool:
    """Whether it begins with a word that has a capital only where a sentence begins."""
    return is_small(answer.split(maxsplit=1)[0]) if answer.split() else False
