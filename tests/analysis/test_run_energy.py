"""Energy of runs: the figures follow from the rows, and what guides a student is found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

import spikedistill
from spikedistill.analysis.run_energy import energy_of
from spikedistill.core.errors import SpikedistillError
from spikedistill.costs.energy import MODELS
from spikedistill.data import DataSet, Split
from spikedistill.functional.compiled import compiling
from spikedistill.neurons.integrate_and_fire import IF
from spikedistill.neurons.lif import LIF
from spikedistill.recipes.files import load
from spikedistill.runs.api import distill
from spikedistill.runs.start import start

QUICK = ["training.epochs=1", "data.train_limit=64", "training.batch_size=32",
         "phases.student.compare={}", 
         "networks.student.activation={lif: {v_threshold: 0.2}}"]  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the digits: an ANN teacher of twice the student's width."""
    folder = tmp_path_factory.mktemp("energy") / "run"
    with compiling(False):
        start(load("digits-sastc", QUICK), folder)
    return folder


@pytest.fixture(scope="module")
def found(run: Path) -> dict[str, Any]:
    with compiling(False):
        return energy_of(run)


def test_totals_follow_from_the_rows(found: dict[str, Any]) -> None:
    accumulated = sum(
        layer["rate"] * layer["steps"] * layer["macs"]
        for layer in found["layers"]
        if layer["operation"] == "AC"
    )
    multiplied = sum(
        layer["steps"] * layer["macs"] for layer in found["layers"] if layer["operation"] == "MAC"
    )
    total = found["totals"]["45nm"]
    assert total["snn_pj"] == pytest.approx(0.9 * accumulated + 4.6 * multiplied)
    assert total["ann_pj"] == pytest.approx(4.6 * sum(layer["macs"] for layer in found["layers"]))
    assert total["ratio"] == pytest.approx(total["snn_pj"] / total["ann_pj"])
    assert (found["synops"], found["multiplications"]) == (
        pytest.approx(accumulated), pytest.approx(multiplied),
    )  # fmt: skip
    for model in MODELS:
        parts = [layer["energy"][model] for layer in found["layers"]]
        for kind in ("snn_pj", "ann_pj"):
            whole = found["totals"][model][kind]
            assert whole == pytest.approx(sum(part[kind] for part in parts)), model
    json.dumps(found)


def test_what_the_digits_compute(found: dict[str, Any]) -> None:
    """8x8 images, 8, 16 and 32 channels, T = 2: sizes by hand."""
    stem, *spiking, classifier = found["layers"]
    assert (stem["layer"], stem["macs"], stem["steps"]) == ("network.layer1.0", 9 * 8 * 64, 1)
    assert [layer["operation"] for layer in found["layers"]] == ["MAC", *["AC"] * 4, "MAC"]
    assert all(layer["binary"] == 1 and layer["steps"] == 2 for layer in spiking)
    assert [named["layer"] for named in found["named"]] == [stem["layer"], classifier["layer"]]
    assert 0 < classifier["binary"] < 1
    assert [layer["neuron_updates"] for layer in found["layers"]] == [1024, 1024, 512, 512, 256, 0]
    assert (spiking[0]["weights"], spiking[0]["inputs"], spiking[0]["outputs"]) == (576, 512, 512)
    assert (found["samples"], found["all_samples"], found["bits"]) == (359, 359, 2)


def test_its_teacher_stands_beside_it(found: dict[str, Any], run: Path) -> None:
    rows = json.loads((run / "result.json").read_text())["rows"]
    assert found["teacher"] == {"network": "teacher", "macs": rows[0]["macs"]}
    assert found["totals"]["45nm"]["teacher_pj"] == pytest.approx(4.6 * rows[0]["macs"])
    assert found["totals"]["memory"]["teacher_pj"] > found["totals"]["memory"]["ann_pj"]
    stem = 9 * 16 * 64  # reads 8 bits, all others 2
    expected = 0.3 * stem + 0.15 * (rows[0]["macs"] - stem)
    assert found["totals"]["quantized"]["teacher_pj"] == pytest.approx(expected)
    assert rows[0]["energy_pj"] == pytest.approx(4.6 * rows[0]["macs"])
    (only,) = found["teachers"]
    assert {name: only[name] for name in ("network", "macs")} == found["teacher"]
    assert only["pj"] == {model: found["totals"][model]["teacher_pj"] for model in MODELS}


def test_every_frozen_ann_is_priced_and_the_teacher_stands_first(tmp_path: Path) -> None:
    changes = ["networks.assistant={model: digits, width: 0.25}",
               "phases.student.roles.assistant={network: assistant}",
               "phases.student.losses=[{cross_entropy: {}}, {logit_kd: {guide: assistant}}]",
               "phases.student.training.epochs=0"]  # fmt: skip
    with compiling(False):
        recipe = load("digits-sastc", [*QUICK, *changes])
        (phase,) = (one for one in recipe.phases if one.name == "student")
        roles = dict(reversed(phase.roles.items()))  # the assistant comes first
        phases = (recipe.phases[0], phase.model_copy(update={"roles": roles}))
        start(recipe.model_copy(update={"phases": phases}), tmp_path / "run")
        found = energy_of(tmp_path / "run", samples=5)
    assert [one["network"] for one in found["teachers"]] == ["teacher", "assistant"]
    assert found["teacher"]["network"] == "teacher"
    for one in found["teachers"]:
        assert one["pj"]["45nm"] == pytest.approx(4.6 * one["macs"])
    assert found["totals"]["45nm"]["teacher_pj"] == found["teachers"][0]["pj"]["45nm"]
    assert found["teachers"][1]["macs"] < found["teachers"][0]["macs"] / 2
    share = found["totals"]["45nm"]["snn_pj"] / found["teachers"][1]["pj"]["45nm"]
    assert sum("'assistant': " in one and f"takes {100 * share:.1f} %" in one
               for one in found["sentences"]) == 1  # fmt: skip


