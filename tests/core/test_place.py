"""What a place knows, and what is made for it."""

from __future__ import annotations

import pytest
from torch import nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.place import Place, made_at, supplied

PLACE = Place("layer1.0", (6, 4, 5), timesteps=3, last=True, role="residual")


class Gated(nn.Module):
    def __init__(self, channels: int, gain: float = 1.0, *, last: bool, residual: bool) -> None:
        super().__init__()
        self.seen = (channels, gain, last, residual)


class Whole(nn.Module):
    def __init__(self, place: Place, timesteps: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.seen = (place, timesteps, shape)


def test_channels_are_the_size_of_the_feature_axis() -> None:
    assert PLACE.channels == 6
    assert Place("a", (7,)).channels == 7
    assert Place("tokens", (9, 8), axis=1).channels == 8
    with pytest.raises(SpikedistillError, match="the place 'b' has one number per sample"):
        Place("b", ()).channels


def test_a_residual_place_says_so() -> None:
    assert PLACE.residual and not Place("a", (7,), role="attention").residual


def test_what_a_class_or_function_asks_of_its_place() -> None:
    assert supplied(nn.ReLU) == () and supplied(nn.BatchNorm2d) == ()
    assert supplied(Gated) == ("channels", "residual", "last")
    assert supplied(Whole) == ("place", "timesteps", "shape")
    assert supplied(dict) == ()  # written in C: asks for nothing


def test_the_place_supplies_what_is_asked_for_and_the_options_the_rest() -> None:
    assert made_at(PLACE, Gated).seen == (6, 1.0, True, True)
    assert made_at(PLACE, Gated, {"gain": 0.5}).seen == (6, 0.5, True, True)
    assert made_at(PLACE, Whole).seen == (PLACE, 3, (6, 4, 5))
    assert isinstance(made_at(Place("b", ()), nn.ReLU, {"inplace": True}), nn.ReLU)
