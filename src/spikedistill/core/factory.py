"""What a blueprint asks of those who fill it in: fresh activations and fresh norms."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

from spikedistill.core.place import Made, Place, made_at

Activation = nn.Module | Callable[[], nn.Module]
"""A prototype to copy (`LIF(tau=2.0)`) or something to call (`nn.ReLU`)."""


def fresh(activation: Activation) -> nn.Module:
    """A new activation: a deep copy of a prototype, or the result of a call."""
    return copy.deepcopy(activation) if isinstance(activation, nn.Module) else activation()


@runtime_checkable
class NormFactory(Protocol):
    """Makes the norm of `channels`; `residual` for the norms that meet at a residual addition."""

    def __call__(self, channels: int, residual: bool = False) -> nn.Module:
        """A new norm layer."""
        ...


@dataclass(frozen=True)
class Planned:
    """A class or function and its options: what is made at a place once the place is known."""

    make: Made
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def at(self, place: Place) -> nn.Module:
        """The module for a place."""
        return made_at(place, self.make, self.options)


class Vacant(nn.Module):
    """A place of a network that is not filled yet (`places.fill`); passes its input on.

    Args:
        planned: what will stand here.
        role: what only the blueprint knows of the place.
    """

    def __init__(self, planned: Planned, role: str = "") -> None:
        super().__init__()
        self.planned, self.role = planned, role

    def forward(self, x: Tensor) -> Tensor:
        """The input."""
        return x
