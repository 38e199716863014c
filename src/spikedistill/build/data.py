"""The data of a recipe and their task, checked against how it means to use them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.metric import Metric
from spikedistill.core.task import Task
from spikedistill.core.trace import Batch
from spikedistill.core.tree import Inputs, mapped
from spikedistill.core.trial import VOLUMES
from spikedistill.data import Collate, DataSet, Loader, Samples, data_set, encoder, length
from spikedistill.metrics import METRICS
from spikedistill.recipes.data_entry import DataEntry
from spikedistill.recipes.options import Choice
from spikedistill.tasks import TASKS
from spikedistill.training.settings import Settings


def build_data(entry: DataEntry, data_dir: str | Path | None, seed: int) -> DataSet:
    """The data set of a recipe.

    Raises:
        SpikedistillError: if it is missing or damaged, or was handed over from Python.
    """
    if entry.kind == "given":
        raise SpikedistillError(
            f"the data of this run ({entry.name}) came from Python and cannot be made again from "
            "the run folder; call spikedistill.distill with the same arguments and out folder"
        )
    what = entry.name if entry.kind == "name" else {"call": entry.name}
    return with_task(
        data_set(
            what,
            data_dir,
            seed,
            entry.valid,
            entry.train_limit,
            entry.label_noise or 0.0,
            **entry.options,
        )
    )


def task_of(data: DataSet) -> Task:
    """The task of a data set."""
    return TASKS.find(data.task)


def with_task(data: DataSet) -> DataSet:
    """The data set, with batches made and checked as its task does where it says nothing else."""
    if data.collate is not None:
        return data
    task = task_of(data)
    made = partial(_checked, task.collate, task.check_targets, len(data.classes) or None)
    return dataclasses.replace(data, collate=made)


def _checked(
    collate: Collate,
    check: Callable[[Batch, int | None], None],
    classes: int | None,
    samples: Sequence[Any],
) -> Batch:
    """A batch whose targets are those of the task, whatever the sample."""
    batch = collate(samples)
    check(batch, classes)
    return batch


def metrics_of(data: DataSet, chosen: tuple[Choice, ...] = ()) -> list[Callable[[], Metric]]:
    """What makes the metrics that judge: those chosen, else those of the task.

    The main metric is the first.
    """
    if chosen:
        return [partial(METRICS.find(one.name), **one.options) for one in chosen]
    return [METRICS.find(name) for name in task_of(data).metrics]


def check_inputs(data: DataSet, encoding: str, augment: Mapping[str, Any]) -> None:
    """Refuse data without the targets of their task, and what is not made for their samples.

    Raises:
        SpikedistillError: if targets are missing, or an encoder or an augmentation is for others.
    """
    batch, task = data.example(2), task_of(data)
    try:
        task.check_targets(batch, len(data.classes) or None)
    except SpikedistillError as error:
        raise SpikedistillError(f"{data.name}, task {data.task}: {error}") from error
    if not task.augments and any(augment.values()):
        raise SpikedistillError(
            f"augment is for images, and a sample of {data.name} is a {task.sample} (task "
            f"{data.task}); leave augment out"
        )
    if data.frames is not None and augment.get("autoaugment"):
        raise SpikedistillError(
            f"augment.autoaugment changes the colours of images, and a sample of {data.name} is "
            f"{data.frames} frames of events; take augment.trivialaugment=snn"
        )
    _check_crop(data, augment.get("crop"), batch.inputs)
    _check_encoder(data, encoding, task, batch.inputs)


def _check_crop(data: DataSet, crop: Any, inputs: Any) -> None:
    """Refuse a border from which a cut could miss the image altogether."""
    if not crop or not isinstance(inputs, Tensor) or inputs.ndim < 4:
        return
    H, W = inputs.shape[-2:]
    if crop >= min(H, W):
        raise SpikedistillError(
            f"augment.crop adds {crop} black pixels on every side, and an image of {data.name} has "
            f"{H} x {W}, so that some cuts would be all black; take a smaller one, as an eighth of "
            "the side"
        )


def _check_encoder(data: DataSet, encoding: str, task: Task, inputs: Any) -> None:
    shape = list(inputs.shape[1:]) if isinstance(inputs, Tensor) else ", ".join(inputs)
    if (data.frames is None) == (encoding != "frames"):
        return
    if data.frames is None:
        raise SpikedistillError(
            f"encoder: frames is for recordings of event cameras, and a sample of {data.name} is "
            f"one {task.sample} {shape}; choose encoder: direct (or rate, or latency)"
        )
    raise SpikedistillError(
        f"a sample of {data.name} is {data.frames} frames {shape}, and encoder: {encoding} is for "
        f"images; set encoder: frames (for volumes: {VOLUMES})"
    )


def split_loader(data: DataSet, samples: Samples, settings: Settings) -> Loader | None:
    """Batches of a split in its own order; None where the split is empty."""
    if not length(samples):
        return None
    return Loader(samples, settings.batch_size, workers=settings.workers, collate=data.how)


def one_step(data: DataSet, encoding: str, timesteps: int) -> Inputs:
    """The inputs of one step of one sample."""
    steps = data.frames or timesteps
    encoded = encoder(encoding)(data.example().inputs, steps)
    return mapped(lambda value: value[0], encoded)
