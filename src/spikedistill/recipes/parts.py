"""What the names in a recipe stand for: methods, activations, norms, networks, encoders."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from torch import nn

from spikedistill import methods, neurons
from spikedistill.core.calls import resolve
from spikedistill.core.catalogue import find, names
from spikedistill.core.errors import SpikedistillError, suggest
from spikedistill.core.factory import Activation, NormFactory
from spikedistill.core.loss import Loss
from spikedistill.layers.batch_norm import batch_norm
from spikedistill.layers.tdbn import TDBNFactory
from spikedistill.recipes.options import Choice


def relu() -> nn.Module:
    """The activation of an ordinary network."""
    return nn.ReLU()


def _batch_norm() -> NormFactory:
    return batch_norm


@cache
def losses() -> dict[str, type[Loss]]:
    """Method name -> its class."""
    return {name: find(methods, name) for name in names(methods)}


def loss(name: str) -> type[Loss]:
    """A method of the catalogue, or one of a user's own as `module:Class`.

    Raises:
        SpikedistillError: if there is none, or what is named is not a method.
    """
    if ":" in name:
        found: Any = resolve(name)
        if not (inspect.isclass(found) and issubclass(found, Loss)):
            raise SpikedistillError(
                f"{name!r} is no method: a method is a class that derives from "
                "spikedistill.core.loss.Loss"
            )
        return found
    if name not in losses():
        raise SpikedistillError(f"there is no method {name!r}; {suggest(name, losses())}")
    return losses()[name]


def term_name(name: str) -> str:
    """What a term of that method is called where nobody says otherwise: `KD` for `mine:Own.KD`."""
    return re.split("[.:]", name)[-1]


@cache
def activations() -> dict[str, Callable[..., nn.Module]]:
    """Activation name -> what makes one: `relu`, and every neuron."""
    return {"relu": relu} | {name: find(neurons, name) for name in names(neurons)}


@cache
def spiking() -> dict[str, Callable[..., nn.Module]]:
    """Neuron name -> its class."""
    return {name: made for name, made in activations().items() if name != "relu"}


def norms() -> dict[str, Callable[..., NormFactory]]:
    """Norm name -> what makes its factory."""
    return {"batch_norm": _batch_norm, "tdbn": TDBNFactory}


def make_activation(choice: Choice) -> Activation:
    """A prototype for blueprints."""
    made: Any = activations()[choice.name]
    options = dict(choice.options)
    preset = options.pop("preset", None)
    return made(**options) if preset is None else made.preset(preset, **options)


def make_norm(choice: Choice) -> NormFactory:
    """A norm factory for blueprints."""
    return norms()[choice.name](**choice.options)
