"""The mean absolute error of numbers."""

from __future__ import annotations

from torch import Tensor

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.metric import Metric
from spikedistill.core.trace import Batch, Trace


class Error(Metric):
    """The mean over all targets of |answer - target|, in units of the targets.

    Outputs are `[T, B, ...]`, targets floats `[B, ...]` of the same shape; positions that the mask
    leaves out do not count.
    """

    name = "error"
    unit = ""
    higher_is_better = False

    def __init__(self) -> None:
        self.total, self.count = 0.0, 0

    def update(self, answer: Trace, batch: Batch) -> None:
        """Take in one batch.

        Raises:
            SpikedistillError: if answers and targets have different shapes.
        """
        targets, given = batch.targets, answer.logits
        if not isinstance(targets, Tensor) or targets.shape != given.shape:
            there = list(targets.shape) if isinstance(targets, Tensor) else ", ".join(targets)
            raise SpikedistillError(
                f"the error is of answers {list(given.shape)} against targets of the same shape, "
                f"and these are {there}; name the task of the data, or other metrics"
            )
        gaps = (given.double() - targets.to(given.device).double()).abs()
        if batch.mask is not None and gaps.shape[:2] == batch.mask.shape:
            gaps = gaps[batch.mask.bool().to(gaps.device)]
        self.total += float(gaps.sum())
        self.count += gaps.numel()

    def value(self) -> float:
        """The mean error."""
        return self.total / self.count if self.count else float("nan")
