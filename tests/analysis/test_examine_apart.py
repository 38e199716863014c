"""A look at a run of which not all that came from Python is there."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import pytest

from spikedistill.analysis.examine_run import examine_run

STUDENT, TEACHER = ("cells", "student"), ("networks", "teacher")


@pytest.fixture
def run(from_python: Any, tmp_path: Path) -> Path:
    return shutil.copytree(from_python.run, tmp_path / "run")


def test_all_that_is_there(run: Path, from_python: Any) -> None:
    looks = examine_run(run, network=from_python.both, data=from_python.data)
    assert set(looks.found) == {TEACHER, STUDENT} and looks.missing == []
    (picture,) = looks.found[STUDENT].facts["pictures"]
    assert picture["loss"] == "sastc"


def test_the_student_alone_and_then_all(run: Path, from_python: Any) -> None:
    looks = examine_run(run, network=from_python.student, data=from_python.data)
    assert set(looks.found) == {STUDENT}
    facts = looks.found[STUDENT].facts
    right = sum(count for true, answer, count in facts["confusion"] if true == answer)
    assert 100 * right / 16 == from_python.result.score
    assert facts["pictures"] == []
    teacher, pictures = looks.missing
    assert teacher.startswith("teacher: it (torch.nn.modules.container.Sequential) came from Pyth")
    assert "spikedistill.report(run, network={'teacher': ...}), or --network teacher=mo" in teacher
    assert pictures.startswith("student: no pictures of its losses")
    again = examine_run(run, use_data=False)
    assert set(again.found) == {STUDENT} and pictures in again.missing
    whole = examine_run(run, network=from_python.both, data=from_python.data)
    assert whole.missing == [] and len(whole.found[STUDENT].facts["pictures"]) == 1
    assert examine_run(run).missing == []  # what was looked at needs nothing any more


def test_a_teacher_with_other_weights_is_not_shown(run: Path, from_python: Any) -> None:
    """Its architecture is enough for a twin, and not for a look at itself."""
    other = {**from_python.both, "teacher": copy.deepcopy(from_python.teacher)}
    other["teacher"][0].weight.data.mul_(2)
    looks = examine_run(run, network=other, data=from_python.data)
    assert set(looks.found) == {STUDENT}
    assert "other weights than the one from which the run learned" in looks.missing[0]


def test_the_twin_of_a_network_from_python(twin_of_python: Any, tmp_path: Path) -> None:
    run = shutil.copytree(twin_of_python.run, tmp_path / "run")
    looks = examine_run(run, data=twin_of_python.data)
    assert looks.found == {} and "network={'teacher': ...}" in looks.missing[1]
    looks = examine_run(run, network=twin_of_python.teacher, data=twin_of_python.data)
    assert set(looks.found) == {TEACHER, STUDENT} and looks.missing == []


def test_a_network_that_is_another_one(run: Path, from_python: Any) -> None:
    both = {"teacher": from_python.teacher, "student": from_python.teacher}
    looks = examine_run(run, network=both, data=from_python.data)
    assert set(looks.found) == {TEACHER}
    assert "'1' is no layer of neurons and was LIF" in looks.missing[0]


def test_data_that_are_missing_or_others(run: Path, from_python: Any) -> None:
    looks = examine_run(run, network=from_python.both)
    assert looks.found == {} and "hand them over, with the networks" in looks.missing[0]
    half = (from_python.data, from_python.data)
    looks = examine_run(run, network=from_python.both, data=half)
    assert looks.found == {} and "they differ in test" in looks.missing[0]
