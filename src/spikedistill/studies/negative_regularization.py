"""What a fixed hint costs or brings: every pair of layers against no hint, all pairs, and SASTC.

The heat map that motivates SASTC (Hong & Wang, AAAI 2025): a student learns from one teacher layer
at one of its own, for every such pair. A pair that ends below "no hint" regularises negatively.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spikedistill.grid.figures import Spread
from spikedistill.grid.points import Point, seeded
from spikedistill.grid.summary import Group, against, groups, heading, pooled, titled
from spikedistill.pages.charts import plot_heat
from spikedistill.pages.page import Page, Picture, Table
from spikedistill.recipes.schema import Recipe
from spikedistill.studies._registry import Study
from spikedistill.studies._terms import compared_taps, terms

NONE, LAYERWISE, SASTC = "no hint", "layer by layer", "SASTC"


def _points(recipe: Recipe, seeds: int) -> list[Point]:
    """Every fixed pair, no hint, layer by layer, and SASTC, for each seed."""
    found, layers = [], None
    for one in seeded(recipe, seeds):
        parts = terms(one, "negative-regularization")
        layers = layers or compared_taps(parts)
        students, teachers = layers
        found += [
            parts.point({"hint": NONE}, parts.plain),
            parts.point({"hint": LAYERWISE}, parts.with_core(attention="diagonal")),
            parts.point({"hint": SASTC}, parts.whole),
        ]
        found += [
            parts.point({"hint": f"{i} from {j}"}, parts.with_hint({i: j}))
            for i in students
            for j in teachers
        ]
    return found


def _page(cells: Sequence[tuple[Point, dict[str, Any]]], folder: Path) -> Page:
    """A table of all hints, and the heat map where every pair is there."""
    found = {group.labels["hint"]: group for group in groups(cells)}
    made = Page("negative-regularization", "Negative regularisation by fixed layer pairs")
    none = found.get(NONE)
    every = found.values()
    spread = pooled(every)
    rows = [_row(name, group, none, spread) for name, group in found.items()]
    made.parts.append(
        Table(f"{titled(every)} after all T steps, last epoch", ("hint", heading(every), "seeds",
              f"against {NONE!r}"), rows)
    )  # fmt: skip
    if spread is not None and none is not None:
        made.parts.append(spread.told(none.score.count))
    pairs = {name: group for name, group in found.items() if " from " in name}
    picture = _heat(pairs, none, folder / "heat.png")
    if picture is not None:
        made.parts.append(picture)
    return made


def _row(name: str, group: Group, none: Group | None, spread: Spread | None) -> list[str]:
    accuracy = group.score
    return [name, accuracy.text(), str(accuracy.count), against(group, none, spread)]


def _heat(pairs: dict[str, Group], none: Group | None, path: Path) -> Picture | None:
    split = {name: tuple(name.split(" from ")) for name in pairs}
    students = sorted({i for i, _ in split.values()})
    teachers = sorted({j for _, j in split.values()})
    if not pairs or len(pairs) < len(students) * len(teachers):
        return None
    values = [[pairs[f"{i} from {j}"].score.mean for j in teachers] for i in students]
    base = None if none is None else none.score.mean
    plot_heat(values, students, teachers, path, "teacher layer", "student layer",
              "test accuracy, %; white: as without a hint", base)  # fmt: skip
    return Picture(path.name, "Accuracy of the student by pair of layers: " + "; ".join(
        f"{name} {group.score.text()} %" for name, group in pairs.items()))  # fmt: skip


STUDY = Study(_points, _page)
