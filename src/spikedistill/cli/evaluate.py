"""`spikedistill evaluate`: how good a saved network is at every number of steps."""

from __future__ import annotations

import json
from typing import Annotated

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

NAME = "evaluate"
EXAMPLE = "spikedistill evaluate runs/digits-sastc --timesteps 4"


@shielded
def command(
    path: RunOrModel,
    timesteps: Timesteps = None,
    split: Annotated[str, typer.Option(help="test, valid or train.")] = "test",
    batch_size: BatchSize = 128,
    data_dir: DataDir = None,
    network: Network = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Measure a saved network: accuracy at every T' <= T, firing rate, operations."""
    if split not in ("test", "valid", "train"):
        raise typer.BadParameter(f"{split!r} is not one of test, valid, train", param_hint="split")
    from spikedistill.analysis.evaluate_run import evaluate_run

    found = evaluate_run(
        path, data_dir, timesteps, split, batch_size, network=by_name(network), data=data
    )
    if as_json:
        print(json.dumps(found, indent=2))
        return
    from rich.table import Table

    from spikedistill.pages.table import compact, percent

    sample = found["sample"]
    title = f"{found['network']} on {found['samples']:,} {split} {sample}s of {found['data']}"
    main = f"{found['metric']} {found['unit']}".strip()
    others = [name for name in found["scores"] if name != found["metric"]]
    table = Table("after", main, *others, title=title)
    for step in range(found["timesteps"]):
        scores = (found["scores"][name][step] for name in (found["metric"], *others) if name)
        table.add_row(f"T' = {step + 1}", *map(percent, scores))
    out = console()
    out.print(table)
    rate = found["firing_rate"]
    out.print(
        f"{compact(found['parameters'])} parameters; per {sample} "
        f"{compact(found['synops'])} synaptic operations and "
        f"{compact(found['multiplications'])} multiply-adds"
        + ("" if rate is None else f"; {rate:.3f} spikes per neuron and step"),
        highlight=False,
    )
    for note in found["notes"]:
        out.print(f"note: {note}", highlight=False)
    for warning in found["warnings"]:
        out.print(f"warning: {warning}", highlight=False)
