from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.utils.data import Dataset

from spikedistill.build.cells import cells
from spikedistill.build.experiment import Experiment
from spikedistill.core.claim import claimed
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.trace import Batch
from spikedistill.data import DataSet
from spikedistill.data._known import blank
from spikedistill.recipes import files
from spikedistill.recipes.plain_yaml import read_yaml
from spikedistill.recipes.schema import Recipe, parse
from spikedistill.runs.start import resume, start
from spikedistill.training import trainer
from spikedistill.training.interrupt import Interrupted
from spikedistill.training.optim import build_optimizer
from spikedistill.training.progress import Silent

QUICK = ["training.epochs=1", "data.train_limit=128", "training.batch_size=32"]


def quick(*overrides: str, seed: int = 0) -> Recipe:
    return files.load("digits-sastc", [*QUICK, *overrides], seed)


class Heard(Silent):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def say(self, text: str) -> None:
        self.sentences.append(text)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A finished run of two epochs, never interrupted."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    torch.set_num_threads(1)
    return folder, start(quick("training.epochs=2"), folder)


def test_what_a_run_leaves(done: tuple[Path, dict[str, Any]]) -> None:
    folder, result = done
    files_there = {path.name for path in folder.iterdir()}
    assert files_there == {"config.yaml", "manifest.json", "result.json", "model.json", "cells",
                           "model.safetensors", "result.png", "curves.png"}  # fmt: skip
    assert json.loads((folder / "result.json").read_text()) == result
    rows = result["rows"]
    assert [row["cell"] for row in rows] == ["teacher", "cross_entropy", "logit_kd", "student"]
    assert [len(row["scores"]["accuracy"]) for row in rows] == [1, 2, 2, 2]
    assert [row["parameters"] for row in rows] == [35_674, *[9_202] * 3]
    assert [row["synops"] is None for row in rows] == [True, False, False, False]
    assert all(0 <= value <= 100 for row in rows for value in row["scores"]["accuracy"])
    # real numbers meet weights in the first layer, once for both steps (8 * 8 * 9 * 8), and in
    # the last, at both (2 * 32 * 10), unless no neuron before it fired
    assert all(row["multiplications"] in (4608.0, 4608.0 + 640.0) for row in rows[1:])
    metrics = (folder / "cells/student/metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in metrics] == [1, 2]
    assert parse(read_yaml((folder / "config.yaml").read_text(), "")).seed == 0


def test_all_variants_start_from_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: dict[str, dict[str, torch.Tensor]] = {}
    fit = trainer.fit

    def spy(distiller: Any, *args: Any, **options: Any) -> Any:
        network = distiller.roles[options["student"]].network
        state = {name: value.clone() for name, value in network.state_dict().items()}
        begun[options["title"]] = state
        return fit(distiller, *args, **options)

    monkeypatch.setattr("spikedistill.runs.cell_by_cell.fit", spy)
    start(quick("data.train_limit=32"), tmp_path / "a")
    students = [begun[name] for name in ("cross_entropy", "logit_kd", "student")]
    for name, value in students[0].items():
        assert all(torch.equal(value, other[name]) for other in students[1:]), name


def stop_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Raise, as a kill would, at a step of the whole run."""
    seen = [0]
    original = trainer._Training._step

    def counted(self: Any, batch: Batch, share: float) -> None:
        seen[0] += 1
        if seen[0] == step:
            self._interrupt()
        original(self, batch, share)

    monkeypatch.setattr(trainer._Training, "_step", counted)


# 4 steps an epoch, 8 a cell: in the teacher, on the border of two cells, in the SASTC student
@pytest.mark.parametrize("step", [6, 9, 28])
def test_an_interrupted_run_goes_on_bit_for_bit(
    done: tuple[Path, dict[str, Any]], tmp_path: Path, step: int
) -> None:
    folder = tmp_path / "broken"
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, step)
        with pytest.raises(Interrupted):
            start(quick("training.epochs=2"), folder)
    assert not (folder / "result.json").exists()
    resume(folder)
    whole = done[0]
    for cell in ("teacher", "cross_entropy", "logit_kd", "student"):
        mine, theirs = (
            load_file(path / f"cells/{cell}/model.safetensors") for path in (whole, folder)
        )
        assert all(torch.equal(mine[name], theirs[name]) for name in mine), cell
    assert [row["scores"] for row in resume(folder)["rows"]] == [
        row["scores"] for row in done[1]["rows"]
    ]


def test_a_run_does_not_go_on_with_another_teacher_or_other_data(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, 9)  # the first step of the first student
        with pytest.raises(Interrupted):
            start(quick("training.epochs=2"), folder)
    weights = folder / "cells/teacher/model.safetensors"
    before = weights.read_bytes()
    save_file({name: 1.3 * value for name, value in load_file(weights).items()}, weights)
    with pytest.raises(SpikedistillError, match="its teacher has other weights than when it began"):
        resume(folder)
    weights.write_bytes(before)
    manifest = json.loads((folder / "manifest.json").read_text())
    (name,) = manifest["data"]
    (folder / "manifest.json").write_text(json.dumps(manifest | {"data": {name: "md5:0"}}))
    with pytest.raises(SpikedistillError, match="its data have changed since it began"):
        resume(folder)


def test_a_finished_cell_is_not_trained_again(
    done: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **options: Any) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr("spikedistill.runs.cell_by_cell.fit", refuse)
    assert resume(done[0]) == done[1]


def test_a_run_that_is_there(done: tuple[Path, dict[str, Any]]) -> None:
    with pytest.raises(SpikedistillError, match=r"already holds a run.*resume"):
        start(quick(), done[0])


@pytest.mark.parametrize("exist", ["replace", "resume"])
def test_a_run_that_another_process_trains(
    done: tuple[Path, dict[str, Any]], exist: Literal["replace", "resume"]
) -> None:
    folder, result = done
    with claimed(folder):
        with pytest.raises(SpikedistillError, match=r"another process is training in .* --out"):
            start(quick("training.epochs=2"), folder, exist=exist)
        with pytest.raises(SpikedistillError, match="another process is training in"):
            resume(folder)
    assert json.loads((folder / "result.json").read_text()) == result


def test_another_seed_is_another_run(done: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    start(quick("phases.student.compare={}", seed=1), tmp_path / "other")
    mine, theirs = (load_file(path / "model.safetensors") for path in (done[0], tmp_path / "other"))
    assert not torch.equal(mine["network.layer1.0.weight"], theirs["network.layer1.0.weight"])


def test_a_trained_teacher_is_judged_first(
    done: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    recipe = quick().model_copy(update={"phases": quick().phases[1:]})
    plain = recipe.plain()
    plain["networks"]["teacher"]["weights"] = str(done[0] / "cells/teacher")
    plain["phases"][0].pop("compare")
    heard = Heard()
    result = start(parse(plain), tmp_path / "given", progress=heard)
    teacher = done[1]["rows"][0]
    assert heard.sentences[0] == (
        f"teacher (teacher): {teacher['valid']:.2f} % of the validation images, before training"
    )
    assert result["rows"][0]["scores"] == teacher["scores"]
    assert result["rows"][0]["cell"] is None


def test_a_teacher_near_chance_is_told(tmp_path: Path) -> None:
    plain = quick().plain()
    plain["phases"] = plain["phases"][1:]
    plain["phases"][0].pop("compare")
    heard = Heard()
    start(parse(plain), tmp_path / "guessing", progress=heard)
    assert "guessing among 10 classes gives 10.0 %" in heard.sentences[1]


def test_a_twin_is_made_from_the_teacher_that_was_trained(tmp_path: Path) -> None:
    plain = quick().plain()
    plain["networks"]["student"] = {"twin_of": "teacher", "neuron": "lif"}
    plain["phases"][1].pop("compare")
    plain["phases"][1]["training"]["lr"] = 1e-12
    start(parse(plain), tmp_path / "twin")
    teacher, student = (
        load_file(tmp_path / f"twin/cells/{cell}/model.safetensors")
        for cell in ("teacher", "student")
    )
    name = "network.layer2.0.weight"
    assert torch.allclose(teacher[name], student[name], atol=1e-8)


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["networks.teacher.classes=7"], "the teacher (network 'teacher') tells 7 classes apart"),
        (["networks.student.classes=100"], "tells 100 classes apart and the data have 10 (digits)"),
        (["phases.student.losses.sastc.guide_taps=[block*]"], "loss 'sastc': no tap of the teache"),
        (["training.batch_size=3", "phases.student.compare={}"], "needs at least 4 samples"),
        (["networks.teacher.weights=nowhere.npz"], "network 'teacher': there are no weights now"),
        (["networks.student={twin_of: student2}", "networks.student2={twin_of: student}"],
         "networks are made in a circle: student from student2 from student"),
        (["networks.student.activation.lif.tau=0.5"], "network 'student': LIF(tau=0.5)"),
        (["networks.teacher={call: 'nowhere.at:all'}"], "there is no module 'nowhere'"),
        (["networks.teacher={given: x.Y}"], "network 'teacher': it (x.Y) came from Python"),
        (["data={given: MyData}"], "came from Python"),
        (["networks.teacher.mean=[1, 2]", "networks.teacher.std=[1, 2]"], "has 1 channels and its"),
    ],
)  # fmt: skip
def test_what_cannot_be_built_is_said_before_training(overrides: list[str], sentence: str) -> None:
    with pytest.raises(SpikedistillError) as caught:
        Experiment(quick(*overrides)).check()
    assert sentence in str(caught.value)


ONLY_FILES_KNOW = {"digits": (1, 8, 8), "nmnist": (5, 2, 34, 34)}


class Noise(Dataset[tuple[torch.Tensor, int]]):
    """Random samples of a shape, of ten classes."""

    def __init__(self, rows: int, shape: tuple[int, ...]) -> None:
        self.targets = [row % 10 for row in range(rows)]
        self.samples = torch.rand(rows, *shape)

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.samples[index], self.targets[index]


def tiny(name: str) -> tuple[Recipe, DataSet]:
    """A recipe of the library with narrow networks and small samples, and noise in their place."""
    recipe = files.load(name)
    words = [f"networks.{key}.width=0.125" for key, entry in recipe.networks.items()
             if entry.model not in (None, "digits")]  # fmt: skip
    words += [f"networks.{key}.weights=null" for key, entry in recipe.networks.items()
              if entry.weights is not None]  # fmt: skip
    words += [f"data.{key}=32" for key in ("size", "resize") if key in recipe.data.options]
    recipe = files.load(name, [*words, "training.epochs=1", "training.batch_size=8",
                               "training.workers=0", "training.precision=fp32"])  # fmt: skip
    like = blank(recipe.data.name, 1, recipe.data.options)
    if like is None:
        shape = ONLY_FILES_KNOW[recipe.data.name]
    else:
        shape = tuple(like.example().inputs.shape[1:])  # type: ignore[union-attr]
    classes = tuple(map(str, range(10))) if like is None else like.classes
    half = (0.5,) * shape[-3]
    parts = (Noise(rows, shape) for rows in (16, 4, 4))
    return recipe, DataSet(recipe.data.name, *parts, classes, half, half)


@pytest.mark.parametrize("name", files.names())
def test_every_recipe_takes_two_steps(name: str) -> None:
    recipe, data = tiny(name)
    experiment = Experiment(recipe, data=data)
    for cell in cells(recipe):
        ready = experiment.prepare(cell)
        distiller = ready.distiller()
        optimizer = build_optimizer(distiller, recipe.settings(cell.phase))
        batches = list(ready.train.epoch(0))
        assert len(batches) == 2
        for batch in batches:
            optimizer.zero_grad()
            loss, parts = distiller(batch)
            loss.backward()
            optimizer.step()
            assert list(parts) == [entry.name for entry in cell.losses]
            assert torch.isfinite(loss)
        distiller.close()
