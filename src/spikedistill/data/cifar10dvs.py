"""CIFAR10-DVS: 10,000 recordings of CIFAR-10 images, 128x128 (Li et al., 2017); event frames."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

from spikedistill.core.errors import SpikedistillError
from spikedistill.data import _aedat2
from spikedistill.data._dataset import Source
from spikedistill.data._events import Events
from spikedistill.data._frame_cache import FrameCache
from spikedistill.data._published import Published
from spikedistill.data._recordings import (
    COUNTS,
    Form,
    Recording,
    Recordings,
    found_folder,
    listing_hash,
)
from spikedistill.data.cifar10 import CLASSES

SENSOR = (_aedat2.SIDE, _aedat2.SIDE)
FOLDERS = ("CIFAR10-DVS", "CIFAR10DVS")
WHOLE = 10_000
ORIGIN = "figshare, article 4724671 (CIFAR10-DVS; ten archives, one for each class)"
TRAINED = {"first900": range(900), "last900": range(100, 1000)}
"""Split -> the numbers of the samples of every class that are trained on."""


def published(options: Mapping[str, Any]) -> Published | None:
    """What is known without the files."""
    return Published(10, (2, 128, 128), 9_000, 1_000, timesteps=10)


def load(
    root: Path,
    timesteps: int = 10,
    split_by: Literal["number", "time"] = "number",
    size: int | None = None,
    split: Literal["first900", "last900", "random"] = "first900",
    unsorted: Literal["refuse", "sort"] = "refuse",
) -> Source:
    """CIFAR10-DVS from `CIFAR10-DVS/<class>/*.aedat` under `root`, as frames `[T, 2, 128, 128]`.

    The set has no official split. The number of a sample is the one in its file name.

    Args:
        root: the folder of the data sets.
        timesteps: T, the number of frames of a recording.
        split_by: frames of equal `number` of events, or of equal `time`; the last gets the rest.
        size: side of the frames in pixels; None: 128. 48 is usual.
        split: `first900`: samples 0 to 899 of every class are trained on, 900 to 999 tested.
            `last900`: samples 100 to 999 and 0 to 99, on which accuracies tend to be higher.
            `random`: a tenth is tested, drawn by the seed of the run, stratified by class.
        unsorted: `refuse` recordings whose timestamps go back, or `sort` their events.

    Raises:
        SpikedistillError: if the set is not there or a file name has no number; when a recording
            is asked for, if it is damaged.
    """
    form = Form(timesteps, split_by, SENSOR, size, unsorted)
    folder = found_folder(root, FOLDERS, CLASSES[0], "CIFAR10-DVS", ORIGIN)
    found = _recordings(folder)
    trained = TRAINED.get(split, range(WHOLE))
    train = [one for number, one in found if number in trained]
    test = [one for number, one in found if number not in trained]
    if split != "random" and not (train and test):
        raise SpikedistillError(
            f"CIFAR10-DVS: with split: {split}, {len(train)} of the {len(found)} recordings in "
            f"{folder} are to train on and {len(test)} to test on, and both need some; fetch the "
            "rest of the set, or choose split: random"
        )
    cache = FrameCache(folder, "cifar10dvs", form.text)
    read = partial(_read, unsorted=unsorted)
    return Source(
        "cifar10dvs",
        Recordings(train, read, form, cache),
        None if split == "random" else Recordings(test, read, form, cache),
        classes=CLASSES,
        hashes={"recordings": listing_hash(folder, [one for _, one in found])},
        notes=_notes(folder, len(found)),
        **COUNTS,
    )


def _read(path: Path, unsorted: Literal["refuse", "sort"]) -> list[Events]:
    return [_aedat2.read(path, unsorted)]


def _recordings(folder: Path) -> list[tuple[int, Recording]]:
    """Number in the class, and recording, in the order of classes and numbers."""
    found: list[tuple[int, Recording]] = []
    for label, name in enumerate(CLASSES):
        mine = [(_number(path), path) for path in (folder / name).glob("*.aedat")]
        if not mine:
            raise SpikedistillError(
                f"CIFAR10-DVS is incomplete: looked for recordings {folder / name}/*.aedat and "
                f"found 0; the class {name} comes as {name}.zip from {ORIGIN}"
            )
        found += [(number, Recording(path, label)) for number, path in sorted(mine)]
    return found


def _number(path: Path) -> int:
    digits = re.search(r"(\d+)$", path.stem)
    if digits is None:
        raise SpikedistillError(
            f"{path}: the name ends with no number, as in cifar10_{path.parent.name}_0.aedat, and "
            "the split goes by it; give the file its published name"
        )
    return int(digits[1])


def _notes(folder: Path, count: int) -> tuple[str, ...]:
    if count == WHOLE:
        return ()
    return (
        f"CIFAR10-DVS: {folder} holds {count:,} of {WHOLE:,} recordings; figures on this part are "
        "not those of the whole set.",
    )
