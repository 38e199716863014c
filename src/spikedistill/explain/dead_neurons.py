"""Dead and saturated neurons: what share of a layer never fires, and what share always does.

A neuron that is silent for every sample and step says nothing and learns little; one that always
fires is a bias. `costs.firing` warns of whole layers; this counts neurons and channels.

**Shapes** spike counts `[T, C, H, W]` or `[T, N]` over a number of samples (`FiringMaps.counts`).

**Example**

>>> counts = torch.tensor([[0.0, 5.0, 1.0], [0.0, 5.0, 2.0]])   # T = 2, three neurons, 5 samples
>>> found = extremes(counts, samples=5)
>>> round(found.never, 3), round(found.always, 3)
(0.333, 0.333)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Extremes:
    """Shares of one layer, from 0 to 1."""

    never: float
    """Neurons that fired at no step of any sample: dead."""
    always: float
    """Neurons that fired at every step of every sample: saturated."""
    channels_never: float
    """Channels all of whose neurons are dead; that of neurons where there are no maps."""
    channels_always: float
    """Channels all of whose neurons are saturated."""


def extremes(counts: Float[Tensor, "T ..."], samples: int) -> Extremes:
    """What share of a layer's neurons and channels never, or always, fired.

    Args:
        counts: spikes of every neuron at every step, summed over the samples.
        samples: how many samples were shown.
    """
    total = counts.sum(0)
    silent, full = total == 0, total == samples * len(counts)
    by_channel = [one.flatten(1).all(1) if one.dim() > 1 else one for one in (silent, full)]
    never, always, *channels = (
        float(one.to(torch.float64).mean()) for one in (silent, full, *by_channel)
    )
    return Extremes(never, always, *channels)
