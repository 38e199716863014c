"""The data of a recipe, checked against how it means to use them, and loaders of its splits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from spikedistill.core.errors import SpikedistillError
from spikedistill.data import DataSet, Loader, Samples, data_set, length
from spikedistill.recipes.entries import DataEntry
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
    return data_set(
        what,
        data_dir,
        seed,
        entry.valid,
        entry.train_limit,
        entry.label_noise or 0.0,
        **entry.options,
    )


def check_inputs(data: DataSet, encoding: str, augment: Mapping[str, Any]) -> None:
    """Refuse an encoder or an augmentation that is not made for the samples.

    Raises:
        SpikedistillError: if the samples are frames and something is for images, or otherwise.
    """
    if data.frames is not None and augment.get("autoaugment"):
        raise SpikedistillError(
            f"augment.autoaugment changes the colours of images, and a sample of {data.name} is "
            f"{data.frames} frames of events; take augment.trivialaugment=snn"
        )
    if (data.frames is None) == (encoding != "frames"):
        return
    if data.frames is None:
        raise SpikedistillError(
            f"encoder: frames is for recordings of event cameras, and a sample of {data.name} is "
            f"one image {list(data.sample_shape)}; choose encoder: direct (or rate, or latency)"
        )
    raise SpikedistillError(
        f"a sample of {data.name} is {data.frames} frames {list(data.sample_shape)}, and encoder: "
        f"{encoding} is for images; set encoder: frames"
    )


def as_images(inputs: Tensor) -> Tensor:
    """Raw inputs as images `[N, C, H, W]`: frames `[B, T, C, H, W]` count one by one."""
    return inputs.flatten(0, 1) if inputs.ndim == 5 else inputs


def split_loader(samples: Samples, settings: Settings) -> Loader | None:
    """Batches of a split in its own order; None where the split is empty."""
    if not length(samples):
        return None
    return Loader(samples, settings.batch_size, workers=settings.workers)
