"""What a text is about: names, numbers with units, dates, code identifiers and key phrases, in two languages.

Rules and short lists; no model and no download. An entity (name, number, date, code) weighs 3, a phrase 1, and each
further time it stands there adds a little. The same text always gives the same entities.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from aion.memory.entity_patterns import CODE, DATE, MONTHS, NUMBER, UNITS
from aion.memory.terms import STOP_WORDS, words_of
from aion.records import Entity

LIMIT = 20
QUERY_LIMIT = 12
READ = 20_000  # characters; a longer text says what it is about before that
WEIGHTS = {"name": 3.0, "number": 3.0, "date": 3.0, "code": 3.0, "phrase": 1.0}
REPEATED = 0.1  # of the weight, for each further time, up to five
LONGEST_PHRASE = 3  # words

_PARTICLES = r"(?:de|da|do|dos|das|e|van|von|der|den|di|del|della|of|the|la|le|al|bin|ibn|y)"
_CAPITAL = r"[A-ZÀ-ÖØ-ÞŒŠŽ][\w'\u2019-]{0,40}"
_PART = rf"(?:(?:Dr|Dra|Mr|Mrs|Ms|Sr|Sra|Prof|St|Eng)\.(?=\s)|{_CAPITAL})"
_NAME = re.compile(rf"(?<![\w.@/-]){_PART}(?:\s(?:{_PARTICLES}\s){{0,2}}{_PART}){{0,5}}")
_WORD = re.compile(r"[\w'\u2019-]+")
_PHRASE_BORDER = re.compile(r"[^\w\s'\u2019-]+|\n")
_SENTENCE_START = re.compile(r"(?:^|[.!?:;\n\u2022\"“«(]\s*|-\s)$")
# What follows a lone word at the start of a sentence when that word is a name: nothing, a sign, or a verb about it.
_SAYS_OF_IT = (
    "is was are were has had will would can could did does and or lives lived works worked likes loves runs owns "
    "wants needs says said plays studies studied comes goes costs moved told bought sold called asked married sings "
    "writes paid gave went got took made left came lost found started knows thinks teaches drives speaks weighs opens "
    "closes é foi era está estava tem tinha vai fica mora morava vive trabalha nasceu gosta disse quer pode chega "
    "custa joga estuda ganhou vendeu comprou mudou casou canta ligou pagou deu foram veio perdeu começou sabe acha "
    "ensina conduz fala pesa abre fecha e ou"
)
_AFTER_NAME = re.compile(rf"['\u2019]s\b|\s*[,;:!?)]|\.?\s*$|\s(?:{'|'.join(_SAYS_OF_IT.split())})\b")
# Words that begin sentences and are no names, beside the stop words.
_OPENING_WORDS = (
    "hello hi hey dear thanks thank please yes ok okay well maybe perhaps remember tell show give write explain "
    "translate summarise summarize list make find open close turn use set add remove delete create check does did is "
    "are was were has have had can could should would will may might let's today tomorrow yesterday here there it's "
    "i'm i've i'll we're you're don't what's who's where's when's how's olá oi bom boa obrigado obrigada por favor "
    "sim não talvez lembra lembre diz diga mostra mostre dá dê escreve escreva explica explique traduz traduza resume "
    "resuma lista faz faça encontra abre fecha usa cria apaga verifica será pode podes podem gostaria quero preciso "
    "hoje amanhã ontem aqui ali fica está são temos tenho há every each another one two three first second last next "
    "new old good great see run install fix read send call ask note question answer quanto quanta cada outro outra "
    "todos todas primeiro segundo último novo nova nosso nossa meu minha look remind copy buy bring compra leva traz "
    "vê copia liga manda"
)
_ENCLITICS = ("-me", "-te", "-se", "-nos", "-lhe", "-lhes")  # "lembra-me"
_OPENERS = frozenset(_OPENING_WORDS.split())
_MONTH_NAMES = frozenset(MONTHS)


def entities_of(text: str, limit: int = LIMIT) -> tuple[Entity, ...]:
    """The heaviest first; of equal weight, the one that stands first."""
    text = text[:READ]
    found: dict[tuple[str, str], tuple[Entity, int]] = {}
    for entity in _find(text):
        place = (entity.kind, entity.key)
        first, count = found.get(place, (entity, 0))
        found[place] = (first, count + 1)
    weighed = [_weigh(entity, count) for entity, count in found.values()]
    return tuple(sorted(weighed, key=lambda entity: -entity.weight)[:limit])


def key_of(text: str) -> str:
    """To compare by: small letters, no accents, single spaces."""
    plain = unicodedata.normalize("NFKD", re.sub(r"['\u2019]s\b", "", text).casefold())
    return " ".join("".join(sign for sign in plain if not unicodedata.combining(sign)).split())


def _weigh(entity: Entity, count: int) -> Entity:
    more = 1 + REPEATED * min(count - 1, 5)
    return Entity(text=entity.text, key=entity.key, kind=entity.kind, weight=round(entity.weight * more, 3))


def _find(text: str) -> Iterator[Entity]:
    """Each kind takes its signs out of the text, so that none is counted as two."""
    rest = text
    for kind, pattern in (("code", CODE), ("date", DATE), ("number", NUMBER), ("name", _NAME)):
        taken: list[tuple[int, int]] = []
        for match in pattern.finditer(rest):
            entity = _READERS[kind](match, rest)
            if entity is not None:
                taken.append(match.span())
                yield entity
        rest = _blank(rest, taken)
    yield from _phrases(rest)


def _blank(text: str, spans: list[tuple[int, int]]) -> str:
    """Taken signs become a border, so that no phrase reaches over them."""
    pieces, end = [], 0
    for start, stop in spans:
        pieces += [text[end:start], "|" * (stop - start)]
        end = stop
    return "".join([*pieces, text[end:]])


def _make(text: str, key: str, kind: str) -> Entity:
    return Entity(text=text, key=key, kind=kind, weight=WEIGHTS[kind])


def _read_code(match: re.Match[str], _: str) -> Entity | None:
    text = match[0].rstrip(".,;:")
    words = text.split(".")
    abbreviation = all(len(word) <= 1 for word in words)  # "e.g", "p.m"
    return None if abbreviation or len(text) < 3 else _make(text, text.casefold().removesuffix("()"), "code")


def _read_date(match: re.Match[str], _: str) -> Entity:
    return _make(match[0], _date_key(match[0]), "date")


def _date_key(text: str) -> str:
    """Year-month-day as far as it is said; a date that is not one stays as it is written."""
    plain = key_of(text)
    if found := re.fullmatch(r"(\d{4})-(\d{2})-(\d{2})", plain):
        return plain
    if found := re.fullmatch(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})", plain):
        return f"{found[3]}-{int(found[2]):02}-{int(found[1]):02}"
    month = next((MONTHS[word] for word in re.findall(r"[a-z]+", plain) if word in MONTHS), None)
    if month is None:
        return plain
    year = next(iter(re.findall(r"\b\d{4}\b", plain)), "")
    day = next(iter(re.findall(r"\b\d{1,2}(?=\D|$)", plain)), "")
    return "-".join(part for part in (year, f"{month:02}", f"{int(day):02}" if day else "") if part)


def _read_number(match: re.Match[str], _: str) -> Entity | None:
    """A number by itself is one only from two digits on: single digits are seldom what a text is about."""
    unit = UNITS.get((match["unit"] or match["before"] or "").lower(), "")
    number = _plain_number(match["number"])
    if not unit and len(match["number"]) < 2:
        return None
    return _make(match[0].strip(), f"{number} {unit}".strip(), "number")


def _plain_number(text: str) -> str:
    """A point for the decimals, whichever sign was used; groups of thousands joined."""
    if re.fullmatch(r"\d{1,3}(?:[.,]\d{3})+", text):
        return re.sub(r"[.,]", "", text)
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+,\d+", text):
        return text.replace(".", "").replace(",", ".")
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+\.\d+", text):
        return text.replace(",", "")
    return text.replace(",", ".") if re.fullmatch(r"\d+,\d+", text) else text


def _read_name(match: re.Match[str], text: str) -> Entity | None:
    """A run of capitals, without what only begins a sentence; a lone word there must be followed like a name."""
    words = match[0].split()
    opens = bool(_SENTENCE_START.search(text[max(0, match.start() - 3) : match.start()]))
    if opens:
        while words and _is_opener(words[0]):
            words = words[1:]
        while words and not words[0][0].isupper():
            words = words[1:]
    words = [word for word in words if word != "I"] if words[:1] == ["I"] else words
    name = " ".join(words).removesuffix("'s").removesuffix("\u2019s")
    key = key_of(name)
    if len(name) < 2 or key in _MONTH_NAMES or (len(words) == 1 and _is_opener(words[0])):
        return None
    if opens and words == match[0].split()[:1] and not _AFTER_NAME.match(text, match.start() + len(name)):
        return None
    return _make(name, key, "name")


def _is_opener(word: str) -> bool:
    plain = word.casefold().replace("\u2019", "'")
    if plain in _OPENERS or plain.endswith(_ENCLITICS):
        return True
    return any(word in STOP_WORDS for word in words_of(plain)[:1])


def _phrases(text: str) -> Iterator[Entity]:
    """Runs of words between stop words and punctuation; the longer ones by their last words."""
    for piece in _PHRASE_BORDER.split(text):
        run: list[str] = []
        for word in [*_WORD.findall(piece), "the"]:
            plain = words_of(word)
            if plain and plain[0] not in STOP_WORDS and plain[0] not in _OPENERS and not word.isdigit():
                run.append(word)
                continue
            words = run[-LONGEST_PHRASE:]
            run = []
            if words and sum(map(len, words)) > 2:
                phrase = " ".join(words)
                yield _make(phrase, key_of(phrase), "phrase")


_READERS = {"code": _read_code, "date": _read_date, "number": _read_number, "name": _read_name}
