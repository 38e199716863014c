"""Means over seeds, their spread, and which differences of them can be told from chance."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

_STUDENT = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
"""Student's t, two-sided 5 %, for 1, 2, ... degrees of freedom; the last serves for more."""
CLEAR = "bold: more than chance explains (Student's t, 5 %, spread pooled over the table)"
"""What bold means, for captions."""


@dataclass(frozen=True)
class Figure:
    """A mean over seeds."""

    mean: float
    spread: float | None
    """Standard deviation between seeds (n - 1); None for one seed."""
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Figure:
        """The figure of some values.

        Example:
            >>> Figure.of([1.0, 3.0])
            Figure(mean=2.0, spread=1.4142135623730951, count=2)
        """
        spread = statistics.stdev(values) if len(values) > 1 else None
        return cls(statistics.fmean(values), spread, len(values))

    def text(self, places: int = 2) -> str:
        """`74.38 ± 0.12`; the mean alone for one seed."""
        mean = f"{self.mean:.{places}f}"
        return mean if self.spread is None else f"{mean} ± {self.spread:.{places}f}"


@dataclass(frozen=True)
class Spread:
    """A standard deviation between seeds."""

    deviation: float
    degrees: int
    """Degrees of freedom from which it is estimated."""

    @classmethod
    def pooled(cls, figures: Sequence[Figure]) -> Spread | None:
        """One spread from several means; None where every one has one seed.

        Example:
            >>> Spread.pooled([Figure.of([1.0, 3.0]), Figure.of([5.0, 7.0])])
            Spread(deviation=1.4142135623730951, degrees=2)
        """
        several = [figure for figure in figures if figure.spread is not None]
        degrees = sum(figure.count - 1 for figure in several)
        if not degrees:
            return None
        squares = sum((figure.count - 1) * (figure.spread or 0.0) ** 2 for figure in several)
        return cls(math.sqrt(squares / degrees), degrees)

    def visible(self, first: int, second: int) -> float:
        """The smallest difference of two means that chance alone does not explain.

        `t s sqrt(1/n + 1/m)`, t the two-sided 5 % quantile of Student's t: fewer seeds, a wider
        bound.

        Args:
            first: n, seeds of one mean.
            second: m, seeds of the other.

        Example:
            >>> round(Spread(1.0, 2).visible(2, 2), 3), round(Spread(1.0, 12).visible(2, 2), 3)
            (4.303, 2.179)
        """
        quantile = _STUDENT[min(self.degrees, len(_STUDENT)) - 1]
        return quantile * self.deviation * math.sqrt(1 / first + 1 / second)

    def told(self, count: int) -> str:
        """What a table of means over `count` seeds each can tell apart, as a sentence."""
        return (
            f"Spread between seeds, pooled over the table: {self.deviation:.2f} points "
            f"({self.degrees} degrees of freedom). Two means of {count} seeds each are told apart "
            f"from {self.visible(count, count):.2f} points on (Student's t, 5 %; bold)."
        )


def difference(one: Figure, other: Figure, spread: Spread | None) -> str:
    """How much `one` lies above `other`; in bold where chance does not explain it.

    Args:
        one: a mean.
        other: what it is compared with.
        spread: between seeds; None where it is not known, which a question mark says.

    Example:
        >>> near, far = Figure.of([74.0, 75.0]), Figure.of([70.0, 71.0])
        >>> difference(near, far, Spread(0.7, 2)), difference(near, far, Spread(1.0, 2))
        ('**+4.00**', '+4.00')
        >>> difference(near, far, None)
        '+4.00 ?'
    """
    text = f"{one.mean - other.mean:+.2f}"
    if spread is None:
        return f"{text} ?"
    clear = abs(one.mean - other.mean) > spread.visible(one.count, other.count)
    return f"**{text}**" if clear else text
