"""Charts: what is drawn where, what is said under the pointer, and that no word of anybody's becomes markup."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from aion.panel.calibration import Dot, calibration_chart
from aion.panel.charts import Line, bar_chart, legend, line_chart

DAYS = ["1 May", "2 May", "3 May"]
LINES = [Line("good", [10.0, None, 30.0]), Line("bad", [0.0, 20.0, None])]


def read(drawn: str) -> ElementTree.Element:
    return ElementTree.fromstring(drawn)


def titles(drawn: str) -> list[str]:
    return [one.text or "" for one in read(drawn).iter("title")]


@pytest.mark.parametrize("chart", [line_chart, bar_chart])
def test_every_measured_value_is_under_the_pointer_with_its_unit(chart: object) -> None:
    drawn = chart(LINES, DAYS, unit=" ms", label="How long")  # type: ignore[operator]
    assert titles(drawn) == ["good, 1 May: 10 ms", "good, 3 May: 30 ms", "bad, 1 May: 0 ms", "bad, 2 May: 20 ms"]
    assert (read(drawn).get("role"), read(drawn).get("aria-label")) == ("img", "How long")


@pytest.mark.parametrize("chart", [line_chart, bar_chart])
def test_an_axis_ends_at_a_round_number_and_names_its_unit(chart: object) -> None:
    drawn = chart([Line("x", [37.0])], ["today"], unit="%", label="x", top=90)  # type: ignore[operator]
    ticks = [one.text for one in read(drawn).iter("text")]
    assert ticks == ["0%", "25%", "50%", "75%", "100%", "today"]


def test_a_bar_is_as_high_as_its_value_and_stands_on_the_axis() -> None:
    drawn = bar_chart([Line("x", [50.0, 100.0])], ["a", "b"], unit="", label="x")
    half, whole = [(float(one.get("y", 0)), float(one.get("height", 0))) for one in read(drawn).iter("rect")]
    assert whole[1] == pytest.approx(2 * half[1], abs=0.2)
    assert half[0] + half[1] == pytest.approx(whole[0] + whole[1], abs=0.2)


def test_bars_of_a_year_stay_inside_and_beside_each_other() -> None:
    drawn = bar_chart([Line("x", [1.0] * 366), Line("y", [1.0] * 366)], [""] * 366, unit="", label="x")
    boxes = sorted((float(one.get("x", 0)), float(one.get("width", 0))) for one in read(drawn).iter("rect"))
    assert boxes[0][0] >= 0
    assert all(box[0] + box[1] <= 640 for box in boxes)
    assert len(boxes) == 732


@pytest.mark.parametrize("chart", [line_chart, bar_chart])
@pytest.mark.parametrize("values", [[], [None, None], [0.0, 0.0]])
def test_nothing_measured_is_an_empty_chart_and_no_failure(chart: object, values: list[float | None]) -> None:
    drawn = chart([Line("x", values)], ["a", "b"][: len(values)], unit="", label="x")  # type: ignore[operator]
    assert "nan" not in drawn.lower()
    read(drawn)


def test_numbers_are_written_as_the_page_wishes() -> None:
    drawn = line_chart([Line("x", [1500.0])], ["a"], unit=" t/s", label="x", write=lambda value: f"<{value:.0f}>")
    assert titles(drawn) == ["x, a: <1500> t/s"]


def test_names_and_labels_are_words_and_never_markup() -> None:
    hostile = '"><script>alert(1)</script>'
    dot = Dot(0.5, 0.5, 1, hostile)
    for drawn in (
        line_chart([Line(hostile, [1.0])], [hostile], unit=hostile, label=hostile),
        bar_chart([Line(hostile, [1.0])], [hostile], unit=hostile, label=hostile),
        calibration_chart([dot], across=hostile, up=hostile, label=hostile),
        legend([Line(hostile, [])]),
    ):
        assert "<script" not in drawn
        read(drawn)


def test_a_dot_on_the_line_of_honesty_said_what_was_true() -> None:
    dots = [Dot(0.25, 0.25, 4, "honest"), Dot(0.75, 0.5, 16, "too sure")]
    drawn = read(calibration_chart(dots, across="said", up="good", label="x"))
    [line] = [one for one in drawn.iter("line") if one.get("class") == "honest"]
    honest, too_sure = [(float(one.get("cx", 0)), float(one.get("cy", 0)), one) for one in drawn.iter("circle")]
    total = float(line.get("x1", 0)) + float(line.get("y1", 0))
    assert float(line.get("x2", 0)) + float(line.get("y2", 0)) == honest[0] + honest[1] == total
    assert too_sure[0] + too_sure[1] > total  # right of the line, or under it
    assert float(too_sure[2].get("r", 0)) > float(honest[2].get("r", 0))
    assert [one.text for one in drawn.iter("title")] == ["honest", "too sure"]


def test_a_legend_names_each_series_by_the_shape_it_is_drawn_in() -> None:
    assert re.findall(r'class="(bar-\d)"><span></span>(\w+)', legend(LINES, shape="bar")) == [
        ("bar-0", "good"),
        ("bar-1", "bad"),
    ]
