"""What the names in a recipe stand for: methods, activations, neurons, norms."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from torch import nn

from spikedistill.core.errors import SpikedistillError, suggest
from spikedistill.core.factory import Activation, Planned
from spikedistill.core.loss import Loss
from spikedistill.core.place import supplied
from spikedistill.layers import LAYERS
from spikedistill.methods import METHODS
from spikedistill.neurons import NEURONS
from spikedistill.recipes.options import Choice

RELU = "relu"
"""The activation of an ordinary network."""


def loss(name: str) -> type[Loss]:
    """A method of the catalogue, or one of a user's own as `file:Name`."""
    return METHODS.find(name)


def term_name(name: str) -> str:
    """What a term of that method is called where nobody says otherwise: `KD` for `mine:Own.KD`."""
    return re.split("[.:]", name)[-1]


def activation(name: str) -> Callable[..., nn.Module]:
    """What makes an activation: `relu`, or a neuron.

    Raises:
        SpikedistillError: if there is none of this name.
    """
    if name == RELU:
        return nn.ReLU
    if ":" not in name and name not in NEURONS.names():
        known = suggest(name, (RELU, *NEURONS.names()))
        raise SpikedistillError(f"there is no activation {name!r}; {known}")
    return NEURONS.find(name)


def planned(choice: Choice, find: Callable[[str], Any]) -> Planned:
    """What a choice stands for, to be made at each of its places.

    Args:
        choice: with its options, and a `preset` where its kind has some.
        find: the catalogue's.
    """
    made, options = find(choice.name), dict(choice.options)
    preset = options.pop("preset", None)
    return Planned(made, options if preset is None else {**made.presets[preset], **options})


def make_activation(choice: Choice) -> Activation | Planned:
    """A prototype for blueprints, or what is planned where it depends on its place."""
    plan = planned(choice, activation)
    return plan if supplied(plan.make) else plan.make(**plan.options)


def make_norm(choice: Choice) -> Planned:
    """A norm for blueprints."""
    return planned(choice, LAYERS.find)
