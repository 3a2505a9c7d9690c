"""Turns one statement into the questions it answers, by the patterns of data/facts_en.toml and data/facts_pt.toml.

A sentence that no pattern fits is left to the caller. It judges form alone: what is true, and what the words mean, it
does not know.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache

from aion.memory.aliases import PRONOUNS, OtherName, read_alias
from aion.memory.ended import no_longer
from aion.sleep.lessons.phrasing.deeds import Deed, ask_deed
from aion.sleep.lessons.phrasing.verbs import active_verb, plain_verb
from aion.sleep.lessons.words import EDGES, lower_first, read_data, upper_first

LONGEST_SUBJECT = 12  # words; a longer one is no subject but half a story
_PRONOUNS = re.compile(
    r"(?:i|we|you|he|she|it|they|there|this|that|these|those|who|eu|nós|ele|ela|eles|elas|isto|isso|há)", re.I
)
_SEVERAL = re.compile(r",|\b(?:and|but|not|e|mas|não)\b", re.I)  # an answer that is no single thing to ask back for
_MODAL = re.compile(r"\b(?:can|could|may|might|must|should|will|would)$")
_PART = re.compile(r"\{([a-z]+)\}")  # a part may hold others


@dataclass(frozen=True, slots=True)
class Asked:
    """What a statement answers, and what in it the answer is."""

    questions: tuple[str, ...]  # the first is the one to ask
    subject: str  # "" when it is the person
    core: str
    back: str  # the question from the answer to the subject; "" when there is none
    many: bool  # other statements may answer the same question
    changed: bool = False  # it says that it is otherwise than before
    alias: OtherName | None = None  # it says how else something is called
    deed: bool = False  # its subject by itself is not what is asked for: of "my bike", where it was bought


@dataclass(frozen=True, slots=True)
class _Pattern:
    regex: re.Pattern[str]
    ask: tuple[str, ...]
    back: str
    many: bool
    changed: bool


def ask_about(sentence: str, language: str, holder: str = "") -> Asked | None:
    """None when no pattern fits; `holder` is what was spoken of before, to which "We call it Noah" gives a name."""
    asked, ended = _ask_as_told(sentence, language, holder), no_longer(sentence)
    now = _ask_as_told(ended, language, holder) if asked and ended else None
    return replace(asked, questions=(*asked.questions, *now.questions)) if asked and now else asked


def _ask_as_told(sentence: str, language: str, holder: str) -> Asked | None:
    body = sentence.strip().rstrip(EDGES)
    told = read_alias(body)
    if told is not None and (holder or told.known not in PRONOUNS):
        return _ask_alias(told, holder, language)
    for pattern in _read_patterns(language):
        found = pattern.regex.fullmatch(body) or pattern.regex.fullmatch(lower_first(body))
        if found is not None and (asked := _fill(pattern, found, language)) is not None:
            return replace(asked, alias=_name_of(asked, body, language))
    deed = ask_deed(body, language)
    return None if deed is None or _is_broken(deed.subject, "", language) else _asked_of(deed)


def _asked_of(deed: Deed) -> Asked:
    return Asked(deed.questions, deed.subject, deed.core, back="", many=deed.many, deed=True)


def _ask_alias(told: OtherName, holder: str, language: str) -> Asked:
    """Both ways: how else it is called, and what the other name means."""
    data = read_data(f"facts_{language}")["alias"]
    known = holder if told.known in PRONOUNS else lower_first(told.known)
    words = {"s": known, "a": lower_first(told.other)}
    questions = tuple(one.format(**words) for one in data["ask"])
    return Asked(
        questions, known, told.other, data["back"].format(**words), many=True, alias=OtherName(known, told.other)
    )


def _name_of(asked: Asked, body: str, language: str) -> OtherName | None:
    """What "is called Gaivota" is also meant by that name."""
    says = re.search(read_data(f"facts_{language}")["alias"]["plain"], body)
    return OtherName(asked.subject, asked.core) if says and asked.subject and asked.core[:1].isupper() else None


def _fill(pattern: _Pattern, found: re.Match[str], language: str) -> Asked | None:
    groups = {name: value.strip() for name, value in found.groupdict(default="").items()}
    subject, core = groups.get("s", ""), groups["a"].rstrip(EDGES)
    verb = groups.get("v", "")
    if _PRONOUNS.fullmatch(subject) or len(subject.split()) > LONGEST_SUBJECT or _is_broken(subject, verb, language):
        return None
    words = {
        "s": lower_first(subject),
        "a": core if core[:1].isdigit() else lower_first(core),
        "b": groups.get("b", ""),
        "p": groups.get("p", ""),
        "c": groups.get("c", ""),
        "m": groups.get("m", ""),
        "w": lower_first(groups.get("w", "")),
        "v": plain_verb(verb) if language == "en" else verb,
        "verb": _before(verb) if language == "pt" else verb,
        "act": active_verb(groups.get("p", ""), groups.get("b", "")) if language == "en" else "",
    }
    questions = tuple(_tidy(one.format(**words)) for one in pattern.ask if words["act"] or "{act}" not in one)
    if language == "en" and not groups.get("b") and _is_many(subject):
        questions = tuple(re.sub(r"^(When|Where|How much) is\b", r"\1 are", one) for one in questions)
    questions = tuple(_ask_since(one, core, language) for one in questions)
    if days := _days_of(core, language):
        questions = (*(one[:-1] + f" {days}?" for one in questions), *questions)
    back = "" if _SEVERAL.search(core) else _tidy(pattern.back.format(**words))
    return Asked(questions, words["s"], core, back, pattern.many, pattern.changed)


def _is_broken(subject: str, verb: str, language: str) -> bool:
    """Whether it is no subject but part of a sentence, such as "the shop is not", or "guests may" before "park"."""
    if language == "en" and _MODAL.search(subject) and verb and not verb.endswith("s"):
        return True  # "the watering can" before "stands" is one
    return re.search(read_data(f"facts_{language}")["broken"], subject, re.IGNORECASE) is not None


def _is_many(subject: str) -> bool:
    """Whether it is "the lessons": "the varnish for the oars" is one."""
    parts = read_data("facts_en")["parts"]
    head = re.split(rf" {parts['before']}", subject, maxsplit=1)[0]
    return re.fullmatch(parts["many"], head, re.IGNORECASE) is not None


def _ask_since(question: str, core: str, language: str) -> str:
    """ "When is it shut?" is not what "since Monday" answers."""
    word, when, since = read_data(f"facts_{language}")["since"]
    return since + question[len(when) :] if core.startswith(f"{word} ") and question.startswith(when) else question


def _days_of(core: str, language: str) -> str:
    """On which days the hour holds that it names: "at ten on weekdays" says nothing of Sundays."""
    data = read_data(f"facts_{language}")
    pattern = data["on_days"].replace("{days}", data["days"]).replace("{but}", data["but"])
    found = re.fullmatch(pattern, core, re.IGNORECASE)
    return found["days"] if found else ""


def _before(verb: str) -> str:
    """ "chama-se" is "se chama": where the question puts it."""
    main, _, pronoun = verb.partition("-")
    return f"{pronoun} {main}" if pronoun else verb


def _tidy(text: str) -> str:
    return upper_first(re.sub(r"\s+([?.,])", r"\1", " ".join(text.split())))


@cache
def _read_patterns(language: str) -> tuple[_Pattern, ...]:
    data = read_data(f"facts_{language}")
    parts = {name: part if name == "name" else f"(?i:{part})" for name, part in data["parts"].items()}
    made: list[_Pattern] = []
    for one in data["fact"]:
        source = one["match"]
        while filled := _PART.search(source):
            source = source.replace(filled[0], parts[filled[1]])
        marks = {name: bool(one.get(name)) for name in ("many", "changed")}
        made.append(_Pattern(re.compile(source), tuple(one["ask"]), one.get("back", ""), **marks))
    return tuple(made)
