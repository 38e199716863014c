"""Pixels of every mode as RGB of 8 bits."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from spikedistill.core.errors import SpikedistillError
from spikedistill.data._images import as_image
from spikedistill.data._pixels import rgb, unreadable

VALUES = np.array([[0, 257, 32896, 65535]], np.uint16)


def saved(image: Image.Image, form: str) -> Image.Image:
    file = io.BytesIO()
    image.save(file, form)
    return Image.open(file)


def levels(image: Image.Image) -> list[list[int]]:
    found = rgb(image)
    assert found.mode == "RGB"
    return np.asarray(found)[0].tolist()


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_and_not_cut_off(form: str) -> None:
    assert levels(saved(Image.fromarray(VALUES), form)) == [[v] * 3 for v in (0, 1, 128, 255)]


def test_sixteen_bits_of_a_grey_map() -> None:
    text = b"P5\n4 1\n65535\n" + VALUES.astype(">u2").tobytes()
    assert levels(Image.open(io.BytesIO(text))) == [[v] * 3 for v in (0, 1, 128, 255)]
    assert levels(Image.new("I;16B", (1, 1), 65535)) == [[255] * 3]


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("1", 1, 255), ("L", 9, 9), ("LA", (9, 0), 9), ("RGB", (9, 9, 9), 9),
        ("RGBA", (9, 9, 9, 0), 9), ("CMYK", (0, 0, 0, 0), 255),
    ],
)  # fmt: skip
def test_other_modes(mode: str, colour: int | tuple[int, ...], expected: int) -> None:
    assert levels(Image.new(mode, (1, 1), colour)) == [[expected] * 3]


def test_a_palette_with_transparency_keeps_its_colours() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([7, 8, 9, 200, 100, 50])
    image.putpixel((1, 0), 1)
    image.info["transparency"] = b"\x00\xff"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert levels(image) == [[7, 8, 9], [200, 100, 50]]


@pytest.mark.parametrize(("kind", "word"), [(np.float32, "floating-point"), (np.int32, "32 bits")])
def test_what_has_no_white_is_refused(kind: type, word: str) -> None:
    image = saved(Image.fromarray(VALUES.astype(kind)), "TIFF")
    assert word in (unreadable(image) or "")
    with pytest.raises(
        SpikedistillError, match=f"an image has .*{word}.*save it with 8 or 16 bits"
    ):
        rgb(image)


def test_a_data_set_of_such_images() -> None:
    found = as_image(Image.fromarray(VALUES))
    assert found.shape == (1, 1, 4)  # one grey is one channel, of 16 bits as of 8
    torch.testing.assert_close(found[0, 0], torch.tensor([0, 1, 128, 255]) / 255)


@pytest.mark.parametrize(
    ("mode", "channels"),
    [("1", 1), ("L", 1), ("LA", 1), ("I;16", 1), ("P", 3), ("RGB", 3), ("RGBA", 3), ("CMYK", 3)],
)
def test_one_grey_is_one_channel(mode: str, channels: int) -> None:
    assert as_image(Image.new(mode, (2, 5))).shape == (channels, 5, 2)
    assert rgb(Image.new(mode, (2, 5))).mode == "RGB"
