"""A recipe in a time budget: steps are measured, epochs chosen, the schedule shortened to fit."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch

from spikedistill.build.cells import Cell, cells, settled
from spikedistill.build.experiment import Experiment
from spikedistill.core.machine import machine
from spikedistill.core.trace import Batch
from spikedistill.functional.recall import fired_again
from spikedistill.planning.plan import DTYPES
from spikedistill.recipes.files import load
from spikedistill.recipes.schema import Recipe
from spikedistill.training.optim import build_optimizer

WARM, TIMED = 5, 20
"""Steps of a training that do not count, and steps that do."""
SHARE = 0.85
"""Of the budget that steps may take; the rest is for validation, judging and compilation."""


@dataclass(frozen=True)
class Fit:
    """What was chosen for a recipe, kept so that a later call goes on with the same."""

    overrides: tuple[str, ...]
    epochs: int
    of: int
    """Epochs of the recipe as it is written."""
    step_seconds: Mapping[str, float]
    """Measured, for each training."""

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {**vars(self), "overrides": list(self.overrides)}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Fit:
        """As JSON kept it."""
        return cls(**{**plain, "overrides": tuple(plain["overrides"])})


def fitted(name: str, words: Sequence[str], seconds: float, steps: int) -> Fit:
    """The overrides with which a recipe, its teacher included, takes about so many seconds.

    Args:
        name: of the recipe.
        words: overrides that hold in any case (batch size, rates).
        seconds: the budget.
        steps: how many steps of each training are timed.
    """
    recipe = settled(load(name, words))
    experiment = Experiment(recipe)
    whole = _longest(recipe)
    taken, epoch = {}, 0.0
    for cell in cells(recipe):
        taken[cell.name], length = measured(experiment, cell, steps)
        epoch += taken[cell.name] * length * recipe.settings(cell.phase).epochs / whole
    epochs = max(1, min(whole, math.floor(SHARE * seconds / epoch)))
    return Fit((*words, *shortened(recipe, epochs)), epochs, whole, taken)


def shortened(recipe: Recipe, epochs: int) -> list[str]:
    """Overrides that squeeze the longest phase into so many epochs, and all else in proportion.

    Milestones that would fall together (on a run of few epochs) are kept once.
    """
    words, most = [], _longest(recipe)
    for phase in recipe.phases:
        settings, place = recipe.settings(phase), f"phases.{phase.name}.training"
        own = max(1, round(epochs * settings.epochs / most))
        share = own / settings.epochs
        words.append(f"{place}.epochs={own}")
        if settings.milestones:
            scaled = sorted({max(1, round(share * m)) for m in settings.milestones})
            words.append(f"{place}.milestones={scaled}")
        if settings.warmup:
            words.append(f"{place}.warmup={round(share * settings.warmup, 3)}")
    return words


def _longest(recipe: Recipe) -> int:
    """Epochs of its longest phase."""
    return max(recipe.settings(phase).epochs for phase in recipe.phases)


def measured(experiment: Experiment, cell: Cell, steps: int) -> tuple[float, int]:
    """Seconds of one step of a training, loading included, and the steps of an epoch."""
    with experiment.compiling(cell):
        ready, settings = experiment.prepare(cell), experiment.recipe.settings(cell.phase)
        device = machine().device
        built = ready.distiller()
        built.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if device.type != "cpu":
            ready.train.keep_on(device, share=0.25)
        optimizer = build_optimizer(built, settings)
        step = _stepper(built, optimizer, DTYPES[settings.precision], settings.fires_again)
        batches, times = _again(ready.train.epoch), []
        for number in range(min(WARM, steps) + steps):
            start = time.perf_counter()
            step(next(batches).to(device))
            if device.type == "cuda":
                torch.cuda.synchronize()
            if number >= min(WARM, steps):
                times.append(time.perf_counter() - start)
        for tapped in built.tapped:
            tapped.close()
    return sum(times) / len(times), len(ready.train)


def _stepper(
    built: Any, optimizer: Any, dtype: torch.dtype, again: bool
) -> Callable[[Batch], None]:
    """A step as the trainer takes it, without its display."""
    built.train()

    def step(batch: Batch) -> None:
        narrow = dtype is not torch.float32
        with (
            torch.autocast(batch.inputs.device.type, dtype, enabled=narrow),
            fired_again() if again else nullcontext(),
        ):
            loss, _ = built(batch)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def _again(epoch: Callable[[int], Any]) -> Any:
    number = 0
    while True:
        yield from epoch(number)
        number += 1
