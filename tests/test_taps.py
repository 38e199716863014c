"""Declared taps, stages of foreign networks, and recording."""

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from spikedistill.core.errors import SpikedistillError
from spikedistill.neurons.lif import LIF
from spikedistill.taps import Tapped, check_taps, declared_taps, usable_taps


class Small(nn.Module):
    """conv - neuron - conv - neuron - linear, with one declared stage."""

    def __init__(self) -> None:
        super().__init__()
        self.taps = {"stage1": "first"}
        self.first = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), LIF())
        self.second = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.fire = LIF()
        self.head = nn.Linear(4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.fire(self.second(self.first(x)))
        return self.head(x.mean((2, 3)))


def test_every_network_declares_its_neurons_and_membranes():
    assert declared_taps(Small()) == {
        "stage1": "first",
        "spikes1": "first.1",
        "membrane1": "first.1.membrane",
        "membrane_stage1": "first.1.membrane",
        "spikes2": "fire",
        "membrane2": "fire.membrane",
    }


def test_the_membrane_of_a_stage_is_that_of_its_last_neurons():
    network = nn.Sequential()
    for _ in range(3):
        network.append(nn.Sequential(nn.Linear(4, 4), LIF(), nn.Linear(4, 4), LIF()))
    network.taps = {"stage1": "0", "stage2": "1", "pooled": "2", "stages": "2"}
    taps = declared_taps(network)
    assert (taps["membrane_stage1"], taps["membrane_stage2"]) == ("0.3.membrane", "1.3.membrane")
    assert not {"membrane_pooled", "membrane_stages", "membrane_stage3"} & set(taps)


def test_recording_has_time_first_and_leaves_nothing_outside_its_call():
    network = Small()
    tapped = Tapped(network, ["stage1", "membrane2"])
    outputs, taps = tapped(torch.rand(1, 2, 1, 6, 6), 3)
    assert outputs.shape == (3, 2, 5)
    assert taps["stage1"].shape == (3, 2, 3, 6, 6)
    assert taps["membrane2"].shape == (3, 2, 4, 3, 3)
    network(torch.rand(2, 1, 6, 6))
    assert tapped._record is None


def test_two_wrappers_over_one_network_do_not_record_each_other():
    network = Small()
    one, two = Tapped(network, ["stage1"]), Tapped(network, ["stage1"])
    one(torch.rand(1, 2, 1, 6, 6), 2)
    assert two._record is None
    assert set(two(torch.rand(1, 2, 1, 6, 6), 2)[1]) == {"stage1"}


def test_closing_removes_the_hooks():
    network = Small()
    Tapped(network, ["stage1", "spikes2"]).close()
    assert all(not module._forward_hooks for module in network.modules())


def test_a_gradient_flows_through_a_tapped_membrane():
    network = Small()
    _, taps = Tapped(network, ["membrane2"])(torch.rand(1, 2, 1, 6, 6), 2)
    taps["membrane2"].sum().backward()
    assert network.second.bias.grad.abs().sum() > 0


def test_an_undeclared_name_is_refused_with_the_closest():
    with pytest.raises(
        SpikedistillError, match=r"declares no tap 'stagge1'; did you mean 'stage1'"
    ):
        Tapped(Small(), ["stagge1"])


def test_a_path_that_names_no_module_is_refused():
    with pytest.raises(SpikedistillError, match=r"no module of that name; did you mean 'second'"):
        Tapped(Small(), ["x"], taps={"x": "secont"})


def test_a_module_called_twice_cannot_be_tapped():
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.act = nn.ReLU()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.act(self.act(x))

    with pytest.raises(SpikedistillError, match="fired twice"):
        Tapped(Twice(), ["activation1"])(torch.rand(1, 2, 3))


def test_a_module_that_is_not_called_is_named():
    class Idle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.idle = nn.ReLU(), nn.ReLU()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.used(x)

    with pytest.raises(SpikedistillError, match="'activation2' recorded nothing"):
        Tapped(Idle(), ["activation2"])(torch.rand(1, 2, 3))


def test_an_activation_that_is_called_twice_troubles_only_who_watches_it() -> None:
    class Reuses(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.relu = nn.Linear(4, 4), nn.Linear(4, 4), nn.ReLU()
            self.last = nn.ReLU()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.last(self.relu(self.second(self.relu(self.first(x)))))

    network = Reuses()
    assert declared_taps(network) == {"activation1": "relu", "activation2": "last"}
    assert usable_taps(network, torch.zeros(3, 4)) == {"activation2": "last"}
    network.taps = {"mine": "relu"}  # type: ignore[assignment]
    assert set(usable_taps(network, torch.zeros(3, 4))) == {"mine", "activation2"}


def test_what_runs_again_sees_its_time_where_only_a_tap_is_looked_at() -> None:
    class Again(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = nn.Sequential(LIF(tau=2.0), nn.Linear(3, 4))
            self.after = nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            return self.after(checkpoint(self.block, x, use_reentrant=False))

    torch.manual_seed(1)
    network, inputs = Again(), 3 * torch.randn(1, 5, 3)
    tapped = Tapped(network, ["seen"], {"seen": "after"})
    _, seen = tapped(inputs, 3)
    seen["seen"][-1].sum().backward()
    spikes = network.block[0].over(inputs.expand(3, -1, -1))
    assert torch.equal(network.block[1].weight.grad, spikes[-1].sum(0).expand(4, -1))
    assert 0 < float(spikes[-1].mean()) < 1


@pytest.mark.wrong_types
@pytest.mark.parametrize("taps", [{"stage1": 3}, "first"])
def test_taps_that_are_no_paths_by_name(taps):
    with pytest.raises(SpikedistillError, match=r"module 3, and Small has no|taps are a mapping"):
        check_taps(Small(), taps)
