"""Cells that differ in the seed only, as one mean with its spread."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spikedistill.grid.points import Point
from spikedistill.metrics.energy import CONVENTION, Preset
from spikedistill.report.cost import energy_of_row


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
class Group:
    """All seeds of one place in the grid."""

    labels: Mapping[str, Any]
    cells: tuple[dict[str, Any], ...]

    def figure(self, name: str) -> Figure | None:
        """A number of the rows of the table; `accuracy` is that after all T steps, in percent."""
        values = [_value(cell["row"], name) for cell in self.cells]
        known = [value for value in values if value is not None]
        return Figure.of(known) if known else None

    @property
    def accuracy(self) -> Figure:
        """Percent of right answers on the test split after all T steps."""
        found = self.figure("accuracy")
        assert found is not None
        return found


def _value(row: Mapping[str, Any], name: str) -> float | None:
    if name == "accuracy":
        return row["accuracy"][-1] if row["accuracy"] else None
    if name == "energy_uj":
        return energy_uj(row)
    return row.get(name)


def energy_uj(row: Mapping[str, Any], preset: Preset = CONVENTION) -> float | None:
    """Energy of one inference in µJ, from the operations in the row of a network."""
    energy = energy_of_row(row, preset)
    return None if energy is None else 1e-6 * energy


def groups(cells: Sequence[tuple[Point, dict[str, Any]]]) -> list[Group]:
    """One group for each place, in the order of appearance."""
    found: dict[tuple[tuple[str, Any], ...], list[tuple[Point, dict[str, Any]]]] = {}
    for point, cell in cells:
        found.setdefault(tuple(point.labels.items()), []).append((point, cell))
    return [
        Group(members[0][0].labels, tuple(cell for _, cell in members))
        for members in found.values()
    ]


def visible(spread: float, first: int, second: int) -> float:
    """The smallest difference of two means over seeds that counts as seen: two standard errors.

    Args:
        spread: standard deviation between seeds.
        first: seeds of one mean.
        second: seeds of the other.

    Example:
        >>> round(visible(1.0, 2, 2), 3)
        2.0
    """
    return 2 * spread * math.sqrt(1 / first + 1 / second)


def seen_from(spread: float, count: int) -> str:
    """What a table of means over `count` seeds each can tell apart, as a sentence."""
    return (
        f"Spread between seeds, pooled over the table: {spread:.2f} points. Two means of {count} "
        f"seeds each are told apart from {visible(spread, count, count):.2f} points on (two "
        "standard errors; bold)."
    )


def pooled(figures: Sequence[Figure]) -> float | None:
    """One spread from several groups of seeds; None where every group has one seed."""
    several = [figure for figure in figures if figure.spread is not None]
    degrees = sum(figure.count - 1 for figure in several)
    if not degrees:
        return None
    squares = sum((figure.count - 1) * (figure.spread or 0.0) ** 2 for figure in several)
    return math.sqrt(squares / degrees)


def difference(one: Figure, other: Figure, spread: float | None = None) -> str:
    """How much `one` lies above `other`; in bold where that exceeds the spread.

    Args:
        one: a mean.
        other: what it is compared with.
        spread: standard deviation between seeds; default pooled from the two.

    Example:
        >>> difference(Figure.of([75.0, 74.0]), Figure.of([70.0, 71.0]))
        '**+4.00**'
        >>> difference(Figure.of([75.0, 71.0]), Figure.of([70.0, 74.0]))
        '+1.00'
        >>> difference(Figure.of([75.0]), Figure.of([70.0]))
        '+5.00 ?'
    """
    text = f"{one.mean - other.mean:+.2f}"
    known = pooled([one, other]) if spread is None else spread
    if known is None:
        return f"{text} ?"
    clear = abs(one.mean - other.mean) > visible(known, one.count, other.count)
    return f"**{text}**" if clear else text


def against(group: Group, base: Group | None, spread: float | None = None) -> str:
    """The difference of two groups in accuracy; empty where there is no other group."""
    if base is None or base is group:
        return ""
    return difference(group.accuracy, base.accuracy, spread)
