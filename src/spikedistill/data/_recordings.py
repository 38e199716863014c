"""Data sets of recordings: found on disk, read when asked for, given out as frames."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import Dataset

from spikedistill.core.errors import MissingDataError, SpikedistillError
from spikedistill.data._events import Events, Unsorted
from spikedistill.data._files import VARIABLE
from spikedistill.data._frame_cache import FrameCache
from spikedistill.data._frames import SplitBy, integrate, resized

COUNTS = {"mean": (0.0, 0.0), "std": (1.0, 1.0)}
"""The normalisation of event frames: none, so that networks see the counts and zeros stay zero."""


@dataclass(frozen=True)
class Recording:
    """One sample: a file, or one of the parts that a file is cut into."""

    path: Path
    label: int
    part: int = 0
    beside: tuple[Path, ...] = ()
    """Other files that the sample depends on."""


@dataclass(frozen=True)
class Form:
    """How the events of a recording become frames.

    Raises:
        SpikedistillError: if the number of frames or the size is impossible.
    """

    timesteps: int
    """T, the number of frames."""
    split_by: SplitBy
    sensor: tuple[int, int]
    """H, W in pixels."""
    size: int | None = None
    """Height and width of the frames that are given out; None: those of the sensor."""
    unsorted: Unsorted = "refuse"

    def __post_init__(self) -> None:
        for name, value in (("timesteps", self.timesteps), ("size", self.size)):
            if type(value) is not int and (name, value) != ("size", None):
                raise SpikedistillError(
                    f"data.{name} is {value!r} and should be a whole number from 1 on"
                )
        if self.timesteps < 1:
            raise SpikedistillError(
                f"data.timesteps is {self.timesteps}: a recording is cut into at least 1 frame"
            )
        if self.size is not None and not 1 <= self.size <= min(self.sensor):
            raise SpikedistillError(
                f"data.size is {self.size} pixels, and the sensor has {self.sensor[1]} x "
                f"{self.sensor[0]}: frames can be made smaller, to 1 pixel at least, not larger"
            )

    @property
    def text(self) -> str:
        """What kept frames depend on; the size does not count, since it is applied when read."""
        # what was sorted once must not slip past a later refusal
        return f"{self.timesteps}-by-{self.split_by}" + "-sorted" * (self.unsorted == "sort")


class Recordings(Dataset[tuple[Tensor, int]]):
    """Recordings as frames `[T, 2, H, W]`, float32 counts of events, and their class.

    Nothing is read before it is asked for, and frames are kept on disk (`FrameCache`), so a set of
    any size takes little memory.

    Args:
        recordings: the samples.
        read: a file -> the events of each of its parts.
        form: how events become frames.
        cache: where frames are kept.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        read: Callable[[Path], list[Events]],
        form: Form,
        cache: FrameCache,
    ) -> None:
        self.recordings, self.read, self.form, self.cache = list(recordings), read, form, cache
        self.targets = [one.label for one in self.recordings]
        """The class of every recording: what a stratified split reads."""

    def __len__(self) -> int:
        return len(self.recordings)

    def __getitem__(self, index: int) -> tuple[Float[Tensor, "T 2 H W"], int]:
        one = self.recordings[index]
        try:
            counts = self._kept(one)
            if counts is None:
                counts = self._made(one)
        except OSError as fault:
            raise SpikedistillError(
                f"{fault.filename or one.path} was found when the data set was opened and cannot "
                f"be read now: {fault.strerror or fault}; put it back, or start again without it"
            ) from fault
        frames = torch.from_numpy(counts.astype(np.float32))
        return resized(frames, self.form.size), one.label

    def _kept(self, one: Recording) -> np.ndarray | None:
        found = self.cache.load(self._place(one, one.part))
        wanted = (self.form.timesteps, 2, *self.form.sensor)
        return found if found is not None and found.shape == wanted else None

    def _made(self, one: Recording) -> np.ndarray:
        """Frames of all parts of a file, made at once because reading it takes longest."""
        place = self._place(one, one.part)
        form, parts = self.form, self.read(one.path)
        made = [integrate(part, form.timesteps, form.split_by, form.sensor) for part in parts]
        if place == self._place(one, one.part):  # else the file has changed while it was read
            for number, frames in enumerate(made):
                self.cache.store(self._place(one, number), frames)
        return made[one.part]

    def _place(self, one: Recording, part: int) -> Path:
        return self.cache.path((one.path, *one.beside), part)


def found_folder(root: Path, names: Sequence[str], inside: str, title: str, origin: str) -> Path:
    """The folder of a data set below `root`, or `root` itself, known by what lies inside.

    Raises:
        MissingDataError: if there is none; says what was looked for and where it comes from.
    """
    for folder in (*(root / name for name in names), root):
        if (folder / inside).exists():
            return folder
    looked = " or ".join(str(root / name / inside) for name in names)
    raise MissingDataError(
        f"{title} was not found: looked for {looked}. It comes from {origin}. Unpack it there, or "
        f"say where it lies with --data-dir or the environment variable {VARIABLE}."
    )


def listing_hash(folder: Path, recordings: Sequence[Recording]) -> str:
    """`md5:...` of the names and sizes of the files, which is what can be had without reading."""
    paths = sorted({path for one in recordings for path in (one.path, *one.beside)})
    lines = [f"{path.relative_to(folder).as_posix()} {path.stat().st_size}" for path in paths]
    return "md5:" + hashlib.md5("\n".join(lines).encode(), usedforsecurity=False).hexdigest()
