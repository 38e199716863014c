from __future__ import annotations

import copy
from typing import Literal

import pytest
import torch
from torch import nn

import spikedistill
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.over_time import OverTime
from spikedistill.costs.synops import SynopsMeter
from spikedistill.export.channels import PerChannel
from spikedistill.export.deploy import deploy
from spikedistill.models.cifar_resnet import cifar_resnet
from spikedistill.neurons.lif import LIF
from spikedistill.taps import Tapped


def test_it_answers_as_the_network_does(network: OverTime, images: torch.Tensor) -> None:
    before = copy.deepcopy(network.state_dict())
    deployed = deploy(network, images)
    assert network(images).std() > 1e-3
    with torch.no_grad():
        exact = copy.deepcopy(network).double()(images.double())
    torch.testing.assert_close(
        copy.deepcopy(deployed).double()(images.double()), exact, rtol=1e-9, atol=1e-9
    )
    # in float32 a rounding may move one spike of thousands
    assert (deployed(images) - network(images)).abs().max() < 0.02 + 0.05 * network(images).std()
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_every_norm_of_a_residual_network_is_folded(resnet: OverTime, images: torch.Tensor) -> None:
    deployed = deploy(resnet, images)
    kinds = {
        type(module).__name__ for module in deployed.graph.modules() if module is not deployed.graph
    }
    assert not {"TDBN", "BatchNorm2d", "Normalized"} & kinds
    assert len(deployed.notes) == 1 and deployed.notes[0].startswith("normalise (input")
    first = deployed.graph.get_submodule("normalise")
    assert isinstance(first, PerChannel) and first.gain is None
    torch.testing.assert_close(first.offset, torch.tensor([-0.4, -0.5, -0.6]))
    rows: list[int] = []
    stem = deployed.graph.get_submodule("network.conv1")
    stem.register_forward_hook(lambda _m, inputs, _o: rows.append(len(inputs[0])))
    deployed(images)
    assert rows == [6]  # B, not T * B


def test_it_stays_in_evaluation_and_has_no_gradients(
    resnet: OverTime, images: torch.Tensor
) -> None:
    deployed = spikedistill.deploy(resnet)
    assert not deployed.train().training
    assert not any(module.training for module in deployed.modules())
    assert not any(parameter.requires_grad for parameter in deployed.parameters())
    assert deployed(images.requires_grad_()).grad_fn is None
    weight = deployed.graph.get_submodule("network.layer1.0.conv1").weight
    assert weight.is_contiguous(memory_format=torch.channels_last)


def test_all_steps_and_other_numbers_of_steps(resnet: OverTime, images: torch.Tensor) -> None:
    deployed = deploy(resnet)
    for steps in (1, 5):
        torch.testing.assert_close(
            deployed.over_time(images.unsqueeze(0), steps),
            resnet.over_time(images.unsqueeze(0), steps).detach(),
            rtol=1e-3, atol=1e-3,
        )  # fmt: skip
    encoded = (torch.rand(3, *images.shape) < images).float()
    torch.testing.assert_close(
        deployed.over_time(encoded), resnet.over_time(encoded).detach(), rtol=1e-3, atol=1e-3
    )


def test_half_precision(resnet: OverTime, images: torch.Tensor) -> None:
    deployed = deploy(resnet, images, weights="bfloat16")
    conv = deployed.graph.get_submodule("network.layer1.0.conv1")
    assert conv.weight.dtype == torch.bfloat16
    found, expected = deployed(images), resnet(images)
    assert found.dtype == torch.float32 and 0 < (found - expected).abs().max() < 0.5
    assert torch.equal(deployed.early_exit(images, 1.0).logits, found)


def test_int8_is_close(network: OverTime, images: torch.Tensor) -> None:
    deployed = deploy(network, images, weights="int8")
    difference = deployed(images) - network(images)
    assert difference.abs().max() < 0.3
    assert any(weight.dtype == torch.int8 for weight in deployed.state_dict().values())


@pytest.mark.parametrize("weights", ["float", "int8"])
def test_operations_are_counted_as_before(
    resnet: OverTime, images: torch.Tensor, weights: Literal["float", "int8"]
) -> None:
    deployed = deploy(resnet, images, weights=weights)
    with SynopsMeter(resnet) as before:
        resnet(images)
    with SynopsMeter(deployed) as after:
        deployed(images)
    assert len(after.layers()) == 8
    assert after.multiplications == before.multiplications
    assert after.accumulations == pytest.approx(before.accumulations, rel=0.02)  # some spikes move
    for new, old in zip(after.layers(), before.layers(), strict=True):
        assert (new.macs, new.steps, new.spiking) == (old.macs, old.steps, old.spiking)


def test_wrappers_are_taken_off(images: torch.Tensor) -> None:
    inner = cifar_resnet(LIF(), depth=8, width=0.25).eval()
    deployed = deploy(Tapped(inner, ["stage1"]), images, timesteps=2)
    torch.testing.assert_close(deployed(images), OverTime(inner, 2)(images).detach())
    assert deployed.timesteps == 2


def test_a_forward_that_a_graph_cannot_hold_is_refused() -> None:
    class Guesses(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * x if isinstance(x, torch.Tensor) else x

    net = nn.Sequential(Guesses(), nn.Linear(4, 2)).eval()
    with pytest.raises(SpikedistillError, match="Sequential would answer differently"):
        deploy(net, torch.rand(2, 4))


def test_a_network_that_only_runs_in_float32_is_not_compared() -> None:
    class Single(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.float()

    net = nn.Sequential(Single(), nn.Linear(4, 2)).eval()
    deployed = deploy(net, torch.rand(2, 4))
    assert "does not run in float64" in deployed.notes[0]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"weights": "int8"}, "int8 weights need an example batch"),
        ({"weights": "float", "int8_layers": ["0"]}, "but weights is 'float'"),
        ({"timesteps": 0}, "at least one time step, not 0"),
    ],
)
def test_options_that_contradict_each_other(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(SpikedistillError, match=sentence):
        deploy(nn.Sequential(nn.Linear(2, 2)), **options)


@pytest.mark.wrong_types
def test_weights_of_no_kind() -> None:
    with pytest.raises(SpikedistillError, match="'float', 'bfloat16' or 'int8', not 'int4'"):
        deploy(nn.Linear(2, 2), weights="int4")


def test_deployed_twice() -> None:
    with pytest.raises(SpikedistillError, match="deployed already"):
        deploy(deploy(nn.Sequential(nn.Linear(2, 2))))
