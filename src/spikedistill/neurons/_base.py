"""What every spiking neuron is: a state to start from, and one step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

from torch import Tensor

from spikedistill.core.clock import Temporal
from spikedistill.core.errors import SpikedistillError, suggest
from spikedistill.core.probe import Probe
from spikedistill.functional.loop import unrolled
from spikedistill.functional.neuron import State


class Neuron(Temporal, ABC):
    """A layer of spiking neurons, given by where its state starts and by one step."""

    expandable: ClassVar[bool] = True
    presets: ClassVar[dict[str, dict[str, Any]]] = {}
    """Options under the names of the publications and code bases that use them."""

    def __init__(self) -> None:
        super().__init__()
        self.membrane = Probe()

    @abstractmethod
    def initial(self, current: Tensor) -> State:
        """The state before the first step."""

    @abstractmethod
    def step(self, current: Tensor, state: Any) -> tuple[Tensor, State]:
        """One time step: the current and the state give spikes and the next state."""

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Self:
        """The neuron of a publication or code base, with `changes` to its options."""
        if name not in cls.presets:
            raise SpikedistillError(
                f"{cls.__name__} has no preset {name!r}; {suggest(name, cls.presets)}"
            )
        return cls(**{**cls.presets[name], **changes})

    def over(self, current: Tensor) -> Tensor:
        """Spikes `[T, B, ...]` of a current `[T, B, ...]`."""
        return self._run(current, len(current))

    def forward(self, folded: Tensor) -> Tensor:
        """Spikes `[T * B, ...]` of a current `[T * B, ...]` (`[B, ...]` where it expands)."""
        return self._run(self.unfold(folded), self.timesteps).flatten(0, 1)

    def _run(self, current: Tensor, timesteps: int) -> Tensor:
        spikes, charged = unrolled(self.step, current, self.initial(current[0]), timesteps)
        if self.membrane.watched:
            self.membrane(charged.flatten(0, 1))
        return spikes
