"""AEDAT 2.0 files of a DVS128 camera, as CIFAR10-DVS has them: address and time, big-endian.

The axes and the polarity are those under which the field reads CIFAR10-DVS (SpikingJelly): the
camera's y address counts columns from the right, its x address rows from the bottom, and its
polarity bit is 0 where the light rose.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spikedistill.core.errors import SpikedistillError
from spikedistill.data._events import Events, Unsorted, usable, whole_records

RECORD = 8
SIDE = 128
VERSION = b"#!AER-DAT"
EXTERNAL = 0x8000
"""Set in the address of what comes from outside the sensor (a trigger)."""


def read(path: Path, unsorted: Unsorted = "refuse") -> Events:
    """The events of one file.

    Lines that begin with `#` lead; then come pairs of 32 bits: address, time in microseconds. In
    an address bit 0 is the polarity, bits 1 to 7 are x and bits 8 to 14 are y.

    Raises:
        SpikedistillError: if the file is of another version, truncated, empty, or holds
            impossible events.
    """
    content = path.read_bytes()
    start = _header(path, content)
    whole_records(path, len(content) - start, RECORD)
    pairs = np.frombuffer(content, ">u4", offset=start).reshape(-1, 2).astype(np.int64)
    pairs[:, 1] = _unwrapped(pairs[:, 1])
    address, t = pairs[(pairs[:, 0] & EXTERNAL) == 0].T
    if len(address) and int(address.max()) > 0xFFFF:
        at = int(np.flatnonzero(address > 0xFFFF)[0])
        raise SpikedistillError(
            f"{path}: event {at:,} has the address {int(address[at]):#x}, outside the sensor of "
            f"{SIDE} x {SIDE} pixels, whose addresses end at {EXTERNAL - 1:#x}: the file is "
            "damaged or not of a DVS128; fetch it again"
        )
    x, y, p = SIDE - 1 - (address >> 8 & 0x7F), SIDE - 1 - (address >> 1 & 0x7F), 1 - (address & 1)
    return usable(Events(t, x, y, p), path, (SIDE, SIDE), unsorted)


def _unwrapped(t: np.ndarray) -> np.ndarray:
    """Times of 32 bits, signed, without the jump where the counter runs over."""
    steps = np.diff(t, prepend=0).astype(np.int32)  # modulo 2^32: the shorter way round
    return np.cumsum(steps, dtype=np.int64)


def _header(path: Path, content: bytes) -> int:
    """Where the events begin."""
    if content.startswith(VERSION) and not content.startswith(VERSION + b"2."):
        found = content.partition(b"\n")[0].strip().decode("ascii", "replace")
        raise SpikedistillError(
            f"{path} begins with {found!r} and should with '{VERSION.decode()}2.0': it is of "
            "another version of the format; fetch the AEDAT 2.0 files of the data set"
        )
    start = 0
    while content[start : start + 1] == b"#":
        end = content.find(b"\n", start)
        if end < 0:
            return len(content)
        start = end + 1
    return start
