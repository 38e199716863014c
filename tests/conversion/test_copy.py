"""Weights put into a fresh network."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from spikedistill.conversion import CONVERSIONS
from spikedistill.conversion.copy import Copy
from spikedistill.core.conversion import Material
from spikedistill.core.errors import SpikedistillError
from spikedistill.neurons.plif import PLIF


def network(activation: nn.Module, classes: int = 3) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), activation, nn.Flatten(), nn.Linear(8, classes)
    )


def same(one: nn.Module, other: nn.Module, name: str) -> bool:
    return torch.equal(one.state_dict()[name], other.state_dict()[name])


def material(source: nn.Module, target: nn.Module) -> Material:
    return Material(source, torch.zeros(2, 1, 4, 4), target=target)


def test_it_is_of_the_catalogue_and_wants_a_target() -> None:
    assert CONVERSIONS.find("copy") is Copy and Copy.takes_target


def test_every_tensor_of_the_same_name_is_taken_but_what_neurons_learn() -> None:
    source, target = network(nn.ReLU()), network(PLIF(tau=4.0))
    source[1].running_mean += 3  # type: ignore[operator]
    before = {name: value.clone() for name, value in source.state_dict().items()}
    learned = {name: value.clone() for name, value in target[2].state_dict().items()}
    assert learned
    made = Copy()(material(source, target))
    assert made is target
    assert all(torch.equal(made.state_dict()[name], value) for name, value in before.items())
    assert all(torch.equal(made[2].state_dict()[name], value) for name, value in learned.items())
    # the copy is one: what it learns does not change the source
    with torch.no_grad():
        made[0].weight += 1  # type: ignore[operator]
    assert torch.equal(source.state_dict()["0.weight"], before["0.weight"])


def test_what_neurons_of_the_source_learned_stays_there() -> None:
    source, target = network(PLIF(tau=9.0)), network(PLIF(tau=2.0))
    made = Copy()(material(source, target))
    (name,) = [name for name, _ in made.named_parameters() if name.startswith("2.")]
    assert not same(made, source, name) and same(made, source, "0.weight")


def test_patterns_leave_tensors_as_they_are() -> None:
    source, target = network(nn.ReLU(), classes=5), network(PLIF())
    fresh = {name: value.clone() for name, value in target.state_dict().items()}
    made = Copy(leave=("4.*", "*.bias"))(material(source, target))
    kept = {name for name in fresh if torch.equal(made.state_dict()[name], fresh[name])}
    assert {"4.weight", "4.bias", "0.bias"} <= kept
    assert same(made, source, "0.weight") and "0.weight" not in kept


@pytest.mark.parametrize(
    ("leave", "source", "sentence"),
    [
        ((), network(nn.ReLU(), classes=5), r"'4.weight' has shape \(3, 8\) .* source has \(5, 8"),
        ((), nn.Sequential(nn.Conv2d(1, 2, 3)), "'1.weight' .* source has none of this name"),
        (("*",), network(nn.ReLU()), r"nothing would be copied: leave \['\*'\]"),
    ],
)
def test_what_cannot_be_copied(leave: tuple[str, ...], source: nn.Module, sentence: str) -> None:
    target = network(PLIF())
    before = {name: value.clone() for name, value in target.state_dict().items()}
    with pytest.raises(SpikedistillError, match=sentence):
        Copy(leave)(material(source, target))
    assert all(torch.equal(target.state_dict()[name], value) for name, value in before.items())
