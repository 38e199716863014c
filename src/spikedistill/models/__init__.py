"""Blueprints of networks, each with its activation as an argument."""

from __future__ import annotations

import inspect
from typing import Any

from torch import nn

from spikedistill.core.catalogue import Catalogue
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.factory import Activation, Planned
from spikedistill.models._plan import Plan as Plan
from spikedistill.models._plan import blueprint as blueprint
from spikedistill.models._plan import is_blueprint

MODELS = Catalogue(
    __name__,
    "network",
    is_blueprint,
    "a function that makes a torch.nn.Module, best one with @spikedistill.models.blueprint",
    accepts=callable,
    several=True,
)
"""All networks by name."""


def names() -> tuple[str, ...]:
    """The names of all networks, sorted."""
    return MODELS.names()


def build(name: str, activation: Activation | Planned, **given: Any) -> nn.Module:
    """A network by name.

    Args:
        name: one of `names()`, or `file:Name` of a user's own.
        activation: a prototype to copy, something to call, or what is planned for its places.
        given: options. Of a user's own function, those that all blueprints take are left out
            where it does not take them.

    Raises:
        SpikedistillError: for an unknown name, or for options that the network does not take.
    """
    function = MODELS.find(name)
    parameters = inspect.signature(function).parameters.values()
    takes = [one.name for one in parameters if one.kind is not one.VAR_KEYWORD]
    offered = {"activation": activation, **given}
    if not is_blueprint(function):
        offered = {
            key: value for key, value in offered.items() if key in takes or key not in SHARED
        }
    wrong = [repr(option) for option in offered if option not in takes]
    if wrong and len(takes) == len(parameters):
        raise SpikedistillError(
            f"the network {name!r} has no option {', '.join(wrong)}; "
            f"its options are: {', '.join(takes)}"
        )
    return function(**offered)


SHARED = ("activation", "classes", "channels", "width", "norm")
"""What all blueprints take."""
