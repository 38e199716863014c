from __future__ import annotations

import itertools
import math

import pytest

from spikedistill.pages.svg_chart import HEIGHT, STYLES, WIDTH, Series, chart


def test_points_lie_where_the_ticks_say() -> None:
    drawn = chart("k", "T", "words", [Series("a", ((0, 10), (10, 30)), ("p", "q"))], "x", "y")
    assert drawn is not None
    x = {tick.label: tick.at for tick in drawn.x_ticks}
    y = {tick.label: tick.at for tick in drawn.y_ticks}
    (x0, y0, first), (x1, y1, last) = drawn.series[0].marks
    assert (x0, x1) == (x["0"], x["10"]) and (y0, y1) == (y["10"], y["30"])
    assert (first, last) == ("p", "q") and x0 < x1 and y0 > y1  # up is less in a picture
    assert drawn.series[0].path == f"M{x0:g} {y0:g}L{x1:g} {y1:g}"
    assert all(0 < one < WIDTH for one in x.values())
    assert all(0 < one < HEIGHT for one in y.values())


def test_logarithms() -> None:
    points = tuple((10.0**power, 1.0) for power in range(4))
    drawn = chart("k", "T", "", [Series("a", points, ("",) * 4)], "x", "y", log_x=True, marked=10.0)
    assert drawn is not None
    places = [mark[0] for mark in drawn.series[0].marks]
    assert [b - a for a, b in itertools.pairwise(places)] == pytest.approx(
        [places[1] - places[0]] * 3, abs=0.02
    )
    assert drawn.marked == places[1]
    assert [t.label for t in drawn.x_ticks] == ["1", "10", "100", "1,000"]


@pytest.mark.parametrize("values", [(9.0, 11.0), (1.0, 1.0), (1.1, 1.9), (3.0, 900.0), (2.0, 8e3)])
def test_a_logarithmic_axis_can_be_read(values: tuple[float, float]) -> None:
    points = tuple((value, 1.0) for value in values)
    drawn = chart("k", "T", "", [Series("a", points, ("", ""))], "x", "y", log_x=True)
    assert drawn is not None and 3 <= len(drawn.x_ticks) <= 14
    places = [tick.at for tick in drawn.x_ticks]
    assert places == sorted(places) and min(b - a for a, b in itertools.pairwise(places)) > 12


def test_what_has_no_place_is_left_out() -> None:
    points = ((1.0, math.nan), (2.0, 0.0), (3.0, 5.0), (4.0, math.inf))
    drawn = chart("k", "T", "", [Series("a", points, ("a", "b", "c", "d"))], "x", "y", log_y=True)
    assert drawn is not None and [mark[2] for mark in drawn.series[0].marks] == ["c"]
    assert chart("k", "T", "", [Series("a", points[:2])], "x", "y", log_y=True) is None
    assert chart("k", "T", "", [], "x", "y") is None


def test_looks_are_told_apart() -> None:
    series = [Series(str(n), ((n, n),)) for n in range(20)]
    drawn = chart("k", "T", "", series, "x", "y")
    assert drawn is not None
    looks = {(one.colour, one.kind) for one in drawn.series}
    assert len(looks) == 20 and all(c < STYLES and k < STYLES for c, k in looks)
    own = chart("k", "T", "", [Series("a", ((0, 0),), style=3)], "x", "y")
    assert own is not None and own.series[0].colour == 3
