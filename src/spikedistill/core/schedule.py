"""Weights that change over a phase."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Literal

from spikedistill.core.choices import choices_checked
from spikedistill.core.errors import SpikedistillError


@choices_checked
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


@dataclass(frozen=True)
class Pieces:
    """Schedules one after the other; between two of them the last value stays.

    Example:
        >>> up, down = Schedule(0.0, 1.0, until=0.25), Schedule(1.0, 0.0, begin=0.5)
        >>> weight = Pieces((up, down))
        >>> [weight(progress) for progress in (0.0, 0.25, 0.4, 0.75, 1.0)]
        [0.0, 1.0, 1.0, 0.5, 0.0]
    """

    pieces: tuple[Schedule, ...]

    def __post_init__(self) -> None:
        for one, other in itertools.pairwise(self.pieces):
            if one.until > other.begin:
                raise ValueError(
                    "the pieces of a schedule follow one another, and one runs until "
                    f"{one.until} while the next begins at {other.begin}; move one of the two"
                )
        if not self.pieces:
            raise ValueError("a schedule of several pieces needs at least one")

    def __call__(self, progress: float) -> float:
        """The value at `progress`, a share of the phase in [0, 1]."""
        begun = [piece for piece in self.pieces if piece.begin <= progress]
        return (begun[-1] if begun else self.pieces[0])(progress)


Weight = float | Schedule | Pieces
"""A number, or one that changes over a phase."""


def refuse_weight(weight: Weight) -> None:
    """Refuse a weight that is below 0 anywhere, or no number.

    Raises:
        SpikedistillError: with the number.

    Example:
        >>> refuse_weight(Schedule(0.0, -2.0))
        Traceback (most recent call last):
            ...
        spikedistill.core.errors.SpikedistillError: a weight is 0 or more, and this one becomes -2.0; a loss is minimised, so give how much it counts
    """  # noqa: E501
    pieces = weight.pieces if isinstance(weight, Pieces) else (weight,)
    ends = [
        end
        for one in pieces
        for end in ((one.start, one.end) if isinstance(one, Schedule) else (one,))
    ]
    wrong = next((end for end in ends if not 0 <= end < math.inf), None)
    if wrong is not None:
        word = "becomes" if isinstance(weight, Schedule | Pieces) else "is"
        raise SpikedistillError(
            f"a weight is 0 or more, and this one {word} {wrong}; a loss is minimised, so give how "
            "much it counts"
        )


def at(weight: Weight, progress: float) -> float:
    """The value of a weight that may be a number or a schedule."""
    return weight(progress) if isinstance(weight, Schedule | Pieces) else weight
