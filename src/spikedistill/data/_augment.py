"""Augmentation of batches on tensors; every number is drawn per image from a given generator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, Shaped
from pydantic import Field
from torch import Tensor

from spikedistill.core.errors import SpikedistillError, suggest
from spikedistill.data._autoaugment import AutoAugment
from spikedistill.data._event_augment import SNNTrivialAugment, rolled


def crop_at(
    images: Float[Tensor, "B C H W"], offsets: Int[Tensor, "B 2"], pad: int
) -> Float[Tensor, "B C H W"]:
    """Cut H x W at `offsets` (row, column) out of each image padded by `pad` black pixels."""
    B, C, H, W = images.shape
    padded = F.pad(images, (pad, pad, pad, pad)).permute(0, 2, 3, 1).reshape(-1, C)
    rows = offsets[:, :1] + torch.arange(H, device=images.device)
    columns = offsets[:, 1:] + torch.arange(W, device=images.device)
    wide = W + 2 * pad
    image = torch.arange(B, device=images.device)[:, None, None] * (H + 2 * pad) * wide
    place = image + rows[:, :, None] * wide + columns[:, None, :]
    return padded[place.flatten()].view(B, H, W, C).permute(0, 3, 1, 2)


def flip_where(
    images: Float[Tensor, "B C H W"], mask: Bool[Tensor, "B"]
) -> Float[Tensor, "B C H W"]:
    """Mirror the images of the mask left to right."""
    return torch.where(mask[:, None, None, None], images.flip(3), images)


def cut_out(
    images: Float[Tensor, "B C H W"],
    centres: Int[Tensor, "B 2"],
    length: int,
    fill: Float[Tensor, "C"],
) -> Float[Tensor, "B C H W"]:
    """Fill a square of side `length` around each centre (row, column), clipped at the borders."""
    low = centres - length // 2
    inside: list[Tensor] = []
    for i, side in enumerate(images.shape[2:]):
        place, start = torch.arange(side, device=images.device), low[:, i : i + 1]
        inside.append((place >= start) & (place < start + length))
    hole = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    return torch.where(hole, fill[:, None, None], images)


def mix(
    images: Float[Tensor, "B C H W"],
    targets: Float[Tensor, "B K"],
    partner: Int[Tensor, "B"],
    share: Float[Tensor, "B"],
) -> tuple[Float[Tensor, "B C H W"], Float[Tensor, "B K"]]:
    """`share` of each image and its target, the rest from its partner (Mixup, equation 1)."""
    mixed = torch.lerp(images[partner], images, share[:, None, None, None])
    return mixed, torch.lerp(targets[partner], targets, share[:, None])


@dataclass(frozen=True)
class Augment:
    """Crop, flip, roll, AutoAugment, TrivialAugment, Cutout and Mixup, in this order.

    What is None is left out. All frames of a sample of event data are changed alike.
    """

    crop: Annotated[
        int | None,
        Field(
            description="black pixels added on every side before a cut of the old size (4 for "
            "CIFAR)"
        ),
    ] = None
    flip: Annotated[bool, Field(description="true: half of the images are mirrored")] = False
    roll: Annotated[
        int | None,
        Field(
            description="most pixels by which an image is shifted along each axis, with "
            "wrap-around (event data; 5 for CIFAR10-DVS)"
        ),
    ] = None
    autoaugment: Annotated[
        AutoAugment | None,
        Field(description="`cifar10`, the policy of that paper; not for event data"),
    ] = None
    trivialaugment: Annotated[
        SNNTrivialAugment | None, Field(description="`snn`, the policy for event data")
    ] = None
    cutout: Annotated[
        int | None,
        Field(
            description="side of a square that is blanked, in pixels, or `{length: 16, holes: 1}` "
            "(DeVries and Taylor, 2017)"
        ),
    ] = None
    holes: int = 1
    """Squares that are blanked."""
    mixup: Annotated[
        float | None,
        Field(
            description="alpha of the Beta distribution, one draw per image (Zhang et al., ICLR "
            "2018)"
        ),
    ] = None
    classes: int | None = None
    """K, which Mixup needs."""
    fill: tuple[float, ...] | None = None
    """Colour of the squares, per channel; None: black."""

    def __call__(
        self, images: Shaped[Tensor, "B *rest"], targets: Tensor, generator: torch.Generator
    ) -> tuple[Shaped[Tensor, "B *rest"], Tensor]:
        """Augmented images in [0, 1], and their targets: probabilities `[B, K]` with Mixup.

        The generator draws on the CPU, so that images on any device are augmented alike.

        Args:
            images: `[B, C, H, W]` in [0, 1], or event frames `[B, T, C, H, W]`.
            targets: class indices `[B]`, or probabilities `[B, K]`.
            generator: what is drawn comes from it alone.
        """
        if images.ndim == 4:
            images = self._moved(images, generator)
            return self._answered(images, targets, generator)
        # frames side by side as channels are moved alike
        moved = self._moved(images.flatten(1, 2), generator)
        mixed, targets = self._answered(moved, targets, generator)
        return mixed.unflatten(1, tuple(images.shape[1:3])), targets

    def _moved(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """What looks at each image alone."""
        B, C, H, W = images.shape
        device = images.device
        if self.crop is not None:
            offsets = torch.randint(2 * self.crop + 1, (B, 2), generator=generator)
            images = crop_at(images, offsets.to(device), self.crop)
        if self.flip:
            mask = torch.rand(B, generator=generator) < 0.5
            images = flip_where(images, mask.to(device))
        if self.roll is not None:
            shifts = torch.randint(-self.roll, self.roll + 1, (B, 2), generator=generator)
            images = rolled(images, shifts.to(device))
        if self.autoaugment is not None:
            images = self.autoaugment(images, generator)
        if self.trivialaugment is not None:
            images = self.trivialaugment(images, generator)
        if self.cutout is not None:
            fill = torch.tensor(self.fill or (0.0,), device=device)
            fill = fill.repeat(C // len(fill))
            for _ in range(self.holes):
                centres = (torch.rand(B, 2, generator=generator) * torch.tensor([H, W])).long()
                images = cut_out(images, centres.to(device), self.cutout, fill)
        return images

    def _answered(
        self, images: Tensor, targets: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Mixup, which changes the answers too."""
        alpha = self.mixup
        if alpha is None:
            return images, targets
        if targets.ndim == 1:
            if self.classes is None:
                raise SpikedistillError("mixup needs to know the number of classes")
            targets = F.one_hot(targets.long(), self.classes).float()
        partner = torch.randperm(len(images), generator=generator)
        # torch has no Beta distribution that takes a generator.
        seed = int(torch.randint(2**62, (), generator=generator))
        share = np.random.default_rng(seed).beta(alpha, alpha, len(images))
        device = images.device
        return mix(images, targets, partner.to(device), torch.from_numpy(share).float().to(device))


