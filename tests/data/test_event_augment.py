from __future__ import annotations

import math

import pytest
import torch

from spikedistill.data import seeded
from spikedistill.data._event_augment import OPERATIONS, SNNTrivialAugment, apply, rolled

NOTHING = torch.zeros(1, 3)


def one(name, images, share, square=NOTHING):
    return apply(name, images, torch.tensor([share]), square)


def test_rolling_wraps_around():
    images = torch.rand(3, 4, 5, 7)
    shifts = torch.tensor([[0, 0], [2, -3], [-1, 6]])
    expected = [
        torch.roll(x, (int(a), int(b)), (1, 2)) for x, (a, b) in zip(images, shifts, strict=True)
    ]
    assert torch.equal(rolled(images, shifts), torch.stack(expected))


@pytest.mark.parametrize("share, shift", [(1.0, 5), (-1.0, -5), (0.5, 2), (-0.19, 0)])
def test_shifts_are_whole_pixels_and_leave_zeros(share, shift):
    images = torch.rand(1, 2, 12, 12) + 0.1
    moved = one("TranslateX", images, share)
    # a positive share looks to the right, so the image moves to the left
    for column in range(12):
        source = column + shift
        here = images[..., source] if 0 <= source < 12 else torch.zeros(1, 2, 12)
        assert torch.equal(moved[..., column], here)
    turned = one("TranslateY", images.transpose(2, 3), share)
    assert torch.equal(turned, moved.transpose(2, 3))


@pytest.mark.parametrize("share", [1.0, -0.4])
def test_shear_and_rotation_are_about_the_centre(share):
    images = torch.rand(1, 1, 9, 9)
    slope, angle = math.tan(0.3 * share), math.radians(30 * share)
    rules = {
        "ShearX": lambda x, y: (x + slope * y, y),
        "Rotate": lambda x, y: (
            math.cos(angle) * x + math.sin(angle) * y,
            -math.sin(angle) * x + math.cos(angle) * y,
        ),
    }
    for name, rule in rules.items():
        moved = one(name, images, share)
        for row in range(9):
            for column in range(9):
                x, y = rule(column - 4, row - 4)
                i, j = math.floor(y + 4.5), math.floor(x + 4.5)
                inside = 0 <= i < 9 and 0 <= j < 9
                assert moved[0, 0, row, column] == (images[0, 0, i, j] if inside else 0), name


@pytest.mark.parametrize(
    "square, side, row, column",
    # sides: sqrt(0.001 * 1600) = 1.26 and sqrt(0.11 * 1600) = 13.27
    [((0.0, 0.0, 0.0), 1, 0, 0), ((1.0, 0.999, 0.5), 13, 27, 14)],
)
def test_erasing_takes_a_square_that_lies_inside(square, side, row, column):
    erased = one("Erase", torch.ones(1, 2, 40, 40), 0.0, torch.tensor([square]))
    expected = torch.ones(1, 2, 40, 40)
    expected[..., row : row + side, column : column + side] = 0
    assert torch.equal(erased, expected)


def test_every_operation_is_drawn_equally_often_for_each_sample():
    images = torch.rand(1800, 2, 40, 40) + 0.1
    changed = SNNTrivialAugment()(images, seeded("test"))
    same = (changed == images).flatten(1).all(1).float().mean()
    # a sixth is left alone; of 31 bins 5 move no pixel in a shift, 3 in a shear, 1 in a rotation
    assert same == pytest.approx(1 / 6 + (5 + 5 + 3 + 1) / 31 / 6, abs=0.04)
    assert torch.equal(changed, SNNTrivialAugment()(images, seeded("test")))
    assert not torch.equal(changed, SNNTrivialAugment()(images, seeded("test", 1)))


def test_without_magnitude_nothing_happens():
    images = torch.rand(1, 2, 8, 10)
    assert all(torch.equal(one(name, images, 0.0), images) for name in OPERATIONS[1:5])
