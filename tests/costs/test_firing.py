"""Firing rates, dead and saturated neurons."""

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from spikedistill.core.clock import Alphabet, Temporal, steps
from spikedistill.core.errors import SpikedistillError
from spikedistill.costs.firing import FiringMeter, LayerFiring, firing_warnings, mean_rate
from spikedistill.functional.compiled import compiling
from spikedistill.neurons.lif import LIF


@pytest.fixture(autouse=True)
def _eager() -> Iterator[None]:
    """A few steps of small layers are not worth compiling."""
    with compiling(False):
        yield


def test_by_hand() -> None:
    network = nn.Sequential(LIF(tau=float("inf"), v_reset=None, fires_at_equality=True))
    # currents 0, 1/2 and 1 over 4 steps: 0, 2 and 4 spikes
    with FiringMeter(network) as meter, steps(network, 4):
        network(torch.tensor([[0.0, 0.5, 1.0]]).repeat(4, 1))
    layer = meter.layers()["0"]
    assert layer.rate == pytest.approx(6 / 12)
    assert layer.dead == layer.saturated == layer.dead_channels == pytest.approx(1 / 3)
    assert layer.neurons == 3 and meter.mean() == pytest.approx(0.5)


def test_over_batches_against_plain_counts() -> None:
    network = nn.Sequential(nn.Conv2d(2, 3, 3), LIF(), nn.Conv2d(3, 4, 3), LIF())
    seen: list[list[torch.Tensor]] = [[], []]
    for place, layer in enumerate((network[1], network[3])):
        layer.register_forward_hook(lambda _m, _i, y, place=place: seen[place].append(y))
    with torch.no_grad(), FiringMeter(network) as meter, steps(network, 2):
        for batch in (5, 3):
            network(torch.randn(2 * batch, 2, 8, 8) * 2)
    for values, (path, layer) in zip(seen, meter.layers().items(), strict=True):
        spikes = torch.cat(values)
        assert path in ("1", "3") and len(spikes) == 16
        assert layer.rate == pytest.approx(float(spikes.mean()))
        assert layer.dead == pytest.approx(float((spikes.sum(0) == 0).float().mean()))
        assert layer.saturated == pytest.approx(float((spikes.mean(0) == 1).float().mean()))


def test_dead_channels() -> None:
    network = nn.Sequential(LIF())
    current = torch.zeros(1, 4, 2, 2)
    current[0, 1, 0, 0] = 5.0
    with FiringMeter(network) as meter:
        network(current)
    layer = meter.layers()["0"]
    assert layer.dead == 15 / 16 and layer.dead_channels == 3 / 4


def test_nothing_is_counted_after_the_block_and_a_new_block_starts_afresh() -> None:
    network = nn.Sequential(LIF())
    meter = FiringMeter(network)
    with meter:
        network(torch.full((1, 2), 3.0))
    network(torch.zeros(1, 2))
    assert meter.mean() == 1.0
    with meter:
        network(torch.zeros(1, 2))
    assert meter.mean() == 0.0
    assert not network[0]._forward_hooks


def test_mean_rate_weighs_layers_by_their_neurons() -> None:
    layers = {"a": LayerFiring(0.5, 0, 0, 0, 30), "b": LayerFiring(0.1, 0, 0, 0, 10)}
    assert mean_rate(layers) == pytest.approx(0.4)
    assert mean_rate({}) == 0.0


def test_warnings() -> None:
    fine = LayerFiring(0.2, 0.1, 0.0, 0.0, 10)
    assert firing_warnings({"a": fine}) == ()
    dead = LayerFiring(0.0, 1.0, 0.0, 1.0, 10)
    full = LayerFiring(0.99, 0.0, 0.9, 0.0, 10)
    first, second = firing_warnings({"a": dead, "b": fine, "c": dead, "d": full})
    assert first.startswith("the layers a, c are dead: 100 % or more")
    assert second.startswith("the layer d is saturated")
    many = firing_warnings({str(i): dead for i in range(9)})[0]
    assert many.startswith("the layers 0, 1, 2 and 6 more are dead")


def test_inputs_of_two_sizes_are_refused() -> None:
    network = nn.Sequential(LIF())
    with FiringMeter(network):
        network(torch.zeros(1, 4))
        with pytest.raises(SpikedistillError, match=r"has \(5,\) neurons in this batch and had"):
            network(torch.zeros(1, 5))


class Sends(Temporal):
    """A layer of neurons that sends what it is given."""

    def __init__(self, alphabet: Alphabet, height: float | torch.Tensor) -> None:
        super().__init__()
        self.fires, self.height = alphabet, height

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


@pytest.mark.parametrize(
    ("alphabet", "height", "values", "rate", "dead", "saturated"),
    [
        (Alphabet(0, 1), 0.5, [[0.5, 0.0], [0.5, 0.0]], 0.5, 0.5, 0.5),
        (Alphabet(-1, 1), 1.0, [[-1.0, 0.0, 1.0], [1.0, 0.0, 0.0]], 3 / 6, 1 / 3, 1 / 3),
        (Alphabet(0, 4), torch.tensor(2.0), [[6.0, 0.0], [2.0, 0.0]], 4 / 4, 1 / 2, 0.0),
    ],
)
def test_integers_count_as_so_many_spikes(alphabet, height, values, rate, dead, saturated) -> None:
    network = nn.Sequential(Sends(alphabet, height))
    with FiringMeter(network) as meter:
        network(torch.tensor(values))
    layer = meter.layers()["0"]
    assert layer.rate == pytest.approx(rate)
    assert (layer.dead, layer.saturated) == pytest.approx((dead, saturated))


def test_layers_that_see_time_and_do_not_fire_are_none_of_neurons() -> None:
    class Shift(Temporal):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    network = nn.Sequential(Shift(), LIF())
    with FiringMeter(network) as meter:
        network(torch.full((1, 2), 3.0))
    assert list(meter.layers()) == ["1"]
