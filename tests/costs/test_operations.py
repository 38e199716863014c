import pytest
import torch
from torch import nn

from spikedistill.core.clock import Temporal
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.products import Counts, ProductLayer
from spikedistill.costs.operations import macs, macs_per_layer, parameter_count


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, x):
        return self.conv(self.conv(x))


def test_layers_by_hand():
    network = nn.Sequential(
        nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2),  # 4x4 out, 6 channels, 2 * 9 weights
        nn.ConvTranspose2d(6, 3, 2, stride=2),  # 4x4 in, 6 channels, 3 * 4 weights
        nn.Flatten(2),
        nn.Linear(64, 5),  # on each of three channels
    )
    expected = {"0": 16 * 6 * 18, "1": 16 * 6 * 12, "3": 3 * 64 * 5}
    assert macs_per_layer(network, torch.zeros(1, 4, 8, 8)) == expected
    assert macs(network, torch.zeros(1, 4, 8, 8)) == sum(expected.values())
    assert parameter_count(network) == (6 * 18 + 6) + (6 * 12 + 3) + (64 * 5 + 5)


def test_a_layer_called_twice_counts_twice():
    assert macs_per_layer(Twice(), torch.zeros(1, 2, 5, 5)) == {"conv": 2 * 25 * 2 * 18}


def test_the_dry_run_leaves_modes_statistics_and_hooks_alone():
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.Dropout()).train()
    network[2].eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    macs(network, torch.zeros(1, 1, 2, 2))
    assert [module.training for module in network.modules()] == [True, True, True, False]
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not network[0]._forward_hooks


def test_runs_without_memory_on_the_meta_device():
    with torch.device("meta"):
        network = nn.Linear(10**6, 10**6)
    assert macs(network, torch.zeros(1, 10**6, device="meta")) == 10**12


class Own(ProductLayer):
    """As a linear layer, which its weight says."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(outputs, inputs))

    def forward(self, x):
        return x @ self.weight.T


class Attention(ProductLayer):
    """Scores of every pair of L tokens of D features, and no weight."""

    def forward(self, queries, keys):
        return queries @ keys.transpose(1, 2)

    def counts(self, inputs, output):
        queries, keys = inputs
        return Counts(output.numel() * keys.shape[-1], accumulations=queries.numel())


class Pairs(nn.Module):
    def __init__(self):
        super().__init__()
        self.own, self.attention = Own(3, 4), Attention()

    def forward(self, x):
        x = self.own(x)
        return self.attention(x, x).flatten(1)


def test_layers_of_ones_own_are_counted_by_their_weight_or_say_what_they_compute():
    tokens = torch.rand(2, 5, 3)  # of which one sample is run: 5 tokens, 3 then 4 features
    expected = {"own": 5 * 3 * 4, "attention": 5 * 5 * 4 + 5 * 4}
    assert macs_per_layer(Pairs(), tokens) == expected
    assert macs_per_layer(nn.Linear(3, 4), tokens) == {"": expected["own"]}


def test_a_network_that_cannot_be_run_for_one_step():
    class Wide(Temporal):
        exactly = 3

        def forward(self, x):
            return self.unfold(x).cumsum(0).flatten(0, 1)

    network = nn.Sequential(nn.Linear(4, 2), Wide(), nn.Linear(2, 5))
    with pytest.raises(SpikedistillError, match=r"1 \(Wide\) was made for exactly 3"):
        macs(network, torch.zeros(1, 4))
    assert macs_per_layer(network, torch.zeros(1, 4), 3) == {"0": 8, "2": 10}


def test_several_inputs_by_name_and_whole_numbers():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(9, 4), nn.Linear(4, 2)

        def forward(self, mask, tokens):
            return self.head(self.embed(tokens) * mask.unsqueeze(-1))

    inputs = {"tokens": torch.zeros(3, 6, dtype=torch.int64), "mask": torch.ones(3, 6)}
    assert macs_per_layer(Tokens(), inputs) == {"head": 6 * 4 * 2}
