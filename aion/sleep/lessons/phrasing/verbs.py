"""Forms of English verbs by rule: "opens" is "open", "painted" is "paint", and who paints it "paints"."""

from __future__ import annotations

from aion.memory.verbs import base_of, third_person
from aion.sleep.lessons.words import read_data

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


def active_verb(participle: str, be: str) -> str:
    """What is "kept" somebody "keeps", what was "painted" they "painted"; empty where it is not known."""
    known: str = read_data("facts_en")["active"].get(participle, "")
    if known or not participle.endswith("ed"):
        return next(iter(known.split()[be in {"was", "were"} :]), "")
    return participle if be in {"was", "were"} else third_person(base_of(participle))
