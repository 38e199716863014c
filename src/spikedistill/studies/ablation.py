"""SASTC with one part changed at a time, and the variants that are ours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spikedistill.grid.points import Point, seeded
from spikedistill.grid.summary import against, groups, heading, pooled, titled
from spikedistill.pages.page import Page, Table
from spikedistill.recipes.schema import Recipe
from spikedistill.studies._registry import Study
from spikedistill.studies._terms import Terms, labelled, terms

WHOLE = "SASTC"

OPTIONS: dict[str, dict[str, Any]] = {
    "attention uniform": {"attention": "uniform"},
    "attention one-hot, layer by layer": {"attention": "diagonal"},
    "attention detached from the gap": {"attention": "detached"},
    "temperature learned": {"temperature": "learned"},
    "temperature 0.5": {"temperature": 0.5},
    "teacher maps normalised": {"features": "normalized"},
    "attention mixed with a tenth of uniform": {"entropy_floor": 0.1},
    "pairs left out that get less than 0.15": {"skip_below": 0.15},
    "average pooling": {"pool": "average"},
    "norm at every step": {"norm_over": "batch"},
    "projector pointwise": {"projector": "pointwise"},
    "projector grouped": {"projector": "grouped"},
    "projector grouped, grid 8": {"projector": "grouped", "grid": 8},
    "projector shared": {"projector": "shared"},
}
"""What is changed -> the options of `sastc` that change it."""


def _points(recipe: Recipe, seeds: int) -> list[Point]:
    """The whole method, each change, and each term left out, for each seed."""
    found = []
    for one in seeded(recipe, seeds):
        parts = labelled(terms(one, "ablation"), "ablation")
        found += [parts.point({"change": name}, losses) for name, losses in _sets(parts).items()]
    return found


def _sets(parts: Terms) -> dict[str, Any]:
    left_out = {
        "without SASTC": parts.plain,
        f"without {parts.plain_name[2:]}": (*parts.labels, parts.core),
    }
    return {
        WHOLE: parts.whole,
        **(left_out if parts.answers else {}),
        "labels only": parts.labels,
        **{name: parts.with_core(**options) for name, options in OPTIONS.items()},
    }


def _page(cells: Sequence[tuple[Point, dict[str, Any]]], folder: Path) -> Page:
    """One table: accuracy and cost of each change, against the whole method."""
    found = {group.labels["change"]: group for group in groups(cells)}
    made = Page("ablation", "SASTC with one part changed")
    spread = pooled(found.values())
    whole, rows = found.get(WHOLE), []
    for name, group in found.items():
        lost = against(group, whole, spread)
        seconds = group.figure("train_seconds")
        minutes = "" if seconds is None else f"{seconds.mean / 60:.1f}"
        rows.append([name, group.score.text(), str(group.score.count), lost, minutes])
    columns = ("student", heading(found.values()), "seeds", "against SASTC", "training, min")
    made.parts.append(
        Table(f"{titled(found.values())} after all T steps, last epoch", columns, rows)
    )
    if spread is not None and whole is not None:
        made.parts.append(spread.told(whole.score.count))
    return made


STUDY = Study(_points, _page)
