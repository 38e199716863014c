from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from spikedistill.build.cells import cells, settled
from spikedistill.core.errors import SpikedistillError
from spikedistill.planning.ceilings import Ceilings
from spikedistill.planning.plan import Planner, plan
from spikedistill.recipes.files import load
from spikedistill.recipes.schema import parse

FP32 = "training.precision=fp32"


class Unit(Ceilings):
    """A machine on which every operation takes a millisecond."""

    overhead = (0.0, 0.0)  # type: ignore[assignment]
    _curve = ((1, 1e-3), (10**15, 1e-3))  # type: ignore[assignment]

    def _measured(self, *_: Any) -> float:
        return 1e-3


def paper(*words: str) -> dict[str, Any]:
    return plan(load(words[0], words[1:]), measure=None)


@pytest.fixture(scope="module")
def digits() -> dict[str, Any]:
    return plan(load("digits-sastc"), measure=Unit)


def test_every_training_of_the_recipe_has_a_row(digits: dict[str, Any]) -> None:
    rows = digits["cells"]
    assert [row["cell"] for row in rows] == ["teacher", "cross_entropy", "logit_kd", "student"]
    assert rows[0]["timesteps"] == 1 and rows[3]["timesteps"] == 2
    # 1,437 samples after the test split, a tenth of them held out; SASTC drops the last batch
    train = digits["data"]["train"]
    sizes = {"train": 1294, "valid": 144, "test": 359}
    assert digits["data"] == {"name": "digits", "sample": "image", **sizes}
    assert rows[1]["steps"] == 15 * math.ceil(train / 64)
    assert rows[3]["steps"] == 15 * (train // 64)


def test_multiply_adds_of_the_student_by_hand(digits: dict[str, Any]) -> None:
    # width 0.5: 8, 16, 32 channels on 8, 4 and 2; T B = 128 images, the stem once: 64
    stem = 64 * 8 * 9
    rest = 64 * 8 * 8 * 9 + 16 * (16 * 8 * 9 + 16 * 16 * 9) + 4 * 32 * 16 * 9 + 32 * 10
    row = next(row for row in digits["cells"] if row["cell"] == "cross_entropy")
    own = next(part for part in row["sections"] if part["section"] == "role student")
    assert own["forward"] == 64 * stem + 128 * rest
    assert own["backward"] == 64 * stem + 2 * 128 * rest


def test_multiply_adds_of_the_projectors_by_hand(digits: dict[str, Any]) -> None:
    mine, theirs, grid = (8, 16, 32), (16, 32, 64), (8, 4, 2)
    row = digits["cells"][-1]
    own = next(part for part in row["sections"] if part["section"] == "loss sastc")
    pairs = sum(
        128 * min(grid[i], grid[j]) ** 2 * (2 * D * C * 9 + 2 * D * D)
        for i, C in enumerate(mine)
        for j, D in enumerate(theirs)
    )
    batch, T = 64, 2
    similarities = batch**2 * sum(
        T * C * g**2 + D * g**2 for C, D, g in zip(mine, theirs, grid, strict=True)
    )
    mlps = 3 * (T + 1) * batch * (batch * 32 + 32 * 16)
    attention = T * batch * 3 * 3 * 16
    assert own["forward"] == pairs + similarities + mlps + attention


def test_times_are_sums_over_operations(digits: dict[str, Any]) -> None:
    row = digits["cells"][0]
    work = Planner(settled(load("digits-sastc"))).work(cells(load("digits-sastc"))[0])
    busy = sum(n for op, n in work.select() if op.call.kind != "free")
    seconds = row["seconds"]
    assert seconds["step"] - seconds["update"] == pytest.approx(1e-3 * busy)
    assert seconds["update"] == pytest.approx(1e-3 * work.update.calls)
    steps = row["steps"] // row["epochs"]
    part = next(part for part in row["sections"] if part["section"] == "role teacher")
    assert seconds["epoch"] > steps * seconds["step"]
    assert part["seconds"] < seconds["step"]
    assert seconds["total"] > row["epochs"] * steps * seconds["step"]
    assert digits["seconds"] == pytest.approx(sum(r["seconds"]["total"] for r in digits["cells"]))


def test_published_data_and_weights_need_not_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPIKEDISTILL_DATA", str(tmp_path))
    found = paper("cifar10-twin", FP32)
    sizes = {"train": 45_000, "valid": 5_000, "test": 10_000}
    assert found["data"] == {"name": "cifar10", "sample": "image", **sizes}
    assert found["ceilings"] is None and found["seconds"] is None
    (row,) = found["cells"]
    assert row["seconds"] is None and row["steps"] == 3 * math.ceil(45_000 / 128)
    assert list(tmp_path.iterdir()) == []


def test_the_work_grows_with_the_batch() -> None:
    quick = ("digits-sastc", FP32, "phases.student.losses=[cross_entropy]")
    quick += ("phases.student.compare={}",)
    rows = [paper(*quick, f"training.batch_size={size}")["cells"][1] for size in (32, 64)]
    assert rows[1]["macs"]["forward"] == 2 * rows[0]["macs"]["forward"]
    assert rows[1]["memory"]["weights"] == rows[0]["memory"]["weights"]


def test_stages_that_are_run_again_keep_less_and_work_more() -> None:
    words = ("digits-sastc", FP32, "phases.student.compare={}")
    plain, again = (
        paper(*words, f"training.checkpoint={how}")["cells"][-1] for how in ("off", "stage")
    )
    kept = [
        next(part["kept"] for part in row["sections"] if part["section"] == "role student")
        for row in (plain, again)
    ]
    assert kept[1] < kept[0]
    assert sum(again["macs"].values()) > sum(plain["macs"].values())


def test_a_recorded_teacher_is_paid_once() -> None:
    words = ("digits-sastc", FP32, "phases.student.compare={}", "training.epochs=3")
    base = plan(load(words[0], words[1:]), measure=Unit)["cells"][-1]
    again = (*words[1:], "phases.student.roles.teacher.record=true")
    kept = plan(load(words[0], again), measure=Unit)["cells"][-1]
    part = next(part for part in base["sections"] if part["section"] == "role teacher")
    saved = base["seconds"]["total"] - kept["seconds"]["total"]
    assert saved == pytest.approx(2 * base["steps"] // 3 * part["seconds"], rel=0.05)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("cifar10-small-sastc", "data.train_limit=99999"), "train_limit=99999: expected is"),
        (("cifar10-small-sastc", "data.valid=50001"), "valid=50001"),
        (("digits-sastc", "data={name: imagefolder, root: nowhere}"), "holds 0 classes"),
        (("digits-sastc", "training.batch_size=3"), "at least 4 samples"),
        (("digits-sastc", "networks.student={model: digits, classes: 7}"), "10"),
    ],
)
def test_what_cannot_be_planned_is_said(words: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(SpikedistillError, match=sentence):
        paper(*words)


def test_the_real_ceilings_give_finite_times() -> None:
    quick = ("phases.student.compare={}", "training.batch_size=8", FP32)
    found = plan(load("digits-sastc", quick), measure=lambda device, _: Ceilings(device, 2**16))
    limits = found["ceilings"]
    assert all(value > 0 for value in limits.values())
    for row in found["cells"]:
        assert 1e-5 < row["seconds"]["step"] < 10
    assert found["threads"] == torch.get_num_threads()


def test_a_fixed_attention_keeps_the_last_batch() -> None:
    given = load("digits-sastc", ["data.train_limit=200"]).plain()
    student = given["phases"][1] | {"compare": {}}
    student["losses"] = [{"sastc": {"attention": "uniform", "projector": "shared"}}]
    [row] = plan(parse(given | {"phases": [student]}), measure=None)["cells"]
    assert row["steps"] == row["epochs"] * 4  # 64 + 64 + 64 + 8


def test_frames_run_through_the_first_layer_at_every_step(tmp_path: Path) -> None:
    sizes = ["data.size=16", "data.timesteps=3", "training.batch_size=8", FP32]
    widths = ["networks.teacher.width=0.0625", "networks.student.width=0.0625"]
    steps = ["phases.student.roles.student.timesteps=3", "phases.student.compare={}",
             "phases.student.losses=[cross_entropy]"]  # fmt: skip
    recipe = load("cifar10dvs-sastc", [*sizes, *widths, *steps])
    found = plan(recipe, tmp_path, measure=None)  # the files need not be there
    sizes = {"train": 8100, "valid": 900, "test": 1000}
    assert found["data"] == {"name": "cifar10dvs", "sample": "image", **sizes}
    rows = {row["cell"]: row for row in found["cells"]}
    # VGG-11 of SASTC at width 1/16: 4 to 32 channels, every second convolution halves the grid
    convolutions = [(2, 4, 16), (4, 8, 8), (8, 16, 8), (16, 16, 4), (16, 32, 4), (32, 32, 2),
                    (32, 32, 2), (32, 32, 1)]  # fmt: skip
    each = sum(a * b * 9 * side**2 for a, b, side in convolutions)
    each += 4 * 32 * 256 + 256 * 256 + 256 * 10
    own = next(s for s in rows["student"]["sections"] if s["section"] == "role student")
    assert own["forward"] == 8 * 3 * each
