"""From events to frames: how many events of each polarity every pixel had in each slice of time."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from spikedistill.data._events import Events

SplitBy = Literal["number", "time"]


def edges(t: np.ndarray, timesteps: int, split_by: SplitBy) -> np.ndarray:
    """Where the slices begin, and the number of events: slice j holds events e[j] to e[j + 1].

    The conventions are those of SpikingJelly's `split_by`. `number`: every slice has floor(N / T)
    events, the last one what remains too. `time`: every slice lasts floor((t_last - t_first) / T)
    microseconds, the last one to the end; slices without events stay empty.

    Args:
        t: timestamps in microseconds `[N]`, in order.
        timesteps: T.
        split_by: `number` or `time`.

    Example:
        >>> edges(np.arange(10), 3, "number").tolist()
        [0, 3, 6, 10]
        >>> edges(np.array([0, 1, 2, 7, 9, 10]), 2, "time").tolist()
        [0, 3, 6]
    """
    steps = np.arange(timesteps)
    if split_by == "number":
        starts = steps * (len(t) // timesteps)
    else:
        starts = np.searchsorted(t, t[0] + steps * ((t[-1] - t[0]) // timesteps), side="left")
    return np.append(starts, len(t))


def integrate(
    events: Events, timesteps: int, split_by: SplitBy, sensor: tuple[int, int]
) -> np.ndarray:
    """Frames `[T, 2, H, W]`: channel 0 counts OFF events, channel 1 ON events; nothing is clipped.

    Whole numbers of the smallest unsigned type that holds the largest count.

    Args:
        events: of one recording, at least one.
        timesteps: T.
        split_by: `number` or `time` (see `edges`).
        sensor: H, W in pixels.
    """
    height, width = sensor
    limits = edges(events.t, timesteps, split_by)
    frame = np.repeat(np.arange(timesteps), np.diff(limits))
    place = ((frame * 2 + events.p) * height + events.y) * width + events.x
    counts = np.bincount(place, minlength=timesteps * 2 * height * width)
    kind = np.min_scalar_type(int(counts.max()))
    return counts.reshape(timesteps, 2, height, width).astype(kind)


def resized(frames: Float[Tensor, "T 2 H W"], size: int | None) -> Float[Tensor, "T 2 h w"]:
    """Frames of `size` x `size` pixels; None: as they are.

    The bilinear filter that averages over the whole area of a new pixel, as Pillow's does, so that
    a count becomes the mean count of a pixel.
    """
    if size is None or tuple(frames.shape[2:]) == (size, size):
        return frames
    return F.interpolate(frames, (size, size), mode="bilinear", antialias=True, align_corners=False)
