from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
import torch
from PIL import Image

from spikedistill.data import Split, collate_images
from spikedistill.pages.frames import painted
from spikedistill.pages.pictures import LARGEST, heat, images_at, intensity, photo, pixels_of


def opened(address: str) -> Image.Image:
    kind, text = address.split(";base64,")
    image = Image.open(BytesIO(base64.b64decode(text)))
    assert kind == f"data:image/{str(image.format).lower()}"
    return image


def test_small_images_are_kept_exactly() -> None:
    rng = np.random.default_rng(0)
    for channels in (1, 3):
        pixels = rng.integers(0, 255, (channels, 5, 7), dtype=np.uint8)
        found = np.asarray(opened(photo(pixels))).reshape(5, 7, channels)
        assert np.array_equal(found, pixels.transpose(1, 2, 0))
    two = rng.integers(0, 255, (2, 4, 4), dtype=np.uint8)  # events of two polarities: the first
    assert np.array_equal(np.asarray(opened(photo(two))), two[0])


def test_large_images_become_small_photographs() -> None:
    image = opened(photo(np.zeros((3, 300, 600), np.uint8)))
    assert image.format == "JPEG" and image.size == (LARGEST, LARGEST // 2)


def test_heat_is_clear_where_there_is_none() -> None:
    pixels = np.asarray(opened(heat(np.array([[0.0, 0.5, 1.0, np.nan]]))).convert("RGBA"))[0]
    assert pixels[0, 3] == 0 and pixels[3, 3] == 0
    assert 0 < pixels[1, 3] < pixels[2, 3] < 255


def test_intensity_ends_at_its_largest() -> None:
    pixels = np.asarray(opened(intensity(np.array([[0.0, 0.2]]), 0.2)).convert("RGB"))[0]
    assert pixels[1].sum() > pixels[0].sum()
    assert not np.asarray(opened(intensity(np.zeros((1, 2)), 0.0)))[0, 0].sum() > 400


def test_some_images_of_a_split_in_the_order_that_was_asked_for() -> None:
    images = torch.arange(12, dtype=torch.uint8).reshape(3, 1, 2, 2)
    split = Split(images, torch.zeros(3).long())
    chosen = images_at(split, torch.tensor([2, 0]), collate_images)
    assert torch.equal((chosen * 255).round().to(torch.uint8), images[[2, 0]])
    assert np.array_equal(pixels_of(chosen), images[[2, 0]].numpy())


def test_frames_are_painted_or_kept_and_their_mean_comes_last() -> None:
    events = torch.randint(0, 9, (2, 3, 2, 4, 4)).float()
    pixels = pixels_of(events)
    assert pixels.shape == (2, 4, 3, 4, 4) and pixels.dtype == np.uint8
    assert np.array_equal(pixels[1], (painted(events[1]) * 255).round().to(torch.uint8).numpy())
    grey = torch.tensor([0.0, 0.4]).reshape(1, 2, 1, 1, 1)
    assert pixels_of(grey).flatten().tolist() == [0, 102, 51]
