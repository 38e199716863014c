"""AEDAT 3.1 files, as DVS128 Gesture has them: packets of typed events, little-endian."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from spikedistill.core.errors import SpikedistillError
from spikedistill.data._events import Events, Unsorted, usable

VERSION = b"#!AER-DAT3.1"
END = b"#!END-HEADER\r\n"
PACKET = np.dtype(
    [
        ("type", "<i2"),
        ("source", "<i2"),
        ("size", "<i4"),
        ("time_offset", "<i4"),
        ("overflow", "<i4"),
        ("capacity", "<i4"),
        ("number", "<i4"),
        ("valid", "<i4"),
    ]
)
POLARITY = 1
"""The type of the packets that hold what the pixels saw."""


def read(path: Path, sensor: tuple[int, int], unsorted: Unsorted = "refuse") -> Events:
    """The polarity events of one file that are marked as valid.

    An event is 32 bits of data (bit 0: valid, bit 1: polarity, bits 2 to 16: y, bits 17 to 31: x)
    and 31 bits of time in microseconds; its packet says how often the time ran over.

    Args:
        path: of the file.
        sensor: H, W in pixels.
        unsorted: what happens where timestamps go back (see `usable`).

    Raises:
        SpikedistillError: if the file is of another version, truncated, empty, or holds
            impossible events.
    """
    content = path.read_bytes()
    packets = list(_packets(path, content, _header(path, content)))
    if packets:
        data, t = (np.concatenate(column) for column in zip(*packets, strict=True))
    else:
        data = t = np.empty(0, np.int64)
    valid = (data & 1) == 1
    events = Events(t, data >> 17 & 0x7FFF, data >> 2 & 0x7FFF, data >> 1 & 1).pick(valid)
    return usable(events, path, sensor, unsorted)


def _header(path: Path, content: bytes) -> int:
    """Where the first packet begins."""
    if VERSION.startswith(content):
        raise SpikedistillError(
            f"{path} is {'truncated' if content else 'empty'}: it has {len(content):,} bytes and "
            f"begins with {len(VERSION)}, {VERSION.decode()!r}; fetch the file again"
        )
    if not content.startswith(VERSION):
        found = content[:12].decode("ascii", "replace")
        raise SpikedistillError(
            f"{path} begins with {found!r} and should with {VERSION.decode()!r}: it is of another "
            "version of the format; fetch the AEDAT 3.1 files of the data set"
        )
    end = content.find(END)
    if end < 0:
        raise SpikedistillError(
            f"{path} is truncated or damaged: in its {len(content):,} bytes there is no line "
            f"{END.strip().decode()!r} with a Windows line end, with which every AEDAT 3.1 header "
            "ends; fetch the file again"
        )
    form = re.search(rb"^#Format: *(\S+)", content[:end], re.MULTILINE)
    if form and form[1] != b"RAW":
        raise SpikedistillError(
            f"{path} has the format {form[1].decode('ascii', 'replace')!r}, and only 'RAW' is "
            "read; fetch the file as it was published, or save it again uncompressed"
        )
    return end + len(END)


def _packets(path: Path, content: bytes, start: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Data words and times of every packet of polarity events."""
    while start < len(content):
        body = start + PACKET.itemsize
        if body > len(content):
            raise _truncated(path, start, PACKET.itemsize, len(content) - start)
        head = np.frombuffer(content, PACKET, count=1, offset=start)[0]
        size, capacity, number = (int(head[name]) for name in ("size", "capacity", "number"))
        if size < 8 or not 0 <= number <= capacity:
            raise SpikedistillError(
                f"{path}: the packet at byte {start:,} says that it holds {number} of {capacity} "
                f"events of {size} bytes, which cannot be; the file is damaged, fetch it again"
            )
        start = body + size * capacity
        if start > len(content):
            raise _truncated(path, body, size * capacity, len(content) - body)
        if int(head["type"]) == POLARITY:
            rows = np.frombuffer(content, np.uint8, count=size * number, offset=body)
            words = np.ascontiguousarray(rows.reshape(number, size)[:, :8]).view("<u4")
            data, t = words.astype(np.int64).T
            yield data, (t & 0x7FFFFFFF) + (int(head["overflow"]) << 31)


def _truncated(path: Path, at: int, wanted: int, found: int) -> SpikedistillError:
    return SpikedistillError(
        f"{path} is truncated: from byte {at:,} on a packet should take {wanted:,} bytes and there "
        f"are {found:,}; fetch the file again"
    )
