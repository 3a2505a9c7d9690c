"""Reads from a person's own words how content they are with the answer (C3): a lexicon, emphasis, negation, irony.

value = the mean of what the words and signs say, each turned round after a negation and halved after a softener,
times an emphasis of up to 1.5 (capitals, "!", stretched letters, "very"), within [-1, 1]. Praise beside a word of
failure, praise that is quoted or marked as irony, counts as blame. What people say of themselves and of their
subject ("I am sad that my dog died") is left out. None when nothing of the kind was said.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from aion.capture.words import is_stretched, own_words, plain

NEGATION_REACH = 3  # words after a negation that it turns round
LARGEST_EMPHASIS = 1.5


@dataclass(frozen=True, slots=True)
class Emotion:
    """From -1 (frustrated) to 1 (delighted)."""

    value: float
    strength: float  # how emphatically it was said, 1 to 1.5
    evidence: tuple[str, ...]


# fmt: off
_PRAISE = {
    1.0: "perfect excellent brilliant fantastic amazing awesome wonderful superb love perfeito perfeita excelente genial "
         "fantastico fantastica maravilhoso maravilhosa espetacular incrivel otimo otima sensacional adorei amei",
    0.7: "great good nice helpful useful correct right clear exactly works worked solved spot cool thanks thank appreciate "
         "appreciated obrigado obrigada obg brigado brigada valeu bom boa fixe bacana legal util certo certa correto "
         "exatamente isso_mesmo funciona funcionou resolveu gostei claro clara brutal top show impecavel agradeco",
    0.5: "fine ok interesting happy glad contente feliz interessante better melhor",
}
_BLAME = {
    -1.0: "useless terrible awful horrible garbage rubbish pathetic ridiculous hate worst shit crap inutil pessimo pessima "
          "horrivel terrivel ridiculo ridicula odeio detesto merda porcaria lixo pior vergonha",
    -0.7: "wrong bad incorrect broken nonsense annoying frustrating frustrated disappointed disappointing confusing "
          "errado errada mau incorreto incorreta irritante frustrante frustrado frustrada desiludido dececionado "
          "decepcionado confuso confusa disparate errou erraste falhou failed fails nope lousy",
    -0.5: "unclear slow boring vague incomplete weird hard lento confunde vago incompleto estranho chato",
}
_SIGNS = {
    "\U0001f600": 0.8, "\U0001f603": 0.8, "\U0001f604": 0.9, "\U0001f60a": 0.8, "\U0001f642": 0.4, "\U0001f60d": 1.0, "\u2764": 1.0,
    "\U0001f44d": 0.9, "\U0001f44f": 0.9, "\U0001f64f": 0.7, "\U0001f389": 0.9, "\U0001f929": 1.0, "\U0001f4af": 0.9,
    "\U0001f620": -0.9, "\U0001f621": -1.0, "\U0001f92c": -1.0, "\U0001f44e": -0.9, "\U0001f61e": -0.7, "\U0001f622": -0.6, "\U0001f62d": -0.6,
    "\U0001f612": -0.7, "\U0001f624": -0.8, "\U0001f926": -0.8, "\U0001f615": -0.5, "\U0001f641": -0.6, "\U0001f62b": -0.8,
}
# fmt: on
_EMOTICONS = ((re.compile(r"(?:[:;]-?[)D]|<3|\^\^)"), 0.6), (re.compile(r"(?::-?[(/\\]|>:\()(?!/)"), -0.6))
_LEXICON = {word: value for words in (_PRAISE, _BLAME) for value, text in words.items() for word in text.split()}
_NEGATIONS = frozenset(
    "not no never nao nunca nem isn't wasn't doesn't didn't don't aren't hardly nada sem without".split()
)  # noqa: SIM905 - reads as a list of words
_LITOTES = re.compile(r"\b(?:nada mal|not bad|nao esta mal|no problem|sem problema)\b")
_INTENSIFIERS = frozenset(
    "very so really super extremely totally absolutely muito tao bastante mesmo demasiado bem".split()
)  # noqa: SIM905
_SOFTENERS = frozenset("somewhat slightly bit kind sort pouco meio algo".split())  # noqa: SIM905
_IRONY_MARKS = re.compile(
    r"\U0001f644|\U0001f643|(?:^|\s)/s\b|\bthank(?:s| you) for nothing\b|\bobrigad[oa] por nada\b|\bobrigadinh[oa]\b"
    r"|\b(?:yeah|sure),? right\b|\bas if\b|\bpois,? claro\b|\bsim,? sim\b|\bgood (?:job|work) breaking\b|\bslow clap\b"
)
_FAILURE = re.compile(
    r"\b(?:again|another|still|yet)\b.{0,20}\b(?:wrong|error|fail\w*|broken|crash\w*|mistake|nothing|useless)\b"
    r"|\b(?:wrong|error|broken|failed|crash\w*|mistake) (?:again|once more|as (?:always|usual))\b"
    r"|\b(?:outra vez|de novo|mais um|novamente)\b.{0,20}\b(?:err\w+|falh\w+|mal|nada)\b|\b(?:err\w+|falh\w+) (?:outra vez|de novo|novamente|sempre)\b"
    r"|\bcomo sempre\b|\b(?:as|like) (?:always|usual)\b|\bnow (?:nothing|it'?s worse)\b|\bagora (?:nada|esta pior)\b"
)
_QUOTED_PRAISE = re.compile(r"[\"\u201c\u201d'\u00ab](\w+)[\"\u201c\u201d'\u00bb]")
_TOPIC = re.compile(
    r"\b(?:i(?:'m| am| feel| was)|my|estou|sinto-me|fiquei|o meu|a minha|meu|minha)\b[^.!?]{0,40}\b(?:sad|tired|ill|sick|"
    r"depressed|died|dead|happy|glad|lonely|anxious|triste|cansad[oa]|doente|morreu|feliz|contente|sozinh[oa]|ansios[oa])\b"
)
_WORK = re.compile(r"\b(?:translate|traduz\w*|summari[sz]e|resum\w+|write|escrev\w+|rewrite|how do|como (?:se )?)\b")
_TOKEN = re.compile(r"[a-z]+(?:'[a-z]+)?")


def read_emotion(text: str) -> Emotion | None:
    """None when the person shows none towards the answer."""
    own = own_words(text)
    said = plain(own)
    if _WORK.search(said):
        return None
    said = _TOPIC.sub(" ", said)
    quoted = {word for word in _QUOTED_PRAISE.findall(said) if _LEXICON.get(word, 0) > 0}
    found = _read_words(said, quoted) + _read_signs(own)
    ironic = bool(_IRONY_MARKS.search(said)) or bool(_IRONY_MARKS.search(own))
    failing = bool(_FAILURE.search(said))
    if (ironic or failing) and not any(value < 0 for _, value in found):
        found = [(word, -abs(value)) for word, value in found] or [("irony" if ironic else "failure", -0.6)]
    elif ironic or failing:
        found = [(word, -abs(value)) for word, value in found]
    if not found:
        return None
    strength = _emphasis(own, said)
    value = sum(value for _, value in found) / len(found) * strength
    return Emotion(round(max(-1.0, min(1.0, value)), 4), strength, tuple(word for word, _ in found))


def blend(lexical: Emotion | None, model: float | None) -> Emotion | None:
    """With a model's reading of the same words, when one was asked: the mean of both, or the one there is."""
    if model is None:
        return lexical
    if lexical is None:
        return Emotion(round(model, 4), 1.0, ("model",))
    return Emotion(round((lexical.value + model) / 2, 4), lexical.strength, (*lexical.evidence, "model"))


