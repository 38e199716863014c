"""What is said of a network in the table: accuracy at every number of steps, and its cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from torch import nn

from spikedistill.core.clock import temporal_layers
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.evaluation import evaluation
from spikedistill.core.over_time import first_layers, run_folded
from spikedistill.data import DataSet, Loader, encoder
from spikedistill.data._dataset import Samples, length, spread
from spikedistill.metrics.energy import energy
from spikedistill.metrics.operations import macs, parameter_count
from spikedistill.metrics.synops import LayerOperations, SynopsMeter
from spikedistill.recipes.rebuild import rebuild
from spikedistill.training.evaluate import evaluate
from spikedistill.training.settings import Settings

COSTED = 1000
"""Test images on which synaptic operations are measured."""


def machine() -> PartialState:
    """This process among those of the run, and its device."""
    return PartialState(cpu=not torch.cuda.is_available())


def split_loader(samples: Samples, settings: Settings) -> Loader | None:
    """Batches of a split in its own order; None where the split is empty."""
    if not length(samples):
        return None
    return Loader(samples, settings.batch_size, workers=settings.workers)


def row(
    network: nn.Module, timesteps: int, data: DataSet, encoding: str, settings: Settings
) -> dict[str, Any]:
    """Accuracy in percent on the test split at T' = 1..T and on the validation split, and costs.

    Measured in float32 whatever the training computed in, so that a figure is the same everywhere.
    """
    network.to(machine().device)
    valid, test = (split_loader(part, settings) for part in (data.valid, data.test))
    judged, tested = (
        loader and evaluate(network, loader, timesteps, encoder=encoder(encoding))
        for loader in (valid, test)
    )
    return {
        "timesteps": timesteps,
        "split": "test",
        "accuracy": tested.accuracy if tested else [],
        "valid": judged.accuracy[-1] if judged and judged.accuracy else None,
        "parameters": parameter_count(network),
        "macs": macs(network, data.shape),
        "firing_rate": tested.firing_rate if tested else None,
        **operations(network, timesteps, test, encoding),
    }


def operations(
    network: nn.Module, timesteps: int, test: Loader | None, encoding: str
) -> dict[str, float | None]:
    """Costs of one inference, on up to 1,000 test images, evenly spread over all.

    Returns:
        `synops` (accumulations; None for an ANN), `multiplications` (multiply-adds) and
        `energy_pj` (of both, in picojoules by the 45 nm convention).
    """
    if test is None:
        return {"synops": None, "multiplications": None, "energy_pj": None}
    some = Loader(spread(test.split, COSTED), test.batch_size, workers=test.workers)
    layers = layer_operations(network, timesteps, some, encoding)
    spiking = bool(temporal_layers(network))
    return {**summed(layers), **({} if spiking else {"synops": None})}


def summed(layers: Sequence[LayerOperations]) -> dict[str, float]:
    """`synops`, `multiplications` and `energy_pj` of all layers; see `operations`."""
    return {
        "synops": sum(layer.accumulations for layer in layers),
        "multiplications": sum(layer.multiplications for layer in layers),
        "energy_pj": energy(layers),
    }


def layer_operations(
    network: nn.Module, timesteps: int, loader: Loader, encoding: str
) -> list[LayerOperations]:
    """What every layer computes per inference.

    Args:
        network: on the device of this process.
        timesteps: T.
        loader: what to run.
        encoding: how images become steps.
    """
    first = first_layers(network)
    with torch.no_grad(), evaluation(network), SynopsMeter(network, timesteps) as meter:
        for number, batch in enumerate(loader.epoch(0)):
            generator = torch.Generator(machine().device).manual_seed(number)
            images = batch.inputs.to(machine().device)
            run_folded(network, encoder(encoding)(images, timesteps, generator), timesteps, first)
    return meter.layers()


def judge_saved(
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
        batch_size: images per batch.

    Raises:
        SpikedistillError: if the network or the data are not there, or the split is empty.
    """
    saved = rebuild(path)
    data = saved.data(data_dir)
    settings = Settings(batch_size=batch_size)
    encoding = saved.card["encoder"]
    loader = split_loader(getattr(data, split), settings)
    if loader is None:
        raise SpikedistillError(f"the {split} split of {data.name} is empty")
    steps, device = timesteps or saved.timesteps, machine().device
    network = saved.network.to(device)
    seen = evaluate(network, loader, steps, encoder=encoder(encoding))
    return {
        "path": str(saved.path),
        "network": saved.card["network"],
        "data": data.name,
        "split": split,
        "timesteps": steps,
        "parameters": parameter_count(network),
        "macs": macs(network, data.shape),
        **seen.row(),
        **operations(network, steps, loader, encoding),
    }
