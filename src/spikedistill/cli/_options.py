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
Network = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[NAME=]FILE:FACTORY",
        help="A network that came from Python: what the function in FILE.py makes. Without a name, "
        "that of the student, or the one whose twin it is.",
    ),
]
Data = Annotated[
    str | None,
    typer.Option(metavar="FILE:FACTORY", help="The data that came from Python, likewise."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def by_name(networks: list[str] | None) -> str | dict[str, str] | None:
    """What `--network` names: one factory, or several by the names of the networks.

    Raises:
        typer.BadParameter: if there are several and one has no name, or two have the same.
    """
    if not networks:
        return None
    if len(networks) == 1 and "=" not in networks[0]:
        return networks[0]
    found: dict[str, str] = {}
    for one in networks:
        name, equals, factory = one.partition("=")
        if not equals or name in found:
            raise typer.BadParameter(
                f"{one!r} is one of several; name each once, as student=mynet:make",
                param_hint="--network",
            )
        found[name] = factory
    return found
