"""Orders of memory."""

from __future__ import annotations

import torch
from torch import nn

from spikedistill.core.layout import channels_last, weights_as_trained


def test_only_kernels_of_images_lie_in_channels_last() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv3d(4, 4, 3), nn.Linear(4, 2))
    network.register_buffer("maps", torch.rand(2, 3, 4, 4))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    strides = {key: value.stride() for key, value in before.items() if value.ndim != 4}
    channels_last(network)
    after = network.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())
    for key in ("0.weight", "maps"):
        assert after[key].is_contiguous(memory_format=torch.channels_last), key
        assert not after[key].is_contiguous(), key
    assert {key: after[key].stride() for key in strides} == strides


def test_a_network_with_kernels_of_volumes_is_tried_as_it_is_trained() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv3d(4, 4, 3))
    with weights_as_trained(network):
        assert not network[0].weight.is_contiguous() and network[1].weight.is_contiguous()
    assert network[0].weight.is_contiguous()
