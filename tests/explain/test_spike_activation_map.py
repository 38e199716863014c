"""The checks of the specification, the direct sum, and what may not change a map."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from spikedistill.core.errors import SpikedistillError
from spikedistill.explain.spike_activation_map import (
    from_0_to_1,
    map_correlation,
    shown_maps,
    spike_activation_map,
)


def train(*channels: str) -> Tensor:
    """`"1 1 0 1"` for each channel as `[T, 1, C, 1, 1]`."""
    rows = [[float(spike) for spike in text.split()] for text in channels]
    return torch.tensor(rows, dtype=torch.float64).T.reshape(-1, 1, len(channels), 1, 1)


@pytest.mark.parametrize(
    ("channels", "gamma", "expected"),
    [
        (("1 1 0 1",), 0.5, [0, 0.606531, 0, 0.591010]),
        (("1 1 0 1",), 0.4, [0, 0.670320, 0, 0.750523]),
        (("1 1 0 1", "0 1 1 1"), 0.5, [0, 0.606531, 0.606531, 1.565420]),
        (("1 1 1 1",), 0.5, [0, 0.606531, 0.974410, 1.197540]),
        (("1 1 0 1",), 0.0, [0, 1, 0, 2]),  # the number of earlier spikes
        (("1 1 1 1",), 800.0, [0, 0, 0, 0]),
    ],
)
def test_by_hand(channels: tuple[str, ...], gamma: float, expected: list[float]) -> None:
    found = spike_activation_map(train(*channels), gamma).flatten().tolist()
    assert found == pytest.approx(expected, abs=1e-6)


def test_the_limit_of_a_long_train() -> None:
    found = spike_activation_map(torch.ones(60, 1, 1, 1, 1, dtype=torch.float64))
    assert float(found[-1]) == pytest.approx(1 / (math.exp(0.5) - 1), abs=1e-9)


def spikes() -> Tensor:
    return (torch.rand(5, 3, 4, 6, 7) < 0.4).double()


def test_the_recursion_is_the_direct_sum() -> None:
    S = spikes()
    direct = torch.zeros(5, 3, 6, 7, dtype=torch.float64)
    for t in range(5):
        for earlier in range(t):
            direct[t] += math.exp(-0.3 * (t - earlier)) * (S[earlier] * S[t]).sum(1)
    assert torch.allclose(spike_activation_map(S, 0.3), direct, rtol=0, atol=1e-12)


def test_channels_have_no_order_and_a_flipped_image_a_flipped_map() -> None:
    S = spikes()
    maps = spike_activation_map(S)
    assert torch.allclose(spike_activation_map(S[:, :, [2, 0, 3, 1]]), maps, atol=1e-12)
    assert torch.equal(spike_activation_map(S.flip(-1)), maps.flip(-1))


def test_samples_do_not_see_one_another() -> None:
    S = spikes()
    alone = torch.cat([spike_activation_map(S[:, [b]]) for b in range(3)], 1)
    assert torch.equal(spike_activation_map(S), alone)


def test_what_is_shown() -> None:
    maps = torch.tensor([[[[0.0, 0.0]]], [[[1.0, 3.0]]]])  # T = 2, a blank map first
    assert shown_maps(maps).tolist() == [[[[0, 0]]], [[[0, 1]]], [[[0, 1]]]]
    assert shown_maps(maps, (4, 6)).shape == (3, 1, 4, 6)
    assert len(shown_maps(torch.rand(5, 1, 2, 2))) == 5  # no sum
    assert not from_0_to_1(torch.full((2, 3, 3), 7.0)).any()


def test_correlation() -> None:
    a, b = torch.rand(4, 3, 3, dtype=torch.float64), torch.rand(4, 3, 3, dtype=torch.float64)
    plain = [float(torch.corrcoef(torch.stack([x.flatten(), y.flatten()]))[0, 1])
             for x, y in zip(a, b, strict=True)]  # fmt: skip
    assert map_correlation(a, b).tolist() == pytest.approx(plain)
    assert map_correlation(torch.ones(1, 2, 2), torch.rand(1, 2, 2)).item() == 0


def test_only_spikes_and_a_decay() -> None:
    with pytest.raises(SpikedistillError, match="values other than 0 and 1"):
        spike_activation_map(2 * torch.ones(2, 1, 1, 1, 1))
    with pytest.raises(SpikedistillError, match="0 or more; not -1"):
        spike_activation_map(torch.ones(2, 1, 1, 1, 1), -1.0)
