"""Firing-rate maps: when, where and in which channels a layer fires, as means over many samples.

**Shapes** spikes `[T, B, ...]` of one layer, batch by batch; what is kept is the number of spikes
of every neuron at every step, `[T, ...]`.

**Example**

>>> maps = FiringMaps()
>>> maps.update(torch.tensor([[[1.0, 0.0]], [[1.0, 1.0]]]))       # T = 2, B = 1, two neurons
>>> maps.rates.tolist(), maps.over_time.tolist()
([[1.0, 0.0], [1.0, 1.0]], [0.5, 1.0])
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from spikedistill.core.errors import SpikedistillError


@dataclass
class FiringMaps:
    """Counts the spikes of one layer by step and neuron."""

    counts: Tensor | None = None
    """Spikes so far, `[T, ...]`, float64 on the CPU."""
    samples: int = 0

    def update(self, spikes: Shaped[Tensor, "T B *neurons"]) -> None:
        """Count one batch.

        Raises:
            SpikedistillError: if it has other steps or another size than those before.
        """
        counted = spikes.detach().sum(1, dtype=torch.float64).cpu()
        if self.counts is not None and self.counts.shape != counted.shape:
            raise SpikedistillError(
                f"this batch has {tuple(counted.shape)} steps and neurons and those before "
                f"{tuple(self.counts.shape)}; look at runs of one length and size at a time"
            )
        self.counts = counted if self.counts is None else self.counts + counted
        self.samples += spikes.shape[1]

    @property
    def rates(self) -> Float[Tensor, "T *neurons"]:
        """Spikes of every neuron at every step, from 0 to 1.

        Raises:
            SpikedistillError: if nothing was counted.
        """
        if self.counts is None:
            raise SpikedistillError("no spikes were counted; show a batch to `update` first")
        return self.counts / self.samples

    @property
    def over_time(self) -> Float[Tensor, "T"]:
        """Mean over the neurons, per step."""
        return self.rates.flatten(1).mean(1)

    @property
    def places(self) -> Float[Tensor, "T H W"]:
        """Mean over the channels, of a layer of maps.

        Raises:
            SpikedistillError: if its neurons have no places.
        """
        return self._maps().mean(1)

    @property
    def channels(self) -> Float[Tensor, "C H W"]:
        """Mean over time, of a layer of maps.

        Raises:
            SpikedistillError: if its neurons have no places.
        """
        return self._maps().mean(0)

    def _maps(self) -> Tensor:
        if self.rates.dim() != 4:
            raise SpikedistillError(
                f"this layer has neurons {tuple(self.rates.shape[1:])} and no maps [C, H, W]; use "
                "`over_time` or `rates`"
            )
        return self.rates
