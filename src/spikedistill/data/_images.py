"""Images of any common kind as float tensors in [0, 1]."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from spikedistill.core.errors import SpikedistillError
from spikedistill.data._pixels import eight_bits

_WHITE = {torch.uint8: 255, torch.uint16: 65535}
"""Kind of whole numbers -> the value of white."""


def as_image(value: Any) -> Float[Tensor, "*shape"]:
    """A float32 tensor in [0, 1], channels first, of what a data set gives as an image.

    Tensors are taken as they are, channels first; PIL images have channels last or none (`[H, W]`,
    `[H, W, C]`). So have numpy arrays, unless only their first axis can be that of channels (see
    `read_channels_first`); of four axes the first is that of frames. PIL images of one grey
    become one channel, others three. uint8 is divided by 255 and uint16 by 65535; floats are
    trusted to be in [0, 1].

    Raises:
        SpikedistillError: if the value is none of these.

    Example:
        >>> as_image(np.full((2, 2, 3), 255, np.uint8)).shape
        torch.Size([3, 2, 2])
    """
    if isinstance(value, Image.Image):
        value = np.asarray(eight_bits(value))
    if isinstance(value, np.ndarray):
        array = value[:, :, None] if value.ndim == 2 else value
        first = read_channels_first(array)
        # Pillow's memory is read-only, which torch does not know: copy.
        value = torch.from_numpy(array.copy())
        value = value if first or value.ndim < 3 else value.movedim(-1, -3)
    if not isinstance(value, Tensor):
        raise SpikedistillError(
            f"a data set gave {type(value).__name__} as an image; expected is a tensor [C, H, W], "
            f"a numpy array [H, W, C] or a PIL image"
        )
    if value.dtype in _WHITE:
        return value.float().div_(_WHITE[value.dtype])
    if not value.is_floating_point():
        raise SpikedistillError(
            f"a data set gave an image of {value.dtype}; expected are uint8, uint16, or floats in "
            "[0, 1]: divide its values by that of white"
        )
    return value.float()


def read_channels_first(value: Any) -> bool:
    """Whether a numpy array is an image `[C, H, W]`, or frames of such, by its shape.

    Axes of 1 to 4 are channels, the last before the first; of other sizes the smaller of the two
    is. Where both are alike the last is, as numpy's libraries have it.

    Example:
        >>> [read_channels_first(np.zeros(shape)) for shape in ((3, 32, 32), (32, 32, 3))]
        [True, False]
    """
    if not isinstance(value, np.ndarray) or value.ndim not in (3, 4):
        return False
    first, last = value.shape[-3], value.shape[-1]
    if last <= 4:
        return False
    return first <= 4 or first < last
