"""Looking at a user's own samples before the first step: what they are, and what is wrong.

Samples in memory are all looked at. Of a data set that loads each sample when it is asked for,
labels are all read where the classes must be counted; else a spread of its samples is, and every
batch is checked again when it is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from spikedistill.core.errors import SpikedistillError
from spikedistill.data._dataset import Samples, Split, labels_of, length, stratified_order
from spikedistill.data._images import as_image

PROBES = {"train": 512}
"""Split -> how many samples are looked at; of training images the channel statistics are."""
FEW = 64
"""Of every other split."""
IMAGES, VECTORS = "image_classification", "vector_classification"


@dataclass(frozen=True)
class Looked:
    """What a look at a split showed."""

    classes: int
    """K that its labels need; 0 where targets are no classes."""
    shares: bool
    """Whether targets are a share for each class."""
    images: Tensor | None
    """Those looked at, `[N, C, H, W]` (or frames) in [0, 1]; None for all else."""


def task_of_sample(name: str, train: Samples, collate: Any) -> str:
    """The task of data that name none, from the first sample.

    Raises:
        SpikedistillError: if it does not tell.
    """
    if isinstance(train, Split) or not length(train):
        return IMAGES
    sample = train[0]
    pair = isinstance(sample, tuple | list) and bool(sample)
    inputs = sample[0] if pair else sample
    if (pair and isinstance(inputs, Mapping)) or collate is not None:
        raise SpikedistillError(
            f"data {name} has inputs of several names, or makes its own batches, and names no "
            "task; return a mapping with `task` too, as {'train': ..., 'task': "
            "'sequence_classification'} (`spikedistill list tasks`)"
        )
    if isinstance(inputs, np.ndarray) and inputs.ndim == 2:
        grey = inputs.dtype == np.uint8 or inputs.shape[0] == inputs.shape[1]
        return IMAGES if grey else VECTORS
    shape = getattr(inputs, "shape", None)
    return VECTORS if shape is not None and len(shape) in (1, 2) and _floats(inputs) else IMAGES


def _floats(inputs: Any) -> bool:
    if isinstance(inputs, np.ndarray):
        return inputs.dtype.kind == "f"
    return isinstance(inputs, Tensor) and inputs.is_floating_point()


def look(
    name: str,
    part: str,
    split: Samples,
    seed: int,
    pictures: bool,
    stacked: bool,
    count: bool,
) -> Looked:
    """Look at the samples of a split.

    Args:
        name: of the data, as messages call them.
        part: train, valid or test.
        split: at least one sample.
        seed: fixes which samples are looked at.
        pictures: whether each must be an image, or frames, and a class.
        stacked: whether batches are made of them without a collate of the user's own.
        count: whether the classes must be counted.

    Raises:
        SpikedistillError: naming the first sample that is not what its task needs.
    """
    order = stratified_order(length(split), None, seed)[: PROBES.get(part, FEW)]
    if isinstance(split, Split):
        return Looked(int(split.labels.max()) + 1, False, split.images[order].float() / 255)
    if stacked:
        _check_memory(name, part, split)
    labels = labels_of(split)
    probes = order.tolist()
    classes, shares = 0, False
    if pictures or (count and labels is None):
        classes, shares = _of_target(name, part, split, 0, pictures)
    everything = count and labels is None and not shares and (classes > 0 or pictures)
    images: dict[int, Tensor] = {}
    wanted = set(probes)
    for index in range(length(split)) if everything else sorted({0, *probes}) if pictures else ():
        inputs, target = _pair(name, part, split, index)
        if pictures:
            image = _image(name, part, index, inputs, images)
            if index in wanted or index == 0:
                images[index] = image
        if pictures or count:
            needs, shares = _target(f"sample {index} of {part} of data {name}", target, pictures)
            classes = max(classes, needs)
    if labels is not None and len(labels):
        classes = max(int(labels.max()) + 1, 0)
    shown = torch.stack([images[index] for index in probes]) if pictures else None
    return Looked(classes, shares, shown)


def sample_of(name: str, part: str, split: Samples, index: int) -> Any:
    """One sample of a torch data set.

    Raises:
        SpikedistillError: if the data set fails; the message names the sample.
    """
    assert not isinstance(split, Split)
    try:
        return split[index]
    except SpikedistillError:
        raise
    except Exception as error:  # a data set of a stranger's raises whatever it stumbles over
        raise SpikedistillError(
            f"sample {index} of {part} of data {name} cannot be loaded: {type(error).__name__}: "
            f"{error}"
        ) from error


def _pair(name: str, part: str, split: Samples, index: int) -> tuple[Any, Any]:
    sample = sample_of(name, part, split, index)
    if not isinstance(sample, tuple | list) or len(sample) < 2:
        raise SpikedistillError(
            f"sample {index} of {part} of data {name} is {_kind(sample)}; expected is a pair "
            "(image, label): wrap the data set in one that returns such pairs"
        )
    return sample[0], sample[1]


def _kind(value: object) -> str:
    if isinstance(value, Mapping):
        return f"a mapping with {', '.join(map(str, value))}"
    return f"a {type(value).__name__}" + (f" of {len(value)}" if isinstance(value, tuple) else "")


def _image(name: str, part: str, index: int, value: Any, seen: Mapping[int, Tensor]) -> Tensor:
    """One image, which must be finite and as large as the others."""
    where = f"sample {index} of {part} of data {name}"
    try:
        image = as_image(value)
    except SpikedistillError as error:
        raise SpikedistillError(f"{where}: {error}") from error
    if image.dim() not in (3, 4):
        raise SpikedistillError(
            f"{where} has an image of shape {tuple(image.shape)}; expected is [C, H, W], also for "
            "one channel, or [T, C, H, W] for frames"
        )
    if not bool(image.isfinite().all()):
        raise SpikedistillError(
            f"{where} has an image with values that are not finite (NaN or infinite); repair it or "
            "take it out"
        )
    other = next(iter(seen.items()), None)
    if other is not None and other[1].shape != image.shape:
        raise SpikedistillError(
            f"{where} has the shape {tuple(image.shape)} and sample {other[0]} has "
            f"{tuple(other[1].shape)}; bring images to one size in the data set"
        )
    return image


def _of_target(
    name: str, part: str, split: Samples, index: int, classification: bool
) -> tuple[int, bool]:
    """K that one target needs, and whether it is shares; (0, False) where it is no class."""
    try:
        _, target = _pair(name, part, split, index)
    except SpikedistillError:
        if classification:
            raise
        return 0, False
    return _target(f"sample {index} of {part} of data {name}", target, classification)


def _target(where: str, given: Any, classification: bool) -> tuple[int, bool]:
    """K that a target needs, and whether it is a share for each class.

    Raises:
        SpikedistillError: if it must be a class and is none; else it counts as no class.
    """
    try:
        target = torch.as_tensor(given)
    except (TypeError, ValueError, RuntimeError, KeyError, IndexError) as error:
        if not classification:
            return 0, False
        remedy = "" if not isinstance(given, str) else (
            ": number your classes, as by {name: n for n, name in enumerate(sorted(set(names)))}"
        )  # fmt: skip
        raise SpikedistillError(
            f"{where} has the label {given!r}; expected is the number of a class, a whole number "
            f"from 0 on, or a share for each class{remedy}"
        ) from error
    if target.dim() == 1 and len(target) > 1 and target.is_floating_point():
        _check_shares(where, target, classification)
        return len(target), True
    if target.numel() != 1 or target.is_floating_point() or target.dim() > 1:
        if not classification:
            return 0, False
        number = target.numel() == 1 and target.is_floating_point()
        remedy = (
            "; a real number asks for a regression: name a task of your own for it, or turn whole "
            "numbers into integers"
            if number
            else ""
        )
        raise SpikedistillError(
            f"{where} has the label {target.tolist()!r}; expected is the number of a class, a "
            f"whole number from 0 on, or a share for each class{remedy}"
        )
    return int(target) + 1, False


def _check_shares(where: str, target: Tensor, classification: bool) -> None:
    fair = bool((target >= -1e-6).all()) and abs(float(target.sum()) - 1) < 1e-3
    if classification and not fair:
        raise SpikedistillError(
            f"{where} has a label of {len(target)} real numbers that sum to "
            f"{float(target.sum()):.4g}; a share for each class is 0 or more, and all sum to 1"
        )


def _check_memory(name: str, part: str, split: Samples) -> None:
    """Refuse values that are not finite in samples that are all in memory."""
    if not isinstance(split, TensorDataset):
        return
    for number, values in enumerate(split.tensors):
        if not values.is_floating_point() or bool(values.isfinite().all()):
            continue
        rows = values.isfinite().flatten(1).all(1) if values.ndim > 1 else values.isfinite()
        bad = (~rows).nonzero().flatten().tolist()
        what = "an image" if number == 0 and values.ndim >= 4 else (
            "an input" if number == 0 else "a target"
        )  # fmt: skip
        others = f", as {len(bad) - 1} others" if len(bad) > 1 else ""
        raise SpikedistillError(
            f"sample {bad[0]} of {part} of data {name} has {what} with values that are not finite "
            f"(NaN or infinite){others}; repair it or take it out"
        )