def augmentation(
    spec: Mapping[str, Any] | None, classes: int | None = None, mean: Sequence[float] | None = None
) -> Augment | None:
    """The augmentation that a recipe describes; None for none.

    Args:
        spec: some of `{crop: 4, flip: true, autoaugment: cifar10, cutout: 16, mixup: 0.2}`, and
            for event frames `{roll: 5, trivialaugment: snn}`; `cutout` may be
            `{length: 16, holes: 1}`; `null` or `false` switches one off.
        classes: K, the number of classes, for Mixup.
        mean: of the data set; Cutout fills with it, which is zero after normalisation, as in the
            paper. Without it, black.

    Raises:
        SpikedistillError: if a key is unknown or a value impossible.

    Example:
        >>> augmentation({"crop": 4, "flip": True}).crop
        4
    """
    options: dict[str, Any] = {}
    for key, value in (spec or {}).items():
        if key not in _OPTIONS:
            raise SpikedistillError(f"there is no augmentation {key!r}; {suggest(key, _OPTIONS)}")
        if value is not None and value is not False:
            options |= _OPTIONS[key](value)
    if not options:
        return None
    fill = tuple(mean) if mean is not None else None
    return Augment(**options, classes=classes, fill=fill)


def _wrong(key: str, value: object, expected: str) -> SpikedistillError:
    return SpikedistillError(f"augmentation {key}: expected is {expected}, not {value!r}")


def _count(key: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _wrong(key, value, "a whole number of at least 1")
    return value


def _flip(value: object) -> dict[str, Any]:
    if value is not True:
        raise _wrong("flip", value, "true or false")
    return {"flip": True}


def _autoaugment(value: object) -> dict[str, Any]:
    if value != "cifar10":
        raise _wrong("autoaugment", value, "the policy's name, 'cifar10'")
    return {"autoaugment": AutoAugment()}


def _trivialaugment(value: object) -> dict[str, Any]:
    if value != "snn":
        raise _wrong("trivialaugment", value, "the policy's name, 'snn'")
    return {"trivialaugment": SNNTrivialAugment()}


def _cutout(value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {"cutout": _count("cutout", value)}
    unknown = [key for key in value if key not in ("length", "holes")]
    if unknown or "length" not in value:
        raise _wrong("cutout", dict(value), "a length, or {length: 16, holes: 1}")
    holes = _count("cutout holes", value.get("holes", 1))
    return {"cutout": _count("cutout length", value["length"]), "holes": holes}


def _mixup(value: object) -> dict[str, Any]:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise _wrong("mixup", value, "alpha, a number above 0")
    return {"mixup": float(value)}


_OPTIONS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "crop": lambda value: {"crop": _count("crop", value)},
    "flip": _flip,
    "roll": lambda value: {"roll": _count("roll", value)},
    "autoaugment": _autoaugment,
    "trivialaugment": _trivialaugment,
    "cutout": _cutout,
    "mixup": _mixup,
}
