"""What anybody may ask of the same word: told where the kettle was bought, "how do I clean a kettle?" is for the base.

A few such questions are made of each taught name, for a request to be compared with; and a short list of forms says
when a request asks how things are in general. English and Portuguese.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from aion.memory.terms import fold

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
    "en": "the of is who where what when a in to by for does was it which and at on how",
    "pt": "o a os as de do da dos das que quem onde e em no na um uma por para com como quando",
}
_GENERAL = re.compile(
    r"^(?:so |and |hey,? |e |mas )?(?:how (?:do|does|can|should|to)\b|why\b|explain\b|what (?:is|are) an?\b|"
    r"what is the difference|what does .* mean|what (?:is|are) .* used for|"
    r"what are the (?:benefits|advantages|disadvantages)|"
    r"como se (?!cham)|como (?:faco|posso)\b|porque\b|por que\b|explica|para que serve|o que (?:e|sao|significa)\b|"
    r"que (?:beneficios|vantagens|tipos)\b|quais sao\b|qual e a diferenca|quant[oa]s\b)"
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
    text = fold(question).strip()
    article = "an?" if language_of((question,)) == "en" else "(?:um|uma)"
    any_of = (rf"\b{article} (?:\w+ )?{re.escape(word)}\b" for word in words)
    return _GENERAL.match(text) is not None or any(re.search(one, text) is not None for one in any_of)
