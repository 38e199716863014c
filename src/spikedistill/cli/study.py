"""`spikedistill study`: an experiment over many trainings, and its page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spikedistill.cli._grid import Cells, GridOut, GridResults, Quiet, ReadOnly, Seeds, do, kept
from spikedistill.cli._options import AsJson, DataDir, Overrides
from spikedistill.cli._shield import shielded

NAME = "study"
EXAMPLE = "spikedistill study noisy-labels digits-sastc --seeds 3"


@shielded
def command(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="negative-regularization, alignment, noisy-labels, timesteps or ablation.",
        ),
    ],
    recipe: Annotated[
        str, typer.Argument(help="A recipe of the library, or a YAML file.")
    ] = "cifar10-study",
    overrides: Overrides = None,
    seeds: Seeds = 2,
    out: GridOut = None,
    results: GridResults = None,
    data_dir: DataDir = None,
    cells: Cells = None,
    dry_run: ReadOnly = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Run a study cell by cell: what is finished is kept and never done again."""
    from spikedistill.recipes.files import load
    from spikedistill.studies import STUDIES

    study = STUDIES.find(name)
    chosen = load(recipe, overrides or ())
    folder = out or Path("runs") / f"study-{name}-{chosen.name}"
    store = kept(folder, results)
    do(
        study.points(chosen, seeds),
        study.page,
        folder,
        store,
        data_dir,
        cells,
        dry_run,
        quiet,
        as_json,
    )
