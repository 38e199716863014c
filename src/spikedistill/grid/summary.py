"""Cells that differ in the seed only, as one mean with its spread."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spikedistill.costs.energy import CONVENTION, Preset, energy_of_row
from spikedistill.grid.figures import Figure, Spread, difference
from spikedistill.grid.points import Point


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


def pooled(found: Iterable[Group]) -> Spread | None:
    """The spread of accuracy between seeds, from all groups of a table."""
    return Spread.pooled([group.accuracy for group in found])


def visible(found: Collection[Group], spread: Spread | None) -> list[str]:
    """What a table can tell apart, as a sentence for its page; none where no spread is known."""
    return [spread.told(max(group.accuracy.count for group in found))] if spread else []


def against(group: Group, base: Group | None, spread: Spread | None) -> str:
    """The difference of two groups in accuracy; empty where there is no other group."""
    if base is None or base is group:
        return ""
    return difference(group.accuracy, base.accuracy, spread)
