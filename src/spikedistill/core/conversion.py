"""The protocol: a conversion makes a network from another one, and from data if it needs some."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from spikedistill.core.choices import ChoicesChecked
from spikedistill.core.reference import Reference
from spikedistill.core.trace import Batch
from spikedistill.core.tree import Inputs


@dataclass(frozen=True)
class Material:
    """What a conversion may use."""

    source: nn.Module
    """The network it starts from; never changed."""
    example: Inputs
    """Some raw inputs of one step, `[B, ...]`; zeros where there are no data."""
    batches: Callable[[], Iterator[Batch]] = lambda: iter(())
    """Training batches in a fixed order, without augmentation; as many as are asked for."""
    target: nn.Module | None = None
    """A fresh network to put something into: that of `model:` or `call:` beside `from:`."""
    timesteps: int = 1
    """T of the role that the result plays."""
    trained: bool = True
    """False where only the architecture counts, because the state is loaded afterwards."""


class Conversion(ChoicesChecked, ABC):
    """One way from a network to another; its options are those of its constructor.

    An option called `neuron` takes a neuron of the catalogue (`lif`, `{lif: {tau: 2.0}}`).
    """

    reference: ClassVar[Reference | None] = None
    takes_target: ClassVar[bool] = False
    """Whether it puts something into a fresh network, named by `model:` beside `from:`."""

    @abstractmethod
    def __call__(self, material: Material) -> nn.Module:
        """The new network.

        Raises:
            SpikedistillError: if it cannot be made of this material.
        """
