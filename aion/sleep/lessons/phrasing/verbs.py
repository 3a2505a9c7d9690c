"""Forms of English verbs by rule: "opens" is "open", "painted" is "paint", and who paints it "paints"."""

from __future__ import annotations

import re

from aion.memory.verbs import english_base, third_person
from aion.sleep.lessons.words import read_data

_NEEDS_E = re.compile(  # "bak" was "bake": one short vowel, or an ending that no verb has
    r"^[^aeiou]*[aeiou][^aeiouwxy]$|[vcgzu]$|[^s]s$|[^aeioul]l$|[^aeiour]r$|[^e]at$|ur$"
)
_WHOLE_ES = ("sses", "shes", "ches", "xes", "zzes", "oes")


def plain_verb(verb: str) -> str:
    """ "opens" is "open": the form after "does"."""
    irregular = {"has": "have", "is": "be", "does": "do"}
    if verb in irregular:
        return irregular[verb]
    if verb.endswith("ies") and len(verb) > 4:
        return verb[:-3] + "y"
    if verb.endswith(_WHOLE_ES):
        return verb[:-2]
    return verb[:-1] if verb.endswith("s") and not verb.endswith("ss") else verb


def base_of(past: str) -> str:
    """ "painted" is "paint", "baked" "bake"; of a common verb the one that there is, of others by rule."""
    if past[:-1] in english_base() or past.endswith("eed"):
        return past[:-1]
    if past.endswith("ied"):
        return past[:-3] + "y"
    body = past[:-2]
    single = body[:-1] if body[-1:] == body[-2:-1] else body
    known = next((one for one in (body, single) if one in english_base()), "")
    if known or single == body:
        return known or body + "e" * bool(_NEEDS_E.search(body))
    return body if body[-1] in "lsfz" else single


def active_verb(participle: str, be: str) -> str:
    """What is "kept" somebody "keeps", what was "painted" they "painted"; empty where it is not known."""
    known: str = read_data("facts_en")["active"].get(participle, "")
    if known or not participle.endswith("ed"):
        return next(iter(known.split()[be in {"was", "were"} :]), "")
    return participle if be in {"was", "were"} else third_person(base_of(participle))
