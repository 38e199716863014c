from __future__ import annotations

import pytest
import torch
import yaml

from spikedistill.analysis.evaluate_run import evaluate_run
from spikedistill.analysis.run_energy import energy_of
from spikedistill.core.errors import SpikedistillError
from spikedistill.data import Loader, data_set
from spikedistill.data._frames import integrate
from spikedistill.data._nmnist_bin import read
from spikedistill.functional.compiled import compiling
from spikedistill.models.digits import digits
from spikedistill.recipes.schema import parse
from spikedistill.runs.api import distill
from spikedistill.runs.start import start


def test_splits_labels_and_frames(small_nmnist):
    data = data_set("nmnist", small_nmnist, timesteps=4, valid=10)
    assert (len(data.train), len(data.valid), len(data.test)) == (50, 10, 20)
    assert data.frames == 4 and data.example().inputs.shape[1:] == (4, 2, 34, 34)
    assert data.classes == tuple("0123456789")
    assert (data.mean, data.std) == ((0, 0), (1, 1))
    frames, label = data.test[5]
    path = small_nmnist / "N-MNIST/Test/2/20001.bin"
    expected = integrate(read(path, (34, 34)), 4, "number", (34, 34))
    assert label == 2 and torch.equal(frames, torch.from_numpy(expected).float())
    assert frames.sum() == 201  # every event once


def test_splits_are_stratified_and_a_function_of_the_seed(small_nmnist):
    one, two, other = (data_set("nmnist", small_nmnist, seed=s, valid=10) for s in (0, 0, 1))
    indices = [data.valid.indices for data in (one, two, other)]
    assert indices[0] == indices[1] != indices[2]
    labels = torch.tensor([one.valid[i][1] for i in range(10)])
    assert labels.sort().values.tolist() == list(range(10))


def test_batches_lead_with_the_batch(small_nmnist):
    data = data_set("nmnist", small_nmnist, timesteps=3, size=17)
    batch = next(Loader(data.train, 8).epoch(0))
    assert batch.inputs.shape == (8, 3, 2, 17, 17) and batch.targets.dtype == torch.long


def test_a_part_of_the_set_is_noted(small_nmnist):
    data = data_set("nmnist", small_nmnist)
    assert "holds 60 + 20 of 60,000 + 10,000 recordings" in data.notes[0]
    assert set(data.hashes) == {"Train", "Test"}


def test_a_missing_set_gets_a_sentence(tmp_path):
    with pytest.raises(SpikedistillError) as caught:
        data_set("nmnist", tmp_path)
    for fact in (str(tmp_path / "N-MNIST" / "Train"), "garrickorchard.com", "--data-dir"):
        assert fact in str(caught.value)


def test_an_empty_split_gets_a_sentence(tmp_path):
    (tmp_path / "N-MNIST/Train/0").mkdir(parents=True)
    with pytest.raises(SpikedistillError, match=r"N-MNIST is incomplete: .*Train/0/.* found 0"):
        data_set("nmnist", tmp_path)


def test_a_truncated_recording_gets_its_sentence(small_nmnist):
    path = small_nmnist / "N-MNIST/Test/0/00000.bin"
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(SpikedistillError, match=r"00000.bin is truncated"):
        data_set("nmnist", small_nmnist).test[0]


@pytest.mark.parametrize(
    "options, sentence",
    [({"split_by": "count"}, "split_by cannot be 'count'"), ({"frames": 3}, "no option 'frames'")],
)
def test_bad_options_get_sentences(small_nmnist, options, sentence):
    with pytest.raises(SpikedistillError, match=sentence):
        data_set("nmnist", small_nmnist, **options)


TWIN = """
name: twin
data: {name: nmnist, timesteps: 3, size: 16}
augment: {roll: 2, trivialaugment: snn}
encoder: frames
networks:
  teacher: {model: digits, width: 0.25}
  student: {twin_of: teacher, neuron: lif, thresholds: data}
training: {epochs: 1, batch_size: 16, precision: fp32, compile: "off"}
phases:
  - name: teacher
    roles: {teacher: {network: teacher, timesteps: 3, trainable: true}}
    losses: [cross_entropy: {learner: teacher}]
  - roles:
      student: {network: student, timesteps: 3, trainable: true}
      teacher: {network: teacher, timesteps: 3}
    losses: [cross_entropy, logit_kd: {time: steps}, sastc: {weight: 10.0}]
"""


def test_a_twin_learns_from_an_ann_on_every_frame(small_nmnist, tmp_path):
    result = start(parse(yaml.safe_load(TWIN)), tmp_path / "run", small_nmnist)
    assert [len(row["scores"]["accuracy"]) for row in result["rows"]] == [3, 3]
    energy = energy_of(tmp_path / "run", small_nmnist, samples=4)
    teacher = result["rows"][0]
    assert energy["teacher"] == {"network": "teacher", "macs": 3 * teacher["macs"]}
    assert teacher["multiplications"] == 3 * teacher["macs"]  # it runs on every frame
    for found in (energy["totals"]["45nm"]["teacher_pj"], teacher["energy_pj"]):
        assert found == pytest.approx(4.6 * 3 * teacher["macs"])
    first = energy["layers"][0]
    assert (first["operation"], first["steps"], first["stem"]) == ("MAC", 3, True)
    with pytest.raises(SpikedistillError, match="have 3 frames and the network was asked for 2"):
        evaluate_run(tmp_path / "run", small_nmnist, timesteps=2)
    assert evaluate_run(tmp_path / "run", small_nmnist, timesteps=1)["timesteps"] == 1


def test_distillation_in_one_call(small_nmnist, tmp_path, monkeypatch):
    monkeypatch.setenv("SPIKEDISTILL_DATA", str(small_nmnist))
    data = {"name": "nmnist", "timesteps": 2, "size": 16}
    student = {"model": "digits", "width": 0.25, "activation": "lif"}
    with compiling(False):
        result = distill(
            digits(channels=2, width=0.25), student, data, timesteps=2, epochs=1,
            out=tmp_path / "run", encoder="frames", quiet=True, batch_size=16, precision="fp32",
            losses=["logit_kd"],
        )  # fmt: skip
    frames = torch.stack([data_set("nmnist", timesteps=2, size=16).test[i][0] for i in range(3)])
    assert result.network(frames).shape == (3, 10)


@pytest.mark.data
def test_the_real_recordings(data_dir):
    try:
        data = data_set("nmnist", data_dir, timesteps=5)
    except SpikedistillError as problem:
        pytest.skip(str(problem))
    frames = torch.stack([data.test[i][0] for i in range(0, len(data.test), 10)])
    per_frame = frames.sum((2, 3, 4))
    # equal numbers of events, the last frame with up to T - 1 more
    assert (per_frame[:, :-1] == per_frame[:, :1]).all()
    assert ((per_frame[:, -1] - per_frame[:, 0]) < 5).all()
    # the digit moves: the middle of the image has most events, the border hardly any
    where = frames.sum((0, 1, 2))
    assert where[10:24, 10:24].mean() > 5 * where[:2].mean()