def test_of_a_cell_of_a_file_and_of_fewer_samples(found: dict[str, Any], run: Path) -> None:
    for path in (run / "cells/student", run / "model.safetensors"):
        other = energy_of(path, batch_size=50)
        assert other["totals"]["45nm"]["snn_pj"] == pytest.approx(found["totals"]["45nm"]["snn_pj"])
        assert other["teacher"] == found["teacher"]
    assert energy_of(run, samples=10, batch_size=4)["samples"] == 10


def test_a_model_without_its_run_has_no_teacher(run: Path, tmp_path: Path) -> None:
    for name in ("model.json", "model.safetensors"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    found = energy_of(tmp_path, samples=5)
    assert found["teacher"] is None and found["totals"]["45nm"]["teacher_pj"] is None
    assert any("No ANN guided this network" in sentence for sentence in found["sentences"])


@pytest.mark.parametrize("samples", [0, -1])
def test_no_samples(run: Path, samples: int) -> None:
    with pytest.raises(SpikedistillError, match=f"at least 1 sample, not {samples}"):
        energy_of(run, samples=samples)


class Stripes(Dataset[tuple[Tensor, int]]):
    def __len__(self) -> int:
        return 40

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = torch.zeros(1, 8, 8)
        image[:, 4 * (index % 2) :] = 0.5 + index / 80
        return image, index % 2


@pytest.fixture
def handed_over(tmp_path: Path) -> tuple[Path, nn.Module]:
    """A run whose teacher, student and data came from Python."""
    ann = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    student = nn.Sequential(nn.Conv2d(1, 3, 3), LIF(), nn.Flatten(), nn.Linear(108, 2))
    done = distill(ann, student, Stripes(), losses={"cross_entropy": {}}, epochs=1, batch_size=8,
                   quiet=True, precision="fp32", out=tmp_path / "run")  # fmt: skip
    return done.run, student


def test_networks_and_data_from_python(handed_over: tuple[Path, nn.Module]) -> None:
    run, student = handed_over
    with pytest.raises(SpikedistillError, match="came from Python and cannot be built"):
        energy_of(run)
    with pytest.raises(SpikedistillError, match=r"the data of .* came from Python"):
        energy_of(run, network=student)
    frames = Split(torch.randint(0, 256, (20, 1, 8, 8), dtype=torch.uint8), torch.zeros(20).long())
    data = DataSet("own", frames, frames, frames, ("a", "b"), (0.0,), (1.0,))
    found = energy_of(run, network=student, data=data)
    # the teacher cannot be built again, and its multiply-adds are in the rows of the run
    assert found["teacher"] == {"network": "teacher", "macs": 4 * 9 * 36 + 144 * 2}
    totals = found["totals"]
    assert totals["int8"]["teacher_pj"] == pytest.approx(0.23 * found["teacher"]["macs"])
    assert totals["memory"]["teacher_pj"] is None
    assert [layer["neuron_updates"] for layer in found["layers"]] == [2 * 108, 0]


def test_what_a_twin_computes_outside_its_layers_is_said(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(IF, "real_valued", (), raising=False)
    monkeypatch.setattr(LIF, "real_valued", ("softmax at attention",), raising=False)
    found = energy_of(run, samples=2)
    assert "Not counted, because it is no layer: softmax at attention." in found["sentences"]
    assert spikedistill.load(run).timesteps == found["timesteps"]


def test_a_teacher_that_is_handed_over_is_priced_by_every_model(from_python: Any) -> None:
    alone = energy_of(from_python.run, network=from_python.student, data=from_python.data)
    both = energy_of(from_python.run, network=from_python.both, data=from_python.data)
    assert alone["layers"] == both["layers"] and alone["teacher"] == both["teacher"]
    assert alone["totals"]["memory"]["teacher_pj"] is None
    ann_pj = both["totals"]["memory"]["ann_pj"]  # the student is its twin
    assert both["totals"]["memory"]["teacher_pj"] == pytest.approx(ann_pj)
    row = from_python.result.rows[-1]
    assert both["totals"]["45nm"]["snn_pj"] == pytest.approx(row.energy_pj)
    assert not any("handed over" in sentence for sentence in both["sentences"])
    other = energy_of(
        from_python.run, network=from_python.student, data=(from_python.data, from_python.data)
    )
    assert "others than those of the run" in other["sentences"][0]


def test_the_teacher_of_a_twin_is_the_network_it_is_made_from(twin_of_python: Any) -> None:
    found = energy_of(twin_of_python.run, network=twin_of_python.teacher, data=twin_of_python.data)
    assert found["totals"]["memory"]["teacher_pj"] > 0
