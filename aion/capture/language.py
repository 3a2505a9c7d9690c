"""Tells English from Portuguese by their commonest words and accents. Other languages it takes for either or both."""

from __future__ import annotations

import re

from aion.capture.lexicon import LANGUAGES, Lexicon, read_lexicon
from aion.capture.words import words_of

_ACCENTS = re.compile(r"[ãõçáéíóúâêôà]", re.IGNORECASE)
ACCENT = 2  # how many common words an accent counts for


def lexicons_for(text: str, context: str = "") -> tuple[Lexicon, ...]:
    """Of the language of `text`; when that is open, of its context; when that is open too, all of them."""
    return _of_one(text) or _of_one(context) or tuple(read_lexicon(language) for language in LANGUAGES)


def _of_one(text: str) -> tuple[Lexicon, ...]:
    words = words_of(text)
    scores = {language: sum(word in read_lexicon(language).function for word in words) for language in LANGUAGES}
    scores["pt"] += ACCENT * len(_ACCENTS.findall(text))
    best = max(scores, key=lambda language: scores[language])
    clear = scores[best] > max(score for language, score in scores.items() if language != best)
    return (read_lexicon(best),) if clear else ()
