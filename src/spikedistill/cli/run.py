"""`spikedistill run`: a recipe, from its data to its table."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from spikedistill.cli._options import AsJson, DataDir, Overrides, Recipe
from spikedistill.cli._shield import STOPPED, console, say, shielded

NAME = "run"
EXAMPLE = "spikedistill run digits-sastc phases.student.losses.sastc.weight=50 --out runs/half"


@shielded
def command(
    recipe: Recipe,
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; default runs/NAME.")] = None,
    data_dir: DataDir = None,
    replace: Annotated[bool, typer.Option("--replace", help="Throw away a run in --out.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Estimate and check everything, train nothing.")
    ] = False,
    seed: Annotated[int | None, typer.Option(min=0, help="Default: the recipe's.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the table.")] = (
        False
    ),
    as_json: AsJson = False,
) -> None:
    """Run a recipe: train its networks, compare them on the test split, keep everything."""
    from spikedistill.build.cells import default_folder
    from spikedistill.recipes.files import load
    from spikedistill.runs.start import start
    from spikedistill.training.progress import Live, Silent

    chosen = load(recipe, overrides or (), seed)
    folder = out or default_folder(chosen)
    with Silent() if quiet else Live(console(stderr=True)) as progress:
        if dry_run:
            from spikedistill.planning.dry_run import dry_run as estimate

            _show_estimate(estimate(chosen, data_dir, progress), as_json)
            return
        with stoppable(folder):
            exist = "replace" if replace else "refuse"
            result = start(chosen, folder, data_dir, exist, progress)
    show_result(result, folder, as_json)


class stoppable:  # noqa: N801
    """Turn a stop by Ctrl-C into a sentence that says how to go on, and exit code 130."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> None:
        """Nothing."""

    def __exit__(self, kind: type | None, error: BaseException | None, _trace: object) -> None:
        from spikedistill.training.interrupt import Interrupted

        if isinstance(error, (Interrupted, KeyboardInterrupt)):
            if (self.folder / "config.yaml").exists():
                say(f"\nStopped; the state is kept. Go on with: spikedistill resume {self.folder}")
            else:
                say("\nStopped before the run began; nothing was written.")
            raise typer.Exit(STOPPED)


def show_result(result: Mapping[str, Any], folder: Path, as_json: bool) -> None:
    """The table of a run, where everything lies, and what to do next."""
    if as_json:
        print(json.dumps({"run": str(folder), **result}, indent=2))
        return
    from spikedistill.cli._tables import draw
    from spikedistill.pages.table import result_table

    out = console()
    draw(out, result_table(result))
    files = {
        "result.png": "the table as a picture",
        "curves.png": "how the trainings went",
        "result.json": "the table for programs",
        "model.safetensors": "the student (model.json says how it is built)",
        "cells/": "every training with its metrics, model and checkpoint",
    }
    out.print(f"\nEverything lies in {folder}:", highlight=False)
    for name, text in files.items():
        out.print(f"  {name:<18} {text}", highlight=False)
    out.print("\nNext:", highlight=False)
    place = shlex.quote(str(folder))
    for line in (
        f"spikedistill report {place}",
        f"spikedistill evaluate {place}",
        f"spikedistill cite {place}",
        "spikedistill list recipes",
    ):
        out.print(f"  {line}", highlight=False)


def _show_estimate(found: Mapping[str, Any], as_json: bool) -> None:
    from spikedistill.cli import _dry_run

    if as_json:
        print(json.dumps(found, indent=2))
    else:
        _dry_run.show(found)
