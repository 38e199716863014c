"""`spikedistill energy`: what an inference of a saved spiking network costs, layer by layer."""

from __future__ import annotations

import json
from pathlib import Path
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

NAME = "energy"
EXAMPLE = "spikedistill energy runs/digits-sastc --preset memory"


@shielded
def command(
    path: RunOrModel,
    preset: Annotated[
        str, typer.Option(help="Of the layers' table: 45nm, fp16, int8, memory or quantized.")
    ] = "45nm",
    timesteps: Timesteps = None,
    samples: Annotated[int | None, typer.Option(min=1, help="Test samples; default all.")] = None,
    event_input: Annotated[
        str, typer.Option(help="How frames of events count: mac (strictly) or ac.")
    ] = "mac",
    batch_size: BatchSize = 128,
    data_dir: DataDir = None,
    network: Network = None,
    data: Data = None,
    out: Annotated[Path | None, typer.Option(help="A .json file to write it to.")] = None,
    as_json: AsJson = False,
) -> None:
    """Count what a spiking network computes, and what that costs beside its ANN and its teacher."""
    from spikedistill.analysis.run_energy import energy_of
    from spikedistill.core.atomic import put
    from spikedistill.costs.energy import MODELS

    _check("--preset", preset, MODELS)
    _check("--event-input", event_input, ("mac", "ac"))
    if out is not None and out.suffix != ".json":
        raise typer.BadParameter(f"{out} does not end in .json", param_hint="--out")
    found = energy_of(
        path,
        data_dir,
        timesteps=timesteps,
        samples=samples,
        batch_size=batch_size,
        event_input=event_input,  # type: ignore[arg-type]
        network=by_name(network),
        data=data,
    )
    text = json.dumps(found, indent=2)
    if out is not None:
        put(out, lambda file: file.write_text(text + "\n", encoding="utf-8"))
    if as_json:
        print(text)
        return
    from spikedistill.cli._tables import draw
    from spikedistill.pages.energy_tables import layer_table, total_table

    screen = console()
    draw(screen, layer_table(found, preset))
    draw(screen, total_table(found))
    for sentence in found["sentences"]:
        screen.print(sentence, highlight=False, markup=False)
    if out is not None:
        screen.print(f"written: {out}", highlight=False, markup=False)


def _check(option: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        raise typer.BadParameter(f"{given!r} is not one of {', '.join(known)}", param_hint=option)
