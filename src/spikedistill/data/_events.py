"""The events of one recording of an event camera, and what makes a recording impossible."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from spikedistill.core.errors import SpikedistillError

Unsorted = Literal["refuse", "sort"]
"""What happens to a recording whose timestamps go back."""


@dataclass(frozen=True)
class Events:
    """Events in the order of time, one entry of every array `[N]` for each."""

    t: np.ndarray
    """Timestamps in microseconds, int64."""
    x: np.ndarray
    """Columns, from the left."""
    y: np.ndarray
    """Rows, from the top."""
    p: np.ndarray
    """Polarity: 1 where the light rose (ON), 0 where it fell (OFF)."""

    def __len__(self) -> int:
        return len(self.t)

    def pick(self, which: np.ndarray) -> Events:
        """The events of a mask or of an order."""
        return Events(self.t[which], self.x[which], self.y[which], self.p[which])

    def between(self, start: int, end: int) -> Events:
        """The events with `start <= t < end`, in microseconds."""
        return self.pick((self.t >= start) & (self.t < end))


def whole_records(path: Path, size: int, record: int) -> None:
    """Refuse a file that does not end with an event.

    Raises:
        SpikedistillError: if `size` bytes are no multiple of `record` bytes.
    """
    if size % record:
        raise SpikedistillError(
            f"{path} is truncated: its events take {size:,} bytes, no multiple of the {record} "
            "bytes of one event; fetch the file again"
        )


def usable(
    events: Events, path: Path, sensor: tuple[int, int], unsorted: Unsorted = "refuse"
) -> Events:
    """The events of a file, once they are known to be possible.

    Args:
        events: as they were read.
        path: of the file, for messages.
        sensor: H, W in pixels.
        unsorted: `refuse`, or `sort` by time where timestamps go back (equal ones stay in order).

    Raises:
        SpikedistillError: if there are none, one lies outside the sensor, or timestamps go back.
    """
    if not len(events):
        raise SpikedistillError(
            f"{path} is an empty recording: it has 0 events and at least 1 is needed; fetch the "
            "file again, or take it out of the data set"
        )
    height, width = sensor
    outside = np.flatnonzero((events.x >= width) | (events.y >= height))
    if len(outside):
        at = int(outside[0])
        raise SpikedistillError(
            f"{path}: event {at:,} of {len(events):,} lies at x = {int(events.x[at])}, "
            f"y = {int(events.y[at])}, outside the sensor of {width} x {height} pixels: the file "
            "is damaged or of another camera; fetch it again"
        )
    back = np.flatnonzero(events.t[1:] < events.t[:-1])
    if len(back) and unsorted == "refuse":
        at = int(back[0])
        raise SpikedistillError(
            f"{path}: timestamps go back {len(back):,} times, first after event {at:,}, from "
            f"{int(events.t[at]):,} to {int(events.t[at + 1]):,} us; fetch the file again, or let "
            "such recordings be sorted with data.unsorted=sort"
        )
    return events.pick(np.argsort(events.t, kind="stable")) if len(back) else events
