"""What every spiking neuron is: a state to start from, and one step."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn

from spikedistill.core.clock import SPIKES, Alphabet, Temporal
from spikedistill.core.errors import SpikedistillError, suggest
from spikedistill.core.probe import Probe
from spikedistill.core.reference import Reference
from spikedistill.functional.loop import View, over_time
from spikedistill.functional.neuron import State

_NOT_OPTIONS = frozenset(vars(nn.Module())) | {
    *("timesteps", "expands", "fires", "height", "causal", "longest", "exactly")
}


class Neuron(Temporal, ABC):
    """A layer of spiking neurons, given by the state it starts from and by one step.

    A new neuron defines `initial` and `step` and is run over time, compiled, by what stands here:

    - `step` is a pure function of its arguments and of the *options*: the public attributes of
      the neuron that are constants (numbers, strings, None, frozen dataclasses). It must not
      read parameters, buffers, `self.training` or random numbers.
    - what is learned (and what is drawn) goes into the state that `initial` returns, a
      `NamedTuple` of tensors with a field `charged` (see `functional.neuron.State`); `step` hands
      it on unchanged. The state is float32, `functional.neuron.at_rest` makes one.
    - `view` says what both see of `[B, ...]`. "flat": `[N]`, in the order of memory, for neurons
      that know nothing of their place; parameters are scalars. "whole": `[B, ...]`, for
      neurons with parameters per channel (`[C, 1, 1]`) or per place, or that look at each other.

    No state outlives a forward.
    """

    expandable: ClassVar[bool] = True
    fires: Alphabet | None = SPIKES
    reference: ClassVar[Reference]
    view: ClassVar[View] = "flat"
    """What `initial` and `step` see of `[B, ...]`."""
    presets: ClassVar[dict[str, dict[str, Any]]] = {}
    """Options under the names of the publications and code bases that use them."""

    @property
    def leaks(self) -> bool:
        """Whether an update multiplies; a neuron that only adds up does not."""
        return True

    def __init__(self) -> None:
        super().__init__()
        self.membrane = Probe()
        """Where the charged potential `[T * B, ...]` can be watched; float32, with gradient."""

    @abstractmethod
    def initial(self, current: Tensor) -> State:
        """The state before the first step; `current` is that of one step, as `view` says."""

    @abstractmethod
    def step(self, current: Tensor, state: Any) -> tuple[Tensor, State]:
        """One time step: the current and the state give spikes and the next state."""

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Self:
        """The neuron of a publication or code base, with `changes` to its options.

        Raises:
            SpikedistillError: if there is no preset of that name.
        """
        if name not in cls.presets:
            raise SpikedistillError(
                f"{cls.__name__} has no preset {name!r}; {suggest(name, cls.presets)}"
            )
        return cls(**{**cls.presets[name], **changes})

    @property
    def options(self) -> dict[str, Any]:
        """The constants of this neuron by name."""
        return {
            name: value
            for name, value in vars(self).items()
            if name not in _NOT_OPTIONS and not name.startswith("_")
        }

    def over(self, current: Float[Tensor, "T B ..."]) -> Float[Tensor, "T B ..."]:
        """The spikes of a current, both `[T, B, ...]`."""
        return self._run(current, len(current))

    def forward(self, folded: Float[Tensor, "N ..."]) -> Float[Tensor, "TB ..."]:
        """The spikes `[T * B, ...]` of a current `[T * B, ...]` (`[B, ...]` where it expands)."""
        return self._run(self.unfold(folded), self.timesteps).flatten(0, 1)

    def _run(self, current: Tensor, timesteps: int) -> Tensor:
        try:
            spikes, charged = over_time(
                # A compiler at work on the whole network takes the step as it stands.
                self.step if torch.compiler.is_compiling() else self._definition,
                self.initial,
                current,
                timesteps,
                view=self.view,
                potentials=self.membrane.watched,
            )
        except AttributeError as problem:
            if problem.name in {*self._parameters, *self._buffers, *self._modules}:
                raise TypeError(
                    f"{type(self).__name__}.step reads self.{problem.name}, which is no constant; "
                    "let `initial` put it into the state and `step` hand it on"
                ) from problem
            raise
        if charged is not None:
            self.membrane(charged.flatten(0, 1))
        return spikes

    @property
    def _definition(self) -> Definition:
        options = self.options
        for name, value in options.items():
            if not isinstance(value, Hashable):
                raise TypeError(
                    f"{type(self).__name__}.{name} is a {type(value).__name__}; the options of a "
                    "neuron are constants that can be hashed: use a tuple or a frozen dataclass, "
                    "or a name with a leading underscore if `step` does not read it"
                )
        return _definition(type(self), tuple(options.items()))

    def extra_repr(self) -> str:
        """The options."""
        return ", ".join(f"{name}={value}" for name, value in self.options.items())


@dataclass(frozen=True)
class Definition:
    """A step with its options and nothing else: what all neurons that do the same share."""

    neuron: type[Neuron]
    options: tuple[tuple[str, Hashable], ...]
    constants: Neuron = field(compare=False, repr=False)
    """A neuron of this kind that has the options and neither parameters nor buffers."""

    def __str__(self) -> str:
        return self.neuron.__name__

    def __call__(self, current: Tensor, state: State) -> tuple[Tensor, State]:
        """The step."""
        return self.neuron.step(self.constants, current, state)


@functools.cache
def _definition(neuron: type[Neuron], options: tuple[tuple[str, Hashable], ...]) -> Definition:
    constants = neuron.__new__(neuron)
    nn.Module.__init__(constants)
    vars(constants).update(options)
    return Definition(neuron, options, constants)
