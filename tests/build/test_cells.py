from __future__ import annotations

from pathlib import Path

from spikedistill.build.cells import cells, default_folder, settled
from spikedistill.recipes import files
from spikedistill.recipes.schema import parse


def test_the_order_of_the_cells() -> None:
    found = [(cell.name, cell.main, [loss.name for loss in cell.losses])
             for cell in cells(files.load("digits-sastc"))]  # fmt: skip
    assert found == [
        ("teacher", True, ["cross_entropy"]),
        ("cross_entropy", False, ["cross_entropy"]),
        ("logit_kd", False, ["cross_entropy", "logit_kd"]),
        ("student", True, ["cross_entropy", "logit_kd", "sastc"]),
    ]


def test_who_is_judged_and_where_each_is_kept() -> None:
    roles = {
        "student": {"network": "a", "trainable": True},
        "peer": {"network": "b", "trainable": True},
        "late": {"network": "b", "timesteps": 2, "trainable": True},
        "same": {"network": "a", "timesteps": 3, "trainable": True},
        "teacher": {"network": "c"},
    }
    given = {
        "name": "two",
        "data": "digits",
        "networks": {"a": "digits", "b": "digits", "c": "digits"},
        "phases": [{"roles": roles, "losses": ["cross_entropy"]}],
    }
    (cell,) = cells(parse(given))
    assert cell.phase.learning == ("student", "peer", "late", "same")
    others, (student,) = cell.judged[:-1], cell.judged[-1:]
    assert student == "student" and len(others) == 1 and others[0] in ("peer", "late")
    assert [cell.model_file(role) for role in cell.judged] == ["network-b", "model"]


def test_where_nobody_learns_the_student_alone_is_judged() -> None:
    phase = {"roles": {"teacher": {"network": "a"}, "student": {"network": "b"}}, "losses": [],
             "training": {"epochs": 0}}  # fmt: skip
    networks = {"a": "digits", "b": "digits"}
    (cell,) = cells(parse({"name": "o", "data": "digits", "networks": networks, "phases": [phase]}))
    assert cell.judged == ("student",) and cell.model_file("student") == "model"


def test_each_seed_has_its_folder() -> None:
    assert default_folder(files.load("digits-sastc")) == Path("runs/digits-sastc")
    assert default_folder(files.load("digits-sastc", seed=3)) == Path("runs/digits-sastc-seed3")


def test_the_precision_is_decided_once_for_all_trainings() -> None:
    recipe = settled(files.load("digits-sastc", ["training.precision=auto"]))
    found = {recipe.settings(phase).precision for phase in recipe.phases}
    assert len(found) == 1 and found <= {"fp32", "bf16"}
    other = settled(files.load("digits-sastc", ["training.precision=auto"]), auto="bf16")
    assert {other.settings(phase).precision for phase in other.phases} == {"bf16"}
    fixed = settled(files.load("digits-sastc"), auto="bf16")  # says fp32 itself
    assert {fixed.settings(phase).precision for phase in fixed.phases} == {"fp32"}
