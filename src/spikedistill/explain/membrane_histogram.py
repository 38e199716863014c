"""Membrane histograms: how far a layer's potentials lie from the threshold, step by step.

The potential is the charged one, before the neuron fires and resets. Potentials far below the
threshold have no gradient through a surrogate of bounded width, and never fire.

**Shapes** potentials `[T, B, ...]` of one layer (a tap `membraneN`), batch by batch; counts
`[T, bins]`.

**Options** `bins`, `low`, `high`: equal bins from `low` to `high`; what lies outside is counted in
the first or the last of them.

**Example**

>>> histogram = MembraneHistogram(bins=4, low=-1.0, high=1.0)
>>> histogram.update(torch.tensor([[[-9.0, 0.2, 0.3, 5.0]]]))
>>> histogram.shares.tolist()
[[0.25, 0.0, 0.5, 0.25]]
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from spikedistill.core.errors import SpikedistillError


@dataclass
class MembraneHistogram:
    """Counts the potentials of one layer by step and bin."""

    bins: int = 48
    low: float = -2.0
    high: float = 2.0
    counts: Tensor | None = None
    """`[T, bins]`, int64 on the CPU."""

    def __post_init__(self) -> None:
        if self.bins < 1 or not self.low < self.high:
            raise SpikedistillError(
                f"a histogram needs at least one bin and low < high; got {self.bins} bins from "
                f"{self.low} to {self.high}"
            )

    @property
    def edges(self) -> Float[Tensor, "edges"]:
        """Where bins begin and end, `[bins + 1]`."""
        return torch.linspace(self.low, self.high, self.bins + 1)

    def update(self, potentials: Shaped[Tensor, "T B *neurons"]) -> None:
        """Count one batch.

        Raises:
            SpikedistillError: if it has another number of steps than those before, or potentials
                that are not numbers.
        """
        values = potentials.detach().flatten(1).float()
        if not torch.isfinite(values).all():
            raise SpikedistillError("membrane potentials are not finite; the network has diverged")
        places = (values - self.low) * (self.bins / (self.high - self.low))
        places = places.floor().clamp(0, self.bins - 1).long()
        counted = torch.stack([torch.bincount(row, minlength=self.bins) for row in places]).cpu()
        if self.counts is not None and len(self.counts) != len(counted):
            raise SpikedistillError(
                f"this batch ran {len(counted)} steps and those before {len(self.counts)}; use one "
                "histogram for each number of steps"
            )
        self.counts = counted if self.counts is None else self.counts + counted

    @property
    def shares(self) -> Float[Tensor, "T bins"]:
        """What share of a step's potentials lies in each bin; a row sums to 1.

        Raises:
            SpikedistillError: if nothing was counted.
        """
        if self.counts is None:
            raise SpikedistillError("no potentials were counted; show a batch to `update` first")
        return self.counts / self.counts.sum(1, keepdim=True)
