"""Studies by name."""

import pytest

from spikedistill.core.errors import SpikedistillError
from spikedistill.recipes.files import load
from spikedistill.studies import STUDIES


@pytest.mark.parametrize("name", STUDIES.names())
def test_every_study_has_points_and_a_page(name, finished):
    study = STUDIES.find(name)
    assert callable(study.points) and callable(study.page)


LOOKS = {
    "early_exit": {"curve": [], "chosen": {"threshold": 0.5, "steps": 1.2, "accuracy": 70.0}},
    "stopped": [{"firing_rate": 0.2, "synops": 1.0, "energy_pj": 1.0}] * 7,
    "alignment": [{"distances": [[[1.0]]], "attention": [[[1.0]]]}],
}


@pytest.mark.parametrize("name", STUDIES.names())
def test_tables_are_headed_by_the_metric_that_judges(name, tmp_path, finished):
    study = STUDIES.find(name)
    cells = finished(study.points(load("cifar10-study"), 1), lambda p: 9.0, lambda p: LOOKS)
    for _, cell in cells:
        scores = cell["row"]["scores"]["accuracy"]
        cell["row"] |= {"metric": "error", "unit": "", "scores": {"error": scores}}
    table = study.page(cells, tmp_path).parts[0]
    said = " ".join([table.caption, *table.columns])
    assert "error" in said and "accuracy" not in said


def test_an_unknown_study_is_refused_with_the_closest_one():
    with pytest.raises(SpikedistillError, match=r"no study 'noisy'.*noisy-labels"):
        STUDIES.find("noisy")
