from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from spikedistill.conversion.twin import spiking_twin
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.over_time import OverTime
from spikedistill.export.deploy import Deployed, deploy
from spikedistill.export.onnx import to_onnx
from spikedistill.neurons.lif import LIF


@pytest.fixture
def small(images: torch.Tensor) -> OverTime:
    """A twin whose shortcut goes around its first neurons, T = 3."""

    class Around(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.relu = nn.Conv2d(3, 8, 3, padding=1), nn.ReLU()
            self.second, self.bn = nn.Conv2d(8, 8, 3, 2, padding=1, groups=2), nn.BatchNorm2d(8)
            self.pool, self.relu2 = nn.AvgPool2d(2), nn.ReLU()
            self.head = nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 5))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.conv(x)
            y = self.bn(self.second(self.relu(x))) + self.pool(x)
            return self.head(self.relu2(y))

    return OverTime(spiking_twin(Around().eval(), LIF(), thresholds=images), 3).eval()


def run(path: Path, images: torch.Tensor) -> torch.Tensor:
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(["logits"], {"inputs": images.numpy()})[0])


@pytest.mark.parametrize("weights", ["float", "int8"])
def test_onnx_runtime_answers_the_same(
    small: OverTime, images: torch.Tensor, tmp_path: Path, weights: str
) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    deployed = deploy(small, images, weights=weights)
    path = to_onnx(deployed, tmp_path / "new" / "net.onnx", images)
    assert [file.name for file in path.parent.iterdir()] == ["net.onnx"]
    for batch in (images, images[:1]):
        expected = deployed(batch)
        torch.testing.assert_close(run(path, batch), expected, rtol=1e-4, atol=1e-4)
        assert expected.abs().max() > 1e-2
    model = onnx.load(str(path))
    found = [node.op_type for node in model.graph.node]
    assert found.count("ConvInteger") == (2 if weights == "int8" else 0)
    bytes_of = sum(len(tensor.raw_data) for tensor in model.graph.initializer)
    assert bytes_of < 8000 if weights == "float" else bytes_of < 4000


def tiny(weights: str = "float") -> Deployed:
    return deploy(nn.Sequential(nn.Linear(2, 2)), torch.rand(2, 2), weights=weights)


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(SpikedistillError, match=r"pip install 'spikedistill\[onnx\]'"):
        to_onnx(tiny(), tmp_path / "net.onnx", torch.rand(2, 2))
    assert not list(tmp_path.iterdir())


def test_wrong_names_and_weights(tmp_path: Path) -> None:
    with pytest.raises(SpikedistillError, match=r"ends in \.onnx, not 'net.pb'"):
        to_onnx(tiny(), tmp_path / "net.pb", torch.rand(2, 2))
    with pytest.raises(SpikedistillError, match="no bfloat16 convolution on a CPU"):
        to_onnx(tiny("bfloat16"), tmp_path / "net.onnx", torch.rand(2, 2))


def test_an_operation_that_onnx_has_not(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")

    class Rare(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.linalg.qr(x.unflatten(1, (2, 2)))[0].flatten(1)

    with pytest.raises(SpikedistillError, match="cannot be written as ONNX"):
        to_onnx(deploy(Rare()), tmp_path / "net.onnx", torch.rand(2, 4))
    assert not list(tmp_path.iterdir())
