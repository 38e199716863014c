import torch
from torch import nn

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
    assert macs_per_layer(network, (4, 8, 8)) == expected
    assert macs(network, (4, 8, 8)) == sum(expected.values())
    assert parameter_count(network) == (6 * 18 + 6) + (6 * 12 + 3) + (64 * 5 + 5)


def test_a_layer_called_twice_counts_twice():
    assert macs_per_layer(Twice(), (2, 5, 5)) == {"conv": 2 * 25 * 2 * 18}


def test_the_dry_run_leaves_modes_statistics_and_hooks_alone():
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.Dropout()).train()
    network[2].eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    macs(network, (1, 2, 2))
    assert [module.training for module in network.modules()] == [True, True, True, False]
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not network[0]._forward_hooks


def test_runs_without_memory_on_the_meta_device():
    with torch.device("meta"):
        network = nn.Linear(10**6, 10**6)
    assert macs(network, (10**6,)) == 10**12
