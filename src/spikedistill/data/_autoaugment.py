"""AutoAugment for CIFAR-10 (Cubuk et al., CVPR 2019), drawn for every image of a batch.

The 25 sub-policies and the ranges are the paper's (its appendix, tables 6 and 7); each
operation does on a batch of tensors what Pillow does on one image of 8 bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

LEVELS = 9
"""The highest magnitude; each operation's range is cut into ten."""
GREY = 128.0
"""What fills the area that a shear, shift or rotation uncovers."""

# (operation, probability, magnitude), twice a line
_POLICY = """
Invert .1 0        Contrast .2 6
Rotate .7 2        TranslateX .3 9
Sharpness .8 1     Sharpness .9 3
ShearY .5 8        TranslateY .7 9
AutoContrast .5 0  Equalize .9 0
ShearY .2 7        Posterize .3 7
Color .4 3         Brightness .6 7
Sharpness .3 9     Brightness .7 9
Equalize .6 0      Equalize .5 0
Contrast .6 7      Sharpness .6 5
Color .7 7         TranslateX .5 8
Equalize .3 0      AutoContrast .4 0
TranslateY .4 3    Sharpness .2 6
Brightness .9 6    Color .2 8
Solarize .5 2      Invert .0 0
Equalize .2 0      AutoContrast .6 0
Equalize .2 0      Equalize .6 0
Color .9 9         Equalize .6 0
AutoContrast .8 0  Solarize .2 8
Brightness .1 3    Color .7 0
Solarize .4 5      AutoContrast .9 0
TranslateY .9 9    TranslateY .7 9
AutoContrast .9 0  Solarize .8 3
Equalize .8 0      Invert .1 0
TranslateY .7 9    AutoContrast .9 0
"""


