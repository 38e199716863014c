from __future__ import annotations

import pytest
import torch
from torch import nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.export.channels import PerChannel, per_channel
from spikedistill.layers.tdbn import TDBN


def test_a_norm_in_evaluation_is_its_gain_and_offset() -> None:
    x = torch.randn(4, 3, 2, 2).double()
    for norm in (nn.BatchNorm2d(3), nn.BatchNorm2d(3, affine=False), TDBN(3, 0.5, alpha=0.7)):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
        if norm.weight is not None:
            nn.init.normal_(norm.weight)
            nn.init.normal_(norm.bias)
        affine = per_channel(norm)
        assert affine is not None
        torch.testing.assert_close(norm.double().eval()(x), PerChannel(*affine)(x))


def test_what_is_no_constant_gain() -> None:
    class Other(nn.BatchNorm2d):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            return super().forward(input) * 2

    assert per_channel(Other(3)) is None
    assert per_channel(nn.BatchNorm2d(3, track_running_stats=False)) is None
    assert per_channel(nn.GroupNorm(1, 3)) is None


def test_other_channels_are_refused() -> None:
    layer = PerChannel(None, torch.tensor([2.0, 3.0]))
    with pytest.raises(SpikedistillError, match="the input has 1 channels and its normalisation 2"):
        layer(torch.ones(1, 1, 2, 2))


def test_parts_of_a_gain() -> None:
    x = torch.tensor([[1.0, 2.0]])
    assert PerChannel(torch.tensor([2.0, 3.0]), None)(x).tolist() == [[2, 6]]
    assert PerChannel(None, torch.tensor([2.0, 3.0]))(x).tolist() == [[3, 5]]
    gain, offset = per_channel(PerChannel(None, torch.tensor([2.0, 3.0]))) or (x, x)
    assert gain.tolist() == [1, 1] and offset.tolist() == [2, 3]
