"""A batch that is mostly padding costs and fires as its samples do without any."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from spikedistill.core.over_time import first_layers, run_folded
from spikedistill.costs._padding import kept_rows
from spikedistill.costs.firing import FiringMeter
from spikedistill.costs.synops import SynopsMeter
from spikedistill.data import collate_sequences
from spikedistill.functional.compiled import compiling
from spikedistill.neurons.lif import LIF

LENGTHS = (1, 12, 2)
MASK = torch.arange(12) < torch.tensor(LENGTHS)[:, None]


@pytest.fixture(autouse=True)
def _eager() -> Iterator[None]:
    """A few steps of small layers are not worth compiling."""
    with compiling(False):
        yield


def test_rows_at_the_positions_that_count() -> None:
    value, mask = torch.arange(12.0).reshape(2, 3, 2), torch.tensor([[1, 0, 1], [0, 0, 1]])
    assert kept_rows(value, mask).tolist() == [[0, 1], [4, 5], [10, 11]]
    steps = torch.cat([value, 100 + value])  # T = 2 steps of B = 2 samples
    assert kept_rows(steps, mask).tolist() == [
        [0, 1], [4, 5], [10, 11], [100, 101], [104, 105], [110, 111]
    ]  # fmt: skip
    for axis in (2, None):  # [N, C, L]
        assert kept_rows(value.movedim(1, 2), mask, axis).tolist() == [[0, 1], [4, 5], [10, 11]]
    assert kept_rows(value[..., 0], mask).tolist() == [0, 4, 10]


def test_values_of_another_shape_and_without_a_mask_stay() -> None:
    mask = torch.ones(2, 3)
    for value in (torch.rand(2, 4, 2), torch.rand(2), torch.rand(3, 3)):
        assert kept_rows(value, mask) is value
    value = torch.rand(2, 3)
    assert kept_rows(value, None) is value


class Signals(nn.Module):
    """Convolutions of one position and neurons on `[N, C, L]`."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.fire = nn.Conv1d(3, 5, 1), LIF(v_threshold=0.3)
        self.conv, self.again = nn.Conv1d(5, 4, 1), LIF(v_threshold=0.3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.again(self.conv(self.fire(self.stem(x.transpose(1, 2)))))
        return x.sum((1, 2), keepdim=True)


def tokens() -> nn.Module:
    """Linear layers and neurons on `[N, L, D]`."""
    return nn.Sequential(
        nn.Linear(3, 5), LIF(v_threshold=0.3), nn.Linear(5, 4), LIF(v_threshold=0.3),
        nn.Linear(4, 2),
    )  # fmt: skip


def measured(network: nn.Module, batches: list[Any], once: bool) -> dict[str, Any]:
    firing, synops = FiringMeter(network), SynopsMeter(network)
    first = first_layers(network) if once else ()
    with torch.no_grad(), firing, synops:
        for batch in batches:
            firing.mask = synops.mask = batch.mask
            run_folded(network, batch.inputs.unsqueeze(0), 3, first)
    return {
        "layers": {
            layer.path: [
                layer.accumulations, layer.multiplications, layer.macs, layer.steps, layer.rate,
                layer.binary, layer.inputs, layer.outputs, layer.neuron_updates,
            ]
            for layer in synops.layers()
        },
        "firing": {
            path: [layer.rate, layer.dead, layer.saturated, layer.dead_channels]
            for path, layer in firing.layers().items()
        },
    }  # fmt: skip


@pytest.mark.parametrize("once", [False, True], ids=["stem at every step", "stem once"])
@pytest.mark.parametrize("make", [tokens, Signals])
def test_padding_costs_nothing_and_does_not_fire(make: Any, once: bool) -> None:
    torch.manual_seed(3)
    network = make().eval()
    samples = [(torch.rand(length, 3) * 2, 0) for length in LENGTHS]
    padded = measured(network, [collate_sequences(samples)], once)
    alone = measured(network, [collate_sequences([sample]) for sample in samples], once)
    assert alone["layers"] and alone["firing"]
    for part, found in padded.items():
        assert list(found) == list(alone[part])
        for path, values in found.items():
            assert values == pytest.approx(alone[part][path]), (part, path)
    # without the mask, the padded positions would count: three fifths of them are padding
    rates = [layer[0] for layer in padded["firing"].values()]
    bare = collate_sequences(samples)
    unmasked = measured(network, [type(bare)(bare.inputs, bare.targets)], once)
    assert [layer[0] for layer in unmasked["firing"].values()] != pytest.approx(rates)
