"""Finds out of a sentence that two names mean the same: "the billing service is also called Ledgerline".

Only what says so in words counts, in English and Portuguese; that something has a certain value is no other name. What
was taught of either it does not know.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

MOST_WORDS = 6  # of a name, its article counted: a longer one is a whole tale
_NO_NAMES = re.compile(  # what ends a sentence with a capital and is a time
    r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)days?|january|february|march|april|may|june|july|august|september|"
    r"october|november|december|christmas|easter|natal|páscoa)\b|.*\b(?:and|or|but|because|e|ou|mas|porque)\b.*",
    re.IGNORECASE,
)
_DET = r"(?:the|my|our|his|her|their|a|an)"
_QUOTE = r"[\"'\u201c\u201d\u2018\u2019\u00ab\u00bb]?"
_NAME = r"(?-i:[A-ZÀ-Þ0-9])[\w.-]*(?: (?-i:[A-ZÀ-Þ0-9])[\w.-]*)*"
_OWN = rf"{_QUOTE}(?P<other>(?:the|our|my) [\w-]+(?: [\w-]+)?|{_NAME}){_QUOTE}"
_ANY = rf"{_QUOTE}(?P<other>(?:the|our|my) [\w-]+(?: [\w-]+)?|{_NAME}|[\w-]+){_QUOTE}"
_NOME = rf"{_QUOTE}(?P<other>{_NAME}){_QUOTE}"
_OUTRO = rf"{_QUOTE}(?P<other>(?:[oa]s? )?(?:{_NAME}|[\w-]+)){_QUOTE}"
_OFTEN = r"(?:also|sometimes|often|usually|otherwise|simply|just|better|always|commonly|informally)"
_VEZES = r"(?:também|às vezes|muitas vezes|geralmente|sempre|só|mais|simplesmente)"
_NICKNAME = r"(?:nick|other |pet |short )name"
_ALCUNHA = r"(?:alcunha|apelido|cognome|outro nome)"
_DE = r"d(?:e |(?=[oa]s? ))"
_LEAD = r"(?:(?:at|in|among|em|na|no|aqui|here|cá)(?: [\w-]+){0,3},? )?"
_ENGLISH = (
    rf"(?P<known>.+?) (?:is|are) {_OFTEN} (?:called|named|known (?:as|by(?: the name of)?)|"
    rf"referred to as|nicknamed) {_ANY}",
    rf"(?P<known>.+?) (?:is|are) (?:known as|known by the name of|nicknamed|referred to as) {_OWN}",
    rf"(?P<known>.+?) (?:{_OFTEN} )?(?:goes|go) by "
    rf"(?:(?:the|a) (?:nick)?name(?: of)? {_ANY.replace('other', 'named')}|{_NOME})",
    rf"(?P<known>.+?),? (?:a\.?k\.?a\.?|alias) {_ANY}",
    rf"{_ANY} (?:is|are) (?:short for|(?:just |only )?another (?:name|word) for|"
    r"our (?:own )?(?:nick)?(?:name|word) for|"
    r"what (?:we|I|they|people) (?:also )?call|(?:the|a) nickname (?:of|for)) (?P<known>.+)",
    rf"(?:(?:the|my|our|his|her) )?{_NICKNAME} (?:of|for) (?P<known>.+?) is {_OWN}",
    rf"(?P<known>.+?)['\u2019]s {_NICKNAME} is {_OWN}",
    rf"{_LEAD}(?:{_DET} )?[\w-]+(?: [\w-]+)? (?:{_OFTEN} )?(?:calls?|nicknamed) "
    rf"(?P<known>(?:{_DET}|(?:[\w-]+ ){{0,2}}[\w-]+['\u2019]s) (?!same\b)[\w' -]+?|"
    rf"(?-i:[A-Z])[\w-]+(?: (?-i:[A-Z])[\w-]+)?|it|him|her|them) {_OWN}",
)
_PORTUGUESE = (
    rf"(?P<known>.+?) (?:{_VEZES} )?(?:é|são) (?:{_VEZES} )?(?:conhecid[oa]s? (?:como|por|pelo nome de)|"
    rf"apelidad[oa]s? de|alcunhad[oa]s? de) {_OUTRO}",
    rf"(?P<known>.+?) (?:{_VEZES} )?(?:é|são) (?:{_VEZES} )?chamad[oa]s? (?:de )?{_NOME}",
    rf"(?P<known>.+?) {_VEZES} se chamam? {_NOME}",
    rf"(?P<known>.+?) chamam?-se {_VEZES} {_OUTRO}",
    rf"(?P<known>.+?) (?:tem (?:a |o )?{_ALCUNHA} de|responde pelo nome de) {_OUTRO}",
    rf"[ao] {_ALCUNHA} {_DE}(?P<known>.+?) é {_OUTRO}",
    rf"{_OUTRO} (?:é|são) (?:[ao] {_ALCUNHA} {_DE}|outro nome para )(?P<known>.+)",
    rf"{_LEAD}(?:.{{1,40}}? )?(?:{_VEZES} )?(?:chamamos|chamo|chamam|chama) (?:{_VEZES} )?{_NOME} "
    r"(?P<known>(?:a|ao|à|aos|às) .+)",
    rf"(?P<known>(?:a|ao|à|aos|às) .+?) (?:nós )?(?:{_VEZES} )?(?:chamamos|chamo|chamam) (?:{_VEZES} )?{_NOME}",
    rf"{_LEAD}(?:nós )?(?:{_VEZES} )?(?:chamamos|chamo|chamam)-lhes? (?:{_VEZES} )?{_NOME}",
)
_ARTICLES = frozenset({"o", "a", "os", "as"})
_WITH = {"de": "d", "em": "n", "por": "pel"}  # before an article
_TO = {"ao": "o", "aos": "os", "à": "a", "às": "as"}
_IS_NAMED = re.compile(
    rf"(?:{_DET}|[oa]s?|d[oa]s?|meus?|minhas?|nossos?|nossas?|seus?|suas?)\b|.*(?-i:[A-ZÀ-Þ\d])", re.IGNORECASE
)
_TIMES = re.compile(
    r"[àa]s? (?:\d|uma|duas|três|quatro|cinco|seis|sete|oito|nove|dez|onze|doze|vezes)\b", re.IGNORECASE
)
PRONOUNS = frozenset({"it", "him", "her", "them", "lhe"})  # what was spoken of before


@dataclass(frozen=True, slots=True)
class OtherName:
    """Two names of one thing, as they stand in the sentence."""

    known: str  # by which it was known; one of PRONOUNS where that was said before
    other: str


def read_alias(sentence: str) -> OtherName | None:
    """None when it does not say that two names mean the same."""
    text = " ".join(sentence.split()).rstrip(".! ")
    for pattern in _PATTERNS:
        found = pattern.fullmatch(text)
        if found is not None:
            words = found.groupdict(default="")
            return _pair(words.get("known") or "lhe", words["other"] or words.get("named", ""))
    return None


def use_known_names(question: str, sentences: Iterable[str]) -> str:
    """The question with each other name that a sentence tells exchanged for the one by which the thing is known."""
    for sentence in sentences:
        pair = read_alias(sentence)
        if pair is not None and pair.known not in PRONOUNS:
            name = re.escape(re.sub(r"^(?:the|[oa]s?) ", "", pair.other, flags=re.IGNORECASE))
            said = re.compile(rf"(?:\b(?P<to>de|em|por) )?(?:\b(?:the|[oa]s?) )?(?<![\w-]){name}(?![\w-])")
            question = said.sub(partial(_put, pair.known), question)
    return question


def _put(known: str, found: re.Match[str]) -> str:
    """ "de" before "o molde" is "do molde"; at the beginning of a sentence it is written so."""
    article, _, rest = known.partition(" ")
    if found["to"] and article in _ARTICLES and rest:
        return f"{_WITH[found['to']]}{article} {rest}"
    put = f"{found['to']} {known}" if found["to"] else known
    return put[:1].upper() + put[1:] if found.start() == 0 else put


def _pair(known: str, other: str) -> OtherName | None:
    if _TIMES.match(known) or _NO_NAMES.match(other):
        return None
    first, _, rest = known.partition(" ")
    article = first.casefold()
    known = f"{_TO[article]} {rest}" if article in _TO else rest if article == "a" and rest[:1].isupper() else known
    if not _IS_NAMED.match(known) and known.casefold() not in PRONOUNS:
        return None
    if max(len(known.split()), len(other.split())) > MOST_WORDS or known.casefold() == other.casefold():
        return None
    return OtherName(known.casefold() if known.casefold() in PRONOUNS else known, other)


_PATTERNS = tuple(re.compile(one, re.IGNORECASE) for one in (*_ENGLISH, *_PORTUGUESE))
