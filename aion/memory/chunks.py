"""Cuts a long text into passages that an embedder reads whole; it keeps their order and every word.

Borders are paragraphs, then sentences, then words. It knows nothing of headings or pages: what reads a file format
does, and can hand over one text for each of its parts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from aion.memory.sentences import sentences_of

WORDS = 180  # MiniLM reads 256 tokens, and a word of English prose is about 1.3 of them
_LONG_WORD = 12  # characters; a longer one, such as an address, counts as several words
_PARAGRAPHS = re.compile(r"\n[^\S\n]*\n\s*")
_WIDE_GAP = re.compile(r"[^\S\n]{9,}")


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a text, and where it stood."""

    text: str
    place: str  # "part 3"; empty when the text is one passage


def split_text(text: str, words: int = WORDS) -> list[Passage]:
    """The passages in order; none of a text without a word."""
    pieces = list(_join_up(_pieces_of(_WIDE_GAP.sub(" " * 8, text.strip()), words), words))
    if len(pieces) == 1:
        return [Passage(pieces[0], "")]
    return [Passage(piece, f"part {number}") for number, piece in enumerate(pieces, start=1)]


def count_words(text: str) -> int:
    return sum(1 + (len(word) - 1) // _LONG_WORD for word in text.split())


def _join_up(pieces: Iterator[tuple[str, str]], words: int) -> Iterator[str]:
    """Put neighbours together as long as they fit; each piece comes with what stands between it and the next."""
    held, gap, size = "", "", 0
    for piece, following in pieces:
        length = count_words(piece)
        if held and size + length > words:
            yield held
            held, size = "", 0
        held = held + gap + piece if held else piece
        size += length
        gap = following
    if held:
        yield held


def _pieces_of(text: str, words: int) -> Iterator[tuple[str, str]]:
    """Paragraphs; of those too long their sentences; of sentences too long their words."""
    levels: list[tuple[Callable[[str], list[str]], str]] = [
        (_PARAGRAPHS.split, "\n\n"),
        (sentences_of, " "),
        (lambda sentence: _cut_words(sentence, words), " "),
    ]
    yield from _descend(text, levels, words)


def _descend(text: str, levels: list[tuple[Callable[[str], list[str]], str]], words: int) -> Iterator[tuple[str, str]]:
    split, gap = levels[0]
    parts = [part for part in split(text) if part.strip()]
    for part in parts:
        if len(levels) == 1 or count_words(part) <= words:
            yield part, gap
            continue
        finer = list(_descend(part, levels[1:], words))
        yield from finer[:-1]
        yield finer[-1][0], gap


def _cut_words(sentence: str, words: int) -> list[str]:
    """Runs of at most `words` words; a word longer than that is cut itself."""
    longest = words * _LONG_WORD
    tokens = [word[at : at + longest] for word in sentence.split() for at in range(0, len(word), longest)]
    runs: list[str] = []
    held: list[str] = []
    size = 0
    for token in tokens:
        length = count_words(token)
        if held and size + length > words:
            runs.append(" ".join(held))
            held, size = [], 0
        held.append(token)
        size += length
    return [*runs, " ".join(held)] if held else runs
