"""Tells a word that is only spelt otherwise from another word: one letter more, less, other, or two exchanged."""

from __future__ import annotations

OTHER = 8  # letters of a word that has one other letter: a shorter one is another word as often
SPELT = 4  # letters that a word has at least before another spelling of it is looked for


def is_slip(word: str, known: str) -> bool:
    """Whether the one is the other with a slip of the pen; the first letter is never the slip."""
    if not word or word[:1] != known[:1]:
        return False
    if len(word) == len(known):
        places = [place for place, (one, other) in enumerate(zip(word, known, strict=True)) if one != other]
        exchanged = len(places) == 2 and places[1] - places[0] == 1
        if exchanged:
            return word[places[0]] == known[places[1]] and word[places[1]] == known[places[0]]
        return len(places) == 1 and len(known) >= OTHER
    longer, shorter = (word, known) if len(word) > len(known) else (known, word)
    return len(shorter) >= SPELT and len(longer) - len(shorter) == 1 and shorter in without_one(longer)


def without_one(word: str) -> set[str]:
    return {word[:place] + word[place + 1 :] for place in range(len(word))}
