"""How many time steps: a student for each T, every T' <= T of one student, and early exit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spikedistill.grid.figures import Figure
from spikedistill.grid.points import Look, Point, changed, seeded
from spikedistill.grid.summary import Group, groups, heading, titled
from spikedistill.pages.charts import plot_lines
from spikedistill.pages.page import Page, Picture, Table
from spikedistill.pages.table import compact
from spikedistill.recipes.schema import Recipe
from spikedistill.studies._early_exit import early_exit
from spikedistill.studies._registry import Study
from spikedistill.studies._stopped import stopped
from spikedistill.studies._terms import terms, validated

STEPS = (1, 2, 3, 4, 6, 7)


def _points(recipe: Recipe, seeds: int) -> list[Point]:
    """The student of the recipe, all its losses, with every number of steps, for each seed."""
    validated(recipe, "timesteps")
    found = []
    for one in seeded(recipe, seeds):
        for steps in STEPS:
            parts = terms(_with_steps(one, steps), "timesteps")
            looks = {"early_exit": Look(afterwards=early_exit), "stopped": Look(afterwards=stopped)}
            found.append(parts.point({"T": steps}, parts.whole, **looks))
    return found


def _with_steps(recipe: Recipe, steps: int) -> Recipe:
    """The recipe with another T for its last student; of recordings, for all that see frames."""
    last = recipe.phases[-1]
    seats = [(len(recipe.phases) - 1, last.student)]
    changes: dict[str, int] = {}
    if recipe.encoder == "frames":
        changes["data__timesteps"] = steps
        frames = last.roles[last.student].timesteps
        seats += [(number, name) for number, phase in enumerate(recipe.phases)
                  for name, role in phase.roles.items() if role.timesteps == frames]  # fmt: skip
    changes |= {f"phases__{number}__roles__{name}__timesteps": steps for number, name in seats}
    return changed(recipe, **changes)


def _page(cells: Sequence[tuple[Point, dict[str, Any]]], folder: Path) -> Page:
    """What each T reaches and costs, what each student answers earlier, and early exit."""
    found = {group.labels["T"]: group for group in groups(cells)}
    made = Page("timesteps", "Time steps, energy and early exit")
    made.parts += [_cost(found), _earlier(found), _stopped(found), _exits(found)]
    trained = {
        "a student for each T": [
            (float(t), group.score.mean, group.score.spread) for t, group in found.items()
        ]
    }
    if found:
        last = max(found)
        trained[f"the student of T = {last} stopped at T'"] = [
            (float(step), figure.mean, figure.spread)
            for step in range(1, last + 1)
            if (figure := found[last].at(step)) is not None
        ]
        trained[f"its early exit, mean steps (T = {last})"] = [
            (row["steps"].mean, row["accuracy"].mean, row["accuracy"].spread)
            for row in _curve(found[last])
        ]
        path = folder / "timesteps.png"
        plot_lines(trained, path, "time steps", f"test {heading(found.values())}")
        made.parts.append(
            Picture(path.name, f"{titled(found.values())} over the number of time steps")
        )
    return made


def _cost(found: dict[int, Group]) -> Table:
    rows = []
    for steps, group in found.items():
        rate, energy = group.figure("firing_rate"), group.figure("energy_uj")
        synops, seconds = group.figure("synops"), group.figure("train_seconds")
        rows.append([
            str(steps),
            group.score.text(),
            str(group.score.count),
            "" if rate is None else rate.text(3),
            "" if synops is None else compact(synops.mean),
            "" if energy is None else energy.text(2),
            "" if seconds is None else f"{seconds.mean / 60:.1f}",
        ])  # fmt: skip
    columns = (
        "T",
        heading(found.values()),
        "seeds",
        "firing rate",
        "SynOps",
        "energy, µJ",
        "training, min",
    )
    caption = (
        "A student for each T (energy of an inference: 4.6 pJ for a multiply-add, 0.9 pJ for an "
        "accumulation; the stem is computed once)"
    )
    return Table(caption, columns, rows)


def _at(group: Group, step: int) -> str:
    figure = group.at(step + 1)
    return "-" if figure is None else figure.text()


def _earlier(found: dict[int, Group]) -> Table:
    most = max(found, default=1)
    rows = [
        [str(t), *(_at(group, step) if step < t else "" for step in range(most))]
        for t, group in found.items()
    ]
    columns = ("trained with T", *(f"T' = {step + 1}" for step in range(most)))
    metric = titled(found.values()).removeprefix("Test ").capitalize()
    return Table(f"{metric} in % of the same student stopped after T' steps", columns, rows)


def _stopped(found: dict[int, Group]) -> Table:
    """What the student of most steps costs when it is stopped earlier."""
    most, rows = max(found, default=1), []
    for step in range(most if found else 0):
        group = found[most]
        looks = [cell["looks"]["stopped"][step] for cell in group.cells]
        rate, synops, energy = (
            Figure.of([look[name] for look in looks])
            for name in ("firing_rate", "synops", "energy_pj")
        )
        rows.append([
            str(step + 1), _at(group, step), rate.text(3), compact(synops.mean),
            f"{1e-6 * energy.mean:.2f}",
        ])  # fmt: skip
    columns = ("T'", heading(found.values()), "firing rate", "SynOps", "energy, µJ")
    return Table(f"The student of T = {most} stopped after T' steps, and its costs", columns, rows)


def _curve(group: Group) -> list[dict[str, Figure]]:
    """Mean steps and accuracy at every threshold of the early exit."""
    curves = [cell["looks"]["early_exit"]["curve"] for cell in group.cells]
    return [
        {name: Figure.of([line[name] for line in lines]) for name in ("steps", "accuracy")}
        for lines in zip(*curves, strict=True)
    ]


def _exits(found: dict[int, Group]) -> Table:
    rows = []
    for steps, group in found.items():
        if steps == 1:
            continue
        chosen = [cell["looks"]["early_exit"]["chosen"] for cell in group.cells]
        figures = {
            name: Figure.of([line[name] for line in chosen])
            for name in ("threshold", "steps", "accuracy")
        }
        rows.append([
            str(steps), group.score.text(), figures["accuracy"].text(),
            figures["steps"].text(), figures["threshold"].text(),
        ])  # fmt: skip
    columns = ("T", "all steps, %", "early exit, %", "mean steps", "threshold")
    caption = (
        "Early exit: stop when the mean of the answers so far is surer than a threshold, the one "
        "that saved most on the validation split at a loss of at most half a point there"
    )
    return Table(caption, columns, rows)


STUDY = Study(_points, _page)
