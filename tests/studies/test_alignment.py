"""Layer distances after every epoch, and the page of the study."""

import math

import pytest
import torch

from spikedistill.core.objective import Objective, Role, Term
from spikedistill.data import Loader, Split
from spikedistill.grid.grid import Grid
from spikedistill.grid.store import Store
from spikedistill.methods.cross_entropy import CrossEntropy
from spikedistill.models.digits import digits
from spikedistill.neurons.lif import LIF
from spikedistill.recipes.files import load
from spikedistill.studies._alignment import alignment, score
from spikedistill.studies.alignment import SASTC
from spikedistill.studies.alignment import _page as page
from spikedistill.studies.alignment import _points as points
from spikedistill.training.distiller import Distiller, describe

QUICK = ["training.epochs=2", "data.train_limit=128", "training.batch_size=32"]


@pytest.fixture(scope="module")
def made():
    return points(load("digits-sastc", QUICK), 1)


def test_three_ways_to_weigh_the_pairs(made):
    assert [point.labels["attention"] for point in made] == ["layer by layer", "uniform", SASTC]
    assert len({point.key for point in made}) == 3


def test_scores_weigh_the_distances():
    look = {"distances": [[[1.0, 3.0], [2.0, 4.0]]], "attention": [[[0.25, 0.75], [0.5, 0.5]]]}
    assert score(look, "diagonal") == pytest.approx((1 + 4) / 2)
    assert score(look, "uniform") == pytest.approx((2 + 3) / 2)
    assert score(look, "own") == pytest.approx((2.5 + 3) / 2)


def test_a_training_is_looked_at_after_every_epoch_and_the_page_shows_it(made, tmp_path):
    grid = Grid(tmp_path, Store(tmp_path / "cells"))
    grid.run(made)
    cells = grid.cells(made)
    for _, cell in cells:
        looks = cell["looks"]["alignment"]
        assert len(looks) == 2
        attention = torch.tensor(looks[-1]["attention"])
        assert attention.shape == (2, 3, 3)
        assert torch.allclose(attention.sum(-1), torch.ones(2, 3), atol=1e-5)
    final, epochs, stm, maps, last = page(cells, tmp_path).parts
    layerwise = cells[0][1]["looks"]["alignment"][-1]
    assert final.rows[0][0] == "layer by layer" and final.columns[1] == "accuracy, %"
    assert final.rows[0][4] == final.rows[0][5] == f"{math.log(score(layerwise, 'own')):.3f}"
    assert len(epochs.rows[0]) == 3 and len(last.rows) == 3
    for picture in (stm, maps):
        assert (tmp_path / picture.file).stat().st_size > 1000


def test_too_few_validation_images_are_said_before_a_student_is_trained(tmp_path):
    made = points(load("digits-sastc", [*QUICK, "data.valid=40"]), 1)
    (failed,) = Grid(tmp_path, Store(tmp_path / "cells")).run(made[:2])
    assert "full batches of 64 and of 32 validation images, and there are 40; raise" in failed
    assert not list(tmp_path.glob("runs/*/cells/student"))


def test_a_phase_without_layer_matching_has_nothing_to_look_at():
    student = digits(LIF(), width=0.25)
    images = torch.rand(64, 1, 8, 8)
    role = Role(student, 2, trainable=True)
    term = Term("ce", CrossEntropy(describe("student", role, images)))
    distiller = Distiller({"student": role}, Objective([term]))
    labels = torch.zeros(64, dtype=torch.int64)
    loader = Loader(Split((255 * images).to(torch.uint8), labels), 32)
    assert alignment(distiller, loader) is None
