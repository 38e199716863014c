"""Which cells the study of time steps needs, and what its page says."""

import pytest

from spikedistill.core.errors import SpikedistillError
from spikedistill.recipes.files import load
from spikedistill.studies.timesteps import STEPS
from spikedistill.studies.timesteps import _page as page
from spikedistill.studies.timesteps import _points as points

EXIT = {"curve": [{"threshold": 0.5, "steps": 1.2, "accuracy": 70.0}],
        "chosen": {"threshold": 0.5, "steps": 1.2, "accuracy": 70.0}}  # fmt: skip


@pytest.fixture(scope="module")
def made():
    return points(load("cifar10-study"), 1)


def test_a_student_for_each_t(made):
    assert [point.recipe.phases[-1].roles["student"].timesteps for point in made] == list(STEPS)
    assert all(set(point.looks) == {"early_exit", "stopped"} for point in made)


def test_recordings_are_cut_into_t_frames_for_all_that_see_frames():
    made = points(load("nmnist-sastc", ["phases.student.roles.teacher.timesteps=5"]), 1)
    for point, steps in zip(made, STEPS, strict=True):
        assert point.recipe.data.plain()["timesteps"] == steps
        roles = point.recipe.phases[-1].roles
        assert {role.timesteps for role in roles.values()} == {steps}
        teacher = point.recipe.phases[0].roles  # it learns on the mean frame
        assert {role.timesteps for role in teacher.values()} == {1}
    with pytest.raises(SpikedistillError, match=r"data\.valid = 0"):
        points(load("digits-sastc", ["data.valid=0"]), 1)


def test_the_page_has_costs_earlier_answers_and_exits(made, tmp_path, finished):
    looks = {"early_exit": EXIT, "stopped": [
        {"firing_rate": 0.2, "synops": 1e6 * step, "multiplications": 1e6, "energy_pj": 1e6 * step}
        for step in range(1, 8)
    ]}  # fmt: skip
    cells = finished(made, lambda p: 70.0 + p.labels["T"], lambda p: looks)
    cost, earlier, stopped, exits, picture = page(cells, tmp_path).parts
    assert cost.columns[1] == stopped.columns[1] == "accuracy, %"
    assert earlier.caption == "Accuracy in % of the same student stopped after T' steps"
    assert picture.alt == "Test accuracy over the number of time steps"
    assert cost.rows[1] == ["2", "72.00", "1", "0.200", "2 M", "6.40", "1.0"]
    assert earlier.rows[1] == ["2", "71.00", "72.00", "", "", "", "", ""]
    assert stopped.rows[1] == ["2", "72.00", "0.200", "2 M", "2.00"] and len(stopped.rows) == 7
    assert exits.rows[0] == ["2", "72.00", "70.00", "1.20", "0.50"]
    assert (tmp_path / picture.file).exists()
    assert page([], tmp_path).parts[0].rows == []


def test_a_student_that_has_no_answer_after_some_steps(made, tmp_path, finished):
    looks = {"early_exit": EXIT, "stopped": [
        {"firing_rate": 0.2, "synops": 1e6, "multiplications": 1e6, "energy_pj": 1e6}
    ] * 7}  # fmt: skip
    cells = finished(made, lambda p: 70.0, lambda p: looks)
    for _, cell in cells:
        *before, last = cell["row"]["scores"]["accuracy"]
        cell["row"]["scores"]["accuracy"] = [None for _ in before] + [last]
    _, earlier, stopped, _, picture = page(cells, tmp_path).parts
    assert earlier.rows[1] == ["2", "-", "70.00", "", "", "", "", ""]
    assert [row[1] for row in stopped.rows] == ["-"] * 6 + ["70.00"]
    assert (tmp_path / picture.file).exists()
