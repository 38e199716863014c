"""What is said of a network in the table: accuracy at every number of steps, and its cost."""

from __future__ import annotations

from typing import Any

from torch import nn

from spikedistill.build.data import split_loader
from spikedistill.core.machine import machine
from spikedistill.costs.operations import macs, parameter_count
from spikedistill.data import DataSet, encoder
from spikedistill.training.costs import operations
from spikedistill.training.evaluate import evaluate
from spikedistill.training.settings import Settings


def measured(
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
