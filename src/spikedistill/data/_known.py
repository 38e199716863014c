"""What is known of a published data set without its files: enough to plan a training."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from spikedistill.data._dataset import DataSet, Split, count
from spikedistill.data._registry import SHARE, _check_count


@dataclass(frozen=True)
class Sizes:
    """How many samples each split has."""

    train: int
    valid: int
    test: int


@dataclass(frozen=True)
class Published:
    """Classes, shape and official splits of a data set, as its authors publish it."""

    classes: int
    shape: tuple[int, int, int]
    """C, H, W."""
    train: int
    test: int


PUBLISHED = {
    "cifar10": Published(10, (3, 32, 32), 50_000, 10_000),
    "cifar100": Published(100, (3, 32, 32), 50_000, 10_000),
    "mnist": Published(10, (1, 28, 28), 60_000, 10_000),
    "fashion-mnist": Published(10, (1, 28, 28), 60_000, 10_000),
}
COARSE = 20
"""Classes of CIFAR-100 with `labels: coarse`."""


def blank(name: str, rows: int, labels: str | None = None) -> DataSet | None:
    """A published data set as black images without meaning, `rows` of them to train on.

    It has the shape and the number of classes of the real one, whose files are not looked at.
    None where only the files know.
    """
    known = PUBLISHED.get(name)
    if known is None:
        return None
    classes = COARSE if labels == "coarse" else known.classes

    def split(size: int) -> Split:
        images = torch.zeros(size, *known.shape, dtype=torch.uint8)
        return Split(images, torch.zeros(size, dtype=torch.int64))

    channels = known.shape[0]
    return DataSet(
        name,
        split(rows),
        split(0),
        split(0),
        tuple(map(str, range(classes))),
        mean=(0.0,) * channels,
        std=(1.0,) * channels,
    )


def sizes(name: str, valid: int | float | None, train_limit: int | None) -> Sizes:
    """The sizes of the splits of a published data set as `data_set` would make them.

    Raises:
        SpikedistillError: if `valid` or `train_limit` is impossible.
    """
    known = PUBLISHED[name]
    share = SHARE if valid is None else valid
    _check_count("valid", share, known.train, at_least=0)
    held = count(share, known.train)
    train = known.train - held
    if train_limit is not None:
        _check_count("train_limit", train_limit, train, at_least=1)
        train = train_limit
    return Sizes(train, held, known.test)
