"""Means, spreads, and which differences chance does not explain."""

import math

import pytest

from spikedistill.grid import figures
from spikedistill.grid.figures import Figure, Spread, difference


def test_a_figure_is_the_mean_and_the_deviation_between_seeds():
    figure = Figure.of([74.51, 74.35, 74.28])
    assert figure.text() == "74.38 ± 0.12"
    assert Figure.of([74.51]).text(1) == "74.5"


def test_the_spread_of_several_means_is_pooled_by_degrees_of_freedom():
    two, three = Figure.of([1.0, 3.0]), Figure.of([1.0, 2.0, 3.0])
    found = Spread.pooled([two, three, Figure.of([9.0])])
    assert found.degrees == 3 and found.deviation == pytest.approx(math.sqrt((2 + 2) / 3))
    assert Spread.pooled([Figure.of([9.0])]) is None


@pytest.mark.parametrize("degrees", [1, 2, 3, 7, 12, 30])
def test_the_bound_cuts_five_percent_off_students_t(degrees):
    """The density of Student's t, integrated between the bounds by Simpson's rule."""
    bound = Spread(1.0, degrees).visible(2, 2)
    scale = math.gamma((degrees + 1) / 2) / math.gamma(degrees / 2) / math.sqrt(degrees * math.pi)

    def density(t):
        return scale * (1 + t * t / degrees) ** (-(degrees + 1) / 2)

    count = 20_000
    width = 2 * bound / count
    heights = [density(-bound + n * width) for n in range(count + 1)]
    inside = width / 3 * (
        heights[0] + heights[-1] + 4 * sum(heights[1:-1:2]) + 2 * sum(heights[2:-1:2])
    )  # fmt: skip
    assert inside == pytest.approx(0.95, abs=5e-5)


def test_more_seeds_see_less_and_many_degrees_never_less_than_the_last_of_the_table():
    spread = Spread(3.0, 4)
    assert spread.visible(1, 2) == pytest.approx(2.776 * 3 * math.sqrt(1.5))
    assert Spread(1.0, 500).visible(2, 2) == figures._STUDENT[-1]
    assert "3.00 points (4 degrees of freedom)" in spread.told(2)
    assert f"from {2.776 * 3:.2f} points on" in spread.told(2)


def test_a_difference_is_bold_from_the_bound_on():
    low, high = Figure.of([70.0, 70.0]), Figure.of([72.1, 72.1])
    assert difference(high, low, Spread(2.0 / 2.179, 12)) == "**+2.10**"
    assert difference(high, low, Spread(2.2 / 2.179, 12)) == "+2.10"
    assert difference(low, high, Spread(2.0 / 2.179, 12)) == "**-2.10**"
    assert difference(low, high, None) == "-2.10 ?"
