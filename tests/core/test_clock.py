"""What temporal layers say of themselves, and for how many steps they are run."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from spikedistill.core.clock import (
    SPIKES,
    Alphabet,
    Temporal,
    check_steps,
    firing_layers,
    is_causal,
    spiking,
    steps,
    steps_allowed,
    temporal_layers,
)
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.over_time import run_folded
from spikedistill.neurons.lif import LIF


class Shift(Temporal):
    """Sees time and is no neuron."""

    def forward(self, x: Tensor) -> Tensor:
        return x


class Ahead(Shift):
    causal = False


def limited(longest: int | None = None, exactly: int | None = None) -> Shift:
    layer = Shift()
    layer.longest, layer.exactly = longest, exactly
    return layer


def test_alphabets() -> None:
    assert SPIKES == Alphabet(0, 1) and SPIKES.binary
    assert not Alphabet(-1, 1).binary and not Alphabet(0, 4).binary and not Alphabet(1, 1).binary


def test_neurons_are_the_layers_that_fire() -> None:
    network = nn.Sequential(Shift(), nn.Linear(2, 2), LIF(), Ahead(), LIF())
    assert temporal_layers(network) == [network[0], network[2], network[3], network[4]]
    assert firing_layers(network) == [network[2], network[4]]
    assert spiking(network) and not spiking(nn.Sequential(Shift(), nn.ReLU()))


def test_a_network_looks_ahead_where_one_layer_does() -> None:
    assert is_causal(nn.Sequential(Shift(), LIF())) and is_causal(nn.ReLU())
    assert not is_causal(nn.Sequential(LIF(), nn.Sequential(Ahead())))


def test_steps_that_layers_allow() -> None:
    network = nn.Sequential(LIF(), limited(longest=4))
    assert [steps_allowed(network, T) for T in (1, 4, 5)] == [True, True, False]
    network = nn.Sequential(limited(exactly=4), LIF())
    assert [steps_allowed(network, T) for T in (1, 3, 4, 5)] == [False, False, True, False]
    assert steps_allowed(nn.ReLU(), 100)


@pytest.mark.parametrize(
    ("network", "timesteps", "sentence"),
    [
        (
            nn.Sequential(nn.Linear(2, 2), nn.Sequential(limited(longest=4))),
            6,
            "1.0 (Shift) was made for up to 4 time steps and is asked for 6; run it for 4, or make "
            "the network for 6",
        ),
        (
            nn.Sequential(limited(longest=9), limited(exactly=4)),
            2,
            "1 (Shift) was made for exactly 4 time steps and is asked for 2; run it for 4, or make "
            "the network for 2",
        ),
        (
            limited(exactly=4),
            5,
            "the network (Shift) was made for exactly 4 time steps and is asked for 5; run it for "
            "4, or make the network for 5",
        ),
    ],
)
def test_a_number_of_steps_that_a_layer_cannot_be_run_for(
    network: nn.Module, timesteps: int, sentence: str
) -> None:
    with pytest.raises(SpikedistillError) as caught:
        check_steps(network, timesteps)
    assert str(caught.value) == sentence
    with pytest.raises(SpikedistillError) as caught:
        run_folded(network, torch.rand(1, 3, 2), timesteps)
    assert str(caught.value) == sentence
    check_steps(network, 4)


def test_time_is_unfolded_inside_a_run_only() -> None:
    layer, folded = Shift(), torch.arange(6).reshape(6, 1)
    assert layer.unfold(folded).shape == (1, 6, 1)
    with steps(nn.Sequential(layer), 3):
        assert torch.equal(layer.unfold(folded), folded.reshape(3, 2, 1))
    with steps(nn.Sequential(layer), 3, [layer]):  # one step stands for all
        assert layer.expands and layer.unfold(folded).shape == (1, 6, 1)
    assert not layer.expands and layer.timesteps == 1
