"""What a data set is: its splits, classes, normalisation, hashes and notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Int64, UInt8
from torch import Tensor
from torch.utils.data import Dataset, Subset, TensorDataset

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.trace import Batch
from spikedistill.data._collate import Collate, check_batch, collate_images
from spikedistill.data._random import seeded


@dataclass(frozen=True)
class Split:
    """Images in memory."""

    images: UInt8[Tensor, "N C H W"]
    labels: Int64[Tensor, "N"]

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, index: Tensor) -> Split:
        """The samples at `index`, in that order."""
        return Split(self.images[index], self.labels[index])


class Labelled(Dataset[Any]):
    """A torch data set whose own `targets` or `labels` are not what its samples return.

    Args:
        samples: what is wrapped.
        targets: the class of every sample, as they were read; None: they are no classes.
    """

    def __init__(self, samples: Dataset[Any], targets: Tensor | None) -> None:
        self.samples, self.targets = samples, targets

    def __len__(self) -> int:
        return length(self.samples)

    def __getitem__(self, index: int) -> Any:
        return self.samples[index]


Samples = Split | Dataset[Any]
"""Images in memory, or a torch `Dataset` of (image, label)."""


@dataclass(frozen=True)
class Source:
    """A data set as its authors publish it; what each data set's `load` returns."""

    name: str
    train: Samples
    test: Samples | None
    classes: tuple[str, ...] = ()
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    valid: Samples | None = None
    """None: it has no validation split, which is then carved from `train`."""
    hashes: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    task: str = "image_classification"
    collate: Collate | None = None
    counted: bool = False
    """Whether nothing names the classes, and there are as many as the labels need."""


@dataclass(frozen=True)
class DataSet:
    """A data set ready for training."""

    name: str
    train: Samples
    valid: Samples
    """What decisions are made on; carved from the official training split by seed."""
    test: Samples
    """What is reported; the official test split where there is one."""
    classes: tuple[str, ...] = ()
    """Their names; empty where targets are no classes."""
    mean: tuple[float, ...] | None = None
    """Per channel, of inputs in [0, 1]; None: networks get the inputs as they are."""
    std: tuple[float, ...] | None = None
    hashes: dict[str, str] = field(default_factory=dict)
    """File name to `md5:...`: which bytes these are."""
    notes: tuple[str, ...] = ()
    """Sentences to show once."""
    task: str = "image_classification"
    """The task that it is for: one of `tasks/`, or `file:TASK` of a user's own."""
    collate: Collate | None = None
    """Samples to a batch; None: as the task does it."""
    counted: bool = False
    """Whether nothing names the classes, and there are as many as the labels need."""

    @property
    def how(self) -> Collate:
        """Samples to a batch."""
        return self.collate or collate_images

    def example(self, size: int = 1) -> Batch:
        """The first samples of the training split as a batch; fewer where there are fewer."""
        if isinstance(self.train, Split):
            pixels = self.train.images[:size].float() / 255
            return Batch(pixels, self.train.labels[:size])
        most = min(size, length(self.train))
        return check_batch(self.how([self.train[index] for index in range(most)]))

    @property
    def frames(self) -> int | None:
        """T, where a sample is frames `[T, C, H, W]`; None for all else."""
        inputs = self.example().inputs
        return inputs.shape[1] if isinstance(inputs, Tensor) and inputs.ndim == 5 else None


def labels_of(samples: Samples) -> Tensor | None:
    """The class of every sample, `[N]`, if it can be had without loading the images; else None.

    Torch data sets by custom have them as `targets` or `labels`, a `TensorDataset` as its second
    tensor.
    """
    if isinstance(samples, Split):
        return samples.labels
    if isinstance(samples, Subset):
        inner = labels_of(samples.dataset)
        return None if inner is None else inner[torch.as_tensor(samples.indices, dtype=torch.long)]
    named = [getattr(samples, name, None) for name in ("targets", "labels")]
    if isinstance(samples, TensorDataset) and len(samples.tensors) > 1:
        named.append(samples.tensors[1])
    for given in named:
        try:
            found = torch.as_tensor(given)
        except (TypeError, ValueError, RuntimeError):
            continue
        if found.ndim == 2 and found.shape[1] == 1:
            found = found.squeeze(1)
        if found.ndim == 1 and len(found) == length(samples) and not found.is_floating_point():
            return found.long()
    return None


def starts_at(data: DataSet) -> int | None:
    """The lowest label of all splits; None where labels cannot be had without loading samples."""
    found = [labels_of(one) for one in (data.train, data.valid, data.test)]
    known = [int(one.min()) for one in found if one is not None and len(one)]
    return min(known, default=None)


def class_counts(data: DataSet) -> tuple[int, ...]:
    """How many training samples each class has; empty where that takes loading them."""
    labels = labels_of(data.train)
    if labels is None or not data.classes or not len(labels) or labels.min() < 0:
        return ()
    counts = torch.bincount(labels, minlength=len(data.classes)).tolist()
    return tuple(counts) if len(counts) == len(data.classes) else ()


def length(samples: Samples) -> int:
    """How many samples there are.

    Raises:
        SpikedistillError: if a torch data set has no length (an iterable one): without it there
            is no order that a seed fixes.
    """
    try:
        return len(samples)  # type: ignore[arg-type]
    except TypeError as fault:
        raise SpikedistillError(
            f"{type(samples).__name__} has no length; give a torch Dataset with __len__ and "
            f"__getitem__, not an iterable one"
        ) from fault


def pick(samples: Samples, index: Tensor) -> Samples:
    """The samples at `index`: a copy in memory, or a view of a torch data set."""
    if isinstance(samples, Split):
        return samples.subset(index)
    return Subset(samples, index.tolist())


def spread(samples: Samples, most: int) -> Samples:
    """Up to `most` samples, evenly spread over all, so that sorted data show every class."""
    total = length(samples)
    if total <= most:
        return samples
    return pick(samples, torch.linspace(0, total - 1, most).round().long())


def stratified_order(count: int, labels: Tensor | None, seed: int) -> Tensor:
    """A shuffled order in which every run of samples holds the classes in their shares.

    Sample k of the n of its class (in shuffled order) stands at (k + 1/2) / n of the way, so the
    first m samples of the order hold m times the share of each class, to within one.

    Returns:
        The positions 0 to `count - 1`, `[N]`; plainly shuffled where `labels` is None.
    """
    shuffled = torch.randperm(count, generator=seeded("split", seed))
    if labels is None:
        return shuffled
    place = torch.empty(count, dtype=torch.float64)
    of_shuffled = labels[shuffled]
    for label in of_shuffled.unique():
        mine = (of_shuffled == label).nonzero().squeeze(1)
        place[mine] = (torch.arange(len(mine), dtype=torch.float64) + 0.5) / len(mine)
    return shuffled[place.argsort(stable=True)]


def count(size: int | float, total: int) -> int:
    """How many of `total` samples are meant: a count, or a share of the whole (float)."""
    return size if isinstance(size, int) else round(size * total)


def carve(samples: Samples, shares: Sequence[int | float], seed: int) -> list[Samples]:
    """Cut `samples` into parts of the sizes asked for, then the rest, stratified by class.

    Args:
        samples: what to cut.
        shares: the size of each part, as a count (int) or a share of the whole (float).
        seed: fixes who goes where.

    Returns:
        The parts in the order of `shares`, then the rest; inside each the original order.
    """
    total = length(samples)
    counts = [count(size, total) for size in shares]
    order = stratified_order(total, labels_of(samples), seed)
    parts = order.split([*counts, total - sum(counts)])
    return [pick(samples, part.sort().values) for part in parts]
