"""Cells that belong together, and what an inference costs."""

import pytest

from spikedistill.costs.energy import PRESETS
from spikedistill.grid.figures import Figure, Spread
from spikedistill.grid.points import Point
from spikedistill.grid.summary import energy_uj, groups, pooled
from spikedistill.recipes.files import load

ROW = {"accuracy": [40.0, 50.0], "firing_rate": 0.2, "synops": 2e6, "multiplications": 1e6,
       "macs": 5e6}  # fmt: skip


def test_energy_counts_multiplications_and_accumulations_apart():
    assert energy_uj(ROW) == pytest.approx(4.6 + 1.8)
    assert energy_uj({**ROW, "synops": None}) == pytest.approx(4.6)  # an ANN
    assert energy_uj({**ROW, "multiplications": None}) is None
    assert energy_uj(ROW, PRESETS["int8"]) == pytest.approx(0.23 + 0.06)


def test_cells_that_differ_in_the_seed_only_are_one_group():
    recipe = load("cifar10-study")
    points = [
        Point({"a": n}, recipe.model_copy(update={"seed": s})) for n in (1, 2) for s in (0, 1)
    ]
    cells = [(point, {"row": {**ROW, "accuracy": [float(n)]}}) for n, point in enumerate(points)]
    first, second = groups(cells)
    assert first.labels == {"a": 1} and first.accuracy == Figure.of([0.0, 1.0])
    assert second.accuracy.mean == 2.5
    assert pooled([first, second]) == Spread(0.5**0.5, 2)
    assert first.figure("energy_uj").mean == pytest.approx(6.4)
    assert first.figure("train_seconds") is None
