"""Layers of one's own that say what they compute, so that operations and energy are counted."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn


class Counts(NamedTuple):
    """What one call computes, for all its rows together."""

    products: int
    """Multiply-adds of real numbers."""
    accumulations: int = 0
    """Additions that a spike causes, and none where there is no spike."""


class ProductLayer(nn.Module):
    """A layer of one's own whose operations are counted.

    Where it has a `weight` of which every output sums `weight[0].numel()` products, it is counted
    as a linear layer is: accumulations where its inputs are spikes, else multiply-adds. Whatever
    else it computes (attention, gates, shifts, norms that cannot be folded), `counts` says.
    """

    weight: Tensor

    def counts(self, inputs: tuple[Tensor, ...], output: Tensor) -> Counts | None:
        """What a call from `inputs` to `output` computes; None: as its weight says."""
        return None
