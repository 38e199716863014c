"""Every operation against what Pillow does with one image."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps

from spikedistill.data import seeded
from spikedistill.data._autoaugment import OPERATIONS, AutoAugment

SHARES = [-1.0, -5 / 9, 0.0, 3 / 9, 7 / 9, 1.0]


def pictures(count):
    """Smooth coloured images with some noise, so that histograms are not flat."""
    random = np.random.default_rng(0)
    coarse = random.uniform(20, 235, (count, 3, 4, 4))
    smooth = torch.nn.functional.interpolate(torch.from_numpy(coarse), (32, 32), mode="bilinear")
    return (smooth + torch.from_numpy(random.normal(0, 6, smooth.shape))).clamp(0, 255).round()


def to_pillow(image):
    return Image.fromarray(image.movedim(0, -1).byte().numpy())


def warp(a=1.0, b=0.0, c=0.0, d=0.0, e=1.0, f=0.0):
    return lambda image: image.transform(
        image.size, Image.Transform.AFFINE, (a, b, c, d, e, f), fillcolor=(128, 128, 128)
    )


def by_pillow(name, share):
    """The paper's operation at a share of its range, by Pillow's own functions."""
    enhance = {"Color": "Color", "Contrast": "Contrast", "Brightness": "Brightness"}
    if name in enhance or name == "Sharpness":
        return lambda image: getattr(ImageEnhance, name)(image).enhance(1 + 0.9 * share)
    shift = math.trunc(share * 32 * 150 / 331)
    return {
        "ShearX": warp(b=0.3 * share),
        "ShearY": warp(d=0.3 * share),
        "TranslateX": warp(c=shift),
        "TranslateY": warp(f=shift),
        "Rotate": lambda image: image.rotate(30 * share, fillcolor=(128, 128, 128)),
        "Posterize": lambda image: ImageOps.posterize(image, 8 - round(4 * abs(share))),
        "Solarize": lambda image: ImageOps.solarize(image, 256 * (1 - abs(share))),
        "Invert": ImageOps.invert,
        "AutoContrast": ImageOps.autocontrast,
        "Equalize": ImageOps.equalize,
    }[name]


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_does_what_pillow_does(name):
    batch = pictures(len(SHARES)).float()
    ours = OPERATIONS[name](batch, torch.tensor(SHARES))
    for image, result, share in zip(batch, ours, SHARES, strict=True):
        theirs = np.asarray(by_pillow(name, share)(to_pillow(image))).astype(float)
        wrong = (result.movedim(0, -1).numpy() != theirs).any(-1).mean()
        # Pillow works in 16-bit fractions: what falls between two pixels may go either way.
        assert wrong <= (0.02 if name in ("ShearX", "ShearY", "Rotate") else 0)


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_treats_images_apart(name):
    batch, share = pictures(6).float(), torch.tensor(SHARES)
    together = OPERATIONS[name](batch, share)
    alone = [OPERATIONS[name](batch[i : i + 1], share[i : i + 1]) for i in range(6)]
    assert torch.equal(together, torch.cat(alone))


def test_one_channel_and_flat_images_pass():
    flat = torch.full((2, 1, 8, 8), 7.0)
    for operation in OPERATIONS.values():
        result = operation(flat, torch.tensor([0.5, -0.5]))
        assert result.shape == flat.shape and result.isfinite().all()
    for name in ("AutoContrast", "Equalize", "Color"):
        assert torch.equal(OPERATIONS[name](flat, torch.zeros(2)), flat)


def test_the_policy_is_the_published_one():
    augment = AutoAugment()
    assert augment.operation.shape == augment.probability.shape == augment.level.shape == (25, 2)
    names = list(OPERATIONS)
    assert names[augment.operation[1, 0]] == "Rotate" and names[augment.operation[1, 1]] == (
        "TranslateX"
    )
    assert augment.probability[1].tolist() == pytest.approx([0.7, 0.3])
    assert augment.level[1].tolist() == [2, 9]
    assert augment.probability.sum().item() == pytest.approx(26.5)


def test_equal_images_come_out_different():
    image = pictures(1).float() / 255
    results = AutoAugment()(image.expand(200, -1, -1, -1), seeded("test"))
    assert len(results.flatten(1).unique(dim=0)) > 50
    assert results.min() >= 0 and results.max() <= 1
    assert torch.equal(results * 255, (results * 255).round())
