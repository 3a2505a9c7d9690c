"""What anybody may ask of the same word: told where the kettle was bought, "how do I clean a kettle?" is for the base.

A few such questions are made of each taught name, for a request to be compared with; and short lists of forms say when
a request asks how things are in general, and when it asks of anybody what was taught of the person alone. English and
Portuguese.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from aion.memory.terms import fold
from aion.router.persons import is_of_self

_FORMS = {
    "en": (
        "What is a {x}?",
        "How does a {x} work?",
        "How do I clean a {x}?",
        "What does the word {x} mean?",
        "Why is a {x} useful?",
        "Tell me something about the history of the {x}.",
    ),
    "pt": (
        "O que é {x}?",
        "Como se faz {x}?",
        "O que significa {x}?",
        "Para que serve {x}?",
        "Quais são as regras de {x}?",
        "Conta-me algo sobre a história de {x}.",
    ),
}
# The embedder learned from English: in Portuguese it tells the sense of two questions about one word less well apart.
MARGINS = {"en": -0.03, "pt": -0.12}
_SMALL = {
    "en": "the of is who where what when a in to by for does was it which and at on how "
    "i my we our you your have has did",
    "pt": "o a os as de do da dos das que quem onde e em no na um uma por para com como quando",
}
_GENERAL = re.compile(
    r"^(?:so |and |hey,? |e |mas )?(?:how (?:do|does|can|should|to)\b|why\b|explain\b|what (?:is|are) an?\b|"
    r"what is the difference|what does .* mean|what (?:is|are) .* used for|"
    r"what are the (?:benefits|advantages|disadvantages)|"
    r"como se (?!cham)|como (?:faco|posso)\b|porque\b|por que\b|explica|para que serve|o que (?:e|sao|significa)\b|"
    r"que (?:beneficios|vantagens|tipos)\b|quais sao\b|qual e a diferenca|quant[oa]s\b)"
)
_PEOPLE = (
    r"(?:an? |one\b|people|someone|somebody|anyone|anybody|everyone|everybody|adults|children|kids|"
    r"men|women|humans|most )"
)
_SO = r"normal|safe|healthy|common|ok|okay|good|bad|dangerous|possible|usual|legal|better|best|worth|true"
_ASSIM = r"normal|seguro|saudavel|comum|perigoso|possivel|legal|melhor|verdade"
_ANYBODY = re.compile(
    r"\b(?:people|adults|anybody|anyone|everybody|everyone)\b|"
    rf"\b(?:should|can|could|do|does|did|must|may|would) {_PEOPLE}|"
    r"\b(?:do|did|are|were) you\b(?! (?:\w+ )?(?:know|remember|recall|have|mean|think|see|sure|able)\b)|"
    rf"\bis it (?:\w+ )?(?:{_SO})\b|"
    r"\b(?:deve|devem|pode|podem|costuma|costumam|precisa|precisam)(?:-se\b| uma? | as pessoas| os adultos| alguem)|"
    rf"\bse (?:deve|pode|costuma)\b|\b(?:as pessoas|alguem|toda a gente)\b|\be (?:\w+ )?(?:{_ASSIM})\b"
)


def language_of(texts: Iterable[str]) -> str:
    """`en` or `pt`, by the small words."""
    words = [word for text in texts for word in re.findall(r"[a-z]+", fold(text))]
    counts = {language: sum(word in small.split() for word in words) for language, small in _SMALL.items()}
    return "pt" if counts["pt"] > counts["en"] else "en"


def common_questions(name: str, language: str) -> tuple[str, ...]:
    made = (form.format(x=name) for form in _FORMS[language])
    return tuple(re.sub(r"\ba (?=[aeio])", "an ", one) if language == "en" else one for one in made)


def asks_in_general(question: str, words: Sequence[str] = ()) -> bool:
    """Whether it asks how things are: by its form, or because what it names by these words is any such thing."""
    return _GENERAL.match(fold(question).strip()) is not None or any(_any_of(question, word) for word in words)


def asks_of_anybody(question: str, words: Sequence[str], taught: Sequence[str]) -> bool:
    """Whether what was taught of the person, asked for as in `taught`, is asked of anybody, or of any such thing."""
    if 2 * sum(map(is_of_self, taught)) <= len(taught):
        return False
    if any(_any_of(question, word) and not any(_any_of(one, word) for one in taught) for word in words):
        return True
    text = fold(question).strip()
    return not is_of_self(question) and (_GENERAL.match(text) or _ANYBODY.search(text)) is not None


def _any_of(text: str, word: str) -> bool:
    """ "a bike", where "my bike" was taught."""
    article = "an?" if language_of((text,)) == "en" else "(?:um|uma)"
    return re.search(rf"\b{article} (?:\w+ )?{re.escape(word)}\b", fold(text)) is not None
