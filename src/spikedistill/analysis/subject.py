"""A network in front of samples: what every examination of a trained network starts from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn

from spikedistill.core import clock
from spikedistill.core.clock import Temporal
from spikedistill.core.evaluation import evaluation
from spikedistill.core.machine import machine
from spikedistill.core.over_time import first_layers, run_folded, steps_asked
from spikedistill.core.trace import Batch
from spikedistill.core.tree import Inputs, mapped
from spikedistill.costs.firing import FiringMeter
from spikedistill.costs.synops import SynopsMeter
from spikedistill.data import Collate, Loader, Samples, collate_images, encoder
from spikedistill.training.costs import summed


@dataclass(frozen=True)
class Subject:
    """One network, how it is run, and what it is shown."""

    network: nn.Module
    timesteps: int
    encoding: str
    samples: Samples
    batch_size: int = 100
    collate: Collate = field(default=collate_images)

    def __post_init__(self) -> None:
        self.network.to(machine().device)

    @property
    def spiking(self) -> bool:
        """Whether it has neurons."""
        return clock.spiking(self.network)

    @cached_property
    def _first(self) -> tuple[Temporal, ...]:
        return first_layers(self.network)

    def run(self, inputs: Inputs, steps: int | None = None) -> Inputs:
        """Outputs `[T', B, ...]` of a run of T' steps, by default of all T, from `batches`."""
        steps = steps_asked(steps, self.timesteps)
        cut = mapped(lambda value: value[:steps], inputs)
        return run_folded(self.network, cut, steps, self._first)

    def cost_after(self, steps: int, *open_meters: FiringMeter) -> dict[str, float]:
        """What an inference of T' <= T steps costs, measured on all its samples.

        Args:
            steps: T'.
            open_meters: others that count meanwhile; padding is hidden from them too.

        Returns:
            `synops` (accumulations), `multiplications` (multiply-adds) and `energy_pj` (of both,
            in picojoules by the 45 nm convention).
        """
        meter = SynopsMeter(self.network, steps)
        with torch.no_grad(), evaluation(self.network), meter:
            for inputs, batch in self.batches():
                for one in (meter, *open_meters):
                    one.mask = batch.mask
                self.run(inputs, steps)
        return summed(meter.layers())

    def batches(self) -> Iterator[tuple[Inputs, Batch]]:
        """Inputs in time `[S, B, ...]`, and the batch that they are of."""
        loader = Loader(self.samples, self.batch_size, collate=self.collate)
        for number, batch in enumerate(loader.epoch(0)):
            yield self.encoded(batch.inputs, number), batch.to(machine().device)

    def encoded(self, inputs: Inputs, number: int = 0) -> Inputs:
        """The inputs of the steps."""
        generator = torch.Generator(machine().device).manual_seed(number)
        moved = mapped(lambda value: value.to(machine().device), inputs)
        return encoder(self.encoding)(moved, self.timesteps, generator)


def classes_of(batch: Batch) -> Tensor:
    """The class of each sample (or position), where targets are classes or shares of classes."""
    assert isinstance(batch.targets, Tensor)
    soft = batch.targets.is_floating_point()
    return batch.targets.argmax(-1) if soft else batch.targets.long()
