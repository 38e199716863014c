"""N-MNIST: 60,000 + 10,000 recordings of digits, 34x34 (Orchard et al., 2015); event frames."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

from spikedistill.core.errors import SpikedistillError
from spikedistill.data import _nmnist_bin
from spikedistill.data._dataset import Source
from spikedistill.data._events import Events
from spikedistill.data._frame_cache import FrameCache
from spikedistill.data._recordings import (
    COUNTS,
    Form,
    Recording,
    Recordings,
    found_folder,
    listing_hash,
)

SENSOR = (34, 34)
FOLDERS = ("N-MNIST", "NMNIST")
WHOLE = {"Train": 60_000, "Test": 10_000}
ORIGIN = "the N-MNIST page of Garrick Orchard (garrickorchard.com/datasets/n-mnist)"


def load(
    root: Path,
    timesteps: int = 10,
    split_by: Literal["number", "time"] = "number",
    size: int | None = None,
    unsorted: Literal["refuse", "sort"] = "refuse",
) -> Source:
    """N-MNIST from `N-MNIST/Train` and `N-MNIST/Test` under `root`, as frames `[T, 2, 34, 34]`.

    Each holds a folder for every digit with its `.bin` files; a part of the set will do, and is
    noted.

    Args:
        root: the folder of the data sets.
        timesteps: T, the number of frames of a recording.
        split_by: frames of equal `number` of events, or of equal `time`; the last gets the rest.
        size: side of the frames in pixels; None: 34.
        unsorted: `refuse` recordings whose timestamps go back, or `sort` their events.

    Raises:
        SpikedistillError: if the set is not there; when a recording is asked for, if it is damaged.
    """
    form = Form(timesteps, split_by, SENSOR, size, unsorted)
    folder = found_folder(root, FOLDERS, "Train", "N-MNIST", ORIGIN)
    found = {name: _recordings(folder / name) for name in WHOLE}
    cache = FrameCache(folder, "nmnist", form.text)
    train, test = (
        Recordings(part, partial(_read, unsorted=unsorted), form, cache) for part in found.values()
    )
    return Source(
        "nmnist",
        train,
        test,
        classes=tuple("0123456789"),
        hashes={name: listing_hash(folder, part) for name, part in found.items()},
        notes=_notes(folder, {name: len(part) for name, part in found.items()}),
        **COUNTS,
    )


def _read(path: Path, unsorted: Literal["refuse", "sort"]) -> list[Events]:
    return [_nmnist_bin.read(path, SENSOR, unsorted)]


def _recordings(folder: Path) -> list[Recording]:
    found = [
        Recording(path, digit)
        for digit in range(10)
        for path in sorted((folder / str(digit)).glob("*.bin"))
    ]
    if not found:
        raise SpikedistillError(
            f"N-MNIST is incomplete: looked for recordings {folder}/0/*.bin to {folder}/9/*.bin "
            f"and found 0; it comes from {ORIGIN}"
        )
    return found


def _notes(folder: Path, counts: dict[str, int]) -> tuple[str, ...]:
    if counts == WHOLE:
        return ()
    here, whole = (" + ".join(f"{n:,}" for n in sizes.values()) for sizes in (counts, WHOLE))
    return (
        f"N-MNIST: {folder} holds {here} of {whole} recordings; figures on this part are not "
        "those of the whole set.",
    )
