"""Image files: which are read, one of them decoded, and many of them checked at the start."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from spikedistill.core.errors import SpikedistillError
from spikedistill.data._pixels import rgb, unreadable

HEADERS = 20_000
"""Files of one split that are opened at the start, spread over all of it."""
DECODED = 64
"""Files of one split that are decoded at the start, spread over all of it."""
_NO_PICTURES = ("BUFR", "EPS", "GRIB", "HDF5", "IPTC", "MPEG", "WMF")
"""Formats that Pillow knows by name only, or hands to another program."""
_THREADS = 8


@cache
def formats() -> tuple[str, ...]:
    """Pillow's names of the formats that are read: those that it can open itself."""
    Image.init()
    return tuple(sorted(set(Image.OPEN) - set(_NO_PICTURES)))


@cache
def endings() -> frozenset[str]:
    """The endings of the files that are read, in small letters with their dot."""
    known = (*formats(), "MPO")  # several JPEG images in one file; the first is read
    return frozenset(end for end, form in Image.registered_extensions().items() if form in known)


def decode(path: Path) -> Image.Image:
    """An image as RGB of 8 bits; of several in one file, the first.

    Raises:
        SpikedistillError: if it is damaged, too large, or of an unread kind.
    """
    try:
        with Image.open(path, formats=formats()) as file:
            return rgb(file)
    except Exception as fault:  # the readers of many formats raise as many errors
        raise SpikedistillError(f"{path} is no image that can be read ({says(fault)})") from fault


@dataclass(frozen=True)
class Checked:
    """What is known of the images of one split before the first batch."""

    faults: dict[Path, str]
    """Image to what is wrong with it."""
    large: dict[Path, int]
    """Image to its pixels, where these are more than Pillow thinks right."""
    opened: int
    decoded: int


def check_images(paths: Sequence[Path]) -> Checked:
    """Open the headers of up to `HEADERS` images, and decode up to `DECODED` of them."""
    headers, whole = _spread(paths, HEADERS), _spread(paths, DECODED)
    faults, large = {}, {}
    formats()  # Pillow loads its readers once, before there are threads
    with warnings.catch_warnings(), ThreadPoolExecutor(_THREADS) as pool:
        warnings.simplefilter("ignore")
        for path, found in zip(headers, pool.map(_header, headers), strict=True):
            if isinstance(found, str):
                faults[path] = found
            elif found > limit():
                large[path] = found
        whole = [path for path in whole if path not in faults]
        for path, fault in zip(whole, pool.map(_body, whole), strict=True):
            if fault is not None:
                faults[path] = fault
    return Checked(faults, large, len(headers), len(whole))


def _spread(paths: Sequence[Path], most: int) -> list[Path]:
    if len(paths) <= most:
        return list(paths)
    return [paths[round(at * (len(paths) - 1) / (most - 1))] for at in range(most)]


def _header(path: Path) -> int | str:
    """How many pixels an image has, or what is wrong with it."""
    try:
        if not path.stat().st_size:
            return "is empty"
        with Image.open(path, formats=formats()) as file:
            return unreadable(file) or file.width * file.height
    except Exception as fault:
        return says(fault)


def _body(path: Path) -> str | None:
    """What is wrong with an image that is only seen when it is decoded."""
    found = _header(path)
    if isinstance(found, str):
        return found
    try:
        with Image.open(path, formats=formats()) as file:
            file.load()
    except Exception as fault:
        return says(fault)
    return None


def says(fault: Exception) -> str:
    """What is wrong with an image, in words that follow its name."""
    if isinstance(fault, UnidentifiedImageError):
        return "holds no image of a type that is read"
    if isinstance(fault, Image.DecompressionBombError):
        pixels = re.search(r"\((\d+) pixels\)", str(fault))
        return (
            f"has {int(pixels[1]) if pixels else 0:,} pixels, and {2 * limit():,} are the limit: "
            "make it smaller"
        )
    return (str(fault).splitlines() or [type(fault).__name__])[0]


def limit() -> int:
    """The pixels above which Pillow takes an image for an attack; it opens up to twice as many."""
    return Image.MAX_IMAGE_PIXELS or sys.maxsize
