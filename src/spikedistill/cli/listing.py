"""`spikedistill list`: what there is."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from spikedistill.cli._shield import console, shielded

NAME = "list"
EXAMPLE = "spikedistill list methods"


@shielded
def command(
    what: Annotated[
        str,
        typer.Argument(
            help="methods, neurons, layers, models, data, conversions, metrics, tasks, recipes, "
            "blocks, sections or studies."
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of JSON objects.")] = False,
) -> None:
    """List what there is of one kind: methods, neurons, layers, models, data sets, recipes ..."""
    from spikedistill.core.errors import suggest
    from spikedistill.pages.sections import SECTIONS
    from spikedistill.recipes.shelves import SHELVES, shelf
    from spikedistill.studies import STUDIES

    shelves = {
        **SHELVES,
        "sections": lambda: shelf(SECTIONS, "section"),
        "studies": lambda: shelf(STUDIES, "study"),
    }
    if what not in shelves:
        known = suggest(what, shelves)
        raise typer.BadParameter(f"there is no list of {what!r}; {known}", param_hint="WHAT")
    items = shelves[what]()
    if as_json:
        rows = [{"name": item.name, "summary": item.summary} for item in items]
        print(json.dumps(rows, indent=2))
        return
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for item in items:
        table.add_row(item.name, item.summary)
    out = console()
    out.print(table)
    if items and what in SHELVES:
        out.print(f"\nMore on one of them: spikedistill show {items[0].name}", highlight=False)
    elif items and what == "studies":
        out.print(f"\nRun one: spikedistill study {items[0].name} digits-sastc", highlight=False)
