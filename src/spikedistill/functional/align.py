"""Bringing the maps of two networks to one grid, and how far they then are from each other."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from spikedistill.functional.precision import at_least_float32


def common_grid(learner: tuple[int, ...], guide: tuple[int, ...]) -> tuple[int, int]:
    """The grid `(h, w)` on which maps of two sizes meet: along each axis the smaller one.

    Example:
        >>> common_grid((32, 32), (8, 8))
        (8, 8)
    """
    (height, width), (other_height, other_width) = learner, guide
    return min(height, other_height), min(width, other_width)


def max_to_grid(
    maps: Float[Tensor, "T B C H W"], grid: tuple[int, int]
) -> Float[Tensor, "T B C h w"]:
    """Adaptive maximum pooling to `grid`: a spike anywhere in a cell is a spike of the cell."""
    if maps.shape[-2:] == grid:
        return maps
    pooled: Tensor = F.adaptive_max_pool2d(maps.flatten(0, 1), grid)
    return pooled.view(*maps.shape[:3], *grid)


def mean_to_grid(
    maps: Float[Tensor, "T B C H W"], grid: tuple[int, int]
) -> Float[Tensor, "T B C h w"]:
    """Adaptive average pooling to `grid`."""
    if maps.shape[-2:] == grid:
        return maps
    pooled: Tensor = F.adaptive_avg_pool2d(maps.flatten(0, 1), grid)
    return pooled.view(*maps.shape[:3], *grid)


def gap(
    learner: Float[Tensor, "T B *feature"], guide: Float[Tensor, "S B *feature"]
) -> Float[Tensor, "T B"]:
    """Mean squared difference of every sample at every step, in float32 at least.

    A guide of one step (S = 1) serves every step of the learner.

    Example:
        >>> import torch
        >>> gap(torch.tensor([[[1.0, 3.0]]]), torch.tensor([[[0.0, 1.0]]]))
        tensor([[2.5000]])
    """
    mine, goal = at_least_float32(learner), at_least_float32(guide)
    squares = F.mse_loss(mine, goal.expand_as(mine), reduction="none")  # one kernel each way
    features = squares[0, 0].numel()  # the gradient of a mean over maps would write them once more
    return squares.sum(tuple(range(2, squares.ndim))) / features
