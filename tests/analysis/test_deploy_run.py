"""A run deployed from Python: its answers are those of the student."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import spikedistill
from spikedistill.core.errors import CameFromPython, SpikedistillError
from spikedistill.export.deploy import Deployed


def test_it_answers_as_the_student_does(from_python: Any) -> None:
    images = from_python.data.tensors[0]
    deployed = spikedistill.deploy(
        from_python.run, network=from_python.student, data=from_python.data, evaluate=True
    )
    assert isinstance(deployed, Deployed) and deployed.timesteps == 2
    with torch.no_grad():
        assert torch.allclose(deployed(images), from_python.result.network(images), atol=1e-5)
    row = from_python.result.rows[-1]
    figures = deployed.figures
    assert figures["before"]["score"] == row.score and figures["samples"] == 16
    assert figures["notes"] == list(deployed.notes) and figures["network"] == "student"
    assert figures["after"]["parameters"] < figures["before"]["parameters"]
    assert deployed.file is None


def test_without_data_where_none_are_needed(twin_of_python: Any) -> None:
    deployed = spikedistill.deploy(twin_of_python.run, network=twin_of_python.teacher, timesteps=3)
    assert deployed.timesteps == 3 and "samples" not in deployed.figures
    with pytest.raises(CameFromPython, match=r"data=\.\.\."):
        spikedistill.deploy(twin_of_python.run, network=twin_of_python.teacher, weights="int8")


def test_a_file(from_python: Any, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    out = tmp_path / "student.onnx"
    deployed = spikedistill.deploy(from_python.run, network=from_python.student, out=out)
    assert deployed.file == out and out.stat().st_size > 1000


def test_other_data_are_told(from_python: Any) -> None:
    half = torch.utils.data.Subset(from_python.data, range(80))
    deployed = spikedistill.deploy(
        from_python.run, network=from_python.student, data=half, evaluate=True
    )
    assert "others than those of the run" in deployed.figures["notes"][0]


def test_a_network_at_hand_takes_nothing_of_a_run(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    assert spikedistill.deploy(network).figures == {}
    with pytest.raises(SpikedistillError, match="network, evaluate are for a run folder"):
        spikedistill.deploy(network, network=network, evaluate=True)
    pytest.importorskip("onnxscript")
    with pytest.raises(SpikedistillError, match="needs the shape of the inputs; pass `example`"):
        spikedistill.deploy(network, out=tmp_path / "network.onnx")
