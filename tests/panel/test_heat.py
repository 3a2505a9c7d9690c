"""A heat map: shades by share, numbers in the cells, names that lead somewhere and run nothing."""

from __future__ import annotations

import pytest

from aion.panel.heat import Row, heat_map, shade_of

DAYS = ("5 Feb 2026", "6 Feb 2026")
SAID = {"caption": "what", "names": "name", "total": "in all"}


@pytest.mark.parametrize(
    ("value", "most", "shade"), [(0, 0, 0), (0, 9, 0), (1, 100, 1), (25, 100, 1), (26, 100, 2), (1, 1, 4), (9, 9, 4)]
)
def test_a_shade_is_the_part_of_the_largest(value: int, most: int, shade: int) -> None:
    assert shade_of(value, most) == shade


def test_each_cell_holds_its_number_and_says_of_what_and_when() -> None:
    shown = heat_map([Row("hives", "/x", (0, 3)), Row("mill", "/y", (1, 0))], DAYS, **SAID)
    assert '<td class="heat-4" title="hives, 6 Feb 2026: 3">3</td><td>3</td>' in shown
    assert '<td class="heat-0" title="hives, 5 Feb 2026: 0"><span class="hidden">0</span></td>' in shown
    assert '<td class="heat-2" title="mill, 5 Feb 2026: 1">1</td>' in shown
    assert shown.count('scope="col"') == len(DAYS) + 2


def test_a_name_is_a_name_whatever_it_holds() -> None:
    shown = heat_map([Row('<b>"', '/x?q="<', (1, 1))], DAYS, **SAID)
    assert "<b>" not in shown
    assert '<a href="/x?q=&#34;&lt;">&lt;b&gt;&#34;</a>' in shown


def test_nothing_to_show_is_a_table_without_rows() -> None:
    assert "<tbody></tbody>" in heat_map([], DAYS, **SAID)
