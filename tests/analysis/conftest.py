"""A run whose networks and data came from Python."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

import spikedistill
from spikedistill.functional.compiled import compiling
from spikedistill.neurons.lif import LIF
from spikedistill.runs.api import Result, distill

LOSSES = {"cross_entropy": {}, "sastc": {"weight": 1.0}}
BRIEF: dict[str, Any] = {"epochs": 2, "batch_size": 16, "quiet": True, "precision": "fp32",
                         "lr": 0.05}  # fmt: skip


def ann() -> nn.Sequential:
    """A small network that declares nothing."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(4, 8, 3, stride=2, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(128, 2),
    )


def images(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Bright rows above or below, among noise: two classes."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 2
    pictures = 0.9 * torch.rand(count, 1, 8, 8, generator=generator)
    for picture, label in zip(pictures, labels.tolist(), strict=True):
        picture[:, 4 * label : 4 * label + 4] += 0.1
    return pictures, labels


@dataclass(frozen=True)
class FromPython:
    """A finished run, and what went into it."""

    result: Result
    teacher: nn.Module
    student: nn.Module
    data: TensorDataset

    @property
    def run(self) -> Path:
        return self.result.run

    @property
    def both(self) -> dict[str, nn.Module]:
        return {"teacher": self.teacher, "student": self.student}


@pytest.fixture(scope="session")
def from_python(tmp_path_factory: pytest.TempPathFactory) -> FromPython:
    """A student, its teacher and the data, all handed over."""
    torch.manual_seed(0)
    teacher = ann()
    student = spikedistill.spiking_twin(copy.deepcopy(teacher), LIF(v_threshold=0.3))
    data = TensorDataset(*images(160, 1))
    out = tmp_path_factory.mktemp("python") / "run"
    with compiling(False):
        result = distill(teacher, student, data, losses=LOSSES, out=out, **BRIEF)
    return FromPython(result, teacher, student, data)


@pytest.fixture(scope="session")
def twin_of_python(tmp_path_factory: pytest.TempPathFactory) -> FromPython:
    """A student that the run made from the teacher that was handed over."""
    torch.manual_seed(0)
    teacher, data = ann(), TensorDataset(*images(80, 2))
    words = {"from": "teacher", "by": {"twin": {"neuron": {"lif": {"v_threshold": 0.3}}}}}
    out = tmp_path_factory.mktemp("twin") / "run"
    losses = {"cross_entropy": {}, "logit_kd": {}}
    with compiling(False):
        result = distill(teacher, words, data, losses=losses, out=out, **BRIEF)
    return FromPython(result, teacher, teacher, data)


@pytest.fixture(autouse=True)
def _eager() -> Iterator[None]:
    with compiling(False):
        yield
