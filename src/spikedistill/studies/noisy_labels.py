"""Labels that are wrong: cross-entropy, logit KD and SASTC at symmetric noise of 0 to 60 %."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spikedistill.grid.figures import CLEAR, difference
from spikedistill.grid.points import Point, changed, seeded
from spikedistill.grid.summary import groups, heading, pooled, titled, visible
from spikedistill.pages.charts import plot_lines
from spikedistill.pages.page import Page, Picture, Table
from spikedistill.recipes.schema import Recipe
from spikedistill.studies._registry import Study
from spikedistill.studies._terms import labelled, terms

NOISE = (0.0, 0.2, 0.4, 0.6)
PLAIN, SASTC = "labels only", "+ SASTC"


def _points(recipe: Recipe, seeds: int) -> list[Point]:
    """Three students at every share of wrong labels, for each seed."""
    found = []
    for one in seeded(recipe, seeds):
        for share in NOISE:
            noisy = changed(one, data__label_noise=share or None)
            parts = labelled(terms(noisy, "noisy-labels"), "noisy-labels")
            students = {PLAIN: parts.labels, parts.plain_name: parts.plain, SASTC: parts.whole}
            found += [
                parts.point({"method": name, "noise": share}, losses)
                for name, losses in students.items()
                if name
            ]
    return found


def _page(cells: Sequence[tuple[Point, dict[str, Any]]], folder: Path) -> Page:
    """A table, what noise costs each method, and the lines over the noise."""
    found = {(group.labels["method"], group.labels["noise"]): group for group in groups(cells)}
    made = Page("noisy-labels", "Noisy labels")
    methods = list(dict.fromkeys(name for name, _ in found))
    shares = [share for share in NOISE if any((name, share) in found for name in methods)]
    every = found.values()
    spread = pooled(every)
    rows, lost = [], []
    for name in methods:
        have = {s: found[name, s].score for s in shares if (name, s) in found}
        rows.append([name, *(have[s].text() if s in have else "" for s in shares)])
        if 0.0 in have:
            costs = [difference(have[s], have[0.0], spread) if s in have else "" for s in shares]
            lost.append([name, *costs[1:]])
    columns = [f"{100 * share:.0f} % wrong" for share in shares]
    made.parts += [
        Table(f"{titled(every)} in %, trained on labels of which a share is wrong (symmetric; test "
              "and validation labels are clean)", ("student", *columns), rows),
        Table(f"What the noise costs, in points ({CLEAR})",
              ("student", *columns[1:]), lost),
    ]  # fmt: skip
    made.parts += visible(every, spread)
    if cells:
        made.parts.append(_teacher(cells[0][0].recipe))
    lines = {
        name: [
            (100 * s, found[name, s].score.mean, found[name, s].score.spread)
            for s in shares
            if (name, s) in found
        ]
        for name in methods
    }
    path = folder / "noise.png"
    plot_lines(lines, path, "wrong training labels, %", f"test {heading(every)}")
    made.parts.append(Picture(path.name, f"{titled(every)} over the share of wrong labels"))
    return made


def _teacher(recipe: Recipe) -> str:
    """Whose labels the teacher saw."""
    *before, last = recipe.phases
    learned = {role.network for phase in before for role in phase.roles.values() if role.trainable}
    if any(role.network in learned for role in last.roles.values() if not role.trainable):
        return "The teacher of this recipe was trained on the same wrong labels."
    return "The teacher came trained and saw none of the wrong labels."


STUDY = Study(_points, _page)
