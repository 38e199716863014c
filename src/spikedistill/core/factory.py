"""What a blueprint asks of those who fill it in: fresh activations and fresh norms."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from torch import nn

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
