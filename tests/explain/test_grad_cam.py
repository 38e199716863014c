from __future__ import annotations

import pytest
import torch
from torch import nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.explain.grad_cam import grad_cam
from spikedistill.functional.compiled import compiling
from spikedistill.neurons.lif import LIF


def test_a_linear_readout_by_hand() -> None:
    """z_y = w_y . (mean over places of A), so a_c = w_yc / (H W)."""
    network = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 4)
    ).requires_grad_(False)
    network[0].weight.uniform_(0, 1)  # so that every channel is active
    network[4].weight[:, 0] = 1.0
    images, classes = torch.rand(1, 2, 1, 6, 7), torch.tensor([0, 3])
    found = grad_cam(network, images, "activation1", classes=classes)
    A = network[:2](images[0])
    expected = torch.zeros(1, 2, 4, 5)
    for b in range(2):
        for c in range(3):
            expected[0, b] += network[4].weight[classes[b], c] / 20 * A[b, c]
    assert torch.allclose(found, expected.clamp_min(0), atol=1e-7) and found.any()
    assert not network[1]._forward_hooks


def test_of_a_spiking_network_for_what_it_answers() -> None:
    torch.manual_seed(1)
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), LIF(), nn.Conv2d(4, 4, 3, padding=1), LIF(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3),
    )  # fmt: skip
    images = 4 * torch.rand(1, 2, 1, 6, 6)
    with compiling(False):
        found = grad_cam(network, images, "spikes1", timesteps=3)
    assert found.shape == (3, 2, 6, 6) and (found >= 0).all() and found.any()
    assert network.training


def test_taps_that_cannot_be_weighed() -> None:
    network = nn.Sequential(nn.Flatten(), nn.ReLU(), nn.Linear(4, 3))
    images = torch.rand(1, 2, 1, 2, 2)
    with pytest.raises(SpikedistillError, match=r"'activation1' has the shape \(2, 4\)"):
        grad_cam(network, images, "activation1")
    with pytest.raises(SpikedistillError, match="declares no tap 'stage9'"):
        grad_cam(network, images, "stage9")


class Blind(nn.Module):
    """Computes maps and answers without them."""

    def __init__(self) -> None:
        super().__init__()
        self.maps, self.answer = nn.ReLU(), nn.Linear(4, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.maps(images)
        return self.answer(images.flatten(1))


def test_without_a_gradient() -> None:
    with pytest.raises(SpikedistillError, match="no gradient leads"):
        grad_cam(Blind(), torch.rand(1, 2, 1, 2, 2), "activation1")
