"""How many epochs fit into some minutes: measured in a few steps of the very training."""

from __future__ import annotations

import itertools
import statistics
import time

import torch

from spikedistill.build.cells import cells
from spikedistill.build.experiment import Experiment, Prepared
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.machine import machine
from spikedistill.core.speech import remedy
from spikedistill.data import encoder, pick
from spikedistill.training.evaluate import evaluate
from spikedistill.training.optim import build_optimizer
from spikedistill.training.precision import full_float32, resolve
from spikedistill.training.settings import Settings

WARM, TIMED = 2, 5
"""Steps before the clock runs, and while it does."""


def epochs_for(experiment: Experiment, minutes: float) -> int:
    """The most epochs of the last training of a recipe that end within some minutes.

    A copy of what would be trained takes a few steps; nothing of it is kept.

    Args:
        experiment: the recipe with its data and networks.
        minutes: the budget, above 0.

    Raises:
        SpikedistillError: if one epoch takes longer.
    """
    if not minutes > 0:
        raise SpikedistillError(f"a budget of {minutes:g} minutes is none; give a number above 0")
    cell = cells(experiment.recipe)[-1]
    settings = experiment.recipe.settings(cell.phase)
    with experiment.compiling(cell):
        ready = experiment.prepare(cell)
        seconds = _epoch(ready, settings)
    epochs = int(60 * minutes / seconds)
    if epochs < 1:
        raise SpikedistillError(
            f"{minutes:g} minutes are shorter than one epoch, which takes about "
            f"{seconds / 60:.1f} here ({len(ready.train)} steps of {settings.batch_size} samples); "
            f"give {remedy('--minutes', 'minutes=')} {int(seconds / 60) + 1} or more, or fewer "
            "samples"
        )
    return epochs


@full_float32()
def _epoch(ready: Prepared, settings: Settings) -> float:
    """Seconds of one epoch: its steps, and the look at the validation split behind it."""
    device = machine().device
    dtype = resolve(settings.precision, device)
    distiller = ready.distiller().to(device).train()
    distiller.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = build_optimizer(distiller, settings)
    steps: list[float] = []
    for batch in itertools.islice(ready.train.epoch(0), WARM + TIMED):
        start = time.perf_counter()
        with torch.autocast(device.type, dtype, enabled=dtype is not torch.float32):
            loss, _ = distiller(batch.to(device))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        steps.append(time.perf_counter() - start)
    distiller.close()
    return len(ready.train) * statistics.median(steps[WARM:] or steps) + _look(ready, dtype)


def _look(ready: Prepared, dtype: torch.dtype) -> float:
    """Seconds of a look at the validation split, from a few of its batches."""
    if ready.valid is None:
        return 0.0
    role = ready.cell.phase.roles[ready.cell.phase.student]
    size = min(ready.valid.samples, 2 * ready.valid.batch_size)
    some = ready.valid.of(pick(ready.valid.split, torch.arange(size)))
    start = time.perf_counter()
    evaluate(
        ready.networks[role.network], some, role.timesteps, dtype, encoder(ready.encoding),
        metrics=(),
    )  # fmt: skip
    return (time.perf_counter() - start) * ready.valid.samples / size
