"""Recipes and sets of losses side by side: one table of means over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spikedistill.build.cells import cells
from spikedistill.core.errors import SpikedistillError, suggest
from spikedistill.grid.figures import CLEAR, Spread
from spikedistill.grid.points import Point, alone, seeded
from spikedistill.grid.summary import (
    Group,
    against,
    energy_uj,
    groups,
    heading,
    pooled,
    titled,
    visible,
)
from spikedistill.methods import METHODS
from spikedistill.pages.page import Page, Table
from spikedistill.pages.table import compact, duration, label
from spikedistill.recipes import parts
from spikedistill.recipes.loss_entry import LossEntry, read_loss
from spikedistill.recipes.schema import Recipe


def points(recipes: Sequence[Recipe], sets: Sequence[str], seeds: int) -> list[Point]:
    """Every student of every recipe, for each seed.

    Args:
        recipes: each with its own first seed.
        sets: sets of losses, `cross_entropy+logit_kd`, instead of those in the recipes.
        seeds: how many seeds.

    Raises:
        SpikedistillError: if a set names a loss that does not exist or that a recipe has no
            teacher for, or two recipes have one name.
    """
    names = [recipe.name for recipe in recipes]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise SpikedistillError(
            f"{names.count(twice)} recipes are called {twice!r}, and rows of a table go by that "
            "name; give the recipe once, or each file another `name:`"
        )
    found = []
    for recipe in recipes:
        for one in seeded(recipe, seeds):
            for name, losses in _variants(one, sets).items():
                labels = {"recipe": recipe.name, "student": name}
                found.append(Point(labels, alone(one, losses)))
    return found


def _variants(recipe: Recipe, sets: Sequence[str]) -> dict[str, tuple[LossEntry, ...]]:
    """Name -> losses; those of the recipe's last phase, or the sets that were asked for.

    Where two students have losses of the same names, all but the main one are called by their own.
    """
    last = recipe.phases[-1]
    own = [cell for cell in cells(recipe) if cell.phase.name == last.name]
    if not sets:
        names = [_name(cell.losses) for cell in own]
        return {
            name if cell.main or names.count(name) == 1 else f"{name} ({cell.name})": cell.losses
            for name, cell in zip(names, own, strict=True)
        }
    known = {loss.name: loss for cell in own for loss in cell.losses}
    return {text: tuple(_loss(name, known) for name in text.split("+")) for text in sets}


def _name(losses: Sequence[LossEntry]) -> str:
    return "+".join(loss.name for loss in losses)


def _loss(name: str, known: Mapping[str, LossEntry]) -> LossEntry:
    """A loss as the recipe sets it, else with its defaults.

    Raises:
        SpikedistillError: if there is no such method.
    """
    named = known.get(parts.term_name(name))
    if named is not None and name in (named.name, named.method):
        return named
    if ":" not in name and name not in METHODS.names():
        there = dict.fromkeys([*known, *METHODS.names()])
        raise SpikedistillError(
            f"there is no loss {name!r}; {suggest(name, there)}. Losses are "
            "joined by '+', as in losses=cross_entropy+logit_kd"
        )
    return read_loss(name)


def page(made: Sequence[tuple[Point, dict[str, Any]]], recipes: Sequence[Recipe]) -> Page:
    """The table; each student is compared with the first one of its recipe.

    Several recipes get a second table: how far each student lies above each other one.
    """
    claims = {recipe.name: recipe.claim for recipe in recipes}
    found, first, rows = groups(made), dict[str, Group](), []
    spread = pooled(found)
    for group in found:
        name = group.labels["recipe"]
        base = first.setdefault(name, group)
        if base is group:
            rows += _teachers(name, group)
        claim = claims.get(name)
        whole = group.labels["student"] == _name(_main(recipes, name).phases[-1].losses)
        rows.append(
            [name, _shown(group), *_numbers(group), against(group, base, spread),
             f"{claim.value:.2f}" if claim and whole else ""]
        )  # fmt: skip
    columns = ("recipe", "trained by", "T", heading(found), "seeds", "parameters", "firing rate",
               "SynOps", "MACs", "energy, µJ", "training", "against first",
               "claimed")  # fmt: skip
    caption = (
        f"{titled(found)} of the last epoch, mean and standard deviation over seeds; {CLEAR}; '?': "
        "one seed, no spread; energy of an inference by the 45 nm convention"
    )
    across = [_differences(found, spread)] if len(first) > 1 else []
    told = visible(found, spread)
    return Page("compare", "Comparison", [Table(caption, columns, rows), *told, *across])


def _differences(found: Sequence[Group], spread: Spread | None) -> Table:
    """Every student against every other one, across recipes."""
    rows = [
        [f"{number}: {group.labels['recipe']}, {_shown(group)}",
         *(against(group, other, spread) for other in found)]
        for number, group in enumerate(found, 1)
    ]  # fmt: skip
    caption = f"Points by which the student of a row lies above that of a column; {CLEAR}"
    numbers = tuple(f"- {number}" for number in range(1, len(found) + 1))
    return Table(caption, ("student", *numbers), rows)


def _shown(group: Group) -> str:
    """The losses of a student, so that a narrow table can fold them."""
    return group.labels["student"].replace("+", " + ")


def _main(recipes: Sequence[Recipe], name: str) -> Recipe:
    return next(recipe for recipe in recipes if recipe.name == name)


def _numbers(group: Group) -> list[str]:
    rate, energy = group.figure("firing_rate"), group.figure("energy_uj")
    seconds, row = group.figure("train_seconds"), group.rows[0]
    return [
        str(row.timesteps),
        group.score.text(),
        str(group.score.count),
        compact(row.parameters),
        "" if rate is None else rate.text(3),
        *_operations(group),
        "" if energy is None else f"{energy.mean:.3g}",
        "" if seconds is None else duration(seconds.mean),
    ]


def _operations(group: Group) -> list[str]:
    """Synaptic operations and multiply-adds of an inference, each the mean over seeds."""
    figures = [group.figure(name) for name in ("synops", "multiplications")]
    return ["" if figure is None else compact(figure.mean) for figure in figures]


def _teachers(recipe: str, group: Group) -> list[list[str]]:
    """A row for each network beside the student: that came trained, or was trained before it."""
    found: dict[str, list[dict[str, Any]]] = {}
    for cell in group.cells:
        for plain in cell["others"]:
            found.setdefault(plain["role"], []).append(plain)
    lines = []
    for plains in found.values():
        teacher = Group({}, tuple({"row": plain} for plain in plains))
        rows = teacher.rows
        energy = energy_uj(rows[0])
        lines.append(
            [recipe, f"({label(rows[0])})", str(rows[0].timesteps), teacher.score.text(),
             "", compact(rows[0].parameters), "", *_operations(teacher),
             "" if energy is None else f"{energy:.3g}", "", "", ""]
        )  # fmt: skip
    return lines
