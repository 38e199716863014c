"""The loop over time: one step of a neuron, run T times.

In eager mode every operation of every step moves a whole tensor through memory; compiled, the
loop reads its current once and writes its spikes once. What makes it fast, and the same as the
eager loop:

- the current is seen as `[T, everything]` in the order of memory, so that one compilation serves
  all layer sizes, and channels_last stays channels_last;
- the state is float32 whatever the current is: with a bfloat16 state spikes would flip;
- only the current is kept for the backward pass (`compiled`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from spikedistill.functional import compiled
from spikedistill.functional.neuron import State, state_dtype

Step = Callable[[Tensor, Any], tuple[Tensor, Any]]
"""`step(current, state) -> (spikes, state)`: pure, hashable, equal to those that do the same."""
View = Literal["flat", "whole"]
"""What a step sees of `[B, ...]`: a flat `[N]` in the order of memory, or `[B, ...]` itself."""


def over_time(
    step: Step,
    initial: Callable[[Tensor], State],
    current: Float[Tensor, "steps B ..."],
    timesteps: int,
    *,
    view: View = "flat",
    potentials: bool = False,
) -> tuple[Float[Tensor, "T B ..."], Float[Tensor, "T B ..."] | None]:
    """Run a neuron over T steps.

    Args:
        step: one step of the neuron, a pure function; what is learned reaches it in the state.
        initial: the state before the first step, from the current of one step.
        current: `[T, B, ...]`, or `[1, B, ...]` for one step that is used T times without being
            copied (its gradient is the sum over T).
        timesteps: T.
        view: what `initial` and `step` see of `[B, ...]`.
        potentials: whether the charged potentials are wanted too.

    Returns:
        The spikes in the dtype of the current, and the charged potentials in the dtype of the
        state or None; `[T, B, ...]` in the memory order of the current.

    Raises:
        ValueError: if the current has neither one step nor T.
    """
    if len(current) not in (1, timesteps):
        raise ValueError(
            f"a neuron that runs {timesteps} steps got a current of {len(current)}; "
            "the first dimension must be time, of size 1 or T"
        )
    if torch.compiler.is_compiling():  # somebody compiles the whole network: be part of it
        state = initial(current[0])
        loop = Loop(step, type(state), timesteps, (), potentials)
        with compiled.without_autocast(current):
            spikes, *rest = loop(current, *state)
        return spikes, rest[0] if rest else None
    order = _memory_order(current)
    inverse = tuple(sorted(range(len(order)), key=order.__getitem__))
    ordered = current.permute(order).contiguous()
    shape = (timesteps, *ordered.shape[1:])
    if view == "flat":
        ordered = ordered.view(len(ordered), -1)
        state = initial(ordered[0])
    else:
        state = initial(ordered.permute(inverse)[0])
    loop = Loop(step, type(state), timesteps, () if view == "flat" else inverse, potentials)
    with compiled.without_autocast(current):
        results = compiled.call(loop, ordered, *state)
    spikes, *rest = (result.view(shape).permute(inverse) for result in results)
    return spikes, rest[0] if rest else None


@dataclass(frozen=True)
class Loop:
    """A step unrolled over T: a pure function of the current and of the fields of the state."""

    step: Step
    state: type[Any]
    """The named tuple of the state."""
    timesteps: int
    seen: tuple[int, ...]
    """The permutation from the order of memory to `[T, B, ...]`; empty where the view is flat."""
    potentials: bool

    @property
    def kind(self) -> object:
        """The step, whatever T and the rest are."""
        return self.step

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Spikes `[T, ...]`, and charged potentials `[T, ...]` where wanted."""
        current, state = inputs[0], self.state(*inputs[1:])
        steps = current.unbind(0)  # one read of the current; indexing costs half as much again
        steps = steps if len(steps) > 1 else steps * self.timesteps
        fired: list[Tensor] = []
        charged: list[Tensor] = []
        for now in steps:
            spikes, state = self.step(self._seen(now.to(state_dtype(current))), state)
            fired.append(self._stored(spikes).to(current.dtype))
            if self.potentials:
                charged.append(self._stored(state.charged))
        return (torch.stack(fired), torch.stack(charged)) if charged else (torch.stack(fired),)

    def _seen(self, now: Tensor) -> Tensor:
        """One step from the order of memory to what the neuron sees."""
        return now.permute([i - 1 for i in self.seen[1:]]) if self.seen else now

    def _stored(self, value: Tensor) -> Tensor:
        """One step back to the order of memory."""
        if not self.seen:
            return value
        return value.permute([self.seen[1:].index(i) for i in range(1, len(self.seen))])


def _memory_order(current: Tensor) -> tuple[int, ...]:
    """The dimensions from the widest stride to the narrowest, time first."""
    strides, rest = current.stride(), range(1, current.dim())
    if any(strides[i] == 0 and current.shape[i] > 1 for i in rest):  # expanded: no own memory
        return tuple(range(current.dim()))
    return (0, *sorted(rest, key=lambda i: -strides[i]))
