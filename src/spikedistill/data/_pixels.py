"""Pixels of any kind that Pillow knows as RGB, or as one grey, of 8 bits."""

from __future__ import annotations

import numpy as np
from PIL import Image

from spikedistill.core.errors import SpikedistillError

_GREY = ("1", "L", "LA", "La", "I")
"""Modes of one grey, beside those of 16 bits: bits, bytes, with transparency, whole numbers."""
_SIXTEEN = ("PNG", "PPM")
"""Formats whose whole numbers of 32 bits in Pillow are 16 bits in the file."""


def rgb(image: Image.Image) -> Image.Image:
    """An image as RGB of 8 bits.

    Pixels of 16 bits are divided by 257, so that 65535 becomes 255. Transparency is dropped: the
    colour that the file has under it stays.

    Raises:
        SpikedistillError: see `unreadable`.

    Example:
        >>> rgb(Image.new("I;16", (1, 1), 65535)).getpixel((0, 0))
        (255, 255, 255)
    """
    return _of_bytes(image).convert("RGB")


def eight_bits(image: Image.Image) -> Image.Image:
    """An image with one channel (mode L) where it is grey, else as RGB; see `rgb`.

    Raises:
        SpikedistillError: see `unreadable`.

    Example:
        >>> [eight_bits(Image.new(mode, (1, 1))).mode for mode in ("1", "LA", "I;16", "P", "RGBA")]
        ['L', 'L', 'L', 'RGB', 'RGB']
    """
    grey = image.mode in _GREY or image.mode.startswith("I;16")
    return _of_bytes(image).convert("L" if grey else "RGB")


def _of_bytes(image: Image.Image) -> Image.Image:
    """The same without what `convert` would clip or ask for with a warning.

    Raises:
        SpikedistillError: see `unreadable`.
    """
    reason = unreadable(image)
    if reason is not None:
        raise SpikedistillError(f"an image {reason}")
    if image.mode == "I" or image.mode.startswith("I;16"):
        pixels = np.asarray(image).astype(np.float32) / 257
        return Image.fromarray(pixels.clip(0, 255).round().astype(np.uint8))
    if image.mode == "P" and isinstance(image.info.get("transparency"), bytes):
        return image.convert("RGBA")  # the same colours, which Pillow asks for with a warning
    return image


def unreadable(image: Image.Image) -> str | None:
    """Why the pixels have no place between black and white, or None; nothing is decoded."""
    if image.mode == "F":
        return (
            "has floating-point pixels (mode F), of which black and white are not known; save it "
            "with 8 or 16 bits"
        )
    if image.mode == "I" and image.format not in _SIXTEEN:
        return (
            "has pixels of 32 bits (mode I), of which white is not known; save it with 8 or 16 bits"
        )
    return None
