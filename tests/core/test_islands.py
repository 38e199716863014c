"""Activations written by hand inside of a forward: one call where they are, else left and named."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spikedistill.conversion.twin import spiking_twin
from spikedistill.core.clock import Temporal
from spikedistill.core.expose import expose
from spikedistill.functional.compiled import compiling
from spikedistill.neurons.lif import LIF


@pytest.fixture(autouse=True)
def _eager() -> Iterator[None]:
    """A few steps of small layers are not worth compiling."""
    with compiling(False):
        yield


def neurons(network: nn.Module) -> list[str]:
    return [path for path, module in network.named_modules() if isinstance(module, Temporal)]


class Hand(nn.Module):
    """A convolution, and something written by hand behind it."""

    def __init__(self, function: Callable[["Hand", Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function
        self.conv, self.ceiling = nn.Conv2d(3, 3, 1), nn.Parameter(torch.tensor(6.0))
        self.zero = nn.Buffer(torch.zeros(3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, self.conv(x))


def quantised(module: Hand, x: Tensor) -> Tensor:
    """A quantised clip with a gradient that goes straight through."""
    steps = x / module.ceiling * 4
    steps = steps + ((steps + 0.5).floor() - steps).detach()
    return steps.div(4).clamp(0, 1) * module.ceiling


@pytest.mark.parametrize(
    "function",
    [
        lambda m, x: x * (x > 0),
        lambda m, x: x * (x >= 0).float(),
        lambda m, x: x.mul(x.gt(0).to(x.dtype)),
        lambda m, x: torch.where(x < 0, torch.zeros_like(x), x),
        lambda m, x: torch.where(x > 0, x, 0.0),
        lambda m, x: torch.maximum(x, torch.zeros_like(x)),
        lambda m, x: torch.maximum(m.zero, x),
        lambda m, x: torch.max(x, torch.tensor(0.0)),
        lambda m, x: (x + x.abs()) / 2,
        lambda m, x: x.masked_fill(x < 0, 0.0),
        lambda m, x: x * torch.heaviside(x, torch.zeros_like(x)),
        lambda m, x: -torch.minimum(-x, torch.zeros_like(x)),
        lambda m, x: torch.minimum(torch.maximum(x, m.zero), m.ceiling),
        lambda m, x: 0.5 * (x.abs() - (x - m.ceiling).abs() + m.ceiling),  # PACT
        lambda m, x: torch.maximum(2 * x + 1, torch.zeros_like(x)) * 0.5,
        lambda m, x: F.threshold(x, 0.0, 0.0),
        lambda m, x: torch.round(x.clamp(0, 1) * 15) / 15,  # DoReFa
        quantised,
    ],
)
def test_rectifiers_written_by_hand_are_one_call(function: Any) -> None:
    network, x = nn.Sequential(Hand(function), nn.Flatten()), torch.randn(4, 3, 2, 2) * 4
    exposed = copy.deepcopy(network)
    found = expose(exposed)
    assert (found.sites, found.real_valued, found.untraced) == (("0.neuron1",), (), ())
    assert list(exposed.state_dict()) == list(network.state_dict())
    for one in (exposed, copy.deepcopy(exposed)):
        torch.testing.assert_close(one(x.clone()), network(x.clone()), rtol=0, atol=0)
    twin = spiking_twin(network, LIF(v_threshold=0.1))
    assert neurons(twin) == ["0.neuron1"]
    twin(x).sum().backward()
    assert twin[0].conv.weight.grad.abs().max() > 0
    assert list(twin.state_dict()) == list(network.state_dict())


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (lambda m, x: F.gelu(x), ["gelu"]),
        (lambda m, x: x * torch.sigmoid(x), ["sigmoid", "mul"]),
        (lambda m, x: x * F.relu6(x + 3) / 6, ["relu6", "mul"]),  # hard swish
        (lambda m, x: x * x, ["mul"]),
        (lambda m, x: x.softmax(1), ["softmax"]),
        (lambda m, x: torch.where(x > 0, x, 0.1 * x), ["gt", "where"]),  # leaky
        (lambda m, x: x * (x > 0.5), ["gt", "mul"]),
        (lambda m, x: (x > 1).float() - (x < -1).float(), ["gt", "lt"]),  # ternary
        (lambda m, x: (x * 4).round().clamp(-1, 1), ["round", "clamp"]),
        (lambda m, x: (x.round() + 1).clamp(min=0), ["round", "clamp"]),  # not the clamp alone
        (lambda m, x: torch.maximum(x, m.conv(x)), ["maximum"]),
        (lambda m, x: x / x.flatten(1).norm(dim=1).view(-1, 1, 1, 1), ["norm", "truediv"]),
        (lambda m, x: (x.flatten(2) @ x.flatten(2).mT).softmax(-1), ["matmul", "softmax"]),
        (lambda m, x: x * x.mean((2, 3), keepdim=True).sigmoid(), ["sigmoid", "mul"]),
        (lambda m, x: F.normalize(x) + F.group_norm(x, 3), ["normalize", "group_norm"]),
    ],
)
def test_what_is_not_known_is_named_and_left_whole(function: Any, names: list[str]) -> None:
    network = nn.Sequential(Hand(function), nn.Flatten(), nn.ReLU())
    twin = spiking_twin(network, LIF())
    assert neurons(twin) == ["2"] and twin.untraced == ()
    assert twin.real_valued == tuple(f"0: {name}" for name in names)
    x = torch.randn(2, 3, 2, 2)
    torch.testing.assert_close(twin[0](x), network[0](x), rtol=0, atol=0)


def test_an_activation_in_front_of_what_is_not_known_is_still_replaced() -> None:
    network = nn.Sequential(Hand(lambda m, x: F.gelu(F.relu(x)) * torch.sigmoid(m.conv(x))))
    twin = spiking_twin(network, LIF())
    assert neurons(twin) == ["0.neuron1"]
    assert twin.real_valued == ("0: gelu", "0: sigmoid", "0: mul")
