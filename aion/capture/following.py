"""The message that followed an answer, beside what it is compared with. It judges nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aion.capture.emotion import Judgement, read_judgements
from aion.capture.language import lexicons_for
from aion.capture.lexicon import Lexicon
from aion.capture.words import READ, own_words, plain, sentences_of

SHORT = 40  # words; a longer message brings material, and what is said in it is not about the answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """Read with the words of one language."""

    question: str
    answer: str
    replies: bool  # the answer ended with a question
    raw: str  # as sent
    said: str  # plain, without code and quoted lines
    lexicon: Lexicon
    judged: tuple[Judgement, ...]
    similarity: float
    gap_s: float

    @property
    def short(self) -> bool:
        return len(self.said.split()) <= SHORT

    @property
    def asks(self) -> bool:
        return "?" in self.said or any(self.lexicon.requests.search(one) for one in sentences_of(self.said))


def next_of(question: str, answer: str, following: str, *, similarity: float | None, gap_s: float) -> Sequence[Next]:
    """One for each language that the message may be in."""
    said = plain(own_words(following))
    judged = read_judgements(following, answer)
    return [
        Next(
            question=question[:READ],
            answer=answer[:READ],
            replies=answer.rstrip().endswith("?"),
            raw=following[:READ],
            said=said,
            lexicon=lexicon,
            judged=judged,
            similarity=similarity or 0.0,
            gap_s=gap_s,
        )
        for lexicon in lexicons_for(following[:READ], f"{question[:READ]} {answer[:READ]}")
    ]
