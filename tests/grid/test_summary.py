"""Cells that belong together, and what an inference costs."""

import pytest

from spikedistill.core.row import Row
from spikedistill.costs.energy import PRESETS
from spikedistill.grid.figures import Figure, Spread
from spikedistill.grid.points import Point
from spikedistill.grid.summary import Group, energy_uj, groups, heading, pooled, titled
from spikedistill.recipes.files import load

ROW = {"role": "student", "metric": "accuracy", "scores": {"accuracy": [40.0, 50.0]},
       "firing_rate": 0.2, "synops": 2e6, "multiplications": 1e6, "macs": 5e6}  # fmt: skip


def test_energy_counts_multiplications_and_accumulations_apart():
    assert energy_uj(Row.from_plain(ROW)) == pytest.approx(4.6 + 1.8)
    assert energy_uj(Row.from_plain({**ROW, "synops": None})) == pytest.approx(4.6)  # an ANN
    assert energy_uj(Row.from_plain({**ROW, "multiplications": None})) is None
    assert energy_uj(Row.from_plain(ROW), PRESETS["int8"]) == pytest.approx(0.23 + 0.06)


def test_cells_that_differ_in_the_seed_only_are_one_group():
    recipe = load("cifar10-study")
    points = [
        Point({"a": n}, recipe.model_copy(update={"seed": s})) for n in (1, 2) for s in (0, 1)
    ]
    cells = [
        (point, {"row": {**ROW, "scores": {"accuracy": [float(n)]}}})
        for n, point in enumerate(points)
    ]
    first, second = groups(cells)
    assert first.labels == {"a": 1} and first.score == Figure.of([0.0, 1.0])
    assert second.score.mean == 2.5
    assert pooled([first, second]) == Spread(0.5**0.5, 2)
    assert first.figure("energy_uj").mean == pytest.approx(6.4)
    assert first.figure("train_seconds") is None


def group(*curves, metric="accuracy", unit="%"):
    """One place of the grid, a seed for each curve."""
    rows = [{**ROW, "metric": metric, "unit": unit, "scores": {metric: curve}} for curve in curves]
    return Group({}, tuple({"row": row} for row in rows))


def test_what_is_reached_after_fewer_steps():
    whole = group([40.0, 50.0], [42.0, 51.0])
    assert whole.at(1) == Figure.of([40.0, 42.0]) and whole.at(2) == whole.score
    assert whole.at(3) is None
    assert group([40.0, 50.0], [None, 51.0]).at(1) is None  # one seed has no answer there
    assert group([40.0, 50.0], [51.0]).at(2) is None


def test_a_table_is_named_by_the_metric_that_judges():
    told = [(heading([one]), titled([one])) for one in (
        group([1.0]), group([1.0], metric="error"), group([1.0], metric="loss", unit="")
    )]  # fmt: skip
    assert told == [
        ("accuracy, %", "Test accuracy"), ("error, %", "Test error"), ("loss", "Test loss"),
    ]  # fmt: skip
    assert (heading([]), titled([])) == ("accuracy, %", "Test accuracy")
    assert group([30.0, 2.0], metric="loss").score == Figure.of([2.0])
