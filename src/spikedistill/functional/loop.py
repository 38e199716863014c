"""The loop over time: one `step` run T times."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from spikedistill.functional.neuron import State, state_dtype

Step = Callable[[Tensor, State], tuple[Tensor, State]]


def unrolled(step: Step, current: Tensor, state: State, timesteps: int) -> tuple[Tensor, Tensor]:
    """Run `step` over `current [T or 1, ...]`; spikes and charged potentials, `[T, ...]`."""
    currents = current.unbind(0)
    if len(currents) == 1:
        currents = currents * timesteps
    spikes: list[Tensor] = []
    charged: list[Tensor] = []
    for now in currents:
        fired, state = step(now.to(state_dtype(current)), state)
        spikes.append(fired.to(current.dtype))
        charged.append(state.charged)
    return torch.stack(spikes), torch.stack(charged)
