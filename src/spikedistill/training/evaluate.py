"""How good a network is on a split, at every number of steps, and how it fires."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from spikedistill.core.clock import is_causal, steps_allowed
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.evaluation import evaluation
from spikedistill.core.metric import Metric
from spikedistill.core.row import Scores
from spikedistill.core.spec import summary
from spikedistill.core.trace import Batch, Trace
from spikedistill.core.tree import Inputs, first, mapped
from spikedistill.costs.firing import FiringMeter, LayerFiring, firing_warnings, mean_rate
from spikedistill.data import Encoder, Loader, direct, name_of
from spikedistill.metrics.accuracy import Accuracy
from spikedistill.taps import Tapped, declared_taps
from spikedistill.training.precision import full_float32


class NotFinite(SpikedistillError):
    """A network answers with what is no number."""


Makes = Callable[[], Metric]
"""Makes a fresh metric."""


@dataclass(frozen=True)
class Evaluation:
    """What a look at a split showed."""

    scores: Scores
    """Metric -> its value after 1, 2, ... T steps; None where the network cannot be run so long."""
    samples: int
    firing: dict[str, LayerFiring]
    """What every layer of neurons did; empty for an ANN."""
    metric: str = ""
    """The main metric; empty where nothing judges."""
    higher_is_better: bool = True
    unit: str = "%"
    notes: tuple[str, ...] = ()
    """Sentences that belong beside the scores."""

    @property
    def curve(self) -> list[float | None]:
        """The main metric after 1, 2, ..., T steps."""
        return self.scores.get(self.metric, [])

    @property
    def score(self) -> float | None:
        """The main metric after all steps."""
        return self.curve[-1] if self.curve else None

    @property
    def firing_rate(self) -> float | None:
        """Spikes per neuron and step over all neurons; None for an ANN."""
        return mean_rate(self.firing) if self.firing else None

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about layers that are dead or saturated."""
        return firing_warnings(self.firing)

    def better(self, than: float | None) -> bool:
        """Whether its score is better than another one; any is better than none."""
        if self.score is None:
            return False
        if than is None:
            return True
        return self.score > than if self.higher_is_better else self.score < than

    def row(self) -> dict[str, Any]:
        """As a line of metrics."""
        return {
            "metric": self.metric,
            "unit": self.unit,
            "scores": self.scores,
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
    metrics: Sequence[Makes] = (Accuracy,),
) -> Evaluation:
    """Look at a whole split in evaluation mode, without gradient.

    Args:
        network: takes `[T * B, ...]`, returns `[T * B, ...]`.
        loader: the split; its batches in their own order.
        timesteps: T. What the network would answer if it were stopped after T' < T steps comes from
            the first T' outputs of the same run, where no layer of it looks ahead; where one does,
            the network is run again for T' steps.
        dtype: of autocast; float32 for none.
        encoder: raw inputs -> time steps, with random numbers that depend on the batch alone.
        metrics: what judges, the main one first.

    Raises:
        SpikedistillError: if a metric cannot judge such answers, or wants a tap that the network
            does not have.
    """
    made = {steps: [make() for make in metrics] for steps in range(1, timesteps + 1)}
    whole = is_causal(network)
    taps, notes = metric_taps(network, made[timesteps]), []
    with closing(_Run(network, loader, timesteps, dtype, encoder, taps)) as run:
        with FiringMeter(network) as firing:
            for batch, trace in run.answers(timesteps, firing):
                for steps in made if whole else (timesteps,):
                    for metric in made[steps]:
                        metric.update(trace.after(steps), batch)
        for steps in () if whole or not metrics else range(1, timesteps):
            if steps_allowed(network, steps):
                for batch, trace in run.answers(steps):
                    for metric in made[steps]:
                        metric.update(trace, batch)
            else:
                made[steps] = []
                notes.append(steps)
    scores = {
        metric.name: [_value(made[steps], place) for steps in made]
        for place, metric in enumerate(made[timesteps])
    }
    return Evaluation(scores, run.samples, firing.layers(), *_main(made[timesteps]), _said(notes))


