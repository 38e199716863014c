"""`spikedistill resume`: go on with a run that was stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spikedistill.cli._options import AsJson
from spikedistill.cli._shield import console, shielded
from spikedistill.cli.run import show_result, stoppable

NAME = "resume"
EXAMPLE = "spikedistill resume runs/digits-sastc"


@shielded
def command(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="The run folder.")],
    data_dir: Annotated[
        Path | None, typer.Option(help="Where data lie; default: where they lay before.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the table.")] = (
        False
    ),
    as_json: AsJson = False,
) -> None:
    """Go on with a stopped run, on a CPU bit for bit; finished trainings are not repeated."""
    from spikedistill.runs.start import resume
    from spikedistill.training.progress import Live, Silent

    with Silent() if quiet else Live(console(stderr=True)) as progress, stoppable(folder):
        result = resume(folder, data_dir, progress)
    show_result(result, folder, as_json)