def _read_words(said: str, quoted: set[str]) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    if litotes := _LITOTES.search(said):
        found.append((litotes[0], 0.5))
        said = _LITOTES.sub(" ", said)
    for clause in re.split(r"[.!?;,\n]+|\b(?:but|mas)\b", said):
        words = _TOKEN.findall(clause)
        for place, word in enumerate(words):
            if (value := _LEXICON.get(word)) is None:
                continue
            before = words[max(0, place - NEGATION_REACH) : place]
            value = -abs(value) if word in quoted else value
            value = -0.7 * value if _NEGATIONS & set(before) else value
            value = value / 2 if _SOFTENERS & set(before) else value
            found.append((word, value))
    return found


def _read_signs(text: str) -> list[tuple[str, float]]:
    found = [(sign, value) for sign, value in _SIGNS.items() if sign in text]
    return found + [(match[0], value) for pattern, value in _EMOTICONS if (match := pattern.search(text))]


def _emphasis(text: str, said: str) -> float:
    shouted = any(len(word) > 2 and word.isupper() for word in re.findall(r"[^\W\d_]+", text))
    marks = (text.count("!") >= 2, shouted, is_stretched(text), bool(_INTENSIFIERS & set(_TOKEN.findall(said))))
    return min(LARGEST_EMPHASIS, 1 + 0.2 * sum(marks))
