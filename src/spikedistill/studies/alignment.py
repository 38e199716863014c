"""How well student and teacher layers fit while they train, and where the attention goes.

STM (`explain.stm_score`) after every epoch for a fixed layer-by-layer hint, for uniform attention
and for SASTC, each under its own weights and under those of the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spikedistill.grid.figures import CLEAR, Figure, Spread
from spikedistill.grid.points import Look, Point, seeded
from spikedistill.grid.summary import Group, against, groups, heading, pooled, visible
from spikedistill.pages.charts import plot_lines, plot_maps
from spikedistill.pages.page import Page, Picture, Table
from spikedistill.recipes.schema import Recipe
from spikedistill.studies._alignment import alignment, score
from spikedistill.studies._registry import Study
from spikedistill.studies._terms import terms, validated

LAYERWISE, UNIFORM, SASTC = "layer by layer", "uniform", "SASTC"
WEIGHTS = ("own", "diagonal", "uniform")


def _points(recipe: Recipe, seeds: int) -> list[Point]:
    """The three ways to weigh layer pairs, for each seed, looked at after every epoch."""
    validated(recipe, "alignment")
    found = []
    look = Look(each_epoch=alignment)
    for one in seeded(recipe, seeds):
        parts = terms(one, "alignment")
        ways = {
            LAYERWISE: parts.with_core(attention="diagonal"),
            UNIFORM: parts.with_core(attention="uniform"),
            SASTC: parts.whole,
        }
        found += [
            parts.point({"attention": name}, losses, alignment=look)
            for name, losses in ways.items()
        ]
    return found


def _page(cells: Sequence[tuple[Point, dict[str, Any]]], folder: Path) -> Page:
    """STM by epoch, STM of the finished students under all weights, and attention maps."""
    found = {group.labels["attention"]: group for group in groups(cells)}
    made = Page("alignment", "Alignment of student and teacher layers")
    spread = pooled(found.values())
    made.parts += [_final(found, spread), *visible(found.values(), spread), _epochs(found)]
    if found:
        lines = {
            name: [
                (epoch + 1.0, figure.mean, figure.spread)
                for epoch, figure in enumerate(_by_epoch(group, "own"))
            ]
            for name, group in found.items()
        }
        plot_lines(lines, folder / "stm.png", "epoch", "ln STM, each under its own weights")
        made.parts.append(Picture("stm.png", "ln STM after every epoch; lower is better aligned"))
    if SASTC in found:
        made.parts += _maps(found[SASTC], folder / "attention.png")
    return made


def _by_epoch(group: Group, weights: str) -> list[Figure]:
    """The logarithm of STM after every epoch."""
    runs = [
        [math.log(score(look, weights)) for look in cell["looks"]["alignment"]]
        for cell in group.cells
    ]
    return [Figure.of(values) for values in zip(*runs, strict=True)]


def _final(found: dict[str, Group], spread: Spread | None) -> Table:
    base = found.get(UNIFORM)
    rows = []
    for name, group in found.items():
        gained = against(group, base, spread)
        scores = [_by_epoch(group, weights)[-1].text(3) for weights in WEIGHTS]
        rows.append([name, group.score.text(), str(group.score.count), gained, *scores])
    columns = ("attention", heading(found.values()), "seeds", "against uniform",
               *(f"ln STM, {name} weights" for name in WEIGHTS))  # fmt: skip
    return Table(f"Students after the last epoch; {CLEAR}", columns, rows)


def _epochs(found: dict[str, Group]) -> Table:
    lines = {name: _by_epoch(group, "own") for name, group in found.items()}
    count = max((len(values) for values in lines.values()), default=0)
    rows = [[name, *(value.text(3) for value in values)] for name, values in lines.items()]
    columns = ("attention", *(f"epoch {epoch + 1}" for epoch in range(count)))
    return Table("ln STM under its own weights, epoch by epoch", columns, rows)


def _maps(group: Group, path: Path) -> list[str | Table | Picture]:
    """The attention of the first seed over training, and where it ended for every seed."""
    looks = group.cells[0]["looks"]["alignment"]
    every = max(1, (len(looks) + 5) // 6)
    shown = sorted({*range(0, len(looks), every), len(looks) - 1})
    maps = [looks[epoch]["attention"] for epoch in shown]
    steps = [f"t = {step + 1}" for step in range(len(maps[0]))]
    plot_maps(maps, [f"epoch {epoch + 1}" for epoch in shown], steps, path, "teacher layer",
              "student layer")  # fmt: skip
    last = [cell["looks"]["alignment"][-1]["attention"] for cell in group.cells]
    rows = [
        [str(number), str(i + 1), *(f"{value:.2f}" for value in line)]
        for number, attention in enumerate(last)
        for i, line in enumerate(attention[-1])
    ]
    columns = (
        "run",
        "student layer",
        *(f"to teacher layer {j + 1}" for j in range(len(rows[0]) - 2)),
    )
    return [
        Picture(path.name, "Mean attention of SASTC at each time step, over training, first seed"),
        Table("Attention of SASTC at the last step after the last epoch", columns, rows),
    ]


STUDY = Study(_points, _page)
