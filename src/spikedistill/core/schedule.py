"""Weights that change over a phase."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Schedule:
    """A number that goes from `start` to `end` while progress goes from `begin` to `until`.

    Example:
        >>> ramp = Schedule(start=0.0, end=100.0, until=0.1)
        >>> ramp(0.0), ramp(0.05), ramp(0.9)
        (0.0, 50.0, 100.0)
    """

    start: float
    end: float
    begin: float = 0.0
    until: float = 1.0
    shape: Literal["linear", "cosine"] = "linear"

    def __post_init__(self) -> None:
        if not 0 <= self.begin < self.until <= 1:
            raise ValueError(
                "a schedule runs from `begin` to `until`, shares of the phase with "
                f"0 <= begin < until <= 1; got begin={self.begin}, until={self.until}"
            )

    def __call__(self, progress: float) -> float:
        """The value at `progress`, a share of the phase in [0, 1]."""
        share = min(max((progress - self.begin) / (self.until - self.begin), 0.0), 1.0)
        if self.shape == "cosine":
            share = (1 - math.cos(math.pi * share)) / 2
        return self.start + (self.end - self.start) * share


def at(weight: float | Schedule, progress: float) -> float:
    """The value of a weight that may be a number or a schedule."""
    return weight(progress) if isinstance(weight, Schedule) else weight
