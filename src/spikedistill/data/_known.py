"""What is known of a published data set without its files: enough to plan a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from spikedistill.core.errors import SpikedistillError
from spikedistill.data._dataset import DataSet, Split, count
from spikedistill.data._published import Published
from spikedistill.data._registry import DATA, SHARE, check_count


@dataclass(frozen=True)
class Sizes:
    """How many samples each split has."""

    train: int
    valid: int
    test: int


class Empty(Dataset[tuple[Tensor, int]]):
    """Samples of zeros, for recordings: `shape` is T, C, H, W."""

    def __init__(self, rows: int, shape: tuple[int, ...]) -> None:
        self.targets, self.shape = [0] * rows, shape

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return torch.zeros(self.shape), 0


def known(name: str, options: Mapping[str, Any] | None = None) -> Published | None:
    """The facts of a published data set, of the `size` asked for; None where only the files know.

    Example:
        >>> known("imagefolder", {"published": "imagenet", "size": 128}).shape
        (3, 128, 128)
    """
    options = options or {}
    told = getattr(DATA.module(name), "published", None)
    found = None if told is None else told(options)
    if found is None or not isinstance(options.get("size"), int):
        return found
    return replace(found, shape=(found.shape[0], options["size"], options["size"]))


def blank(name: str, rows: int, options: Mapping[str, Any] | None = None) -> DataSet | None:
    """A published data set as black images without meaning, `rows` of them to train on.

    It has the shape and the number of classes of the real one, whose files are not looked at.
    None where only the files know.
    """
    options = options or {}
    facts = known(name, options)
    if facts is None:
        return None
    timesteps = options.get("timesteps") or facts.timesteps

    def split(size: int) -> Split | Empty:
        if timesteps is not None:
            return Empty(size, (timesteps, *facts.shape))
        images = torch.zeros(size, *facts.shape, dtype=torch.uint8)
        return Split(images, torch.zeros(size, dtype=torch.int64))

    channels = facts.shape[0]
    return DataSet(
        name,
        split(rows),
        split(0),
        split(0),
        tuple(map(str, range(facts.classes))),
        mean=(0.0,) * channels,
        std=(1.0,) * channels,
    )


def sizes(
    name: str,
    valid: int | float | None,
    train_limit: int | None,
    options: Mapping[str, Any] | None = None,
) -> Sizes:
    """The sizes of the splits of a published data set as `data_set` would make them.

    Raises:
        SpikedistillError: if `valid` or `train_limit` is impossible, or only the files know.
    """
    facts = known(name, options)
    if facts is None:
        raise SpikedistillError(f"only its files know how many samples {name} has")
    total, tested = facts.train, facts.test
    whole = (options or {}).get("split") == "random"  # the test samples too are drawn
    if whole:
        total, tested = total + tested, count(SHARE, total + tested)
    share = SHARE if valid is None else valid
    check_count("valid", share, total, at_least=0)
    held = count(share, total)
    train = total - held - whole * tested
    if train_limit is not None:
        check_count("train_limit", train_limit, train, at_least=1)
        train = train_limit
    return Sizes(train, held, tested)
