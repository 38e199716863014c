"""Wrong labels on purpose: symmetric noise on the labels of the training split."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from jaxtyping import Int64
from torch import Tensor
from torch.utils.data import Dataset

from spikedistill.core.errors import SpikedistillError
from spikedistill.data._dataset import DataSet, Samples, Split, labels_of, length
from spikedistill.data._random import seeded


class NoisyLabels(Dataset[tuple[Any, Any]]):
    """A torch data set of (image, class) with some classes moved on, sample by sample.

    Args:
        samples: what is wrapped; images are loaded when they are asked for, as before.
        shifts: how many classes further the label of each sample lies, modulo `classes`.
        classes: K.
    """

    def __init__(self, samples: Dataset[Any], shifts: Int64[Tensor, "N"], classes: int) -> None:
        self.samples, self.shifts, self.classes = samples, shifts, classes
        known = labels_of(samples)
        self.targets = None if known is None else (known + shifts) % classes
        """The labels, where they can be had without loading the images."""

    def __len__(self) -> int:
        return len(self.shifts)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """The image, and a class.

        Raises:
            SpikedistillError: if the target is no class.
        """
        sample = self.samples[index]
        label = torch.as_tensor(sample[1])
        if label.is_floating_point() or label.ndim:
            raise SpikedistillError(
                f"label noise moves classes, and the target of sample {index} is {sample[1]!r}; "
                "give whole numbers, or leave label_noise out"
            )
        return sample[0], int((label + self.shifts[index]) % self.classes)


def check_label_noise(share: float) -> None:
    """Refuse a share of wrong labels that is none.

    Raises:
        SpikedistillError: if it is outside [0, 1).
    """
    if isinstance(share, bool) or not 0 <= share < 1:
        raise SpikedistillError(
            f"a label noise of {share} is no share of the training labels; give one from 0 to "
            "below 1, as in label_noise: 0.2"
        )


def noisy(data: DataSet, share: float, seed: int) -> DataSet:
    """The data set with some training labels replaced; validation and test stay as they are.

    Symmetric noise: exactly `round(share N)` of the N training samples, drawn without regard to
    class, get another class, drawn uniformly from the other K - 1. So no label is right by chance,
    and two seeds differ in which labels are wrong and not in how many. With one seed the wrong
    labels of a smaller share are among those of a larger one, and wrong in the same way.

    Raises:
        SpikedistillError: if the share is outside [0, 1), or there is only one class.
    """
    check_label_noise(share)
    if not share:
        return data
    classes, total = len(data.classes), length(data.train)
    if classes < 2:
        raise SpikedistillError(
            f"label noise replaces a class by another one, and {data.name} has {classes}; leave "
            "label_noise out"
        )
    count, generator = round(share * total), seeded("label noise", seed)
    chosen = torch.randperm(total, generator=generator)[:count]
    shifts = torch.zeros(total, dtype=torch.int64)
    shifts[chosen] = torch.randint(1, classes, (total,), generator=generator)[:count]
    note = (
        f"Label noise {share:g}: {count:,} of the {total:,} training labels are another class, "
        "drawn uniformly; validation and test labels are untouched."
    )
    train = _moved(data.train, shifts, classes)
    return dataclasses.replace(data, train=train, notes=(*data.notes, note))


def _moved(samples: Samples, shifts: Tensor, classes: int) -> Samples:
    if isinstance(samples, Split):
        return Split(samples.images, (samples.labels + shifts) % classes)
    return NoisyLabels(samples, shifts, classes)
