"""Takes a sentence apart into clauses that can each be asked about, with the subject where only a pronoun stood.

"My wife is Carla and she works in Braga" is "My wife is Carla" and "My wife works in Braga". It knows joining words and
common verbs, no grammar: what it does not recognise stays one clause.
"""

from __future__ import annotations

import re
from functools import cache

from aion.sleep.lessons.words import EDGES, read_data, upper_first

FEWEST_WORDS = 3  # of a clause: a shorter one is a part of another
LONGEST_HOLDER = 6  # words of a subject that may stand for a pronoun


def split_clauses(sentence: str, language: str) -> list[str]:
    """In order, whole sentences; one alone when there is nothing to take apart."""
    plain = _without_aside(expand(sentence, language), language)
    parts = [part.strip(EDGES) for part in _pattern("joint", language).split(plain)]
    if all(len(part.split()) >= FEWEST_WORDS for part in parts):
        return [upper_first(part) for part in parts]
    return [plain]


def name_subject(clause: str, holder: str, language: str) -> str:
    """The clause with its subject, which was named before; "" when it needs one that is not known."""
    data = read_data(f"facts_{language}")["clauses"]
    named = re.sub(data["name_of"], "", holder, flags=re.IGNORECASE)
    pronoun = re.match(data["pronoun"], clause, re.IGNORECASE)
    owned = re.match(data["owned"], clause, re.IGNORECASE) if data["owned"] else None
    bare = _pattern("bare", language).match(clause[:1].lower() + clause[1:])
    if not (pronoun or owned or bare):
        return clause
    if not named or len(named.split()) > LONGEST_HOLDER:
        return ""
    rest = clause[pronoun.end() :] if pronoun else clause[owned.end() :] if owned else clause
    between = "'s " if owned and not pronoun else " "
    return upper_first(named + between + (rest[:1].lower() + rest[1:] if bare and not (pronoun or owned) else rest))


def expand(sentence: str, language: str) -> str:
    """Without short forms: "isn't" is "is not"."""
    for short, whole in read_data(f"facts_{language}")["clauses"]["short"]:
        sentence = re.sub(short, whole, sentence)
    return sentence


def _without_aside(sentence: str, language: str) -> str:
    """Without what two commas set apart: "Ana, who lives in Porto, is a vet" is "Ana is a vet"."""
    return re.sub(read_data(f"facts_{language}")["clauses"]["aside"], "", sentence)


@cache
def _pattern(name: str, language: str) -> re.Pattern[str]:
    data = read_data(f"facts_{language}")
    words = {"verb": data["clauses"]["verb"], "does": data["parts"].get("does", "")}
    words["first"] = "|".join(read_data("person")[f"{language}_verbs"]) if language == "pt" else ""
    return re.compile(re.sub(r"\{([a-z]+)\}", lambda part: words[part[1]], data["clauses"][name]))
