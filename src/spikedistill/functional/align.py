"""Bringing the maps of two networks to one grid, and how far they then are from each other."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from spikedistill.functional.alike import alike

# Elements of a block of differences: two megabytes in float32. Smaller ones fit better into the
# caches of the cores, but waking threads for each costs more than that saves.
_BLOCK = 2**19
_whole = False  # not a context variable, which torch's compiler cannot follow


@contextmanager
def whole_differences() -> Generator[None, None, None]:
    """Inside, a CPU takes all samples of a step at once, as a GPU does: to count what one would."""
    global _whole
    before, _whole = _whole, True
    try:
        yield
    finally:
        _whole = before


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

    A guide of one step (S = 1) serves every step of the learner. On a CPU the differences exist a
    few samples at a time and never in memory as a whole, neither forward nor backward, and the
    gradient is written once, in the precision of the maps.

    Example:
        >>> import torch
        >>> gap(torch.tensor([[[1.0, 3.0]]]), torch.tensor([[[0.0, 1.0]]]))
        tensor([[2.5000]])
    """
    result: Tensor = _Gap.apply(learner, guide)  # type: ignore[assignment]
    return result


class _Gap(torch.autograd.Function):
    """Keeps the two maps; their differences are computed again for the gradient."""

    @staticmethod
    def forward(ctx: Any, learner: Tensor, guide: Tensor) -> Tensor:
        ctx.save_for_backward(learner, guide)
        sums = torch.empty(learner.shape[:2], dtype=_wide(learner, guide), device=learner.device)
        features = tuple(range(1, learner.ndim - 1))
        for t, samples, difference in _differences(learner, guide):
            sums[t, samples] = difference.square_().sum(features)
        return sums / learner[0, 0].numel()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        (gradient,), (learner, guide) = gradients, ctx.saved_tensors
        mine = torch.empty_like(learner) if ctx.needs_input_grad[0] else None
        theirs = torch.zeros_like(guide, dtype=gradient.dtype) if ctx.needs_input_grad[1] else None
        scale = gradient * (2 / learner[0, 0].numel())
        scale = scale.view(*scale.shape, *[1] * (learner.ndim - 2))
        for t, samples, difference in _differences(learner, guide):
            difference *= scale[t, samples]
            if mine is not None:
                mine[t, samples] = difference
            if theirs is not None:
                theirs[_step(t, guide), samples] -= difference
        return mine, None if theirs is None else theirs.to(guide.dtype)


def _differences(learner: Tensor, guide: Tensor) -> Iterator[tuple[int, slice, Tensor]]:
    """`learner - guide` in blocks, each with its step and its samples; each may be written to."""
    steps, count = learner.shape[:2]
    few = learner.device.type == "cpu" and not _whole
    block = max(1, _BLOCK // learner[0, 0].numel()) if few else count
    for start in range(0, count, block):
        samples = slice(start, min(start + block, count))
        for t in alike(steps):
            difference = learner[t, samples].to(_wide(learner, guide), copy=True)
            yield t, samples, difference.sub_(guide[_step(t, guide), samples])


def _step(t: int, guide: Tensor) -> int:
    """The step of the guide that serves step t of the learner."""
    return t if guide.shape[0] > 1 else 0


def _wide(learner: Tensor, guide: Tensor) -> torch.dtype:
    """The precision of the differences: float32 at least."""
    return torch.promote_types(torch.promote_types(learner.dtype, guide.dtype), torch.float32)
