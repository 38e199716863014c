"""`spikedistill deploy`: a trained network made ready to answer, as a file for other programs."""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spikedistill.cli._options import AsJson, BatchSize, DataDir, RunOrModel, Timesteps
from spikedistill.cli._shield import console, shielded

if TYPE_CHECKING:
    from torch import Tensor, nn

    from spikedistill.build.saved import Saved
    from spikedistill.data import DataSet
    from spikedistill.export.deploy import Deployed

NAME = "deploy"
EXAMPLE = "spikedistill deploy runs/digits-sastc --out digits.onnx --weights int8 --evaluate"
_WEIGHTS = ("float", "bfloat16", "int8")
_TIMED = 20
"""Calls of which the median is shown."""


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
    as_json: AsJson = False,
) -> None:
    """Fold norms, compute the stem once, optionally int8; write ONNX; say what it brought."""
    _check(out, weights)
    from spikedistill.build.saved import rebuild
    from spikedistill.export.deploy import deploy

    saved = rebuild(path)
    _check_inputs(saved)
    steps = timesteps or saved.timesteps
    data = saved.data(data_dir) if judge or weights == "int8" else None
    images = _example(saved, data if weights == "int8" else None)
    deployed = deploy(saved.network, images, weights=weights, timesteps=steps)  # type: ignore[arg-type]
    found = {
        "network": saved.card["network"],
        "weights": weights,
        "timesteps": steps,
        "before": _row(saved.network, images, steps),
        "after": _row(deployed, images, steps),
        "notes": list(deployed.notes),
    }
    if judge and data is not None:
        _judge(found, saved, deployed, steps, batch_size, data)
    if out is not None:
        from spikedistill.export.onnx import to_onnx

        found["file"] = str(to_onnx(deployed, out, images))
        found["file_bytes"] = out.stat().st_size
    print(json.dumps(found, indent=2)) if as_json else _show(found)


def _check(out: Path | None, weights: str) -> None:
    if weights not in _WEIGHTS:
        raise typer.BadParameter(
            f"{weights!r} is not one of {', '.join(_WEIGHTS)}", param_hint="--weights"
        )
    if out is None:
        return
    from spikedistill.export.onnx import check_form, require

    check_form(out, weights)
    require("onnx", "onnxscript")  # before any work is done


def _check_inputs(saved: Saved) -> None:
    from collections.abc import Mapping

    from spikedistill.build.facts import Facts
    from spikedistill.core.errors import SpikedistillError

    example = Facts.from_plain(saved.card["facts"]).example
    if isinstance(example, Mapping):
        raise SpikedistillError(
            f"{saved.path} takes several inputs ({', '.join(example)}), and a deployed network "
            "takes one tensor; run it with spikedistill.load instead"
        )
    if saved.card["encoder"] == "frames":
        raise SpikedistillError(
            f"{saved.path} was trained on event frames, and a deployed network takes still images, "
            "computing its stem once for all steps; run it with spikedistill.load instead"
        )
    if saved.card["encoder"] != "direct":
        raise SpikedistillError(
            f"{saved.path} was trained on inputs with {saved.card['encoder']} coding, and a "
            "deployed network takes still images; train it with encoder: direct"
        )


def _example(saved: Saved, data: DataSet | None) -> Tensor:
    """Images of the test split; random ones (None) where it does not matter what they show."""
    import torch
    from torch import Tensor

    from spikedistill.data import Loader

    if data is None:
        from spikedistill.build.facts import Facts

        like = Facts.from_plain(saved.card["facts"]).example
        assert isinstance(like, Tensor)
        if not like.is_floating_point():
            return like.new_zeros(8, *like.shape[1:])
        generator = torch.Generator().manual_seed(0)
        return torch.rand(8, *like.shape[1:], generator=generator)
    inputs = next(iter(Loader(data.test, 64, collate=data.how).epoch(0))).inputs
    assert isinstance(inputs, Tensor)
    return inputs


def _row(network: nn.Module, images: Tensor, steps: int) -> dict[str, Any]:
    """Size and speed of a network."""
    state = network.state_dict()
    return {
        "parameters": sum(value.numel() for value in state.values()),
        "weight_bytes": sum(value.numel() * value.element_size() for value in state.values()),
        "milliseconds_per_sample": _latency(network, images[:1], steps),
    }


def _latency(network: nn.Module, image: Tensor, steps: int) -> float:
    """Median time of a call with one sample, in milliseconds, after two calls that do not count."""
    import torch

    from spikedistill.core.over_time import OverTime

    ready = network if isinstance(network, OverTime) else OverTime(network, steps).eval()
    times: list[float] = []
    with torch.no_grad():
        for _ in range(_TIMED + 2):
            start = time.perf_counter()
            ready(image)
            times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times[2:])


def _judge(
    found: dict[str, Any],
    saved: Saved,
    deployed: Deployed,
    steps: int,
    batch_size: int,
    data: DataSet,
) -> None:
    """Accuracy of both networks on the test split."""
    import torch

    from spikedistill.build.data import metrics_of
    from spikedistill.data import Loader
    from spikedistill.training.evaluate import evaluate

    loader = Loader(data.test, batch_size, collate=data.how)
    metrics = metrics_of(data, saved.metrics)
    half = torch.bfloat16 if deployed.weights == "bfloat16" else torch.float32
    before = evaluate(saved.network, loader, steps, metrics=metrics)
    after = evaluate(deployed.graph, loader, steps, dtype=half, metrics=metrics)
    found["data"], found["samples"] = data.name, before.samples
    found["metric"], found["unit"] = before.metric, before.unit
    found["before"]["score"], found["after"]["score"] = before.score, after.score


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
