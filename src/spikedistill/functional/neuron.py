"""One step of a spiking neuron: charge, fire, reset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from spikedistill.functional.surrogate import Surrogate, spike


@runtime_checkable
class State(Protocol):
    """What a neuron hands from one step to the next: a named tuple of tensors.

    One of its fields is `charged`, the membrane potential after charging and before the reset:
    what the threshold is compared with and what membrane losses look at.
    """

    @property
    def charged(self) -> Tensor:
        """The potential after charging and before the reset."""
        ...

    def __iter__(self) -> Iterator[Tensor]:
        """Its fields."""
        ...


class Membrane(NamedTuple):
    """The state of a neuron that carries nothing but its membrane potential."""

    v: Tensor
    """After the reset: where the next step starts."""
    charged: Tensor
    """After charging, before the reset."""


def at_rest(current: Tensor, value: float = 0.0) -> Tensor:
    """A potential to start from: one number for all neurons, in the precision of the state.

    The state is float32 (float64 for a float64 current), whatever the precision of the current:
    with a bfloat16 state, spikes would depend on how the loop is run.
    """
    return torch.full((), value, dtype=state_dtype(current), device=current.device)


def state_dtype(current: Tensor) -> torch.dtype:
    """The precision of the state for a current: float64 for float64, otherwise float32."""
    return torch.float64 if current.dtype == torch.float64 else torch.float32


def leak(v: Tensor, decay: float | Tensor, v_reset: float | None) -> Tensor:
    """What remains of the potential after one step: `v_reset + decay (v - v_reset)`.

    With soft reset (`v_reset` None) the potential decays towards 0.
    """
    return v_reset + decay * (v - v_reset) if v_reset else decay * v


def fire(
    charged: Tensor,
    *,
    v_threshold: float,
    v_reset: float | None,
    detach_reset: bool,
    surrogate: Surrogate,
    fires_at_equality: bool,
) -> tuple[Tensor, Membrane]:
    """Fire and reset: `s = step(v - v_threshold)`, then `v <- v (1 - s) + v_reset s`.

    With soft reset (`v_reset` None) `v <- v - v_threshold s`. With `detach_reset` the spike that
    resets carries no gradient.

    Args:
        charged: the potential after charging, any shape.
        v_threshold: the potential at which the neuron fires.
        v_reset: the potential after a spike; None for soft reset.
        detach_reset: whether the reset is a constant of the backward pass.
        surrogate: the slope of the spike.
        fires_at_equality: whether it fires at `v == v_threshold`.

    Returns:
        The spikes, 0 or 1, and the new state, both in the shape of `charged`.
    """
    spikes = spike(charged - v_threshold, surrogate, fires_at_equality)
    resetting = spikes.detach() if detach_reset else spikes
    if v_reset is None:
        v = charged - v_threshold * resetting
    else:
        v = charged * (1 - resetting)
        v = v + v_reset * resetting if v_reset else v
    return spikes, Membrane(v, charged)
