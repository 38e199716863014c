from __future__ import annotations

from pathlib import Path

from spikedistill.build.cells import cells, default_folder, settled
from spikedistill.recipes import files


def test_the_order_of_the_cells() -> None:
    found = [(cell.name, cell.main, [loss.name for loss in cell.losses])
             for cell in cells(files.load("digits-sastc"))]  # fmt: skip
    assert found == [
        ("teacher", True, ["cross_entropy"]),
        ("cross_entropy", False, ["cross_entropy"]),
        ("logit_kd", False, ["cross_entropy", "logit_kd"]),
        ("student", True, ["cross_entropy", "logit_kd", "sastc"]),
    ]


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
