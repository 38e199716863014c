"""How good a network is on a split: accuracy at every number of steps, and how it fires."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.evaluation import evaluation
from spikedistill.core.over_time import first_layers, run_folded
from spikedistill.costs.firing import FiringMeter, LayerFiring, firing_warnings, mean_rate
from spikedistill.data import Encoder, Loader, direct
from spikedistill.metrics.accuracy import AccuracyOverTime
from spikedistill.training.precision import full_float32


@dataclass(frozen=True)
class Evaluation:
    """What one pass over a split showed."""

    accuracy: list[float]
    """Percent of right answers after 1, 2, ... T steps; empty where targets are no classes."""
    samples: int
    firing: dict[str, LayerFiring]
    """What every layer of neurons did; empty for an ANN."""

    @property
    def firing_rate(self) -> float | None:
        """Spikes per neuron and step over all neurons; None for an ANN."""
        return mean_rate(self.firing) if self.firing else None

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about layers that are dead or saturated."""
        return firing_warnings(self.firing)

    def row(self) -> dict[str, Any]:
        """As a line of metrics."""
        return {
            "accuracy": self.accuracy,
            "samples": self.samples,
            "firing_rate": self.firing_rate,
            "rates": {path: layer.rate for path, layer in self.firing.items()},
            "warnings": list(self.warnings),
        }


@full_float32()
def evaluate(
    network: nn.Module,
    loader: Loader,
    timesteps: int = 1,
    dtype: torch.dtype = torch.float32,
    encoder: Encoder = direct,
) -> Evaluation:
    """Look at a whole split in evaluation mode, without gradient.

    Args:
        network: takes `[T * B, ...]`, returns `[T * B, K]`.
        loader: the split; its batches in their own order.
        timesteps: T. Accuracy at T' < T comes from the mean of the first T' outputs of the same
            pass, which is what the network would answer if it were stopped there.
        dtype: of autocast; float32 for none.
        encoder: raw inputs -> time steps, with random numbers that depend on the batch alone.

    Raises:
        SpikedistillError: if the network answers with fewer classes than the targets have.
    """
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    first = first_layers(network)
    accuracy, samples = AccuracyOverTime(), 0
    with torch.no_grad(), evaluation(network), FiringMeter(network) as firing:
        for number, batch in enumerate(loader.epoch(0)):
            generator = torch.Generator(device).manual_seed(number)
            inputs = encoder(batch.inputs.to(device), timesteps, generator)
            with torch.autocast(device.type, dtype, enabled=dtype is not torch.float32):
                outputs = run_folded(network, inputs, timesteps, first)
            samples += outputs.shape[1]
            if isinstance(batch.targets, Tensor):
                targets = batch.targets.cpu()
                _check_classes(outputs, targets)
                accuracy.update(outputs.float().cpu(), targets)
    percent = [100 * share for share in accuracy.shares]
    return Evaluation(percent, samples, firing.layers())


def _check_classes(outputs: Tensor, targets: Tensor) -> None:
    if not targets.is_floating_point() and int(targets.max()) >= outputs.shape[-1]:
        raise SpikedistillError(
            f"the data have a class {int(targets.max())}, but the network tells only "
            f"{outputs.shape[-1]} classes apart; build it with more classes"
        )
