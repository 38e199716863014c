"""A place in a network, measured in a dry run, and what is made for it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from spikedistill.core.errors import SpikedistillError

Made = Callable[..., nn.Module]
"""A class of modules, or a function that makes one."""


@dataclass(frozen=True)
class Place:
    """Where a layer stands: what can be seen there, and what only the blueprint knows."""

    path: str
    """Dotted path in the network."""
    shape: tuple[int, ...]
    """Of the value there, of one sample at one step: `(C, H, W)`, `(D,)`, `(L, D)`."""
    timesteps: int = 1
    """T of the role in which the network learns."""
    last: bool = False
    """Whether no other place of its kind runs after it."""
    role: str = ""
    """What cannot be seen: `residual` for norms that meet at an addition, `attention`, ..."""
    axis: int = 0
    """Which axis of `shape` holds the features."""

    @property
    def channels(self) -> int:
        """The size of the feature axis.

        Raises:
            SpikedistillError: if the value is one number per sample.
        """
        if not self.shape:
            raise SpikedistillError(
                f"the place {self.path!r} has one number per sample and no channels; name only "
                "places with channels, or a layer that needs none"
            )
        return self.shape[self.axis]

    @property
    def residual(self) -> bool:
        """Whether the value meets another one at a residual addition."""
        return self.role == "residual"


SUPPLIED = ("place", "channels", "timesteps", "shape", "residual", "last")
"""Parameters that a place supplies, so that no recipe has to: itself, and what is known of it."""


def supplied(make: Made) -> tuple[str, ...]:
    """The parameters of a class or function that its place supplies.

    Example:
        >>> supplied(nn.ReLU), supplied(lambda channels, gain=1.0: nn.BatchNorm2d(channels))
        ((), ('channels',))
    """
    try:
        parameters = inspect.signature(make).parameters
    except (TypeError, ValueError):
        return ()
    return tuple(name for name in SUPPLIED if name in parameters)


def made_at(place: Place, make: Made, options: Mapping[str, Any] | None = None) -> nn.Module:
    """What `make` returns for a place: its own options, and what the place supplies.

    Raises:
        SpikedistillError: if it needs channels and the place has none, or refuses what it gets.
    """
    facts = {name: place if name == "place" else getattr(place, name) for name in supplied(make)}
    return make(**facts, **(options or {}))
