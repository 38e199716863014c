from __future__ import annotations

import pytest
import torch

from spikedistill.analysis.evaluate_run import evaluate_run
from spikedistill.build.saved import load
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.row import Row
from spikedistill.data import data_set
from spikedistill.data._aedat2 import read
from spikedistill.data._frames import integrate
from spikedistill.functional.compiled import compiling
from spikedistill.recipes import files
from spikedistill.runs.start import start


def numbers(samples):
    inner = getattr(samples, "dataset", samples)
    indices = getattr(samples, "indices", range(len(samples)))
    return sorted({int(inner.recordings[i].path.stem.split("_")[-1]) for i in indices})


@pytest.mark.parametrize(
    "split, train, test",
    [("first900", [0, 2, 10, 899], [900, 999]), ("last900", [899, 900, 999], [0, 2, 10])],
)
def test_the_split_goes_by_the_number_in_the_name(small_cifar10dvs, split, train, test):
    data = data_set("cifar10dvs", small_cifar10dvs, split=split, valid=0)
    assert numbers(data.train) == train and numbers(data.test) == test
    assert len(data.train) == 10 * len(train) and len(data.test) == 10 * len(test)


def test_the_random_split_is_drawn_by_the_seed(small_cifar10dvs):
    one, two, other = (
        data_set("cifar10dvs", small_cifar10dvs, seed=s, split="random", valid=0) for s in (0, 0, 1)
    )
    assert (len(one.train), len(one.test)) == (54, 6)
    assert one.test.indices == two.test.indices != other.test.indices


def test_frames_and_labels(small_cifar10dvs):
    data = data_set("cifar10dvs", small_cifar10dvs, valid=0, size=48)
    assert data.example().inputs.shape[1:] == (10, 2, 48, 48) and data.classes[3] == "cat"
    whole = data_set("cifar10dvs", small_cifar10dvs, valid=0, timesteps=5)
    frames, label = whole.test[6]
    path = small_cifar10dvs / "CIFAR10-DVS/cat/cifar10_cat_900.aedat"
    expected = integrate(read(path), 5, "number", (128, 128))
    assert label == 3 and torch.equal(frames, torch.from_numpy(expected).float())
    assert "holds 60 of 10,000" in data.notes[0]


def test_missing_files_get_sentences(small_cifar10dvs, tmp_path_factory):
    with pytest.raises(SpikedistillError, match=r"CIFAR10-DVS was not found: .* figshare"):
        data_set("cifar10dvs", tmp_path_factory.mktemp("nothing"))
    folder = small_cifar10dvs / "CIFAR10-DVS"
    for path in folder.glob("*/*_9??.aedat"):
        path.unlink()
    with pytest.raises(SpikedistillError, match=r"40 of the 40 .* to train on and 0 to test on"):
        data_set("cifar10dvs", small_cifar10dvs)
    odd = folder / "dog" / "odd.aedat"
    odd.write_bytes(b"")
    with pytest.raises(SpikedistillError, match="the name ends with no number, as in cifar10_dog"):
        data_set("cifar10dvs", small_cifar10dvs)
    for path in (folder / "dog").iterdir():
        path.unlink()
    with pytest.raises(SpikedistillError, match=r"found 0; the class dog comes as dog.zip"):
        data_set("cifar10dvs", small_cifar10dvs)


SMALL = [
    *("training.epochs=1", "training.batch_size=8", "training.workers=0", "data.train_limit=16"),
    *("data.size=16", "data.timesteps=3", "networks.teacher.width=0.125"),
    *("networks.student.width=0.03125", "phases.student.roles.student.timesteps=3"),
    *("training.precision=fp32", "phases.student.compare={}"),
]


def test_the_recipe_runs_small(small_cifar10dvs, tmp_path):
    recipe = files.load("cifar10dvs-sastc", SMALL)
    with compiling(False):
        result = start(recipe, tmp_path / "run", small_cifar10dvs)
        judged = evaluate_run(tmp_path / "run", small_cifar10dvs)
    rows = {row["cell"]: row for row in result["rows"]}
    assert [len(row["scores"]["accuracy"]) for row in result["rows"]] == [1, 3]
    assert judged["scores"] == rows["student"]["scores"]
    assert judged["synops"] == pytest.approx(rows["student"]["synops"])
    # the first layer multiplies at each of the three steps: no stem is shared
    assert rows["student"]["multiplications"] >= 3 * 16 * 16 * 9 * 2 * 2
    network = load(tmp_path / "run")
    frames = torch.stack(
        [data_set("cifar10dvs", small_cifar10dvs, timesteps=3, size=16).test[0][0]]
    )
    outputs = network.over_time(frames.transpose(0, 1))
    assert torch.equal(network(frames), outputs.mean(0)) and outputs.shape == (3, 1, 10)


def test_a_teacher_may_see_every_frame(small_cifar10dvs, tmp_path):
    every = ["phases.teacher.roles.teacher.timesteps=3", "phases.student.roles.teacher.timesteps=3"]
    recipe = files.load("cifar10dvs-sastc", [*SMALL, *every])
    with compiling(False):
        result = start(recipe, tmp_path / "run", small_cifar10dvs)
    teacher, student = (Row.from_plain(row) for row in result["rows"])
    assert len(teacher.curve) == len(student.curve) == 3
    assert teacher.synops is None and teacher.firing_rate is None
