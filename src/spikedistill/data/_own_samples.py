"""Looking at a user's own samples before the first step: what they are, and what is wrong.

Samples in memory are all looked at. Of a data set that loads each sample when it is asked for,
labels are all read where the classes must be counted, or where what it says of them is not what
its samples return; else a spread of its samples is, and every batch is checked again when it is
made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.tree import Inputs, first, leaves
from spikedistill.data._collate import as_tensors
from spikedistill.data._dataset import (
    Labelled,
    Samples,
    Split,
    labels_of,
    length,
    stratified_order,
)
from spikedistill.data._finite import finite
from spikedistill.data._images import as_image
from spikedistill.data._own_labels import Label, disagreement, label_of
from spikedistill.data._pair import pair_of

PROBES = {"train": 512}
"""Split -> how many samples are looked at; of training images the channel statistics are."""
FEW = 64
"""Of every other split."""
IMAGES, VECTORS = "image_classification", "vector_classification"
_REMEDY = {
    IMAGES: "bring images to one size in the data set",
    VECTORS: "bring inputs to one size in the data set, or return a mapping with 'task': "
    "'sequence_classification' for sequences [L, D] of different lengths",
}


@dataclass(frozen=True)
class Looked:
    """What a look at a split showed."""

    split: Samples
    """The split, with the labels that its samples return."""
    classes: int
    """K that its labels need; 0 where targets are no classes."""
    shares: bool = False
    """Whether targets are a share for each class."""
    images: Tensor | None = None
    """Those looked at, `[N, C, H, W]` (or frames) in [0, 1]; None for all else."""
    channels: int | None = None
    """C of images and signals, D of vectors; None for all else."""
    notes: tuple[str, ...] = ()
    """What the user should know."""


@dataclass(frozen=True)
class Wanted:
    """What samples must be."""

    task: str
    collated: bool = False
    """Whether batches are made of them by a collate of the user's own."""
    count: bool = True
    """Whether the classes must be counted."""

    @property
    def pictures(self) -> bool:
        """Whether each must be an image, or frames, and a class."""
        return self.task == IMAGES and not self.collated

    @property
    def vectors(self) -> bool:
        """Whether each must be a tensor (or several) of one shape, and a class."""
        return self.task == VECTORS and not self.collated


def task_of_sample(name: str, train: Samples, collate: Any) -> str:
    """The task of data that name none, from the first sample.

    Raises:
        SpikedistillError: if it does not tell.
    """
    if isinstance(train, Split) or not length(train):
        return IMAGES
    sample = sample_of(name, "train", train, 0)
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
        return IMAGES if grey else _vectors(name, inputs)
    if pair and isinstance(inputs, list | tuple):
        try:
            inputs = torch.as_tensor(inputs)
        except (TypeError, ValueError, RuntimeError):
            return IMAGES
    kind = getattr(inputs, "dtype", None)
    flat = getattr(inputs, "ndim", 0) == 1
    matrix = getattr(inputs, "ndim", 0) == 2 and kind != torch.uint8
    return _vectors(name, inputs) if flat or matrix else IMAGES


def _vectors(name: str, inputs: Tensor | np.ndarray) -> str:
    """The task of vectors and signals.

    Raises:
        SpikedistillError: if they are of whole numbers, which may be tokens as well.
    """
    real = inputs.dtype.kind == "f" if isinstance(inputs, np.ndarray) else (
        inputs.is_floating_point()
    )  # fmt: skip
    if not real:
        kind = str(inputs.dtype).removeprefix("torch.")
        raise SpikedistillError(
            f"sample 0 of train of data {name} has whole numbers as inputs ({kind}, shape "
            f"{tuple(inputs.shape)}); make real numbers of a vector or signal, by .float() or "
            ".astype('float32'); of tokens or categories return a mapping with `task` too, as "
            "{'train': ..., 'task': 'sequence_classification'}"
        )
    return VECTORS


def look(name: str, part: str, split: Samples, seed: int, wanted: Wanted) -> Looked:
    """Look at the samples of a split.

    Args:
        name: of the data, as messages call them.
        part: train, valid or test.
        split: at least one sample.
        seed: fixes which samples are looked at.
        wanted: what they must be.

    Raises:
        SpikedistillError: naming the first sample that is not what its task needs.
    """
    order = stratified_order(length(split), None, seed)[: PROBES.get(part, FEW)]
    if isinstance(split, Split):
        images = split.images[order].float() / 255
        return Looked(split, int(split.labels.max()) + 1, False, images, split.images.shape[1])
    if not wanted.collated:
        _check_memory(name, part, split)
    labels, probes = labels_of(split), order.tolist()
    seen = _Seen(name, part, split, wanted, frozenset((0, *probes)))
    told = labels is not None and not isinstance(split, TensorDataset)
    if wanted.pictures or wanted.vectors or told:
        seen.take(sorted(seen.kept))
    elif wanted.count and labels is None:
        seen.take([0])
    wrong = disagreement(labels, seen.labels)
    uncounted = wanted.count and labels is None and not seen.shares
    if wrong is not None or (uncounted and (seen.classes or wanted.pictures)):
        seen.take(index for index in range(length(split)) if index not in seen.labels)
    notes: tuple[str, ...] = ()
    if wrong is not None and labels is not None:
        notes = (_disagree(name, part, wrong, int(labels[wrong]), seen),)
        split = Labelled(split, seen.all_labels())
    elif labels is not None and len(labels) and not seen.shares:
        seen.classes = max(int(labels.max()) + 1, 0)
    shown = None
    if wanted.pictures:
        shown = torch.stack([first(seen.inputs[index]) for index in probes])
    return Looked(split, seen.classes, seen.shares, shown, seen.channels, notes)


