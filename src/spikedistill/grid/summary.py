"""Cells that differ in the seed only, as one mean with its spread."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from spikedistill.core.row import Row
from spikedistill.costs.energy import CONVENTION, Preset, energy_of_row
from spikedistill.grid.figures import Figure, Spread, difference
from spikedistill.grid.points import Point


@dataclass(frozen=True)
class Group:
    """All seeds of one place in the grid."""

    labels: Mapping[str, Any]
    cells: tuple[dict[str, Any], ...]

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """The student's row for every seed."""
        return tuple(Row.from_plain(cell["row"]) for cell in self.cells)

    def figure(self, name: str) -> Figure | None:
        """A number of the rows of the table; `score` is the main metric after all T steps."""
        values = [energy_uj(row) if name == "energy_uj" else getattr(row, name)
                  for row in self.rows]  # fmt: skip
        known = [value for value in values if value is not None]
        return Figure.of(known) if known else None

    @property
    def score(self) -> Figure:
        """The main metric on the test split after all T steps."""
        found = self.figure("score")
        assert found is not None
        return found

    def at(self, step: int) -> Figure | None:
        """The main metric after `step` steps; None where a seed has none there."""
        values = [row.curve[step - 1] for row in self.rows if step <= len(row.curve)]
        if len(values) < len(self.rows) or any(value is None for value in values):
            return None
        return Figure.of([value for value in values if value is not None])


def heading(found: Iterable[Group]) -> str:
    """What heads a column of scores: `accuracy, %`."""
    row = next((row for group in found for row in group.rows if row.metric), None)
    if row is None:
        return "accuracy, %"
    return f"{row.metric}, {row.unit}" if row.unit else row.metric


def titled(found: Iterable[Group]) -> str:
    """The metric of a table as a title begins: `Test accuracy`."""
    return f"Test {heading(found).partition(',')[0]}"


def energy_uj(row: Row, preset: Preset = CONVENTION) -> float | None:
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


def pooled(found: Iterable[Group]) -> Spread | None:
    """The spread of scores between seeds, from all groups of a table."""
    return Spread.pooled([group.score for group in found])


def visible(found: Collection[Group], spread: Spread | None) -> list[str]:
    """What a table can tell apart, as a sentence for its page; none where no spread is known."""
    return [spread.told(max(group.score.count for group in found))] if spread else []


def against(group: Group, base: Group | None, spread: Spread | None) -> str:
    """The difference of two groups in the main metric; empty where there is no other group."""
    if base is None or base is group:
        return ""
    return difference(group.score, base.score, spread)
