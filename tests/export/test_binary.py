from __future__ import annotations

import pytest
import torch
from torch import nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.over_time import OverTime
from spikedistill.export.binary import OnlySpikes
from spikedistill.export.deploy import Deployed, deploy
from spikedistill.export.integer import IntegerLayer
from spikedistill.neurons.lif import LIF

IMAGES = 4 * torch.rand(4, 2, 8, 8, generator=torch.Generator().manual_seed(0))


def network(between: nn.Module, features: int) -> OverTime:
    parts = [nn.Conv2d(2, 4, 3), LIF(), between, nn.Flatten(), nn.Linear(features, 3)]
    return OverTime(nn.Sequential(*parts), 2).eval()


def wholes(deployed: Deployed) -> list[str]:
    modules = deployed.graph.named_modules()
    return [path for path, module in modules if isinstance(module, IntegerLayer)]


def test_spikes_stay_spikes_through_pooling_of_maxima() -> None:
    net = network(nn.MaxPool2d(2), 36)
    found = deploy(net, IMAGES, weights="int8")
    assert wholes(found) == ["4"]
    assert found.notes == (
        "0 stays float: its input is not 0 and 1 but real numbers; it comes from the input",
    )
    torch.testing.assert_close(found(IMAGES), net(IMAGES), rtol=0.05, atol=0.05)


def test_averages_are_real_numbers() -> None:
    found = deploy(network(nn.AvgPool2d(2), 36), IMAGES, weights="int8")
    assert wholes(found) == []
    assert "4 stays float" in found.notes[1] and "comes from 2 (AvgPool2d)" in found.notes[1]


def test_an_input_that_only_looked_like_spikes_stays_float() -> None:
    net = network(nn.AdaptiveAvgPool2d(6), 144)  # on this grid it pools nothing
    found = deploy(net, IMAGES, weights="int8")
    assert wholes(found) == [] and "need not be on other images" in found.notes[1]
    demanded = deploy(net, IMAGES, weights="int8", int8_layers=["4"])
    assert wholes(demanded) == ["4"]
    torch.testing.assert_close(demanded(IMAGES), net(IMAGES), rtol=0.05, atol=0.05)
    larger = 4 * torch.rand(2, 2, 14, 14)  # here it averages
    with pytest.raises(SpikedistillError, match="4 has int8 weights for inputs of 0 and 1"):
        demanded(larger)
    assert found(larger).shape == (2, 3)


def test_only_what_is_asked_for() -> None:
    parts = [nn.Conv2d(2, 4, 3), LIF(), nn.Conv2d(4, 4, 3), LIF(), nn.Flatten(), nn.Linear(64, 3)]
    net = OverTime(nn.Sequential(*parts), 2).eval()
    assert wholes(deploy(net, IMAGES, weights="int8")) == ["2", "5"]
    found = deploy(net, IMAGES, weights="int8", int8_layers=["2"])
    assert wholes(found) == ["2"] and not found.notes


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        (["0"], "0 cannot have int8 weights: its input is not 0 and 1 but real numbers"),
        (["linear"], "names 'linear', which is no layer here; known are: 0, 4"),
    ],
)
def test_a_demand_that_cannot_be_met(layers: list[str], sentence: str) -> None:
    with pytest.raises(SpikedistillError, match=sentence):
        deploy(network(nn.MaxPool2d(2), 36), IMAGES, weights="int8", int8_layers=layers)


def test_only_spikes_pass() -> None:
    gate = OnlySpikes("conv")
    assert gate(torch.tensor([0.0, 1.0])).tolist() == [0, 1]
    for wrong in (0.5, 2.0, -1.0, float("nan")):
        with pytest.raises(SpikedistillError, match="conv has int8 weights"):
            gate(torch.tensor([0.0, wrong]))
