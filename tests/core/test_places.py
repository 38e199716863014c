"""Places measured in one dry run, and filled."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.factory import Planned, Vacant
from spikedistill.core.place import Place
from spikedistill.core.places import fill, measured, stand_beside
from spikedistill.neurons.lif import LIF


class Backwards(nn.Module):
    """Registered in another order than called; `never` is not called, `act` twice."""

    def __init__(self) -> None:
        super().__init__()
        self.never, self.late, self.act = nn.ReLU(), nn.ReLU(), nn.ReLU()
        self.conv, self.early = nn.Conv2d(2, 3, 3, stride=2), nn.ReLU()
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.early(self.norm(self.conv(x)))
        x = self.act(x)
        x = self.act(x.mean((2, 3)))
        return self.late(x.sum(1))


IMAGES = torch.rand(4, 2, 7, 9)


def test_places_come_in_the_order_of_the_forward_pass_with_their_shapes() -> None:
    network = Backwards()
    network.norm.eval()
    places = measured(network, ["late", "act", "early"], IMAGES, 3, {"act": "attention"})
    assert list(places.values()) == [
        Place("early", (3, 3, 4), 3),
        Place("act", (3, 3, 4), 3, role="attention"),  # the first call of two
        Place("late", (), 3, last=True),
    ]


def test_the_dry_run_leaves_the_network_as_it_was() -> None:
    network = Backwards().train()
    network.conv.eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    measured(network, ["early"], IMAGES)
    assert network.training and not network.conv.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())


def test_a_place_that_is_not_reached_is_named() -> None:
    network = Backwards()
    with pytest.raises(SpikedistillError, match="'never' of Backwards is not reached in a forward"):
        measured(network, ["early", "never"], IMAGES)
    assert not any(module._forward_hooks for module in network.modules())
    assert measured(network, [], IMAGES) == {}


def axes(network: nn.Module, inputs: Tensor, *paths: str) -> list[tuple[tuple[int, ...], int, int]]:
    places = measured(network, paths, inputs).values()
    return [(place.shape, place.axis, place.channels) for place in places]


def test_signals_have_their_features_first() -> None:
    network = nn.Sequential(
        nn.Conv1d(2, 6, 3, padding=1), nn.BatchNorm1d(6), nn.ReLU(), nn.MaxPool1d(2), nn.ReLU(),
        nn.Flatten(), nn.Linear(30, 4), nn.ReLU(),
    )  # fmt: skip
    found = axes(network, torch.rand(3, 2, 10), "2", "4", "7")
    assert found == [((6, 10), 0, 6), ((6, 5), 0, 6), ((4,), 0, 4)]


def test_tokens_have_their_features_last() -> None:
    network = nn.Sequential(
        nn.Linear(2, 6), nn.ReLU(), nn.LayerNorm(6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU()
    )
    found = axes(network, torch.rand(3, 10, 2), "1", "3", "5")
    assert found == [((10, 6), 1, 6), ((10, 6), 1, 6), ((10, 5), 1, 5)]


def test_networks_may_take_several_inputs() -> None:
    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.act = nn.Embedding(9, 4), nn.ReLU()

        def forward(self, mask: Tensor, tokens: Tensor) -> Tensor:
            return self.act(self.embed(tokens) * mask.unsqueeze(-1))

    inputs = {"tokens": torch.zeros(2, 5, dtype=torch.int64), "mask": torch.ones(2, 5)}
    assert measured(Masked(), ["act"], inputs) == {"act": Place("act", (5, 4), last=True, axis=1)}


class Filled(nn.Module):
    """Keeps what its place supplied."""

    def __init__(self, place: Place, gain: float = 1.0) -> None:
        super().__init__()
        self.place, self.gain = place, gain

    def forward(self, x: Tensor) -> Tensor:
        return x


def test_every_vacant_place_is_filled_with_what_is_planned_for_it() -> None:
    act, norm = Planned(Filled, {"gain": 0.5}), Planned(Filled)
    network = nn.Sequential(
        nn.Conv2d(2, 3, 3), Vacant(norm, "residual"), Vacant(act),
        nn.Conv2d(3, 4, 3), Vacant(norm), Vacant(act), nn.Flatten(),
    )  # fmt: skip
    fill(network, IMAGES, 5)
    made: Any = [network[place] for place in (1, 2, 4, 5)]
    assert [one.place for one in made] == [
        Place("1", (3, 5, 7), 5, role="residual"),
        Place("2", (3, 5, 7), 5),
        Place("4", (4, 3, 5), 5, last=True),  # the last of its kind: of the norms
        Place("5", (4, 3, 5), 5, last=True),
    ]
    assert [one.gain for one in made] == [1.0, 0.5, 1.0, 0.5]
    assert not any(isinstance(one, Vacant) for one in network.modules())


def test_what_asks_for_nothing_is_made_without_a_dry_run() -> None:
    network = nn.Sequential(Vacant(Planned(LIF, {"tau": 3.0})), nn.Linear(99, 1), Vacant(
        Planned(nn.ReLU)))  # fmt: skip
    fill(network, IMAGES)  # which this network does not take
    assert isinstance(network[0], LIF) and network[0].tau == 3.0
    assert isinstance(network[2], nn.ReLU)


class Behind(nn.Module):
    def __init__(self, channels: int, timesteps: int, share: float = 0.5) -> None:
        super().__init__()
        self.seen, self.share = (channels, timesteps), share

    def forward(self, x: Tensor) -> Tensor:
        return self.share * x


class Before(Behind):
    before = True


def test_modules_stand_beside_every_layer_of_neurons() -> None:
    network = nn.Sequential(
        nn.Linear(4, 6), LIF(), nn.Sequential(nn.Linear(6, 5), LIF()), nn.Linear(5, 2)
    )
    first, second = network[1], network[2][1]
    planned = [Planned(Behind), Planned(Before, {"share": 2.0}), Planned(Behind, {"share": 1.0})]
    stand_beside(network, planned, torch.rand(3, 4), 7)
    for group, neurons, channels in ((network[1], first, 6), (network[2][1], second, 5)):
        assert [name for name, _ in group.named_children()] == [
            "before2", "neurons", "behind1", "behind3",
        ]  # fmt: skip
        assert group.neurons is neurons
        assert all(one.seen == (channels, 7) for one in group if isinstance(one, Behind))
    # LIF fires above 1: a current of 0.6 does after `before` has doubled it, and 1 becomes 0.5
    assert network[1](torch.tensor([[0.6, 0.4]])).tolist() == [[0.5, 0.0]]


def test_there_must_be_neurons_to_stand_beside() -> None:
    with pytest.raises(SpikedistillError, match="Sequential has no neurons beside which modules"):
        stand_beside(nn.Sequential(nn.Linear(4, 2), nn.ReLU()), [Planned(Behind)], IMAGES)
