"""Learned maps from a learner's features to a guide's, dropped after training."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from spikedistill.core.spec import Spec
from spikedistill.core.trace import Trace
from spikedistill.functional.align import common_grid, gap, max_to_grid, mean_to_grid


class StepBatchNorm(nn.BatchNorm2d):
    """Batch norm whose statistics are those of one step: over B, H and W, never over T.

    The input is folded, `[T * B, C, H, W]`. All steps share weight, bias and the running
    statistics, which move towards the mean over the steps.
    """

    def __init__(self, channels: int, timesteps: int) -> None:
        super().__init__(channels)
        self.timesteps = timesteps

    def forward(self, input: Float[Tensor, "TB C H W"]) -> Float[Tensor, "TB C H W"]:
        """The input, normalised step by step in training, by the running statistics in eval."""
        if not self.training:
            return super().forward(input)
        T, C = self.timesteps, self.num_features
        steps = input.unflatten(0, (T, -1)).transpose(0, 1).flatten(1, 2)  # [B, T * C, H, W]
        assert self.running_mean is not None and self.running_var is not None
        mean, var = self.running_mean.repeat(T), self.running_var.repeat(T)
        weight, bias = self.weight.repeat(T), self.bias.repeat(T)
        momentum = self.momentum or 0.0
        normal = F.batch_norm(steps, mean, var, weight, bias, True, momentum, self.eps)
        with torch.no_grad():
            self.running_mean.copy_(mean.view(T, C).mean(0))
            self.running_var.copy_(var.view(T, C).mean(0))
        return normal.unflatten(1, (T, C)).transpose(0, 1).flatten(0, 1)


class Projector(nn.Sequential):
    """`conv1x1(2 D -> D) . relu . norm(2 D) . conv3x3(C -> 2 D)`, without biases.

    `[N, C, h, w]` becomes `[N, D, h, w]` (SASTC, the projector P_ij; after SemCKD).
    """

    def __init__(
        self, channels: int, width: int, norm: Callable[[int], nn.Module] = nn.BatchNorm2d
    ) -> None:
        super().__init__(
            nn.Conv2d(channels, 2 * width, 3, padding=1, bias=False),
            norm(2 * width),
            nn.ReLU(inplace=True),
            nn.Conv2d(2 * width, width, 1, bias=False),
        )


class ProjectedGaps(nn.Module):
    """The gap between chosen pairs of layers, each pair through a projector of its own.

    Both maps are brought to the smaller of their two grids, the learner's by maximum and the
    guide's by average pooling. All T steps pass a projector at once. (Pairs that share a grid share
    the pooled maps, and not one wide convolution: on a CPU, in channels_last, that took 0.8 to 1.5
    x the time of separate ones, and was the slower at the sizes of ResNet-19.)

    Args:
        learner: spec of the network that is projected.
        guide: spec of the network whose maps are the goal.
        pairs: tap names `(of the learner, of the guide)`.
        norm: makes the norm of so many channels inside the projector.

    Raises:
        ValueError: if a tap is missing or is no map `[T, B, C, H, W]`.
    """

    def __init__(
        self,
        learner: Spec,
        guide: Spec,
        pairs: Sequence[tuple[str, str]],
        norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
    ) -> None:
        super().__init__()
        self.pairs = tuple(pairs)
        self.grids = tuple(
            common_grid(map_grid(learner, mine), map_grid(guide, theirs)) for mine, theirs in pairs
        )
        self.projectors = nn.ModuleList(
            Projector(learner.channels(mine), guide.channels(theirs), norm)
            for mine, theirs in pairs
        )

    def forward(self, learner: Trace, guide: Trace) -> Float[Tensor, "T B P"]:
        """The mean squared difference of every pair, `[T, B, number of pairs]`."""
        mine: dict[tuple[str, tuple[int, int]], Tensor] = {}
        theirs: dict[tuple[str, tuple[int, int]], Tensor] = {}
        gaps: list[Tensor] = []
        for (here, there), grid, projector in zip(
            self.pairs, self.grids, self.projectors, strict=True
        ):
            if (here, grid) not in mine:
                mine[here, grid] = max_to_grid(learner[here], grid)
            if (there, grid) not in theirs:
                theirs[there, grid] = mean_to_grid(guide[there], grid)
            source = mine[here, grid]
            projected = projector(source.flatten(0, 1)).unflatten(0, source.shape[:2])
            gaps.append(gap(projected, theirs[there, grid]))
        return torch.stack(gaps, -1)


def map_grid(spec: Spec, tap: str) -> tuple[int, ...]:
    """The grid `(H, W)` of a tap.

    Raises:
        ValueError: if the tap is missing, has no grid, or does not show every step.
    """
    shape = spec.shape(tap)
    if len(shape) != 5:
        raise ValueError(
            f"tap {tap!r} of the {spec.role} has the shape {shape}, and a projector needs maps "
            "[T, B, C, H, W]; choose taps with a grid"
        )
    if shape[0] != spec.timesteps:
        raise ValueError(
            f"tap {tap!r} of the {spec.role} shows {shape[0]} step where the {spec.role} runs "
            f"{spec.timesteps}: it lies before the first neuron, in the stem that is computed "
            "once; choose a tap behind a neuron"
        )
    return spec.grid(tap)
