"""What it costs and saves to stop each image as soon as its answer is sure.

An image stops after the first step at which the largest softmax probability of the mean of its
outputs so far exceeds a threshold, and after T steps at the latest: the rule of
`export.deploy.Deployed.early_exit`, applied to outputs that are there already.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from spikedistill.core.errors import SpikedistillError

_CANDIDATES = 1000


@dataclass(frozen=True)
class EarlyExits:
    """What one threshold does to a split."""

    threshold: float
    accuracy: float
    """Share of right answers, in [0, 1]."""
    steps: float
    """Steps that an image takes in the mean, 1 to T."""
    histogram: tuple[int, ...]
    """How many images take 1, 2, ..., T steps."""


def check_threshold(threshold: float) -> None:
    """Refuse a threshold of confidence that is none.

    Raises:
        SpikedistillError: if it is outside (0, 1].
    """
    if not 0 < threshold <= 1:
        raise SpikedistillError(
            f"the threshold of an early exit is a probability in (0, 1], not {threshold}; at 1 "
            "every image takes all steps"
        )


def early_exits(
    outputs: Float[Tensor, "T N K"], labels: Int[Tensor, "N"], thresholds: Iterable[float]
) -> list[EarlyExits]:
    """Accuracy, mean steps and histogram of steps at every threshold.

    Args:
        outputs: of every step, not their means.
        labels: class indices.
        thresholds: in (0, 1].

    Raises:
        SpikedistillError: if a threshold is outside (0, 1], or there is no image.

    Example:
        >>> outputs = torch.tensor([[[2.0, 0.0], [0.1, 0.0]], [[2.0, 0.0], [0.0, 3.0]]])
        >>> [found] = early_exits(outputs, torch.tensor([0, 1]), [0.8])
        >>> found.accuracy, found.steps, found.histogram
        (1.0, 1.5, (1, 1))
    """
    sure, right = _answers(outputs, labels)
    return [_at(sure, right, threshold) for threshold in thresholds]


def choose(
    outputs: Float[Tensor, "T N K"], labels: Int[Tensor, "N"], tolerance: float = 0.0
) -> EarlyExits:
    """The threshold that saves most and keeps the accuracy; choose it on the validation split.

    The least of the candidates whose accuracy is at most `tolerance` percentage points under that
    of all T steps. Candidates are the confidences that occur before the last step (1,000 of them,
    evenly spaced in rank, where there are more), one below all of them, and 1, which always serves.

    Args:
        outputs: of every step on the validation split, not their means.
        labels: class indices.
        tolerance: percentage points of accuracy that may be lost, at least 0.

    Raises:
        SpikedistillError: if the tolerance is negative, or there is no image.
    """
    if not tolerance >= 0:
        raise SpikedistillError(
            f"the tolerance of an early exit is a number of percentage points from 0 up, not "
            f"{tolerance}"
        )
    sure, right = _answers(outputs, labels)
    wanted = right[-1].double().mean().item() - tolerance / 100
    found = sure[:-1].unique()
    if len(found) > _CANDIDATES:
        ranks = torch.linspace(0, len(found) - 1, _CANDIDATES).round().long()
        found = found[ranks.to(found.device)]
    candidates = [*(found[:1] / 2).tolist(), *found.tolist(), 1.0]
    tried = (_at(sure, right, threshold) for threshold in candidates)
    # a higher threshold never takes fewer steps, so the first that serves saves most
    return next(one for one in tried if one.accuracy >= wanted - 1e-12)


def _answers(outputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Confidence and rightness of the answer after 1, ..., T steps, `[T, N]` each."""
    if not outputs.shape[1]:
        raise SpikedistillError("an early exit is measured on at least one sample; there is none")
    totals = list(torch.zeros_like(outputs[:1], dtype=torch.float32))
    for step in outputs:
        totals.append(totals[-1] + step.float())
    means = [total / number for number, total in enumerate(totals) if number]
    sure = torch.stack([mean.softmax(-1).amax(-1) for mean in means])
    return sure, torch.stack([mean.argmax(-1) == labels.to(mean.device) for mean in means])


def _at(sure: Tensor, right: Tensor, threshold: float) -> EarlyExits:
    check_threshold(threshold)
    steps, count = sure.shape
    leaves = sure > threshold
    leaves[-1] = True
    taken = leaves.int().argmax(0)  # the first step at which an image leaves
    hits = right.gather(0, taken.unsqueeze(0))
    return EarlyExits(
        threshold,
        hits.sum().item() / count,
        (taken + 1).sum().item() / count,
        tuple(torch.bincount(taken, minlength=steps).tolist()),
    )
