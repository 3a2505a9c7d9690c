"""Asks what a sentence tells that no pattern fits, by its verb: who does or did something, and when, where, with whom.

"I bought my bike at Velopolis" is asked as "Where did I buy my bike?". It goes by the verb after a plain subject and by
how the sentence ends, and is sure of both or gives nothing; which ends it knows is in data/deeds.toml.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from aion.memory.verbs import base_of, english_third, portuguese_first, portuguese_verb
from aion.sleep.lessons.phrasing.verbs import plain_verb
from aion.sleep.lessons.words import EDGES, is_small, lower_first, read_data, upper_first

LONGEST_SUBJECT = 6  # words
LONGEST_REST = 20  # words after the verb: what is longer tells more than one thing
_SELF = {"I", "We", "we"}
_OFTEN = {"usually", "always", "often", "sometimes", "normally"}
_PAST = re.compile(r"(?:ei|[aeir]u|i|í|ámos|[aei]ram|fez|foi|veio|trouxe)$")  # of Portuguese verbs alone
_PART = re.compile(r"\{([a-z]+)\}")


@dataclass(frozen=True, slots=True)
class Deed:
    """What it is asked as, and what in it the answer is."""

    questions: tuple[str, ...]
    subject: str  # what is done to, or who does it; "" when it is the person
    core: str
    many: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verb:
    """The verb of a sentence, and what stands before and after it."""

    subject: str  # "" of the person, where the language leaves it out
    plain: str  # to look it up
    words: dict[str, str]  # what a question says of it
    rest: str
    is_own: bool
    kinds: str  # names of the ends it may have; "" for any

    @property
    def is_past(self) -> bool:
        return self.words.get("aux") == "did" or _PAST.search(self.words["v"]) is not None


def ask_deed(sentence: str, language: str) -> Deed | None:
    """None where the verb or the end of the sentence is not known for sure."""
    body = sentence.strip().rstrip(EDGES)
    find = _find_english if language == "en" else _find_portuguese
    return next((asked for verb in find(body) if (asked := _ask(verb, language)) is not None), None)


def _ask(verb: _Verb, language: str) -> Deed | None:
    if len(verb.rest.split()) > LONGEST_REST or _regex("unclear", language).search(verb.rest):
        return None
    for end in _data(language)["end"]:
        if (verb.kinds and end["kind"] not in verb.kinds.split()) or (end.get("self") and not verb.is_own):
            continue
        found = _end(end["match"], language).fullmatch(verb.rest)
        if found is not None and _does(verb, end, found, language):
            return _fill(language, verb, end, found.groupdict(default=""))
    return None


def _does(verb: _Verb, end: dict[str, Any], found: re.Match[str], language: str) -> bool:
    """Whether such a thing is done there, or to somebody; of some ends it is no matter what is done."""
    data = _data(language)
    known = end.get("verbs") and data[end["verbs"].format(c=found.groupdict(default="").get("c", ""))]
    return not known or verb.plain in known.split()


def _fill(language: str, verb: _Verb, end: dict[str, Any], groups: dict[str, str]) -> Deed:
    words = {"s": lower_first(verb.subject), "p": "", "c": ""} | verb.words | groups
    templates = [*(end.get("own", ()) if verb.is_own else ()), *end["ask"]]
    questions = tuple(dict.fromkeys(_tidy(one.format(**words)) for one in templates))
    done_to = words["p"] if _regex("thing", language).fullmatch(words["p"]) and end["kind"] != "count" else ""
    subject = done_to if verb.is_own else lower_first(verb.subject)
    many = bool(end.get("many")) or (verb.is_past and not words["p"])  # what was done may have been done elsewhere, too
    return Deed(questions, subject if len(subject.split()) > 1 else "", groups["a"].rstrip(EDGES), many)


def _find_english(body: str) -> Iterator[_Verb]:
    words = [word for place, word in enumerate(body.split()) if place != 1 or word not in _OFTEN]
    for place in range(1, min(LONGEST_SUBJECT, len(words) - 1) + 1):
        subject, word = " ".join(words[:place]), words[place]
        is_subject = _regex("subject", "en").fullmatch(subject) and not words[place - 1].endswith("ly")
        if not (is_subject and word.islower() and word.isalpha()):
            continue
        is_own = subject in _SELF
        aux, base, kinds = _english_form(word, is_own=is_own)
        if base:
            rest, said = " ".join(words[place + 1 :]), {"aux": aux, "v": base}
            yield _Verb(subject=subject, plain=base, words=said, rest=rest, is_own=is_own, kinds=kinds)
            return


def _english_form(word: str, *, is_own: bool) -> tuple[str, str, str]:
    """The word a question helps itself with, the verb, and which ends are meant; "" for no verb."""
    data = _data("en")
    if past := data["past"].get(word, ""):
        return "did", past, ""
    if word in data["no_deeds"].split() or word.endswith("ly"):
        return "", "", ""
    if len(word) > 4 and word.endswith("ed") and not word.endswith("eed"):
        return "did", base_of(word), ""
    if is_own and len(word) > 1:
        return "do", word, ""
    return ("does", plain_verb(word), data["third"]) if word in english_third(clear=False) else ("", "", "")


def _find_portuguese(body: str) -> Iterator[_Verb]:
    words = re.sub(r"^(?:Eu|Nós) ", "", body).split()
    first, _, oneself = words[0].lower().partition("-")
    if len(words) > 1 and first in portuguese_first() and words[1] not in portuguese_verb():
        verb, said = portuguese_first()[first][1], {"v": f"{oneself} {first}".strip()}
        only = _data("pt")["only"].get(verb, "")
        yield _Verb(subject="", plain=verb, words=said, rest=" ".join(words[1:]), is_own=True, kinds=only)
        return
    for place in range(1, min(LONGEST_SUBJECT, len(words) - 1) + 1):
        subject, (verb, _, pronoun) = " ".join(words[:place]), words[place].partition("-")
        if is_small(words[place - 1]) or not _regex("subject", "pt").fullmatch(subject):
            continue
        if verb in portuguese_verb():
            plain, said = portuguese_verb()[verb], {"v": f"{pronoun} {verb}".strip()}
            only, rest = _data("pt")["only"].get(plain, ""), " ".join(words[place + 1 :])
            yield _Verb(subject=subject, plain=plain, words=said, rest=rest, is_own=False, kinds=only)
            return


def _tidy(text: str) -> str:
    return upper_first(re.sub(r"\s+([?.,])", r"\1", " ".join(text.split())))


def _data(language: str) -> dict[str, Any]:
    data: dict[str, Any] = read_data("deeds")[language]
    return data


@cache
def _regex(name: str, language: str) -> re.Pattern[str]:
    return _end(_data(language)[name], language)


@cache
def _end(source: str, language: str) -> re.Pattern[str]:
    """Names begin with a capital, whatever else may have one."""
    own, parts = _data(language), read_data(f"facts_{language}")["parts"]
    while filled := _PART.search(source):
        name = filled[1]
        part = own[name] if isinstance(own.get(name), str) else f"(?i:{parts[name]})" if name != "name" else parts[name]
        source = source.replace(filled[0], part)
    return re.compile(source)
