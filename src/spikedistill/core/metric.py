"""The protocol: a metric says how good the answers of a network are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from spikedistill.core.trace import Batch, Trace


class Metric(ABC):
    """One figure over all samples that it is shown.

    It sees one answer for each sample and knows nothing of time: whoever evaluates keeps one
    metric for each number of steps, and shows it the answers after so many steps. Where the batch
    has a mask, what it leaves out must not count.
    """

    name: ClassVar[str]
    """As tables and rows call it."""
    unit: ClassVar[str] = "%"
    """`%` for a share of 100; empty for a plain number."""
    higher_is_better: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ()
    """Taps that it must see beside the outputs."""

    @abstractmethod
    def update(self, answer: Trace, batch: Batch) -> None:
        """Take in one batch: the trace of so many steps, whose `logits` are the answer.

        Raises:
            SpikedistillError: if answers and targets do not fit.
        """

    @abstractmethod
    def value(self) -> float:
        """The figure, in its unit; NaN where nothing was shown."""
