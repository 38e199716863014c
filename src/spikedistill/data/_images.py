"""Images of any common kind as float tensors in [0, 1]."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from spikedistill.core.errors import SpikedistillError
from spikedistill.data._pixels import rgb


def as_image(value: Any) -> Float[Tensor, "*shape"]:
    """A float32 tensor in [0, 1], channels first, of what a data set gives as an image.

    Tensors are taken as they are, channels first; PIL images and numpy arrays have channels last
    or none (`[H, W]`, `[H, W, C]`), as these libraries have it. Integers of 8 bits are divided by
    255; floats are trusted to be in [0, 1].

    Raises:
        SpikedistillError: if the value is none of these.

    Example:
        >>> as_image(np.full((2, 2, 3), 255, np.uint8)).shape
        torch.Size([3, 2, 2])
    """
    if isinstance(value, Image.Image):
        keep = value.mode in ("L", "RGB")
        value = np.asarray(value if keep else rgb(value))
    if isinstance(value, np.ndarray):
        array = value[:, :, None] if value.ndim == 2 else value
        # Pillow's memory is read-only, which torch does not know: copy.
        value = torch.from_numpy(array.copy()).movedim(-1, 0)
    if not isinstance(value, Tensor):
        raise SpikedistillError(
            f"a data set gave {type(value).__name__} as an image; expected is a tensor [C, H, W], "
            f"a numpy array [H, W, C] or a PIL image"
        )
    if value.dtype == torch.uint8:
        return value.float().div_(255)
    if not value.is_floating_point():
        raise SpikedistillError(
            f"a data set gave an image of {value.dtype}; expected are uint8, or floats in [0, 1]"
        )
    return value.float()
