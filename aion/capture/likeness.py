"""Compares two questions by their words: whether they are the same, and whether only their subject was changed."""

from __future__ import annotations

from difflib import SequenceMatcher

from aion.capture.words import words_of

LONGEST_FRAME = 60  # words; longer texts are not one question with another subject
STEM = 5  # letters; enough to join "close" and "closes", "grau" and "graus"
SMALL = """
the an is are was were do does did what how why which who when where this that of to in on and or not with for from my
your me can could would please there be have has will if it its i you we they he she about into as at by so any some a
os as um uma que qual quais como porque por quando onde quem nao isso isto este esse para pra com mais mas foi tem ser
eu ele ela em na no nas nos da do das dos de se sao estou esta ao aos tu voce meu minha seu sua tua teu e o
"""  # words that questions share whatever they are about
_SMALL = frozenset(SMALL.split())
_DENYING = frozenset(("not", "no", "never", "nao", "nem", "nunca"))


def stems_of(text: str) -> set[str]:
    """The beginnings of the words that carry the matter."""
    return {word[:STEM] for word in _words(text) if word not in _SMALL and (len(word) > 2 or word.isdigit())}


def _words(text: str) -> list[str]:
    """ "what's" is "what is"."""
    return [part for word in words_of(text) for part in word.replace("'s", " is").replace("'re", " are").split()]


def alike(one: str, other: str) -> float:
    """The share of words that two questions have in common; a misspelt word counts as the word."""
    left, right = set(_words(one)), set(_words(other))
    common = left & right
    for word in left - right:
        if any(_is_typo(word, candidate) for candidate in right - left):
            common.add(word)
    whole = len(left) + len(right) - len(common)
    return min(1.0, len(common) / whole) if whole else 0.0


def swaps_subject(one: str, other: str) -> bool:
    """Whether a question is the other one with another subject: the same frame, one word exchanged for another."""
    left, right = _words(one), _words(other)
    if max(len(left), len(right)) > LONGEST_FRAME:
        return False
    matcher = SequenceMatcher(a=left, b=right, autojunk=False)
    swapped = [(left[a:b], right[c:d]) for kind, a, b, c, d in matcher.get_opcodes() if kind == "replace"]
    same = sum(size for _, _, size in matcher.get_matching_blocks())
    framed = same >= max(len(left), len(right)) / 2
    changed = any(not _same_words(gone, come) for gone, come in swapped)
    return framed and changed


def changes_matter(one: str, other: str) -> bool:
    """Whether more than small words, punctuation and letters exchanged within a word differ between two texts."""
    return _matter(one) != _matter(other)


def _matter(text: str) -> list[str]:
    """The words that carry it in their order, denials among them; of a word its letters, of a number all of it."""
    words = [word for word in _words(text) if word not in _SMALL - _DENYING]
    return [word if word[0].isdigit() else "".join(sorted(word)) for word in words]


def _same_words(gone: list[str], come: list[str]) -> bool:
    """A misspelling, or small words for small words."""
    if all(word in _SMALL for word in (*gone, *come)):
        return True
    return len(gone) == len(come) and all(_is_typo(*pair) for pair in zip(gone, come, strict=True))


def _is_typo(one: str, other: str) -> bool:
    if one.isdigit() or other.isdigit() or min(len(one), len(other)) < 4:
        return False
    short, long = sorted((one, other), key=len)
    if long.startswith(short) and len(long) - len(short) <= 2:
        return True
    return sorted(one) == sorted(other) or _misses_letter(one, other)


def _misses_letter(one: str, other: str) -> bool:
    """One letter more, less or other, not at the beginning."""
    if one[0] != other[0] or abs(len(one) - len(other)) > 1:
        return False
    kept = sum(size for _, _, size in SequenceMatcher(a=one, b=other, autojunk=False).get_matching_blocks())
    return kept >= max(len(one), len(other)) - 1
