"""Takes a sentence apart into clauses that can each be asked about, with the subject where only a pronoun stood.

"My wife is Carla and she works in Braga" is "My wife is Carla" and "My wife works in Braga". It knows joining words and
common verbs, no grammar: what it does not recognise stays one clause.
"""

from __future__ import annotations

import re
from functools import cache

from aion.memory.verbs import english_base, english_past, english_third, portuguese_third
from aion.sleep.lessons.words import EDGES, is_small, read_data, upper_first

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


def split_verb(sentence: str, language: str) -> tuple[str, str]:
    """What comes before its first verb, without its article, and the verb; nothing where no verb is known for sure."""
    words = [word.strip(EDGES + '"') for word in sentence.split()]
    for place in range(1, len(words)):
        before = words[place - 1]
        if not is_small(before) and _does(words[place].partition("-")[0], before, language):
            subject = words[:place]
            while subject and is_small(subject[0]):
                subject = subject[1:]
            return " ".join(subject), words[place + _is_modal(words[place]) * (place + 1 < len(words))]
    return "", ""


def _is_modal(word: str) -> bool:
    return re.fullmatch(r"can|cannot|may|must|should|will|pode|podem|deve|devem|quer|querem", word) is not None


def _does(word: str, before: str, language: str) -> bool:
    if language == "pt":
        return word in portuguese_third() or _is_modal(word)
    many = re.fullmatch(r"[a-z]{2,}(?<![su'])s|children|people|men|women", before) is not None
    one = word in english_third(clear=False) or word in english_past()
    return one or _is_modal(word) or (many and word in english_base())


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
