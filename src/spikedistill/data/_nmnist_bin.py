"""The `.bin` files of N-MNIST and N-Caltech101: five bytes an event (Orchard et al., 2015)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spikedistill.data._events import Events, Unsorted, usable, whole_records

RECORD = 5
OVERFLOW_ROW = 240
"""An event at this row is none: the camera's timer ran over."""
OVERFLOW_TIME = 2**13
"""What is added to the time of all events from there on, in microseconds."""


def read(path: Path, sensor: tuple[int, int], unsorted: Unsorted = "refuse") -> Events:
    """The events of one file.

    A record is x (8 bits), y (8), polarity (1, ON = 1) and time (23, in microseconds, high bits
    first).

    Args:
        path: of the file.
        sensor: H, W in pixels.
        unsorted: what happens where timestamps go back (see `usable`).

    Raises:
        SpikedistillError: if the file is truncated, empty, or holds impossible events.
    """
    content = path.read_bytes()
    whole_records(path, len(content), RECORD)
    x, y, high, middle, low = (
        np.frombuffer(content, np.uint8).reshape(-1, RECORD).astype(np.int64).T
    )
    t = (high & 0x7F) << 16 | middle << 8 | low
    overflow = y == OVERFLOW_ROW
    t = t + OVERFLOW_TIME * np.cumsum(overflow)
    return usable(Events(t, x, y, high >> 7).pick(~overflow), path, sensor, unsorted)
