import importlib
from typing import ClassVar

import pytest
import torch
from torch import nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.normalized import Normalized


class Net(nn.Module):
    taps: ClassVar[dict[str, str]] = {"stage1": "conv", "out": ""}

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def test_images_are_normalised_per_channel() -> None:
    network = Normalized(Net(), mean=[0.5, 0.25], std=[0.5, 0.125])
    images = torch.stack([torch.full((3, 3), 1.0), torch.full((3, 3), 0.5)])[None]
    out = network(images)
    assert out[0, 0].unique().tolist() == [1.0]
    assert out[0, 1].unique().tolist() == [2.0]


def test_taps_are_those_of_the_network() -> None:
    network = Normalized(Net(), mean=[0.0, 0.0], std=[1.0, 1.0])
    assert network.taps == {"stage1": "network.conv", "out": "network"}
    assert network.get_submodule(network.taps["stage1"]) is network.network.conv


def test_the_normalisation_is_saved_with_the_network() -> None:
    first = Normalized(Net(), mean=[0.5, 0.25], std=[0.5, 0.125])
    second = Normalized(Net(), mean=[0.0, 0.0], std=[1.0, 1.0])
    second.load_state_dict(first.state_dict())
    assert second.mean.tolist() == [0.5, 0.25]
    assert second.std.tolist() == [0.5, 0.125]


@pytest.mark.parametrize(
    ("mean", "std", "sentence"),
    [
        ([0.5], [0.5, 0.5], r"1 means and 2 deviations"),
        ([0.5], [0.0], r"every deviation must be positive"),
    ],
)
def test_senseless_normalisations_are_refused(
    mean: list[float], std: list[float], sentence: str
) -> None:
    with pytest.raises(SpikedistillError, match=sentence):
        Normalized(Net(), mean, std)


def test_another_number_of_channels_gets_its_sentence() -> None:
    with pytest.raises(SpikedistillError, match=r"has 3 channels and its normalisation 2"):
        Normalized(Net(), [0.5, 0.5], [1.0, 1.0])(torch.zeros(1, 3, 4, 4))


def test_it_is_found_where_code_of_users_imports_it_from() -> None:
    assert importlib.import_module("spikedistill.layers.normalized").Normalized is Normalized
