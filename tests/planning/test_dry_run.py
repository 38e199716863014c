from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from torch._subclasses.fake_tensor import FakeTensor

from spikedistill.core.errors import SpikedistillError
from spikedistill.neurons.lif import LIF
from spikedistill.planning.dry_run import dry_run
from spikedistill.planning.follower import Follower
from spikedistill.recipes import files

ALONE = ("phases.student.losses=[cross_entropy]", "phases.student.compare={}")


def test_the_hours_are_those_of_the_trainings(tmp_path: Path) -> None:
    found = dry_run(files.load("cifar10-sastc", ALONE), tmp_path)
    teacher, student = found["cells"]
    hours = [cell["seconds"]["total"] for cell in found["cells"]]
    assert found["seconds"] == pytest.approx(sum(hours)) and min(hours) > 0
    assert found["device"] == found["assumed"]["title"] == "NVIDIA H200 (SXM)"
    # no operation is quicker than its multiply-adds at the assumed share of the peak
    macs = sum(student["macs"].values())
    assert student["seconds"]["step"] > 2 * macs / (0.4 * 989e12)
    assert (teacher["precision"], student["seconds"]["loading"]) == ("bf16", 0.0)


def test_both_networks_of_a_training_are_told(tmp_path: Path) -> None:
    found = dry_run(files.load("cifar10-sastc", ALONE), tmp_path)
    roles = found["cells"][1]["roles"]
    assert roles["student"]["parameters"] == 12_630_858
    # 2.2165 G a step, and the stem (3 x 64 x 9 on 32 x 32) once for both steps
    once = 3 * 64 * 9 * 1024
    assert roles["student"]["macs"] == pytest.approx(2 * 2.21650e9 - once, rel=1e-5)
    assert roles["teacher"]["network"] == "teacher" and roles["teacher"]["timesteps"] == 1


@pytest.mark.parametrize("name", ["imagenet-sastc", "cifar100-sastc-bottleneck"])
def test_nothing_but_the_recipe_is_needed(name: str, tmp_path: Path) -> None:
    words = ["phases.student.losses=[cross_entropy]"]
    words += [] if name == "imagenet-sastc" else ["phases.student.compare={}"]
    found = dry_run(files.load(name, words), tmp_path)
    assert len(found["missing"]) == 1 and str(tmp_path) in found["missing"][0]
    assert all(cell["memory"]["total"] < found["assumed"]["memory"] for cell in found["cells"])
    if name == "imagenet-sastc":
        assert found["data"]["train"] == 1_271_167
        assert found["cells"][1]["roles"]["student"]["parameters"] == 21_797_672


def test_with_the_data_everything_is_built() -> None:
    quick = ("phases.student.compare={}", "training.epochs=1")
    found = dry_run(files.load("digits-sastc", quick))
    assert found["missing"] == [] and found["data"]["name"] == "digits"
    wrong = files.load("digits-sastc", [*quick, "networks.student.classes=7"])
    with pytest.raises(SpikedistillError, match="tells 7 classes apart"):
        dry_run(wrong)


def test_what_a_run_would_refuse_gets_no_estimate() -> None:
    words = ("phases.student.compare={}", "data.train_limit=10", "training.batch_size=64")
    with pytest.raises(SpikedistillError, match=r"student: 10 .* do not fill one batch of 64"):
        dry_run(files.load("digits-sastc", words))


def test_damaged_data_are_not_missing_data(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for name in [*(f"data_batch_{n}.bin" for n in range(1, 6)), "test_batch.bin"]:
        (folder / name).write_bytes(b"short")
    with pytest.raises(SpikedistillError, match="is damaged: it has 5 bytes"):
        dry_run(files.load("cifar10-sastc", ALONE), tmp_path)


def test_data_that_only_their_files_know_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SpikedistillError, match="holds 0 classes"):
        dry_run(files.load("digits-sastc", ["data={name: imagefolder}"]), tmp_path)


def work_of(monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, int]:
    """Operations that a dry run follows, and elements that neurons of real networks see."""
    seen = [0, 0]
    follow, step = Follower.__torch_dispatch__, LIF.step

    def counted(self: Any, *given: Any) -> Any:
        seen[0] += 1
        return follow(self, *given)

    def stepped(self: Any, current: Any, state: Any) -> Any:
        seen[1] += 0 if isinstance(current, FakeTensor) else current.numel()
        return step(self, current, state)

    with monkeypatch.context() as patch:
        patch.setattr(Follower, "__torch_dispatch__", counted)
        patch.setattr(LIF, "step", stepped)
        dry_run(files.load("digits-sastc", ["phases.student.compare={}", *words]))
    return seen[0], seen[1]


@pytest.mark.compiled
def test_the_work_of_a_dry_run_does_not_grow_with_what_it_is_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps = "phases.student.roles.student.timesteps"
    few = work_of(monkeypatch, f"{steps}=4", "training.epochs=1", "training.batch_size=16")
    many = work_of(monkeypatch, f"{steps}=64", "training.epochs=100000", "training.batch_size=128")
    assert many[0] == few[0] > 1000
    assert few[1] > 0
    assert many[1] == 16 * few[1]  # T times the same few samples, whatever the batch
