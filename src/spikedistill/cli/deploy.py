"""`spikedistill deploy`: a trained network made ready to answer, as a file for other programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from spikedistill.cli._options import (
    AsJson,
    BatchSize,
    Data,
    DataDir,
    Network,
    RunOrModel,
    Timesteps,
    by_name,
)
from spikedistill.cli._shield import console, shielded

NAME = "deploy"
EXAMPLE = "spikedistill deploy runs/digits-sastc --out digits.onnx --weights int8 --evaluate"
_WEIGHTS = ("float", "bfloat16", "int8")


@shielded
def command(
    path: RunOrModel,
    out: Annotated[
        Path | None, typer.Option(help="The ONNX file to write (.onnx); default: none.")
    ] = None,
    weights: Annotated[str, typer.Option(help="float, bfloat16 or int8.")] = "float",
    timesteps: Timesteps = None,
    judge: Annotated[
        bool, typer.Option("--evaluate", help="Accuracy on the test split, before and after.")
    ] = False,
    batch_size: BatchSize = 128,
    data_dir: DataDir = None,
    network: Network = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Fold norms, compute the stem once, optionally int8; write ONNX; say what it brought."""
    if weights not in _WEIGHTS:
        raise typer.BadParameter(
            f"{weights!r} is not one of {', '.join(_WEIGHTS)}", param_hint="--weights"
        )
    from spikedistill.analysis.deploy_run import deploy

    deployed = deploy(
        path,
        weights=weights,  # type: ignore[arg-type]
        timesteps=timesteps,
        out=out,
        evaluate=judge,
        batch_size=batch_size,
        data_dir=data_dir,
        network=by_name(network),
        data=data,
    )
    found = deployed.figures
    if deployed.file is not None:
        found |= {"file": str(deployed.file), "file_bytes": deployed.file.stat().st_size}
    print(json.dumps(found, indent=2)) if as_json else _show(found)


def _show(found: dict[str, Any]) -> None:
    from rich.table import Table

    from spikedistill.pages.table import compact, percent

    title = f"{found['network']}, T = {found['timesteps']}, {found['weights']} weights"
    table = Table("", "as trained", "deployed", title=title)
    rows = found["before"], found["after"]
    table.add_row("parameters and buffers", *(compact(row["parameters"]) for row in rows))
    table.add_row("size of the weights, kB", *(f"{row['weight_bytes'] / 1e3:.1f}" for row in rows))
    table.add_row(
        "ms for one sample, here", *(f"{row['milliseconds_per_sample']:.2f}" for row in rows)
    )
    if "samples" in found:
        metric = f"{found['metric']} {found['unit']}".strip()
        label = f"{metric}, {found['samples']:,} test samples of {found['data']}"
        table.add_row(label, *(percent(row["score"]) for row in rows))
    out = console()
    out.print(table)
    for note in found["notes"]:
        out.print(f"note: {note}", highlight=False, markup=False)
    if "file" in found:
        out.print(f"written: {found['file']}, {found['file_bytes'] / 1e3:.1f} kB", highlight=False)
