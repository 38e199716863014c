from __future__ import annotations

from collections import Counter

import torch
from torch import nn

from spikedistill.core.over_time import OverTime, first_layers, run_folded
from spikedistill.export.follow import follow
from spikedistill.export.stem import Repeat, share_stem
from spikedistill.neurons.lif import LIF


class Around(nn.Module):
    """A shortcut goes around the first neurons."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.neuron, self.second = nn.Conv2d(2, 4, 1), LIF(), nn.Conv2d(4, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        return self.second(self.neuron(x)) + x


class Sizes(Around):
    """A number taken from the stem is used after the neurons."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        return self.neuron(x).reshape(-1, x.size(1), x.size(2), x.size(3))


def test_a_shortcut_around_the_first_neurons_is_repeated_where_it_joins() -> None:
    net, images = Around().eval(), 3 * torch.rand(1, 2, 2, 3, 3)
    assert first_layers(net) == ()
    graph, _ = follow(net)
    first, kinds = share_stem(graph)
    assert [type(layer) for layer in first] == [LIF, Repeat]
    assert {name: kinds[name] for name in ("conv", "neuron", "repeat1", "second")} == {
        "conv": False, "neuron": True, "repeat1": True, "second": True,
    }  # fmt: skip
    rows = Counter[str]()
    for path in ("conv", "second"):
        graph.get_submodule(path).register_forward_hook(
            lambda _m, inputs, _o, path=path: rows.update({path: len(inputs[0])})
        )
    found = run_folded(graph, images, 4, first)
    assert rows == {"conv": 2, "second": 8}
    torch.testing.assert_close(found, run_folded(net, images, 4))


def test_a_number_cannot_be_repeated_so_the_input_is() -> None:
    net = Sizes().eval()
    graph, _ = follow(net)
    first, kinds = share_stem(graph)
    assert first == () and kinds["x"] is False and kinds["conv"] is True


def test_a_network_without_neurons() -> None:
    graph, _ = follow(nn.Sequential(nn.Linear(2, 2)))
    first, _ = share_stem(graph)
    assert first == ()
    assert OverTime(graph, 1)(torch.zeros(3, 2)).shape == (3, 2)


def test_repeating_keeps_channels_last() -> None:
    layer = Repeat()
    layer.timesteps, layer.expands = 3, True
    x = torch.rand(2, 4, 3, 3).contiguous(memory_format=torch.channels_last)
    found = layer(x)
    assert torch.equal(found, x.repeat(3, 1, 1, 1))
    assert found.is_contiguous(memory_format=torch.channels_last)
