"""The command line, one file per command. Torch is imported by the commands that need it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from spikedistill.cli import (
    cite,
    compare,
    deploy,
    distill,
    doctor,
    energy,
    evaluate,
    listing,
    plan,
    report,
    resume,
    run,
    show,
    study,
)
from spikedistill.cli._threads import let_threads_wait_briefly
from spikedistill.cli._warnings import keep_library_warnings

app = typer.Typer(
    name="spikedistill",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> bool:
    if wanted:
        try:
            typer.echo(f"spikedistill {version('spikedistill')}")
        except PackageNotFoundError:
            typer.echo("spikedistill, not installed (run from its source)")
        raise typer.Exit
    return wanted  # the option gets what its callback returns


@app.callback(epilog="First steps: [bold]spikedistill run digits-sastc[/bold] (one minute).")
def _top(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Distil a trained neural network into an accurate, low-latency, frugal spiking network."""
    if debug:
        os.environ["SPIKEDISTILL_DEBUG"] = "1"


for module in (
    run,
    compare,
    study,
    plan,
    resume,
    evaluate,
    report,
    energy,
    deploy,
    distill,
    listing,
    show,
    cite,
    doctor,
):
    app.command(name=module.NAME, epilog=f"Example: [bold]{module.EXAMPLE}[/bold]")(module.command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; `--debug` may stand anywhere."""
    let_threads_wait_briefly()
    given = list(sys.argv[1:] if arguments is None else arguments)
    if "--debug" in given:
        given = ["--debug", *(word for word in given if word != "--debug")]
    else:
        keep_library_warnings()
    app(args=given, prog_name="spikedistill")
