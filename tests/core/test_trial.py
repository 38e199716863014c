"""A network tried on an example: what fails is named, and the order of memory is found out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.layout import needs_contiguous
from spikedistill.core.over_time import OverTime, run_folded
from spikedistill.core.trial import dry_run


class Views(nn.Module):
    """Flattens maps by `view`, as much public code does."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4 * 36, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.conv(x).relu().view(x.size(0), -1))


def test_a_view_of_maps_is_found_out_and_then_works_everywhere() -> None:
    network, images = Views(), torch.rand(2, 3, 8, 8)
    wanted = network(images)
    assert not needs_contiguous(network)
    last = images.contiguous(memory_format=torch.channels_last)
    with pytest.raises(RuntimeError, match="view size is not compatible"):
        run_folded(network, last.unsqueeze(0), 1)
    assert torch.allclose(dry_run(network, images)[0][0], wanted, atol=1e-6)
    assert needs_contiguous(network)
    assert torch.allclose(run_folded(network, last.unsqueeze(0), 2)[1], wanted, atol=1e-6)


def test_a_network_that_takes_any_order_stays_as_it_is() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 5)).train()
    dry_run(network, torch.rand(2, 3, 8, 8))
    assert not needs_contiguous(network) and network.training
    assert not network[0]._forward_hooks and not network[0]._forward_pre_hooks


class Branches(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise KeyError("width")


@pytest.mark.parametrize(
    ("network", "shape", "sentence"),
    [
        (
            nn.Sequential(nn.Conv2d(3, 8, 3)),
            (2, 1, 8, 8),
            r"does not take the data, \[2, 1, 8, 8\]: its layer '0' \(Conv2d\(3, 8.*is made for 3 "
            "channels and gets 1; give data with as many channels",
        ),
        (
            nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(64, 4))),
            (2, 3, 8, 8),
            r"its layer '1.0' \(Linear\(.*is made for 64 features and gets 192; give samples of",
        ),
        (
            nn.Sequential(nn.Conv1d(2, 4, 3)),
            (2, 2, 8, 8),
            r"layer '0' \(Conv1d.*takes 3 axes, \[N, C, ...\], and \[2, 2, 8, 8\] reaches it",
        ),
        (
            nn.Sequential(nn.Conv3d(2, 4, 3)),
            (2, 2, 8, 8),
            r"takes 5 axes.*samples of 4 axes are frames \[T, C, H, W\]; give volumes as",
        ),
        (
            nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(5)),
            (2, 3, 8, 8),
            r"layer '1' \(BatchNorm2d\(5.* fails on \[2, 4, 6, 6\] \(torch.float32\): RuntimeError",
        ),
        (Branches(), (2, 3), r"its forward \(Branches\) fails on \[2, 3\].*KeyError: 'width'"),
    ],
)
def test_what_fails_is_named(network: nn.Module, shape: tuple[int, ...], sentence: str) -> None:
    with pytest.raises(SpikedistillError, match=sentence):
        dry_run(network, torch.rand(shape))


class CallsItself(nn.Module):
    def __call__(self, x: Tensor) -> Tensor:
        return self.forward(x)

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)


def test_a_network_that_hooks_cannot_watch_is_refused() -> None:
    with pytest.raises(SpikedistillError, match="CallsItself has a __call__ of its own that passe"):
        dry_run(CallsItself(), torch.rand(2, 3))


def test_a_shortcut_with_few_channels_is_kept_away_from_channels_last() -> None:
    images = torch.rand(2, 3, 8, 8)
    for layer, avoided in (
        (nn.Conv2d(3, 4, 1, stride=2), True),
        (nn.Conv2d(3, 4, 1), False),
        (nn.Conv2d(3, 4, 3, stride=2), False),
        (nn.Sequential(nn.Conv2d(3, 32, 1), nn.Conv2d(32, 4, 1, 2)), False),
    ):
        network = nn.Sequential(layer, nn.Flatten())
        dry_run(network, images)
        assert needs_contiguous(network) == avoided
    assert needs_contiguous(OverTime(nn.Conv2d(3, 4, 1, stride=2)).network)


def test_torch_kills_a_process_by_such_a_shortcut_in_channels_last_only() -> None:
    """What `breaks_down` is for: in the order of memory that is chosen for it, nothing breaks."""
    network = nn.Sequential(nn.Conv2d(3, 8, 1, stride=2), nn.BatchNorm2d(8))
    dry_run(network, torch.rand(2, 3, 8, 8))
    plain = nn.Sequential(nn.Conv2d(3, 8, 1, stride=2), nn.BatchNorm2d(8))
    plain.load_state_dict(network.state_dict())
    images = torch.rand(16, 3, 16, 16)
    for _ in range(30):
        run_folded(network, images.unsqueeze(0), 2).pow(3).sum().backward()
        plain(images.repeat(2, 1, 1, 1)).pow(3).sum().backward()
    assert torch.allclose(network[0].weight.grad, plain[0].weight.grad, rtol=1e-3)
