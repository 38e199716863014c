"""What one inference of a network costs, measured while it runs on samples."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from spikedistill.core.clock import spiking
from spikedistill.core.evaluation import evaluation
from spikedistill.core.machine import machine
from spikedistill.core.over_time import first_layers, run_folded
from spikedistill.costs.energy import energy
from spikedistill.costs.synops import LayerOperations, SynopsMeter
from spikedistill.data import Loader, encoder, spread

COSTED = 1000
"""Test samples on which synaptic operations are measured."""


def operations(
    network: nn.Module, timesteps: int, test: Loader | None, encoding: str
) -> dict[str, float | None]:
    """Costs of one inference, on up to 1,000 test samples, evenly spread over all.

    Returns:
        `synops` (accumulations; None for an ANN), `multiplications` (multiply-adds) and
        `energy_pj` (of both, in picojoules by the 45 nm convention).
    """
    if test is None:
        return {"synops": None, "multiplications": None, "energy_pj": None}
    some = test.of(spread(test.split, COSTED))
    layers = layer_operations(network, timesteps, some, encoding)
    return {**summed(layers), **({} if spiking(network) else {"synops": None})}


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
        encoding: how inputs become steps.
    """
    first = first_layers(network)
    with torch.no_grad(), evaluation(network), SynopsMeter(network, timesteps) as meter:
        for number, batch in enumerate(loader.epoch(0)):
            generator = torch.Generator(machine().device).manual_seed(number)
            batch, meter.mask = batch.to(machine().device), batch.mask
            inputs = encoder(encoding)(batch.inputs, timesteps, generator)
            run_folded(network, inputs, timesteps, first)
    return meter.layers()
