"""Arguments and options that several commands have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Recipe = Annotated[str, typer.Argument(help="A recipe of the library, or a YAML file.")]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY.PATH=VALUE]...", help="Changes to the recipe."),
]
RunOrModel = Annotated[
    Path, typer.Argument(metavar="RUN_OR_MODEL", help="A run, a cell of one, or its model.")
]
Timesteps = Annotated[
    int | None, typer.Option("--timesteps", "-T", min=1, help="Default: as trained.")
]
BatchSize = Annotated[int, typer.Option(min=1, help="Images per batch.")]
DataDir = Annotated[
    Path | None, typer.Option(help="Where data lie; default $SPIKEDISTILL_DATA, else ./data.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
