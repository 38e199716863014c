"""`spikedistill plan`: what a recipe will take, before it is run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from spikedistill.cli._options import Overrides, Recipe
from spikedistill.cli._shield import console, say, shielded

NAME = "plan"
EXAMPLE = "spikedistill plan cifar10-small-sastc training.batch_size=64"


@shielded
def command(
    recipe: Recipe,
    overrides: Overrides = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where data lie; published data sets need not be there.")
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(help="Estimate for a GPU by its data sheet (h200, h100, a100), not here."),
    ] = None,
    measure: Annotated[
        bool,
        typer.Option("--measure/--no-measure", help="Predict times from a short measurement."),
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Estimate what a recipe will take: operations, bytes, memory and time of each training."""
    from spikedistill.planning import devices
    from spikedistill.planning.ceilings import Ceilings
    from spikedistill.planning.plan import plan
    from spikedistill.recipes.files import load

    there = None if device is None else devices.device(device)
    chosen = load(recipe, overrides or ())
    found = plan(chosen, data_dir, Ceilings if measure and not there else None, say, there)
    if as_json:
        print(json.dumps(found, indent=2))
        return
    _show(found)


def _show(found: Mapping[str, Any]) -> None:
    from spikedistill.cli._tables import draw
    from spikedistill.pages.table import duration

    out = console()
    draw(out, _trainings(found))
    draw(out, _parts(found["cells"][-1]))
    sizes = found["data"]
    lines = [
        f"data: {sizes['name']}, {sizes['train']:,} {sizes['sample']}s to train on, "
        f"{sizes['valid']:,} to validate, {sizes['test']:,} to test; device: {found['device']}"
        + ("" if found["assumed"] else f", {found['threads']} threads")
    ]
    limits = found["ceilings"]
    if found["assumed"]:
        lines += estimates(found)
    elif limits:
        lines += [
            "measured here: multiply-adds at "
            f"{limits['macs_per_second_forward'] / 1e9:.0f} G/s forward and "
            f"{limits['macs_per_second_backward'] / 1e9:.0f} G/s backward, memory at "
            f"{limits['bytes_per_second'] / 1e9:.1f} GB/s, "
            f"{1e6 * limits['overhead_backward']:.1f} us an operation beside its work",
            f"the whole recipe: about {duration(found['seconds'])}",
        ]
    for line in lines:
        out.print(line, highlight=False)


def estimates(found: Mapping[str, Any]) -> list[str]:
    """How long a recipe should take on a GPU that was not measured, and what that stands on."""
    assumed = found["assumed"]
    most = max(row["memory"]["total"] for row in found["cells"])
    lines = [
        f"GPU hours of the whole recipe: about {gpu_hours(found['seconds'])} (estimate for one "
        f"{assumed['title']}, not measured)",
        f"assumed: {100 * assumed['share_of_peak']:.0f} % of {assumed['bf16'] / 1e12:.0f} TFLOP/s "
        f"in bf16 and {100 * assumed['share_of_bandwidth']:.0f} % of "
        f"{assumed['bandwidth'] / 1e12:.2f} TB/s, {1e6 * assumed['launch']:.0f} us to launch an "
        "operation; loading of data and compilation are not in it",
    ]
    if most > assumed["memory"]:
        lines.append(
            f"it does not fit: {megabytes(most)} of {megabytes(assumed['memory'])}; lower "
            "training.batch_size, or set training.checkpoint=stage"
        )
    return lines


def gpu_hours(seconds: float | None) -> str:
    """Hours with two digits, for an estimate.

    Example:
        >>> gpu_hours(100), gpu_hours(9000), gpu_hours(360000)
        ('0.028', '2.5', '100')
    """
    if seconds is None:
        return "-"
    hours = seconds / 3600
    return f"{hours:.0f}" if hours >= 99.5 else f"{hours:.2g}"


def _trainings(found: Mapping[str, Any]) -> Any:
    from rich.table import Table

    from spikedistill.pages.table import duration

    table = Table(title=f"{found['name']}: what each training takes")
    names = ("training", "network", "T", "B", "losses", "GMAC/step", "GB/step", "kept", "memory")
    times = ("step", "samples/s", "epoch", "training") if found["ceilings"] else ()
    for number, name in enumerate((*names, *times)):
        table.add_column(name, justify="left" if number in (0, 1, 4) else "right")
    for row in found["cells"]:
        seconds = row["seconds"]
        shown = [
            row["cell"],
            row["network"],
            str(row["timesteps"]),
            str(row["batch_size"]),
            " + ".join(row["losses"]),
            f"{sum(row['macs'].values()) / 1e9:.3g}",
            f"{row['bytes']['total'] / 1e9:.3g}",
            megabytes(row["memory"]["kept"]),
            megabytes(row["memory"]["total"]),
        ]
        if seconds:
            shown += [
                f"{1e3 * seconds['step']:.3g} ms",
                f"{seconds['samples_per_second']:.0f}",
                duration(seconds["epoch"]),
                duration(seconds["total"]),
            ]
        table.add_row(*shown)
    return table


def _parts(row: Mapping[str, Any]) -> Any:
    """Where the step of one training goes."""
    from rich.table import Table

    table = Table(title=f"one step of {row['cell']}, {row['precision']}, by its parts")
    names = ("part", "GMAC forward", "GMAC backward", "MB moved", "kept", "operations")
    timed = row["seconds"] is not None
    for number, name in enumerate((*names, "time") if timed else names):
        table.add_column(name, justify="right" if number else "left")
    for part in row["sections"]:
        shown = [
            part["section"],
            f"{part['forward'] / 1e9:.3g}",
            f"{part['backward'] / 1e9:.3g}",
            f"{part['bytes'] / 1e6:.3g}",
            megabytes(part["kept"]),
            f"{part['operations']:,}",
        ]
        table.add_row(*shown, *([f"{1e3 * part['seconds']:.3g} ms"] if timed else []))
    if timed:
        blank = [""] * (len(names) - 1)
        for name in ("update", "loading"):
            table.add_row(name, *blank, f"{1e3 * row['seconds'][name]:.3g} ms")
    return table


def megabytes(size: float) -> str:
    """A number of bytes for people.

    Example:
        >>> megabytes(2_500_000), megabytes(12_300_000_000)
        ('2.5 MB', '12.3 GB')
    """
    return f"{size / 1e9:.3g} GB" if size >= 1e9 else f"{size / 1e6:.3g} MB"