def _disagree(name: str, part: str, wrong: int, said: int, seen: _Seen) -> str:
    return (
        f"data {name}: `targets` or `labels` of {part} say that sample {wrong} is of class {said}, "
        f"and it returns {seen.labels[wrong].number}; they are left alone, and the labels of all "
        f"{length(seen.split):,} samples were read instead."
    )


@dataclass
class _Seen:
    """The samples of a split that were looked at."""

    name: str
    part: str
    split: Samples
    wanted: Wanted
    kept: frozenset[int]
    """Whose inputs are kept."""
    inputs: dict[int, Inputs] = field(default_factory=dict[int, Inputs])
    labels: dict[int, Label] = field(default_factory=dict[int, Label])
    classes: int = 0
    shares: bool = False

    def take(self, indices: Iterable[int]) -> None:
        """Look at some samples.

        Raises:
            SpikedistillError: naming the first that is not what its task needs.
        """
        classification = self.wanted.pictures or self.wanted.vectors
        for index in indices:
            where = f"sample {index} of {self.part} of data {self.name}"
            sample = sample_of(self.name, self.part, self.split, index)
            try:
                inputs, target = pair_of(sample, classification)
            except SpikedistillError as error:
                if not classification:
                    continue
                raise SpikedistillError(f"{where} {error}") from error
            if classification:
                self._take_inputs(where, index, inputs)
            label = self.labels[index] = label_of(where, target, classification)
            self.classes, self.shares = max(self.classes, label.needs), label.shares

    def _take_inputs(self, where: str, index: int, given: Any) -> None:
        other = next(iter(self.inputs.items()), None)
        read = _image if self.wanted.pictures else _vector
        made = read(where, given)
        shapes = [tuple(value.shape) for value in leaves(made)]
        if other is not None:
            known = [tuple(value.shape) for value in leaves(other[1])]
            if shapes != known:
                raise SpikedistillError(
                    f"{where} has the shape {_said(shapes)} and sample {other[0]} has "
                    f"{_said(known)}; {_REMEDY[self.wanted.task]}"
                )
        if index in self.kept and (self.wanted.pictures or other is None):
            self.inputs[index] = made

    @property
    def channels(self) -> int | None:
        """C of images and signals, D of vectors; None for all else."""
        made = next(iter(self.inputs.values()), None)
        if not isinstance(made, Tensor) or not made.ndim:
            return None
        return made.shape[-3] if self.wanted.pictures else made.shape[0]

    def all_labels(self) -> Tensor | None:
        """The class of every sample; None where one has none."""
        found = [self.labels[index].number for index in range(length(self.split))]
        known = [number for number in found if number is not None]
        return torch.tensor(known) if len(known) == len(found) else None


def _said(shapes: list[tuple[int, ...]]) -> str:
    return ", ".join(map(str, shapes))


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


def _image(where: str, value: Any) -> Tensor:
    """One image, which must be finite."""
    try:
        image = as_image(value)
    except SpikedistillError as error:
        raise SpikedistillError(f"{where}: {error}") from error
    if image.dim() not in (3, 4):
        raise SpikedistillError(
            f"{where} has an image of shape {tuple(image.shape)}; expected is [C, H, W], also for "
            "one channel, or [T, C, H, W] for frames"
        )
    if not finite(image):
        raise SpikedistillError(
            f"{where} has an image with values that are not finite (NaN or infinite); repair it or "
            "take it out"
        )
    return image


def _vector(where: str, value: Any) -> Inputs:
    """A vector or signal, or several tensors by name, which must be finite."""
    try:
        made = as_tensors(value)
    except SpikedistillError as error:
        raise SpikedistillError(f"{where}: {error}") from error
    if not all(finite(one, isinstance(made, Mapping)) for one in leaves(made)):
        raise SpikedistillError(
            f"{where} has inputs with values that are not finite (NaN or infinite); repair it or "
            "take it out"
        )
    return made


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
