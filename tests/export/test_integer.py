from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.costs.operations import macs_per_layer
from spikedistill.export import integer
from spikedistill.export.integer import IntegerLayer, cannot, kernels_work


def layers() -> list[tuple[nn.Module, torch.Tensor]]:
    spikes = lambda *shape: (torch.rand(*shape) < 0.4).float()  # noqa: E731
    return [
        (nn.Conv2d(16, 24, 3, padding=1), spikes(2, 16, 7, 7)),
        (nn.Conv2d(16, 24, 3, 2, padding=1, groups=4, bias=False), spikes(3, 16, 9, 8)),
        (nn.Conv2d(8, 8, 3, dilation=2, groups=8), spikes(1, 8, 9, 9)),
        (nn.Conv2d(3, 5, 1, padding="valid"), spikes(1, 3, 4, 4)),
        (nn.Conv2d(512, 32, 3, padding=1), torch.ones(1, 512, 4, 4)),  # the largest sums
        (nn.Linear(300, 7), spikes(5, 300)),
        (nn.Linear(30, 7), spikes(5, 4, 30)),
    ]


def plain(layer: IntegerLayer, spikes: torch.Tensor) -> torch.Tensor:
    """The sums in int64, by gathering each window and adding up."""
    weight = layer.weight.long()
    if layer.is_linear:
        return (spikes.long().unsqueeze(-2) * weight[..., 0, 0]).sum(-1)
    (sh, sw), (ph, pw), (dh, dw) = layer.stride, layer.padding, layer.dilation
    x = nn.functional.pad(spikes.long(), (pw, pw, ph, ph))
    out, per_group, kh, kw = weight.shape
    rows = (x.shape[2] - dh * (kh - 1) - 1) // sh + 1
    columns = (x.shape[3] - dw * (kw - 1) - 1) // sw + 1
    total = torch.zeros(len(x), out, rows, columns, dtype=torch.int64)
    for o in range(out):
        start = o // (out // layer.groups) * per_group
        for i in range(kh):
            for j in range(kw):
                window = x[:, start : start + per_group, i * dh :: sh, j * dw :: sw]
                taps = weight[o, :, i, j].view(1, -1, 1, 1)
                total[:, o] += (window[:, :, :rows, :columns] * taps).sum(1)
    return total


@pytest.mark.parametrize("number", range(7))
@pytest.mark.parametrize("kernel", ["onednn", "float64"])
def test_the_sums_are_exact_bit_for_bit(
    number: int, kernel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kernel == "float64":
        monkeypatch.setattr(integer, "kernels_work", lambda: False)
    elif not kernels_work():
        pytest.skip("this torch has no int8 kernel")
    layer, spikes = layers()[number]
    whole = IntegerLayer(layer)
    sums = whole.accumulate(spikes)
    assert sums.dtype == torch.int32 and torch.equal(sums.long(), plain(whole, spikes))
    shape = (-1,) if whole.is_linear else (-1, 1, 1)
    expected = sums.float() * whole.scale.view(shape) + whole.bias.view(shape)
    torch.testing.assert_close(whole(spikes), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("number", range(7))
def test_it_is_counted_as_the_layer_that_it_replaces(number: int) -> None:
    layer, spikes = layers()[number]
    assert macs_per_layer(IntegerLayer(layer), spikes) == macs_per_layer(layer, spikes)


def test_the_weights_are_symmetric_per_channel() -> None:
    linear = nn.Linear(3, 3, bias=False)
    linear.weight.data = torch.tensor([[1.0, -2.0, 0.5], [0, 0, 0], [0.127, 0.001, 0.0006]])
    layer = IntegerLayer(linear)
    assert layer.weight[..., 0, 0].tolist() == [[64, -127, 32], [0, 0, 0], [127, 1, 1]]
    torch.testing.assert_close(layer.scale, torch.tensor([2 / 127, 1.0, 0.001]))


def test_the_error_is_half_a_step_of_each_weight_at_most() -> None:
    layer, spikes = layers()[0]
    whole = IntegerLayer(layer)
    bound = spikes.sum((1, 2, 3)).max() * whole.scale.max() / 2
    difference = (whole(spikes) - layer(spikes)).abs().max()
    assert 0 < difference <= bound


def test_copies_and_new_weights() -> None:
    layer, spikes = layers()[0]
    whole = IntegerLayer(layer)
    before = whole(spikes)
    twin = copy.deepcopy(whole)
    assert torch.equal(twin(spikes), before)
    state = {**twin.state_dict(), "weight": -twin.weight}
    twin.load_state_dict(state)
    assert torch.equal(twin.accumulate(spikes), -whole.accumulate(spikes))


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (nn.Conv1d(2, 2, 1), "only nn.Conv2d and nn.Linear"),
        (nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect"), "not a number of zeros"),
        (nn.Conv2d(2, 2, 3, padding="same"), "not a number of zeros"),
        (nn.Linear(140_000, 1), "sums 140,000 inputs"),
        (nn.Linear(100, 1), ""),
    ],
)
def test_which_layers_have_no_integer_form(layer: nn.Module, reason: str) -> None:
    assert reason in cannot(layer) and bool(cannot(layer)) == bool(reason)


def test_weights_of_a_diverged_network() -> None:
    layer = nn.Linear(2, 2)
    layer.weight.data[0, 0] = float("nan")
    with pytest.raises(SpikedistillError, match="not finite"):
        cannot(layer)
