"""Where a sentence ends, and where a full stop ends nothing."""

from __future__ import annotations

import pytest

from aion.memory import sentences
from aion.memory.sentences import sentences_of


@pytest.mark.parametrize(
    "text",
    [
        "The room is no. 4.",
        "We close on Dec. 24 every year.",
        "We are closed on 24 Dec. and 31 Dec. every year.",
        "The spa opens at 10 a.m. and closes at 8 p.m. on Fridays.",
        "O horário é das 9h. às 18h.",
        "He works for Acme Inc. in Boston.",
        "The boiler is in Bldg. B of the yard.",
        "See Fig. 3 for the layout.",
        "O n.º da porta é 12.",
        "The U.S. office is in Austin.",
        "I live at 12 St. John St. in Leeds.",
    ],
)
def test_an_abbreviation_ends_nothing(text: str) -> None:
    assert sentences_of(text) == [text]


@pytest.mark.parametrize(
    "text",
    [
        "I said no. Marta agreed.",
        "I said no. I left.",
        "The alarm is set. 4 people know the code.",
        "The lights are out. we wait.",
        "The spa closes at 8 p.m. Lunch is at noon.",
        "It was built by Otis Inc. It carries four.",
        "We meet at 9h. A Marta também.",
        "We leave in March. It rains.",
    ],
)
def test_what_ends_a_sentence_still_does(text: str) -> None:
    assert len(sentences_of(text)) == 2


def test_of_a_line_full_of_initials_only_the_last_letters_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    heads: list[str] = []
    real = sentences._goes_on
    monkeypatch.setattr(sentences, "_goes_on", lambda head, after: heads.append(head) or real(head, after))  # type: ignore[func-returns-value]
    assert len(sentences_of("Smith, J. R. and Doe, A. B., " * 40)) == 1
    assert max(len(one) for one in heads) <= sentences.LONGEST
