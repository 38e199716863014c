"""`spikedistill show`: one thing in detail: formula, options, reference."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from spikedistill.cli._shield import console, shielded

NAME = "show"
EXAMPLE = "spikedistill show sastc"


@shielded
def command(
    name: Annotated[
        str,
        typer.Argument(help="A method, neuron, layer, model, data set, recipe or block of one."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Show a method, neuron, layer, model, data set, recipe or block: what it does, its options."""
    from spikedistill.recipes.shelves import find

    items = find(name)
    if as_json:
        print(json.dumps([item.plain() for item in items], indent=2))
        return
    from rich.markup import escape
    from rich.table import Table

    out = console()
    for item in items:
        out.rule(f"{item.kind}: {item.name}", align="left")
        out.print(item.text, highlight=False, markup=False)
        if item.options:
            table = Table("option", "default", "takes", title="Options", title_justify="left")
            for option in item.options:
                table.add_row(option.name, escape(option.default), escape(option.takes))
            out.print(table)
        if item.presets:
            table = Table("preset", "sets", title="Presets", title_justify="left")
            for preset in item.presets.items():
                table.add_row(*map(escape, preset))
            out.print(table)
        if item.reference is not None:
            out.print(f"{item.reference.title}. {item.reference.short}. {item.reference.link}",
                      highlight=False, markup=False)  # fmt: skip
