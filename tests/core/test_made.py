"""Networks that are not made yet are refused, with what makes them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.made import check_made


def test_lazy_layers_are_made_by_a_call() -> None:
    network = nn.Sequential(nn.LazyBatchNorm1d(affine=False), nn.LazyLinear(4))
    with pytest.raises(
        SpikedistillError, match=r"2 parameters without a size.*network\(images\[:2"
    ):
        check_made(network)
    with pytest.raises(SpikedistillError, match=r"2 buffers without a size \(the first: 'running"):
        check_made(network[0])
    network(torch.rand(2, 3))
    check_made(network)


def test_weights_that_are_only_planned_get_room() -> None:
    network = nn.Sequential(nn.Linear(3, 4, device="meta"))
    with pytest.raises(
        SpikedistillError, match=r"2 weights without .*'0.weight'\).*to_empty\(devi"
    ):
        check_made(network)
    check_made(network.to_empty(device="cpu"))
