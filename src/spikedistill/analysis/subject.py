"""A network in front of samples: what every examination of a trained network starts from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from spikedistill.core.clock import Temporal, temporal_layers
from spikedistill.core.evaluation import evaluation
from spikedistill.core.machine import machine
from spikedistill.core.over_time import first_layers, run_folded
from spikedistill.costs.synops import SynopsMeter
from spikedistill.data import Loader, Samples, encoder
from spikedistill.training.costs import summed


@dataclass(frozen=True)
class Subject:
    """One network, how it is run, and what it is shown."""

    network: nn.Module
    timesteps: int
    encoding: str
    images: Samples
    batch_size: int = 100

    def __post_init__(self) -> None:
        self.network.to(machine().device)

    @property
    def spiking(self) -> bool:
        """Whether it has neurons."""
        return bool(temporal_layers(self.network))

    @cached_property
    def _first(self) -> tuple[Temporal, ...]:
        return first_layers(self.network)

    def run(self, inputs: Tensor, steps: int | None = None) -> Tensor:
        """Outputs `[T', B, ...]` of the first T' steps, by default of all T, from `batches`."""
        steps = steps or self.timesteps
        return run_folded(self.network, inputs[:steps], steps, self._first)

    def cost_after(self, steps: int) -> dict[str, float]:
        """What an inference that stops after T' <= T steps costs, measured on all images.

        Returns:
            `synops` (accumulations), `multiplications` (multiply-adds) and `energy_pj` (of both,
            in picojoules by the 45 nm convention).
        """
        meter = SynopsMeter(self.network, steps)
        with torch.no_grad(), evaluation(self.network), meter:
            for inputs, _ in self.batches():
                self.run(inputs, steps)
        return summed(meter.layers())

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs in time `[S, B, ...]` and classes `[B]`."""
        for number, batch in enumerate(Loader(self.images, self.batch_size).epoch(0)):
            targets = batch.targets
            assert isinstance(targets, Tensor)
            classes = targets.argmax(-1) if targets.is_floating_point() else targets
            yield self.encoded(batch.inputs, number), classes

    def encoded(self, images: Tensor, number: int = 0) -> Tensor:
        """The inputs of the steps."""
        generator = torch.Generator(machine().device).manual_seed(number)
        return encoder(self.encoding)(images.to(machine().device), self.timesteps, generator)
