"""Means, spreads, and which differences count."""

import math

import pytest

from spikedistill.grid.points import Point
from spikedistill.grid.summary import (
    Figure,
    difference,
    energy_uj,
    groups,
    pooled,
    visible,
)
from spikedistill.metrics.energy import PRESETS
from spikedistill.recipes.files import load

ROW = {"accuracy": [40.0, 50.0], "firing_rate": 0.2, "synops": 2e6, "multiplications": 1e6,
       "macs": 5e6}  # fmt: skip


def test_a_figure_is_the_mean_and_the_deviation_between_seeds():
    figure = Figure.of([74.51, 74.35, 74.28])
    assert figure.text() == "74.38 ± 0.12"
    assert Figure.of([74.51]).text(1) == "74.5"


def test_energy_counts_multiplications_and_accumulations_apart():
    assert energy_uj(ROW) == pytest.approx(4.6 + 1.8)
    assert energy_uj({**ROW, "synops": None}) == pytest.approx(4.6)  # an ANN
    assert energy_uj({**ROW, "multiplications": None}) is None
    assert energy_uj(ROW, PRESETS["int8"]) == pytest.approx(0.23 + 0.06)


def test_the_spread_of_groups_is_pooled_by_degrees_of_freedom():
    two, three = Figure.of([1.0, 3.0]), Figure.of([1.0, 2.0, 3.0])
    assert pooled([two, three, Figure.of([9.0])]) == pytest.approx(math.sqrt((2 + 2) / 3))
    assert pooled([Figure.of([9.0])]) is None


def test_a_difference_counts_from_two_standard_errors_on():
    assert visible(3.0, 1, 2) == pytest.approx(6 * math.sqrt(1.5))
    low, high = Figure.of([70.0, 70.0]), Figure.of([72.1, 72.1])
    assert difference(high, low, spread=1.0) == "**+2.10**"
    assert difference(high, low, spread=1.1) == "+2.10"
    assert difference(low, high, spread=1.0) == "**-2.10**"


def test_cells_that_differ_in_the_seed_only_are_one_group():
    recipe = load("cifar10-study")
    points = [
        Point({"a": n}, recipe.model_copy(update={"seed": s})) for n in (1, 2) for s in (0, 1)
    ]
    cells = [(point, {"row": {**ROW, "accuracy": [float(n)]}}) for n, point in enumerate(points)]
    first, second = groups(cells)
    assert first.labels == {"a": 1} and first.accuracy == Figure.of([0.0, 1.0])
    assert second.accuracy.mean == 2.5
    assert first.figure("energy_uj").mean == pytest.approx(6.4)
    assert first.figure("train_seconds") is None
