"""A run measured again from Python: the figures are those of its rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import spikedistill
from spikedistill.core.errors import CameFromPython, SpikedistillError
from spikedistill.core.row import Row
from spikedistill.data import data_set
from spikedistill.neurons.lif import LIF

SAME = ("timesteps", "parameters", "metric", "scores", "macs", "firing_rate", "synops",
        "multiplications", "energy_pj")  # fmt: skip


def assert_same(found: dict[str, Any], row: Row) -> None:
    assert {name: found[name] for name in SAME} == {name: row[name] for name in SAME}


def test_the_figures_of_a_run_from_python(from_python: Any) -> None:
    before = {name: value.clone() for name, value in from_python.student.state_dict().items()}
    found = spikedistill.evaluate(
        from_python.run, network=from_python.student, data=from_python.data, batch_size=16
    )
    assert_same(found, from_python.result.rows[-1])
    assert 50 < found["scores"]["accuracy"][-1] <= 100 and found["samples"] == 16
    assert found["notes"] == [] and found["data"] == "TensorDataset"
    after = from_python.student.state_dict()  # the architecture alone is taken
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_by_name_as_a_module_of_a_run_and_from_a_cell(from_python: Any) -> None:
    row, run = from_python.result.rows[-1], from_python.run
    for path, network in (
        (run, from_python.both),
        (run / "cells/student", {"student": from_python.student}),
        (run / "model.safetensors", from_python.result.network),
    ):
        found = spikedistill.evaluate(path, network=network, data=from_python.data, batch_size=16)
        assert_same(found, row)


def test_the_twin_of_a_network_from_python(twin_of_python: Any) -> None:
    for network in (twin_of_python.teacher, {"teacher": twin_of_python.teacher}):
        found = spikedistill.evaluate(
            twin_of_python.run, network=network, data=twin_of_python.data, batch_size=16
        )
        assert_same(found, twin_of_python.result.rows[-1])


def test_another_split_and_other_steps(from_python: Any) -> None:
    found = spikedistill.evaluate(
        from_python.run,
        network=from_python.student,
        data={"train": from_python.data},
        split="valid",
        timesteps=4,
    )
    assert len(found["scores"]["accuracy"]) == 4 and found["notes"] == []
    first = found["scores"]["accuracy"][1]
    assert first == from_python.result.rows[-1].valid


def test_what_is_missing_is_named_with_what_to_do(from_python: Any) -> None:
    with pytest.raises(CameFromPython, match=r"'student': it \(.*\) came .* network=\.\.\."):
        spikedistill.evaluate(from_python.run)
    with pytest.raises(CameFromPython, match=r"\(TensorDataset\) came from Python .* data=\.\.\."):
        spikedistill.evaluate(from_python.run, network=from_python.student)
    with pytest.raises(CameFromPython, match="network 'student'"):
        spikedistill.evaluate(from_python.run, network={"teacher": from_python.teacher})


def test_a_network_that_is_another_one(from_python: Any) -> None:
    def refused(network: Any, sentence: str) -> None:
        with pytest.raises(SpikedistillError, match=sentence):
            spikedistill.evaluate(from_python.run, network=network, data=from_python.data)

    refused(nn.Linear(64, 2), "'student': Linear does not take the data")
    small = nn.Sequential(nn.Flatten(), nn.Linear(64, 2), LIF())
    refused(
        small, r"does not fit Sequential: .* came from Python was torch\.nn\.modules\.container"
    )
    # the same weights, and no neurons; or neurons of another threshold
    refused(from_python.teacher, "'1' is no layer of neurons and was LIF")
    other = spikedistill.spiking_twin(from_python.teacher, LIF(v_threshold=0.5))
    refused(other, r"is LIF\(.*v_threshold=0.5.* and was LIF\(.*v_threshold=0.3")
    refused({"pupil": from_python.student}, "handed over as 'pupil', and the run has student, tea")


def test_data_that_are_others_are_told(from_python: Any) -> None:
    other = TensorDataset(torch.rand(60, 1, 8, 8), (torch.arange(60) % 3 == 0).long())
    found = spikedistill.evaluate(from_python.run, network=from_python.student, data=other)
    assert len(found["notes"]) == 1 and "others than those of the run" in found["notes"][0]
    pair = (from_python.data, other)
    found = spikedistill.evaluate(from_python.run, network=from_python.student, data=pair)
    assert found["samples"] == 60 and "they differ in test" in found["notes"][0]


def test_data_that_the_network_cannot_read(from_python: Any) -> None:
    coloured = TensorDataset(torch.rand(40, 3, 8, 8), torch.arange(40) % 2)
    with pytest.raises(SpikedistillError, match=r"have inputs of 3 channels, .* of 1 channels"):
        spikedistill.evaluate(from_python.run, network=from_python.student, data=coloured)


def test_as_many_classes_as_the_networks_told_apart(tmp_path: Path) -> None:
    """The labels lack the highest class."""
    teacher = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5))
    student = spikedistill.spiking_twin(teacher, LIF())
    data = TensorDataset(torch.rand(60, 1, 8, 8), torch.arange(60) % 4)
    done = spikedistill.distill(
        teacher.half(), student, data, losses={"cross_entropy": {}}, epochs=1, batch_size=20,
        quiet=True, precision="fp32", out=tmp_path / "run",
    )  # fmt: skip
    found = spikedistill.evaluate(done.run, network=student, data=data, batch_size=20)
    assert_same(found, done.rows[-1])
    both = {"teacher": teacher, "student": student}  # the teacher comes in half precision
    assert spikedistill.report(done.run, network=both, data=data).missing == ()
    assert spikedistill.energy(done.run, network=student, data=data)["samples"] == 6
    (tmp_path / "run/examined/networks/teacher.json").unlink()
    alone = spikedistill.report(done.run, network={"teacher": teacher}, data=data)
    assert alone.missing == ()


def test_a_split_that_is_not_there(from_python: Any) -> None:
    with pytest.raises(SpikedistillError, match="no split 'tests'; take one of test, valid, train"):
        spikedistill.evaluate(from_python.run, split="tests")


def test_data_in_words_are_found_as_before(tmp_path: Any) -> None:
    """Only the student came from Python."""
    torch.manual_seed(0)
    student = spikedistill.spiking_twin(
        nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10)), LIF()
    )
    teacher = {"model": "digits", "width": 0.25}
    words = {"name": "digits", "train_limit": 64}
    done = spikedistill.distill(
        teacher, student, words, losses={"cross_entropy": {}}, epochs=1, batch_size=32, quiet=True,
        precision="fp32", out=tmp_path / "run",
    )  # fmt: skip
    found = spikedistill.evaluate(done.run, network=student, batch_size=32)
    assert_same(found, done.rows[-1])
    same = spikedistill.evaluate(done.run, network=student, data=data_set("digits"), batch_size=32)
    assert same["scores"] == found["scores"] and same["notes"] == []


def test_no_steps_are_not_the_usual_ones(from_python: Any) -> None:
    words = {"network": from_python.student, "data": from_python.data}
    for ask in (spikedistill.evaluate, spikedistill.energy, spikedistill.deploy):
        for wrong in (0, -1):
            with pytest.raises(SpikedistillError, match=f"at least 1, and {wrong} was given"):
                ask(from_python.run, timesteps=wrong, **words)
