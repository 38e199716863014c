"""Augmentation of event frames: roll, and TrivialAugment without what only suits photographs.

Everything here takes `[B, C, H, W]`, where the frames of a sample stand side by side as channels,
so that all frames of one sample are moved alike.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from spikedistill.data._autoaugment import _warp

BINS = 31
"""Magnitudes from one end of a range to the other; the middle one does nothing."""
SHEAR = 0.3
"""Largest angle of a shear, in radians."""
TRANSLATE = 5
"""Largest shift, in pixels."""
ROTATE = 30
"""Largest rotation, in degrees."""
ERASED = (0.001, 0.11)
"""Smallest and largest share of the area that erasing takes."""
OPERATIONS = ("Identity", "ShearX", "TranslateX", "TranslateY", "Rotate", "Erase")


def rolled(
    images: Float[Tensor, "B C H W"], shifts: Int[Tensor, "B 2"]
) -> Float[Tensor, "B C H W"]:
    """Shift each image by `shifts` (rows down, columns right), with wrap-around."""
    B, C, H, W = images.shape
    rows = (torch.arange(H, device=images.device) - shifts[:, :1]) % H
    columns = (torch.arange(W, device=images.device) - shifts[:, 1:]) % W
    place = (rows[:, :, None] * W + columns[:, None, :]).view(B, 1, H * W)
    return images.flatten(2).gather(2, place.expand(-1, C, -1)).view_as(images)


class SNNTrivialAugment:
    """One operation for each sample: as it is, shear, shift, rotate, or erase a square.

    TrivialAugment (Mueller and Hutter, ICCV 2021) with the operations that keep events events, as
    spiking transformers use it on event data: shear in x by up to 0.3 rad and rotation by up to
    30 degrees about the centre, shift in x or y by up to 5 pixels, a square of 0.1 to 11 % of the
    area set to 0. Operation and magnitude (31 bins, of either sign) are drawn evenly; nearest
    pixel, and 0 where nothing was. Called on `[B, C, H, W]` and a generator.
    """

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Augmented images of the same shape."""
        B = len(images)
        operation = torch.randint(len(OPERATIONS), (B,), generator=generator)
        share = torch.linspace(-1, 1, BINS)[torch.randint(BINS, (B,), generator=generator)]
        square = torch.rand(B, 3, generator=generator)
        images = images.clone(memory_format=torch.contiguous_format)
        for number in operation[operation > 0].unique().tolist():
            mine = (operation == number).nonzero().squeeze(1)
            here = mine.to(images.device)
            images[here] = apply(OPERATIONS[number], images[here], share[mine], square[mine])
        return images


def apply(
    name: str,
    images: Float[Tensor, "B C H W"],
    share: Float[Tensor, "B"],
    square: Float[Tensor, "B 3"],
) -> Float[Tensor, "B C H W"]:
    """One operation on all images.

    Args:
        name: of the operation.
        images: what it is done to.
        share: of the largest magnitude, in [-1, 1].
        square: size and place of what is erased, each in [0, 1).
    """
    y, x = (side / 2 for side in images.shape[2:])
    if name == "ShearX":
        slope = (share * SHEAR).tan()
        return _warp(images, {1: slope, 2: -slope * y}, fill=0.0)
    if name in ("TranslateX", "TranslateY"):
        return _warp(images, {2 if name[-1] == "X" else 5: (share * TRANSLATE).trunc()}, fill=0.0)
    if name == "Rotate":
        angle = share * math.radians(ROTATE)
        cos, sin = angle.cos(), angle.sin()
        shift = {2: x - cos * x - sin * y, 5: y + sin * x - cos * y}
        return _warp(images, {0: cos, 1: sin, 3: -sin, 4: cos} | shift, fill=0.0)
    return _erased(images, square)


def _erased(images: Tensor, square: Tensor) -> Tensor:
    H, W = images.shape[2:]
    area = (ERASED[0] + (ERASED[1] - ERASED[0]) * square[:, 0]) * (H * W)
    side = area.sqrt().round()
    inside: list[Tensor] = []
    for axis, length in enumerate((H, W), 1):
        low = (square[:, axis] * (length - side + 1)).floor()[:, None]
        place = torch.arange(length)
        inside.append((place >= low) & (place < low + side[:, None]))
    hole = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    return images.masked_fill(hole.to(images.device), 0.0)
