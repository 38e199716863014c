"""Arrays as small pictures inside a page: `data:` addresses of PNG and JPEG files."""

from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
import torch
from jaxtyping import Float, UInt8
from matplotlib import colormaps
from PIL import Image
from torch import Tensor

from spikedistill.data import Collate, Loader, Samples, pick
from spikedistill.pages.frames import painted

PLAIN = 64
"""Images of up to so many pixels a side are kept exactly; larger ones become small photographs."""
LARGEST = 160
"""Pixels a side of a photograph."""


def photo(pixels: UInt8[np.ndarray, "C H W"]) -> str:
    """An image of 1 or 3 channels (of others, the first) as the page shows it."""
    channels = pixels.transpose(1, 2, 0) if len(pixels) == 3 else pixels[0]
    image = Image.fromarray(np.ascontiguousarray(channels))
    if max(image.size) <= PLAIN:
        return _address(image, "PNG")
    image.thumbnail((LARGEST, LARGEST))
    return _address(image, "JPEG", quality=85)


def heat(values: Float[np.ndarray, "H W"]) -> str:
    """A map from 0 to 1 to lay over an image: clear where it is 0, then red to yellow."""
    share = np.nan_to_num(values.astype(np.float64)).clip(0, 1)
    colours = colormaps["inferno"](0.25 + 0.75 * share)
    colours[..., 3] = 0.7 * share**0.8
    return _address(Image.fromarray((colours * 255).round().astype(np.uint8)), "PNG")


def intensity(values: Float[np.ndarray, "H W"], most: float) -> str:
    """A map from 0 to `most` by itself, dark to bright."""
    share = np.nan_to_num(values.astype(np.float64) / (most or 1.0)).clip(0, 1)
    colours = colormaps["viridis"](share)[..., :3]
    return _address(Image.fromarray((colours * 255).round().astype(np.uint8)), "PNG")


def _address(image: Image.Image, kind: str, **options: int) -> str:
    file = BytesIO()
    image.save(file, kind, optimize=True, **options)
    text = base64.b64encode(file.getvalue()).decode("ascii")
    return f"data:image/{kind.lower()};base64,{text}"


def images_at(samples: Samples, index: Tensor, collate: Collate) -> Tensor:
    """Some images as networks get them: `[N, C, H, W]`, or event frames `[N, T, 2, H, W]`."""
    inputs = next(Loader(pick(samples, index), len(index), collate=collate).epoch(0)).inputs
    assert isinstance(inputs, Tensor)
    return inputs


def pixels_of(images: Tensor) -> np.ndarray:
    """Bytes `[N, C, H, W]`; of frames one more, `[N, T + 1, C, H, W]`: their mean."""
    if images.dim() == 5 and images.shape[2] == 2:
        images = torch.stack([painted(frames) for frames in images.cpu()])
    elif images.dim() == 5:
        images = torch.cat([images, images.mean(1, keepdim=True)], 1)
    return (images.clamp(0, 1) * 255).round().to(torch.uint8).cpu().contiguous().numpy()
