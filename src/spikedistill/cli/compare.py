"""`spikedistill compare`: recipes and sets of losses under one protocol, over several seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spikedistill.cli._grid import Cells, GridOut, GridResults, Quiet, ReadOnly, Seeds, do, kept
from spikedistill.cli._options import AsJson, DataDir
from spikedistill.cli._shield import shielded

NAME = "compare"
EXAMPLE = (
    "spikedistill compare digits-sastc losses=cross_entropy losses=cross_entropy+logit_kd --seeds 3"
)


@shielded
def command(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="RECIPE... [losses=A+B]... [KEY.PATH=VALUE]...",
            help="Recipes; sets of losses instead of the recipes' own; changes to all recipes.",
        ),
    ],
    seeds: Seeds = 3,
    out: GridOut = None,
    results: GridResults = None,
    data_dir: DataDir = None,
    cells: Cells = None,
    dry_run: ReadOnly = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Train every student over several seeds and print one table of means and spreads."""
    from spikedistill.core.errors import SpikedistillError
    from spikedistill.grid import compare
    from spikedistill.recipes.files import load

    names = [word for word in words if "=" not in word]
    sets = [word.removeprefix("losses=") for word in words if word.startswith("losses=")]
    changes = [word for word in words if "=" in word and not word.startswith("losses=")]
    if not names:
        raise SpikedistillError(
            f"compare got no recipe, only {' '.join(words)}; name one first, for example "
            "spikedistill compare digits-sastc losses=cross_entropy"
        )
    recipes = [load(name, changes) for name in names]
    folder = out or Path("runs") / f"compare-{'-'.join(recipe.name for recipe in recipes)}"
    store = kept(folder, results)
    do(
        compare.points(recipes, sets, seeds),
        lambda made, _: compare.page(made, recipes),
        folder,
        store,
        data_dir,
        cells,
        dry_run,
        quiet,
        as_json,
    )
