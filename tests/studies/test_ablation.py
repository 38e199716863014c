"""Every change of the ablation can be built, and its page compares it with the whole method."""

import pytest

from spikedistill.build.experiment import Experiment
from spikedistill.recipes.files import load
from spikedistill.studies.ablation import OPTIONS
from spikedistill.studies.ablation import _page as page
from spikedistill.studies.ablation import _points as points


@pytest.fixture(scope="module")
def made():
    return points(load("digits-sastc"), 1)


def test_every_change_is_another_training_that_can_be_built(made):
    assert len({point.key for point in made}) == len(made) == 4 + len(OPTIONS)
    for point in made:
        assert Experiment(point.recipe).check()[-1]["cell"] == "student"


def test_the_page_compares_with_the_whole_method(made, tmp_path, finished):
    cells = finished(made, lambda p: 60.0 if p.labels["change"] == "SASTC" else 59.0)
    (table,) = page(cells, tmp_path).parts
    assert table.caption == "Test accuracy after all T steps, last epoch"
    assert table.columns == ("student", "accuracy, %", "seeds", "against SASTC", "training, min")
    assert table.rows[0] == ["SASTC", "60.00", "1", "", "1.0"]
    assert ["average pooling", "59.00", "1", "-1.00 ?", "1.0"] in table.rows
