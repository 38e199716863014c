"""How good a saved network is on a split of the data that it was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spikedistill.build.data import metrics_of, one_step, split_loader, task_of
from spikedistill.build.saved import rebuild
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.machine import machine
from spikedistill.costs.operations import macs, parameter_count
from spikedistill.data import encoder
from spikedistill.training.costs import operations
from spikedistill.training.evaluate import evaluate
from spikedistill.training.settings import Settings


def evaluate_run(
    path: Path | str,
    data_dir: Path | str | None = None,
    timesteps: int | None = None,
    split: str = "test",
    batch_size: int = 128,
) -> dict[str, Any]:
    """Measure a saved network on a split of the data that it was trained on.

    Args:
        path: a run folder, one of its cells, or a model file in one.
        data_dir: where data sets lie; default where they lay for the run.
        timesteps: T; default as it was trained.
        split: `test`, `valid` or `train` (without augmentation).
        batch_size: samples per batch.

    Raises:
        SpikedistillError: if the network or the data are not there, or the split is empty.
    """
    saved = rebuild(path)
    data = saved.data(data_dir)
    settings = Settings(batch_size=batch_size)
    encoding = saved.card["encoder"]
    loader = split_loader(data, getattr(data, split), settings)
    if loader is None:
        raise SpikedistillError(f"the {split} split of {data.name} is empty")
    steps, device = timesteps or saved.timesteps, machine().device
    network = saved.network.to(device)
    metrics = metrics_of(data, saved.metrics)
    seen = evaluate(network, loader, steps, encoder=encoder(encoding), metrics=metrics)
    return {
        "path": str(saved.path),
        "network": saved.card["network"],
        "data": data.name,
        "split": split,
        "timesteps": steps,
        "parameters": parameter_count(network),
        "macs": macs(network, one_step(data, encoding, steps), steps),
        "sample": task_of(data).sample,
        "notes": list(seen.notes),
        **seen.row(),
        **operations(network, steps, loader, encoding),
    }
