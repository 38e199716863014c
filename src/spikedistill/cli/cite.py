"""`spikedistill cite`: the publications behind a run, as BibTeX."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from spikedistill.cli._shield import shielded

NAME = "cite"
EXAMPLE = "spikedistill cite runs/digits-sastc >> references.bib"


@shielded
def command(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="The run folder.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of JSON objects.")] = False,
) -> None:
    """Print BibTeX entries of what a run used."""
    from spikedistill.recipes.cited import references
    from spikedistill.training.run_folder import RunFolder

    found = references(RunFolder(folder).config())
    if as_json:
        print(json.dumps([asdict(reference) for reference in found], indent=2))
        return
    print("\n\n".join(reference.bibtex() for reference in found))
