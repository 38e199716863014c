"""What the tests of deployment share: small networks whose norms are far from their start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from spikedistill.conversion.twin import spiking_twin
from spikedistill.core.normalized import Normalized
from spikedistill.core.over_time import OverTime
from spikedistill.functional.compiled import compiling
from spikedistill.layers.tdbn import TDBN
from spikedistill.models.cifar_resnet import cifar_resnet
from spikedistill.models.pyramidnet import pyramidnet20
from spikedistill.models.vgg import vgg9
from spikedistill.models.wide_resnet import wrn
from spikedistill.neurons.integrate_and_fire import IF
from spikedistill.neurons.lif import LIF
from spikedistill.neurons.plif import PLIF


@pytest.fixture(autouse=True)
def _eager() -> Iterator[None]:
    with compiling(False):
        yield


def trained(network: nn.Module) -> nn.Module:
    """The network with norms as after a training: every number another."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.3, 1.0)
            nn.init.uniform_(module.weight, 0.8, 2.0)
            nn.init.normal_(module.bias, 0.2, 0.3)
    return network


def _inner(name: str) -> nn.Module:
    if name == "resnet":
        return cifar_resnet(LIF(), depth=8, width=0.5, norm=TDBN)
    if name == "vgg":
        return vgg9(LIF(), width=0.125)
    if name == "wrn":
        return wrn(PLIF(), depth=10, k=1, width=0.5)
    if name == "pyramid":
        return pyramidnet20(IF(), alpha=18, width=0.5)
    ann = trained(cifar_resnet(depth=8, width=0.5))
    return spiking_twin(ann, LIF(), thresholds=0.6)


@pytest.fixture
def images() -> torch.Tensor:
    """A batch of images in [0, 1]."""
    return torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(1))


NETWORKS = ("resnet", "vgg", "twin", "wrn", "pyramid")


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest) -> OverTime:
    """A spiking network of every kind, with input normalisation, T = 3."""
    inner = _inner(request.param)
    inner = inner if request.param == "twin" else trained(inner)
    return OverTime(Normalized(inner, (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)), 3).eval()


@pytest.fixture
def resnet() -> OverTime:
    """The small spiking ResNet with TDBN, T = 3."""
    inner = trained(_inner("resnet"))
    return OverTime(Normalized(inner, (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)), 3).eval()
