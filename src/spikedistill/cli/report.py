"""`spikedistill report`: one page about one or several runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spikedistill.cli._options import Data, DataDir, Network, by_name
from spikedistill.cli._shield import FAILED, say, shielded

NAME = "report"
EXAMPLE = "spikedistill report runs/digits-sastc"


@shielded
def command(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Folders of runs, studies or comparisons."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="The HTML file; default report.html in RUN, or beside several runs."),
    ] = None,
    data_dir: DataDir = None,
    network: Network = None,
    data: Data = None,
    no_data: Annotated[
        bool, typer.Option("--no-data", help="Show only what is on disk; run no network.")
    ] = False,
) -> None:
    """Write a page about runs or studies: one HTML file that opens anywhere and loads nothing."""
    from spikedistill.analysis.write_report import write_report
    from spikedistill.training.progress import Silent

    class Told(Silent):
        def say(self, text: str) -> None:
            say(text)

    handed = by_name(network)
    written = write_report(folders, out, data_dir, not no_data, Told(), network=handed, data=data)
    for sentence in written.missing:
        say(f"note: {sentence}")
    for sentence in written.lost:
        say(f"Error: {sentence}")
    print(written.path)
    if written.lost:
        raise typer.Exit(FAILED)
