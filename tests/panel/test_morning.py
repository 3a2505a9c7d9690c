"""The morning: a night is undone only while what it brought is what is served."""

from __future__ import annotations

import pytest

from aion.panel.morning import may_undo


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ([], False),
        ([{"night": "night_b", "move": "promote"}], True),
        ([{"night": "night_b", "move": "try"}], True),
        ([{"night": "night_b", "move": "retire"}], False),
        ([{"night": "night_b", "move": "roll_back"}], False),
        ([{"night": "night_a", "move": "promote"}], False),
    ],
)
def test_a_night_is_undone_while_what_it_brought_is_served(rows: list[dict[str, str]], *, wanted: bool) -> None:
    assert may_undo("night_b", rows) is wanted
