"""Accuracy after every number of steps: what a network answers when it is stopped early."""

from __future__ import annotations

from dataclasses import dataclass, field

from jaxtyping import Int, Shaped
from torch import Tensor

from spikedistill.core.errors import SpikedistillError


def right_answers(
    outputs: Shaped[Tensor, "T B *rest K"], targets: Shaped[Tensor, "B *rest"], top: int = 1
) -> Int[Tensor, "T B *rest"]:
    """Whether the answer after T' steps is right, for every T' <= T, `[T, B]` of 0 and 1.

    The answer after T' steps is the mean of the first T' outputs. A network in evaluation mode
    sees no later step, so one run of T steps gives the answers of all shorter runs.

    Args:
        outputs: `[T, B, ..., K]`.
        targets: class indices `[B, ...]`.
        top: how many of the best classes count as an answer.

    Example:
        >>> import torch
        >>> outputs = torch.tensor([[[1.0, 0.0]], [[0.0, 3.0]]])   # T = 2, B = 1, K = 2
        >>> right_answers(outputs, torch.tensor([1])).tolist()     # wrong after 1 step, right after 2
        [[0], [1]]

    Raises:
        SpikedistillError: if there are fewer classes than `top`.
    """  # noqa: E501
    if not 1 <= top <= outputs.shape[-1]:
        raise SpikedistillError(
            f"top-{top} accuracy needs at least {top} classes and top >= 1; the outputs have "
            f"{outputs.shape[-1]} classes"
        )
    # the sum over the first steps orders the classes as their mean does
    summed = outputs.double().cumsum(0)
    if top == 1:
        return (summed.argmax(-1) == targets).long()
    best = summed.topk(top, -1).indices
    return (best == targets.unsqueeze(-1)).any(-1).long()


@dataclass
class AccuracyOverTime:
    """Accuracy at every T' <= T, over as many batches as are shown.

    Example:
        >>> import torch
        >>> meter = AccuracyOverTime()
        >>> meter.update(torch.eye(4).unsqueeze(0), torch.tensor([0, 1, 2, 0]))
        >>> meter.shares
        [0.75]
    """

    top: int = 1
    """How many of the best classes count as an answer."""
    count: int = 0
    """Answers so far."""
    right: Tensor | None = field(default=None, repr=False)
    """Right answers so far for every T', `[T]`."""

    def update(
        self, outputs: Tensor, targets: Tensor, mask: Shaped[Tensor, "B L"] | None = None
    ) -> None:
        """Count one batch.

        Args:
            outputs: `[T, B, ..., K]`.
            targets: class indices `[B, ...]`, or class probabilities `[B, ..., K]`, whose largest
                counts.
            mask: which answers count, `[B, L]`; None: all.

        Raises:
            SpikedistillError: if the batch has another number of steps than those before.
        """
        if targets.is_floating_point():
            targets = targets.argmax(-1)
        hits = right_answers(outputs, targets, self.top).flatten(1)
        if mask is not None:
            hits = hits[:, mask.flatten().bool()]
        if self.right is not None and len(self.right) != len(hits):
            raise SpikedistillError(
                f"this batch ran {len(hits)} steps and those before {len(self.right)}; use one "
                "meter for each number of steps"
            )
        counted = hits.sum(1)
        self.right = counted if self.right is None else self.right + counted
        self.count += hits.shape[1]

    @property
    def shares(self) -> list[float]:
        """Accuracy in [0, 1] after 1, 2, ..., T steps."""
        if self.right is None or not self.count:
            return []
        return [int(right) / self.count for right in self.right]


def accuracies(outputs: Tensor, targets: Tensor, top: int = 1) -> list[float]:
    """Accuracy in [0, 1] after 1, 2, ..., T steps, from `[T, B, ..., K]` and `[B, ...]`."""
    meter = AccuracyOverTime(top)
    meter.update(outputs, targets)
    return meter.shares