class AutoAugment:
    """Each image goes through a sub-policy of its own: two operations, each with its probability.

    Signs of shears, shifts, rotations and enhancements are random. Called on images in [0, 1]
    `[B, C, H, W]` with C = 1 or 3 and a generator.
    """

    def __init__(self) -> None:
        rows = [line.split() for line in _POLICY.strip().splitlines()]
        pairs = [[row[:3], row[3:]] for row in rows]
        names = list(OPERATIONS)
        self.operation = torch.tensor([[names.index(o) for o, _, _ in pair] for pair in pairs])
        self.probability = torch.tensor([[float(p) for _, p, _ in pair] for pair in pairs])
        self.level = torch.tensor([[float(m) for _, _, m in pair] for pair in pairs])

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Augmented images, of the same shape, in multiples of 1/255."""
        B = len(images)
        policy = torch.randint(len(self.level), (B,), generator=generator)
        drawn = torch.rand(B, 2, generator=generator)
        sign = torch.randint(2, (B, 2), generator=generator) * 2.0 - 1
        bytes_ = (images * 255).round_().contiguous()
        for turn in (0, 1):
            happens = drawn[:, turn] < self.probability[policy, turn]
            operation = self.operation[policy, turn]
            share = sign[:, turn] * self.level[policy, turn] / LEVELS
            for number in operation[happens].unique().tolist():
                mine = (happens & (operation == number)).nonzero().squeeze(1)
                apply = list(OPERATIONS.values())[number]
                here = mine.to(images.device)
                bytes_[here] = apply(bytes_[here], share[mine])
        return bytes_.div_(255)


# Every operation takes images of whole numbers 0..255 as float `[B, C, H, W]` and `share` `[B]`
# in [-1, 1]: the magnitude as a share of its range, with a random sign. What follows from `share`
# alone is computed on the CPU, where it lies, so that images on any device are warped alike.


def shear_x(images: Tensor, share: Tensor) -> Tensor:
    """Shift each row by up to 0.3 of its distance from the top."""
    return _warp(images, {1: 0.3 * share})


def shear_y(images: Tensor, share: Tensor) -> Tensor:
    """Shift each column by up to 0.3 of its distance from the left."""
    return _warp(images, {3: 0.3 * share})


def translate_x(images: Tensor, share: Tensor) -> Tensor:
    """Shift sideways by up to 150/331 of the width."""
    return _warp(images, {2: (share * images.shape[3] * 150 / 331).trunc()})


def translate_y(images: Tensor, share: Tensor) -> Tensor:
    """Shift upwards or downwards by up to 150/331 of the height."""
    return _warp(images, {5: (share * images.shape[2] * 150 / 331).trunc()})


def rotate(images: Tensor, share: Tensor) -> Tensor:
    """Rotate about the centre by up to 30 degrees, counter-clockwise where `share` > 0."""
    angle = -share * math.radians(30)
    cos, sin = angle.cos(), angle.sin()
    y, x = (side / 2 for side in images.shape[2:])
    return _warp(
        images,
        {0: cos, 1: sin, 2: x - cos * x - sin * y, 3: -sin, 4: cos, 5: y + sin * x - cos * y},
    )


def brightness(images: Tensor, share: Tensor) -> Tensor:
    """Blend with black: factor 0.1 to 1.9."""
    return _blend(torch.zeros_like(images), images, share)


def color(images: Tensor, share: Tensor) -> Tensor:
    """Blend with its grey image: factor 0.1 to 1.9."""
    return _blend(_grey(images).expand_as(images), images, share)


def contrast(images: Tensor, share: Tensor) -> Tensor:
    """Blend with the mean of its grey image: factor 0.1 to 1.9."""
    mean = (_grey(images).mean((1, 2, 3), keepdim=True) + 0.5).floor()
    return _blend(mean.expand_as(images), images, share)


def sharpness(images: Tensor, share: Tensor) -> Tensor:
    """Blend with a smoothed image, borders kept: factor 0.1 to 1.9."""
    C = images.shape[1]
    kernel = torch.ones(3, 3, device=images.device)
    kernel[1, 1] = 5
    smooth = images.clone()
    inner = F.conv2d(images, (kernel / 13).expand(C, 1, 3, 3), groups=C)
    smooth[:, :, 1:-1, 1:-1] = (inner + 0.5).floor()
    return _blend(smooth, images, share)


def posterize(images: Tensor, share: Tensor) -> Tensor:
    """Keep the highest 8 to 4 bits of each value."""
    step = (2.0 ** (4 * share.abs()).round()[:, None, None, None]).to(images.device)
    return (images / step).floor() * step


def solarize(images: Tensor, share: Tensor) -> Tensor:
    """Invert the values from a threshold on, 256 down to 0."""
    threshold = (256 * (1 - share.abs()))[:, None, None, None].to(images.device)
    return torch.where(images < threshold, images, 255 - images)


def invert(images: Tensor, share: Tensor) -> Tensor:
    """Invert every value."""
    return 255 - images


def auto_contrast(images: Tensor, share: Tensor) -> Tensor:
    """Stretch each channel to 0..255."""
    low = images.amin((2, 3), keepdim=True).double()
    high = images.amax((2, 3), keepdim=True).double()
    # Not `255 / x`, which torch computes as 255 times a rounded 1 / x.
    scale = torch.full_like(low, 255).div_((high - low).clamp_min(1))
    stretched = (images * scale - low * scale).floor().clamp(0, 255).to(images.dtype)
    return torch.where(high > low, stretched, images)


def equalize(images: Tensor, share: Tensor) -> Tensor:
    """Make the histogram of each channel flat."""
    flat = images.flatten(2).long()
    counts = torch.zeros(*flat.shape[:2], 256, dtype=torch.long, device=flat.device)
    counts.scatter_add_(2, flat, torch.ones_like(flat))
    # Pillow leaves the pixels of the highest value out of the step.
    highest = flat.amax(2, keepdim=True)
    step = (flat.shape[2] - counts.gather(2, highest)) // 255
    before = counts.cumsum(2) - counts
    table = ((before + step // 2) // step.clamp_min(1)).clamp(0, 255)
    equal = table.gather(2, flat).view_as(images).to(images.dtype)
    return torch.where(step[..., None] > 0, equal, images)


OPERATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "ShearX": shear_x,
    "ShearY": shear_y,
    "TranslateX": translate_x,
    "TranslateY": translate_y,
    "Rotate": rotate,
    "Brightness": brightness,
    "Color": color,
    "Contrast": contrast,
    "Sharpness": sharpness,
    "Posterize": posterize,
    "Solarize": solarize,
    "Invert": invert,
    "AutoContrast": auto_contrast,
    "Equalize": equalize,
}


def _warp(images: Tensor, entries: dict[int, Any], fill: float = GREY) -> Tensor:
    """Nearest-neighbour affine warp; `entries` of the map from a new pixel to the old one.

    The map is (x, y) -> (a x + b y + c, d x + e y + f) at pixel centres, entries 0..5 = a..f.
    """
    B, _, H, W = images.shape
    a, b, c, d, e, f = (
        torch.as_tensor(entries.get(i, 1.0 if i in (0, 4) else 0.0))
        .expand(B)[:, None, None]
        .to(images.device)
        for i in range(6)
    )
    y, x = (torch.arange(side, device=images.device) + 0.5 for side in (H, W))
    x, y = x[None, None, :], y[None, :, None]
    column = (a * x + b * y + c).floor().long()
    row = (d * x + e * y + f).floor().long()
    inside = (column >= 0) & (column < W) & (row >= 0) & (row < H)
    place = (row.clamp(0, H - 1) * W + column.clamp(0, W - 1)).view(B, 1, H * W)
    warped = images.flatten(2).gather(2, place.expand(-1, images.shape[1], -1))
    return torch.where(inside[:, None], warped.view_as(images), fill)


def _blend(other: Tensor, images: Tensor, share: Tensor) -> Tensor:
    """From `other` (factor 0) through `images` (factor 1) and beyond, in whole numbers."""
    factor = (1 + 0.9 * share)[:, None, None, None].to(images.device)
    return (other + factor * (images - other)).clamp_(0, 255).floor_()


def _grey(images: Tensor) -> Tensor:
    """Luma of ITU-R 601-2 in Pillow's whole-number form, `[B, 1, H, W]`."""
    if images.shape[1] == 1:
        return images
    weights = torch.tensor([19595.0, 38470.0, 7471.0], device=images.device)[:, None, None]
    return (((images * weights).sum(1, keepdim=True) + 32768) / 65536).floor()