def _main(metrics: Sequence[Metric]) -> tuple[str, bool, str]:
    if not metrics:
        return "", True, ""
    return metrics[0].name, metrics[0].higher_is_better, metrics[0].unit


def _said(steps: Sequence[int]) -> tuple[str, ...]:
    if not steps:
        return ()
    which = f"T' = {', '.join(map(str, steps))}"
    return (f"The network cannot be run for {which}, so nothing is said of it there.",)


def _value(metrics: Sequence[Metric], place: int) -> float | None:
    value = metrics[place].value() if metrics else math.nan
    return None if math.isnan(value) else value


def metric_taps(network: nn.Module, metrics: Sequence[Metric]) -> dict[str, str]:
    """Taps that metrics want of a network.

    Raises:
        SpikedistillError: if it does not have one.
    """
    declared = declared_taps(network)
    wanted: dict[str, str] = {}
    for metric in metrics:
        for tap in metric.needs:
            if tap not in declared:
                raise SpikedistillError(
                    f"the metric {metric.name!r} looks at the tap {tap!r}, which "
                    f"{type(network).__name__} does not have; it has "
                    f"{summary(tuple(declared))}"
                )
            wanted[tap] = declared[tap]
    return wanted


@dataclass
class _Run:
    """One network in front of one split."""

    network: nn.Module
    loader: Loader
    timesteps: int
    dtype: torch.dtype
    encoder: Encoder
    taps: Mapping[str, str]
    samples: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.tapped = Tapped(self.network, self.taps, self.taps)
        found = next((p.device for p in self.network.parameters()), torch.device("cpu"))
        self.device = found

    def close(self) -> None:
        self.tapped.close()

    def answers(
        self, steps: int, firing: FiringMeter | None = None
    ) -> Iterator[tuple[Batch, Trace]]:
        """Every batch, and what the network left behind in so many steps, on the CPU."""
        full = self.dtype is torch.float32
        self.samples = 0
        for number, batch in enumerate(self.loader.epoch(0)):
            if firing is not None:
                firing.mask = batch.mask
            inputs = self._inputs(batch.inputs, number, steps)
            with (
                torch.no_grad(),
                evaluation(self.network),
                torch.autocast(self.device.type, self.dtype, enabled=not full),
            ):
                outputs, taps = self.tapped(inputs, steps)
            self._check_finite(first(outputs), batch)
            self.samples += len(batch)
            yield batch.to(torch.device("cpu")), _trace(outputs, taps)

    def _check_finite(self, outputs: Tensor, batch: Batch) -> None:
        """Refuse answers that are no numbers: any score of them would look like one.

        Raises:
            NotFinite: naming the sample, whose inputs are finite (`Loader` sees to that).
        """
        if not outputs.is_floating_point() or bool(outputs.isfinite().all()):
            return
        bad = ~outputs.isfinite().flatten(2).all(2) if outputs.ndim > 2 else ~outputs.isfinite()
        step, place = bad.nonzero()[0].tolist()
        where = f"sample {place} of a batch"
        if batch.index is not None:
            where = name_of(self.loader.split, int(batch.index[place]))
        raise NotFinite(
            f"the outputs of {type(self.network).__name__} are not finite (NaN or infinite) after "
            f"T' = {step + 1} steps, first on {where}, whose inputs are; look at its weights, and "
            "at the normalisation of its inputs (mean and std)"
        )

    def _inputs(self, inputs: Inputs, number: int, steps: int) -> Inputs:
        generator = torch.Generator(self.device).manual_seed(number)
        moved = mapped(lambda value: value.to(self.device), inputs)
        encoded = self.encoder(moved, self.timesteps, generator)
        return mapped(lambda value: value[:steps] if len(value) > 1 else value, encoded)


def _trace(outputs: Inputs, taps: Mapping[str, Tensor]) -> Trace:
    named = outputs if isinstance(outputs, Mapping) else {}
    return Trace(
        _plain(first(outputs)),
        {name: _plain(value) for name, value in taps.items()},
        named={name: _plain(value) for name, value in named.items()},
    )


def _plain(value: Tensor) -> Tensor:
    return value.float().cpu() if value.is_floating_point() else value.cpu()
