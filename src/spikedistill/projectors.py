"""Learned maps from a learner's features to a guide's, dropped after training."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import reduce
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from spikedistill.core.spec import Spec
from spikedistill.core.trace import Trace
from spikedistill.functional.align import common_grid, gap, max_to_grid, mean_to_grid

Pool = Callable[[Tensor, tuple[int, int]], Tensor]
"""Maps `[T, B, C, H, W]` and a grid (h, w) to maps on that grid."""


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


class PointwiseProjector(nn.Sequential):
    """`norm(D) . conv1x1(C -> D)`, without bias: linear, position by position.

    `[N, C, h, w]` becomes `[N, D, h, w]` for `C D` multiply-adds a position, where `Projector`
    takes `18 C D + 2 D^2`. The norm gives the output the scale of the goal.
    """

    def __init__(
        self, channels: int, width: int, norm: Callable[[int], nn.Module] = nn.BatchNorm2d
    ) -> None:
        super().__init__(nn.Conv2d(channels, width, 1, bias=False), norm(width))


class GroupedProjector(nn.Sequential):
    """`conv1x1(C -> D) . relu . norm(C) . conv3x3(C -> C, C groups)`, without biases.

    The layers of `Projector`, with a hidden width of C and every channel filtered by itself:
    `[N, C, h, w]` becomes `[N, D, h, w]` for `9 C + C D` multiply-adds a position.
    """

    def __init__(
        self, channels: int, width: int, norm: Callable[[int], nn.Module] = nn.BatchNorm2d
    ) -> None:
        super().__init__(
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
            norm(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, width, 1, bias=False),
        )


class ProjectedGaps(nn.Module):
    """The gap between chosen pairs of layers, each pair through a projector of its own.

    Both maps are brought to the smaller of their two grids, the learner's by maximum (or as `pool`
    does it) and the guide's by average pooling. All T steps pass a projector at once. (Pairs that
    share a grid share the pooled maps, and not one wide convolution: on a CPU, in channels_last,
    that took 0.8 to 1.5 x the time of separate ones, and was the slower at the sizes of ResNet-19.)

    Args:
        learner: spec of the network that is projected.
        guide: spec of the network whose maps are the goal.
        pairs: tap names `(of the learner, of the guide)`.
        norm: makes the norm of so many channels inside the projector.
        projector: makes the projector from so many channels to so many, with that norm inside.
        finest: no pair meets on more than so many rows or columns; None: no limit.
        pool: brings the learner's maps to the grid.

    Raises:
        ValueError: if a tap is missing or is no map `[T, B, C, H, W]`, or `finest` is below 1.
    """

    def __init__(
        self,
        learner: Spec,
        guide: Spec,
        pairs: Sequence[tuple[str, str]],
        norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
        projector: Callable[[int, int, Callable[[int], nn.Module]], nn.Module] = Projector,
        finest: int | None = None,
        pool: Pool = max_to_grid,
    ) -> None:
        super().__init__()
        self.pool = pool
        self.pairs = tuple(pairs)
        self.grids = tuple(
            _meeting([map_grid(learner, mine), map_grid(guide, theirs)], finest)
            for mine, theirs in pairs
        )
        self.projectors = nn.ModuleList(
            projector(learner.channels(mine), guide.channels(theirs), norm)
            for mine, theirs in pairs
        )

    def forward(
        self, learner: Trace, guide: Trace, skipped: Collection[int] = ()
    ) -> Float[Tensor, "T B P"]:
        """The mean squared difference of every pair, `[T, B, number of pairs]`.

        Pairs whose number is in `skipped` are not computed: their gap is 0, and their projectors
        get a gradient of 0 (not none, for which data-parallel processes would wait).
        """
        maps = _Pooled(learner, guide, self.pool)
        gaps: list[Tensor] = []
        for number, ((mine, theirs), grid, projector) in enumerate(
            zip(self.pairs, self.grids, self.projectors, strict=True)
        ):
            if number in skipped:
                gaps.append(_nothing(learner, projector))
                continue
            source = maps.of_learner(mine, grid)
            projected = projector(source.flatten(0, 1)).unflatten(0, source.shape[:2])
            gaps.append(gap(projected, maps.of_guide(theirs, grid)))
        return torch.stack(gaps, -1)


class SharedGaps(nn.Module):
    """The gap of every learner layer to every guide layer, one projector for each learner layer.

    `conv1x1(C -> D_1 + ... + D_J) . relu . norm(C) . conv3x3(C -> C, C groups)` looks at a layer
    once and answers for all guide layers, as `GroupedProjector` does for one. So all pairs of a
    learner layer meet on one grid, the smallest that occurs among them. On it, a position takes
    `9 C + C (D_1 + ... + D_J)` multiply-adds.

    Args:
        learner: spec of the network that is projected.
        guide: spec of the network whose maps are the goals.
        learner_taps: the I layers that are projected.
        guide_taps: the J layers that are the goals.
        norm: makes the norm of so many channels inside the projector.
        finest: no pair meets on more than so many rows or columns; None: no limit.
        pool: brings the learner's maps to the grid.

    Raises:
        ValueError: if a tap is missing or is no map `[T, B, C, H, W]`, or `finest` is below 1.
    """

    def __init__(
        self,
        learner: Spec,
        guide: Spec,
        learner_taps: Sequence[str],
        guide_taps: Sequence[str],
        norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
        finest: int | None = None,
        pool: Pool = max_to_grid,
    ) -> None:
        super().__init__()
        self.pool = pool
        self.learner_taps, self.guide_taps = tuple(learner_taps), tuple(guide_taps)
        theirs = [map_grid(guide, tap) for tap in guide_taps]
        self.grids = tuple(
            _meeting([map_grid(learner, tap), *theirs], finest) for tap in learner_taps
        )
        self.widths = tuple(guide.channels(tap) for tap in guide_taps)
        self.projectors = nn.ModuleList(
            GroupedProjector(learner.channels(tap), sum(self.widths), norm) for tap in learner_taps
        )

    def forward(
        self, learner: Trace, guide: Trace, skipped: Collection[int] = ()
    ) -> Float[Tensor, "T B P"]:
        """The mean squared difference of every pair, `[T, B, I J]`, guide layers running fastest.

        Pairs whose number is in `skipped` are not computed: their gap is 0, and the rows of the
        last convolution that answer for them get a gradient of 0.
        """
        maps, number = _Pooled(learner, guide, self.pool), 0
        gaps: list[Tensor] = []
        answers: Iterator[Tensor] = iter(())
        for tap, grid, projector in zip(
            self.learner_taps, self.grids, self.projectors, strict=True
        ):
            kept = [n not in skipped for n in range(number, number + len(self.widths))]
            number += len(kept)
            if any(kept):
                answers = iter(self._answers(projector, maps.of_learner(tap, grid), kept))
            for wanted, other in zip(kept, self.guide_taps, strict=True):
                gaps.append(
                    gap(next(answers), maps.of_guide(other, grid))
                    if wanted
                    else _nothing(learner, projector)
                )
        return torch.stack(gaps, -1)

    def _answers(
        self, projector: nn.Module, source: Float[Tensor, "T B C h w"], kept: Sequence[bool]
    ) -> tuple[Tensor, ...]:
        """The maps for the guide layers that are kept, from one convolution for all of them."""
        assert isinstance(projector, GroupedProjector)
        *hidden, conv = projector
        maps = source.flatten(0, 1)
        for layer in hidden:
            maps = layer(maps)
        rows = zip(conv.get_parameter("weight").split(self.widths), kept, strict=True)
        weights = [row for row, wanted in rows if wanted]
        answers = F.conv2d(maps, torch.cat(weights)).unflatten(0, source.shape[:2])
        return answers.split([len(weight) for weight in weights], 2)


class _Pooled:
    """The maps of two runs on the grids where they meet, each pooled once."""

    def __init__(self, learner: Trace, guide: Trace, pool: Pool) -> None:
        self.learner, self.guide, self.pool = learner, guide, pool
        self.mine: dict[tuple[str, tuple[int, int]], Tensor] = {}
        self.theirs: dict[tuple[str, tuple[int, int]], Tensor] = {}

    def of_learner(self, tap: str, grid: tuple[int, int]) -> Float[Tensor, "T B C h w"]:
        if (tap, grid) not in self.mine:
            self.mine[tap, grid] = self.pool(self.learner[tap], grid)
        return self.mine[tap, grid]

    def of_guide(self, tap: str, grid: tuple[int, int]) -> Float[Tensor, "T B D h w"]:
        if (tap, grid) not in self.theirs:
            self.theirs[tap, grid] = mean_to_grid(self.guide[tap], grid)
        return self.theirs[tap, grid]


def _meeting(grids: Sequence[tuple[int, ...]], finest: int | None) -> tuple[int, int]:
    """The grid on which several maps meet: the smallest of theirs, and no finer than allowed."""
    if finest is not None:
        if finest < 1:
            raise ValueError(
                f"maps meet on a grid of at least 1 x 1; got grid={finest}, give 1 or more"
            )
        grids = [*grids, (finest, finest)]
    return reduce(common_grid, grids[1:], common_grid(grids[0], grids[0]))


def _nothing(learner: Trace, *unused: nn.Module) -> Float[Tensor, "T B"]:
    """The gap of a pair that is skipped: 0, with a gradient of 0 for what was not used."""
    parameters = [parameter for module in unused for parameter in module.parameters()]
    zeros: Tensor = _Nothing.apply(learner.outputs, *parameters)  # type: ignore[assignment]
    return zeros


class _Nothing(torch.autograd.Function):
    """Zeros `[T, B]` that depend on parameters, without reading them."""

    @staticmethod
    def forward(ctx: Any, outputs: Tensor, *parameters: Tensor) -> Tensor:
        ctx.save_for_backward(*parameters)
        return torch.zeros(outputs.shape[:2], device=outputs.device)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return None, *(torch.zeros_like(parameter) for parameter in ctx.saved_tensors)


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
